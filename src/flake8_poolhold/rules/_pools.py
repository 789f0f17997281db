"""What the rules about engines, pools and sessionmakers share: the finding at a call, and how it was come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flake8_poolhold.finding import Finding, Step

if TYPE_CHECKING:
    from flake8_poolhold.flow.pools.makers import Made, Way


def at_call(
    code: str,
    name: str,
    message: str,
    made: Made,
    way: Way | None = None,
    *,
    trail: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
) -> Finding:
    """A finding at the call that makes something; its trail begins where the function around it is called."""
    if way is not None and way.caller is not None:
        path, span = way.caller
        trail = (Step(path, span[0], span[1], "called here with these settings", "call"), *trail)
    return Finding(code, name, message, made.path, *made.span, trail, notes, None, False)
