"""What the rules about engines, pools and sessionmakers share: the finding at a call, and how it was come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Finding, Step
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.flow.pools.makers import Made, Way
    from flake8_poolhold.flow.releasing.remedies import Remedy


def at_call(
    code: str,
    name: str,
    message: str,
    made: Made,
    way: Way | None = None,
    *,
    keywords: tuple[str, ...] = (),
    trail: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
    remedies: Sequence[Remedy] = (),
) -> Finding:
    """A finding at the call that makes something, or at the first of the keywords that stands on a line of its own.

    The trail begins where the function around the call is called.
    """
    given = {argument.keyword: argument.at for argument in made.call.arguments}
    at = next((place for name in keywords if (place := given.get(name)) is not None), made.span[:2])
    if way is not None and way.caller is not None:
        path, span = way.caller
        trail = (Step(path, span[0], span[1], "called here with these settings", "call"), *trail)
    fixes, why_not = _wording.mended(made.path, f"call at {made.span[0]}:{made.span[1]}", remedies)
    fix = fixes[0] if fixes else None
    return Finding(code, name, message, made.path, *at, *made.span[2:], trail, (*notes, *why_not), fix, False)
