"""`expire-on-commit-false`: a sessionmaker is given `expire_on_commit=False`."""

from __future__ import annotations

from flake8_poolhold.fixes._settings import edits

__all__ = ["edits"]
