"""`statement-cache-off`: asyncpg keeps no prepared statements."""

from __future__ import annotations

from flake8_poolhold.fixes._settings import edits

__all__ = ["edits"]
