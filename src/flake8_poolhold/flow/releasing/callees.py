"""The hold inside the callee: a release right before the wait itself, where the callee checks out on its own.

A release at the caller would not help there, while one in the callee gives back what the caller has checked out, too.
"""

from __future__ import annotations

import msgspec

from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.model.states import join_states


def inner(analysis: Analysis, hold: Hold) -> Hold | None:
    """The hold of the innermost function, on the way to the wait, that has checked out itself; `None` without one.

    It must be clear there which session is meant: one that came in. What the function of `hold` has done to it counts.
    """
    for step in reversed(hold.waiting.steps[1:]):
        site = (step.path, step.line, step.column)
        found = [
            one
            for one in analysis.events.holds
            if (one.function.path, *one.span[:2]) == site and not one.again and one.kind == hold.kind
        ]
        if not found:
            continue
        if len({one.place for one in found}) > 1 or found[0].place.origin.how != "param":
            return None
        first = found[0]
        state, loaded, carriers = first.state, first.loaded, first.carriers
        for one in found:
            state = join_states(state, one.state)
            loaded, carriers = loaded | one.loaded, carriers | one.carriers
        if any(first.span[0] <= since.line <= first.span[2] for since in state.since[:1]):
            return None  # the statement that waits checks out itself
        state = join_states(state, hold.state)
        return msgspec.structs.replace(first, state=state, loaded=loaded, carriers=carriers)
    return None


def forbids(analysis: Analysis, hold: Hold) -> str:
    """Why nothing can be released at this wait whatever its function does itself: a caller's lock would be lost."""
    site = (hold.function.path, *hold.span[:2])
    for other in analysis.events.holds:
        if not (other.again and other.state.lock and other.kind == hold.kind):
            continue
        if any((step.path, step.line, step.column) == site for step in other.waiting.steps[1:]):
            return f"{other.function.name} ({other.function.path}:{other.span[0]}) calls this under a lock"
    return ""
