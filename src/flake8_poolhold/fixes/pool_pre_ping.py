"""`pool-pre-ping`: an engine is given `pool_pre_ping=True`."""

from __future__ import annotations

from flake8_poolhold.fixes._settings import edits

__all__ = ["edits"]
