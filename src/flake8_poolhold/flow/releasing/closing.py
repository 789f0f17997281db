"""`close-before`: the session is closed before the wait, which does not expire what it has loaded, but detaches it.

A detached object can be read, but what is changed in it is lost, and nothing more is loaded into it. The session
itself can be used again.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.model.states import GIVEN
from flake8_poolhold.flow.releasing import elsewhere, reading
from flake8_poolhold.flow.releasing.containers import added_up
from flake8_poolhold.flow.releasing.habits import STARTS_TASKS, habits, name_of
from flake8_poolhold.flow.releasing.later import Later
from flake8_poolhold.flow.releasing.releases import (
    begins_by_hand,
    doubts_of_callers,
    unnamed,
)
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings

NAME = "close-before"


def before(analysis: Analysis, hold: Hold, around: Surroundings, *, is_async: bool) -> Remedy:
    """Judge a close right before the wait."""
    statement = f"{'await ' if is_async else ''}{hold.expression}.close()"
    if refused := _refusal(analysis, hold, around):
        return Remedy(NAME, refused=refused)
    lazy = habits(analysis).lazy
    later = Later(hold, around, lazy, is_async)
    if refused := later.refused:
        return Remedy(NAME, refused=refused)
    reads: tuple[tuple[str, str, str], ...] = ()
    doubts = list(_doubts(analysis, hold, around))
    if added_up(analysis, hold):
        doubts.append("what was loaded is part of a sum, which is not followed")
    if later.stale:
        doubts.append("what is read later may have changed by then")
    if not is_async and later.uses.names:
        named = None
        if not (later.uses.whole or later.binds):
            named = reading.named(hold.function.node, around, later.uses.reads)
        if named is not None:
            reads = named
        else:
            return Remedy(NAME, refused="what was loaded before the call is read after it, and cannot be read before")
    what = f"insert `{statement}` before line {hold.span[0]}"
    if reads:
        what += (
            ", and read " + ", ".join(f"`{variable}.{attribute}`" for variable, attribute, _ in reads) + " before it"
        )
    return Remedy(NAME, what, statement, doubts=tuple(doubts), reads=reads)


def _refusal(analysis: Analysis, hold: Hold, around: Surroundings) -> str:
    """Why the session cannot be closed here, whatever has been loaded."""
    state = hold.state
    known = analysis.holders.classes.get(hold.kind)
    if not hold.expression:
        return unnamed(hold)
    if known is None or known.kind != "session":
        return "the connection is needed again"
    if state.lock:
        return "a lock taken before the call must outlive it"
    if state.begun:
        return "the session is inside a `begin()` block; end the block before the call"
    if state.bound:
        return "the session is bound to a connection"
    if state.streaming:
        return "a server-side cursor is open"
    if state.dirty or state.unsure:
        return "writes before the call would be lost"
    if hold.place.origin.how == "param" or state.carries or GIVEN in state.kinds:
        return "the callers' objects would be detached, and what they change of them lost"
    if not around.surely_bound(hold.expression.partition(".")[0]):
        return f"`{hold.expression}` may be something else, or nothing, on some path to the call"
    if begins_by_hand(analysis, hold, around):
        return "a transaction was begun by hand"
    if analysis.project.naming("close_resets_only"):
        return "a session of the project cannot be used again once it is closed"
    return ""


def _doubts(analysis: Analysis, hold: Hold, around: Surroundings) -> Iterator[str]:
    yield from doubts_of_callers(analysis, hold)
    if not around.levels:
        yield "the statement that waits was not found"
    if any(name_of(node) in STARTS_TASKS for node in around.earlier()):
        yield "a task that runs beside this code may use the session"
    if elsewhere.looks_at_transaction(analysis, hold):
        yield "the function, or one that it calls, asks in which transaction it is"
    if elsewhere.is_kept(analysis, hold):
        yield "the session is kept where other code finds it"
    yield from (doubt for doubt in habits(analysis).doubts if "listens" not in doubt)
