"""`drop-conflicting-option`: an option that the library refuses goes, or gets the name that it takes."""

from __future__ import annotations

from flake8_poolhold.fixes._settings import edits

__all__ = ["edits"]
