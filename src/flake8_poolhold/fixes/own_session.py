"""`own-session`: the body of a response opens a short session of its own, as a task does."""

from __future__ import annotations

from flake8_poolhold.fixes.background_own_session import edits_across

__all__ = ["edits_across"]
