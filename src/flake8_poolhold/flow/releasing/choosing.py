"""All repairs of a hold, the best first."""

from __future__ import annotations

import msgspec

from flake8_poolhold.flow.fastapi import handlers
from flake8_poolhold.flow.interpreting.watching import Unmet
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.model.states import GIVEN, join_states
from flake8_poolhold.flow.releasing import (
    callees,
    callers,
    closing,
    containers,
    depending,
    detaching,
    keeping,
    moving,
    naming,
    preceding,
    releases,
    scoping,
    splitting,
)
from flake8_poolhold.flow.releasing.habits import called_by_name, unread
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings

MOST_LOOKS = 100_000
"""Of a function with more holds times lines than this no hold is looked at: each look takes in all of the function."""


def remedies(analysis: Analysis, hold: Hold) -> list[Remedy]:
    """The repairs of a hold in the order in which they are to be preferred, also those that are refused.

    What is proved comes before what is not; among equals, the repair that adds the least.
    """
    known = analysis.holders.classes.get(hold.kind)
    is_async = known is not None and known.is_async
    if refused := _too_much(analysis, hold):
        return [Remedy(releases.NAME, refused=refused)]
    around = Surroundings(hold.function.node, hold.span)
    if refused := callees.forbids(analysis, hold):
        return [Remedy(releases.NAME, refused=f"{refused}, which must outlive the call")]
    if refused := _unread(analysis, hold):
        return [Remedy(releases.NAME, refused=refused)]
    hold = msgspec.structs.replace(hold, loaded=containers.variables(hold, around))
    if hold.keeps_loaded is None and not analysis.project.naming("expire_on_commit", "expire_on_commit"):
        hold = msgspec.structs.replace(hold, keeps_loaded=False)  # nobody has asked for anything but the default
    hold = msgspec.structs.replace(hold, keeps_loaded=keeping.of(analysis, hold))
    known_callers, unknown = _with_callers(analysis, _as_handler(analysis, hold), around)
    known_callers, imports = naming.named(analysis, known_callers)
    found = [
        _moved(analysis, hold, around, is_async=is_async),
        msgspec.structs.replace(releases.before(analysis, known_callers, unknown), parts=imports),
        closing.before(analysis, hold, around, is_async=is_async),
        splitting.around_wait(analysis, hold, around, is_async=is_async),
    ]
    if not any(_is_safe(one) for one in found) and any(one.refused == releases.EXPIRES for one in found):
        found.append(detaching.before(analysis, known_callers, hold, around, unknown))
    if not any(_is_safe(one) for one in found):  # what other handlers do takes the analysis of their files
        found.append(depending.inside(analysis, hold, is_async=is_async))
    objects = tuple(sorted(hold.loaded))
    best = sorted(found, key=lambda one: (bool(one.refused), bool(one.doubts)))
    return [msgspec.structs.replace(one, objects=objects) for one in best]


def _moved(analysis: Analysis, hold: Hold, around: Surroundings, *, is_async: bool) -> Remedy:
    """The wait goes out of its block: with what stands behind it, or else with what stands before it."""
    behind = moving.out_of_block(analysis, hold, around, is_async=is_async)
    ahead = preceding.before_block(analysis, hold, around) if behind.refused else behind
    return behind if ahead.refused else ahead


def inside(analysis: Analysis, hold: Hold) -> tuple[Hold, list[Remedy]] | None:
    """The repairs in the function whose own checkout the wait meets, with that hold; `None` where there is none."""
    found = callees.inner(analysis, hold) if not _unread(analysis, hold) else None
    return (found, remedies(analysis, found)) if found is not None else None


def _too_much(analysis: Analysis, hold: Hold) -> str:
    """Why a function is not looked at for each of its holds: it is generated, or nearly."""
    first, _, last, _ = hold.function.node.span
    lines, holds = last - first + 1, analysis.by_function.of(analysis.events.holds, hold.function.id)
    if lines * len(holds) <= MOST_LOOKS:
        return ""
    count = len({one.span for one in holds})
    if lines * count <= MOST_LOOKS:
        return ""
    return f"{hold.function.name} has {count} such calls in {lines} lines, more than are looked at one by one"


def _unread(analysis: Analysis, hold: Hold) -> str:
    """What is not known of a handler's dependencies: one of them may have taken a lock."""
    file = unread(analysis, hold.function.path) if hold.provider else ""
    return f"{file} cannot be read, and a dependency that it has may use the session" if file else ""


def _is_safe(remedy: Remedy) -> bool:
    return not remedy.refused and not remedy.doubts


def _as_handler(analysis: Analysis, hold: Hold) -> Hold:
    """The hold of a function for any caller, as that of the handler that the function is, too."""
    if not (hold.place.origin.how == "param" or hold.state.carries):
        return hold
    if not handlers.registrations(analysis, hold.function):
        return hold
    same = [
        one
        for one in analysis.by_function.of(analysis.events.holds, hold.function.id)
        if one.provider and one.span == hold.span and one.name == hold.name
    ]
    if not same:
        return hold
    state = join_states(same[0].state, hold.state)
    state = msgspec.structs.replace(state, kinds=state.kinds - {GIVEN}, carries=False)
    return msgspec.structs.replace(same[0], state=state, loaded=hold.loaded, carriers=hold.carriers)


def _with_callers(analysis: Analysis, hold: Hold, around: Surroundings) -> tuple[Hold, str | None]:
    """The hold of a session that came in as a parameter, with what all callers have done to it; or why not.

    A commit keeps the callers' objects attached, so that nothing else of the callers matters to it. A handler that
    nothing else calls has no callers, `None`.
    """
    if scoping.is_own(analysis, hold, around):
        state = msgspec.structs.replace(hold.state, kinds=hold.state.kinds - {GIVEN}, carries=False)
        return msgspec.structs.replace(hold, state=state), ""
    if hold.provider and called_by_name(analysis, hold.function):
        direct = callers.directly(analysis, hold)
        return (hold, direct.why) if isinstance(direct, Unmet) else (direct, "")
    if hold.place.origin.how != "param" or not (hold.state.carries or GIVEN in hold.state.kinds):
        return hold, None
    given = callers.given(analysis, hold.function, hold.place, hold.state)
    if isinstance(given, Unmet):
        return hold, given.why
    now = msgspec.structs.replace(hold, state=given.state, keeps_loaded=given.keeps_loaded, place=given.place)
    return now, ""
