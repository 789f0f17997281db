"""What was not understood, for who wants to teach it: the most influential declaration first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flake8_poolhold.report.glyphs import printable

if TYPE_CHECKING:
    from flake8_poolhold.finding import Gap


def render(gaps: Sequence[Gap]) -> list[str]:
    """Return one line per gap, `path:line: what to declare (what hangs on it)`, below a heading."""
    if not gaps:
        return ["Nothing that is awaited, or given a holder, was not understood."]
    return ["Not understood, the most influential first:", *(_line(gap) for gap in gaps)]


def _line(gap: Gap) -> str:
    place = f"{gap.path}:{gap.line}" if gap.line else gap.path
    calls = "1 call" if gap.uses == 1 else f"{gap.uses} calls"
    held = f", {gap.held} where a connection may be held" if gap.held else ""
    return printable(f"{place}: {gap.text} ({calls}{held})")
