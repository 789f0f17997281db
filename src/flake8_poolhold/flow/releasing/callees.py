"""The hold inside the callee: a release right before the wait itself, where the callee checks out on its own.

A release at the caller would not help there, while one in the callee gives back what the caller has checked out, too.
"""

from __future__ import annotations

import msgspec

from flake8_poolhold.flow import roots
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo, Hold
from flake8_poolhold.flow.model.states import join_states
from flake8_poolhold.flow.releasing import tables
from flake8_poolhold.flow.releasing.callers import MOST_FILES, MOST_LEVELS


def inner(analysis: Analysis, hold: Hold) -> Hold | None:
    """The hold of the innermost function, on the way to the wait, that has checked out itself; `None` without one.

    It must be clear there which session is meant: one that came in, or that a dependency gives to a handler which is
    also called directly. What the function of `hold` has done to it counts.
    """
    for step in reversed(hold.waiting.steps[1:]):
        site = (step.path, step.line, step.column)
        roots.analyse(analysis, step.path)
        found = [
            one
            for one in analysis.by_file.of(analysis.events.holds, step.path)
            if (one.function.path, *one.span[:2]) == site and not one.again and one.kind == hold.kind
        ]
        if not found:
            continue
        provided = [one for one in found if one.provider]
        given = {one.place for one in found if not one.provider}
        if (
            len({one.expression for one in found}) > 1
            or len(given) > 1
            or any(one.origin.how != "param" for one in given)
        ):
            return None
        found = provided or found  # as a handler, it is judged with those who call it directly
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


def _calling(analysis: Analysis, function: FunctionInfo) -> frozenset[str]:
    """The files with callers of a function, and of these, all of them analysed, whichever are reported on."""
    names, seen, paths = {function.node.name}, set[str](), {function.path}
    for _ in range(MOST_LEVELS):
        seen |= names
        above: set[str] = set()
        for name in sorted(names):
            files = analysis.project.naming(f"{name}(", name)
            for path in files if len(files) <= MOST_FILES else ():
                uses = analysis.project.uses(path, name)
                paths.add(path)
                above |= {outer[1].name for outer, _ in (uses.calls.get(name, ()) if uses else ()) if outer is not None}
        names = above - seen
    with analysis.tracker.finding(("calling", function.id)):
        for path in sorted(paths - {function.path}):
            roots.analyse(analysis, path)
    return frozenset(paths)


def forbids(analysis: Analysis, hold: Hold) -> str:
    """Why nothing can be released at this wait whatever its function does itself: a caller's lock would be lost.

    A caller may also reach the function, or one above it, through a table.
    """
    site = (hold.function.path, *hold.span[:2])
    calling = _calling(analysis, hold.function)
    for other in (one for path in sorted(calling) for one in analysis.by_file.of(analysis.events.holds, path)):
        if not (other.again and other.state.lock and other.kind == hold.kind):
            continue
        if any((step.path, step.line, step.column) == site for step in other.waiting.steps[1:]):
            return f"{other.function.name} ({other.function.path}:{other.span[0]}) calls this under a lock"
    if hold.place.origin.how != "param" and not hold.state.carries:
        return ""
    for function in tables.above(analysis, hold.function):
        if where := tables.under_lock(analysis, function):
            return f"{where} may call {function.name} through a table, under a lock"
    return ""
