"""What all tests share."""

from __future__ import annotations

from oracle.servers import postgres

__all__ = ["postgres"]
