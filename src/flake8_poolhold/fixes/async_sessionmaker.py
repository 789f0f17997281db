"""`async-sessionmaker`: a `sessionmaker` of async sessions becomes an `async_sessionmaker`."""

from __future__ import annotations

from flake8_poolhold.fixes._settings import edits

__all__ = ["edits"]
