"""What all tests share."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("harmless")

from oracle.servers import postgres  # noqa: E402  (what is imported before cannot be rewritten any more)

__all__ = ["postgres"]
