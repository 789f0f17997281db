"""`function-scope`: a `Depends` is given `scope="function"`."""

from __future__ import annotations

from flake8_poolhold.fixes._settings import edits

__all__ = ["edits"]
