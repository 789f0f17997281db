"""`commit-in-dependency`: the dependency that queried gives the connection back before the handler begins.

Mostly it is the one that reads the user. The handler itself has no session to release, and the dependency runs for
other handlers too: what a commit loses must be lost for none of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow import roots
from flake8_poolhold.flow.model.frames import Analysis, Asked, Hold
from flake8_poolhold.flow.model.states import HELD, HolderState, join_states
from flake8_poolhold.flow.model.values import Holder
from flake8_poolhold.flow.releasing import elsewhere
from flake8_poolhold.flow.releasing.habits import LOOKS_AT_TRANSACTION, STARTS_TASKS, habits, name_of
from flake8_poolhold.flow.releasing.releases import doubts_of_writes
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import mentions, rebinds

NAME = "commit-in-dependency"
MOST_NAMES = 6

_MARKERS = frozenset({"Depends", "Security"})
_ROUTERS = ("APIRouter", "FastAPI(", "@router.")
_NO_SESSION = "no dependency of the handler has queried with a session that it names"


def inside(analysis: Analysis, hold: Hold, *, is_async: bool) -> Remedy:
    """Judge a commit at the end of the last dependency that used the session."""
    asked = _last(hold)
    name = _session(asked, hold) if asked is not None else ""
    if asked is None or not name:
        return Remedy(NAME, refused=_NO_SESSION)
    if hold.state.lock:
        return Remedy(NAME, refused="a lock taken before the call must outlive it")
    if hold.expression and mentions(Surroundings(hold.function.node, hold.span).earlier(), {_first(hold.expression)}):
        return Remedy(NAME, refused="the handler uses the session itself before the call")
    info = asked.function
    if refused := _refusal(asked, hold, asked.after, name):
        return Remedy(NAME, refused=refused)  # without a look at the other handlers
    routed = _routed(analysis, hold)
    users = analysis.events.asked.get(info.id, {}).values()
    states = [after for handler, after in users if handler.path in routed]
    state = asked.after
    for other in states:
        state = join_states(state, other)
    if refused := _refusal(asked, hold, state, name):
        return Remedy(NAME, refused=refused)
    statement = f"{'await ' if is_async else ''}{name}.commit()"
    what = f"insert `{statement}` at the end of {info.name} ({info.path}:{info.node.span[0]})"
    return Remedy(
        NAME,
        f"{what}, which frees {_handlers(analysis, asked, hold, routed)}",
        statement,
        doubts=tuple(_doubts(analysis, asked, hold, state)),
        path=info.path,
        start=info.node.span[:2],
    )


def _first(expression: str) -> str:
    return expression.partition(".")[0]


def _last(hold: Hold) -> Asked | None:
    """The dependency that was the last to do anything with the session."""
    used = [one for one in hold.asked if one.after != one.before]
    return used[-1] if used and HELD in used[-1].after.kinds else None


def _session(asked: Asked, hold: Hold) -> str:
    """The parameter of the dependency that is the session."""
    for name, value in asked.parameters:
        if isinstance(value, Holder) and value.place == hold.place:
            return name
    return ""


def _refusal(asked: Asked, hold: Hold, state: HolderState, name: str) -> str:
    body = asked.function.node.body
    if asked.function.node.is_generator:
        return "the dependency that queried is a generator"
    if state.lock:
        return "a lock taken before the call must outlive it"
    if state.begun:
        return "the session is inside a `begin()` block"
    if state.bound:
        return "the session is bound to a connection, which its commit does not give back"
    if state.streaming:
        return "a server-side cursor is open"
    if hold.keeps_loaded is False:
        return "a commit expires what the dependency has loaded (`expire_on_commit`)"
    if any(name in rebinds(node) for node in walk(body) if isinstance(node, tree.Assign)):
        return f"`{name}` is given another value in the dependency"
    return ""


def _doubts(analysis: Analysis, asked: Asked, hold: Hold, state: HolderState) -> Iterator[str]:
    yield from doubts_of_writes(state)
    if hold.keeps_loaded is None:
        yield "`expire_on_commit=False` is not proved"
    if any(name_of(node) in STARTS_TASKS | LOOKS_AT_TRANSACTION for node in walk(asked.function.node.body)):
        yield "a task that runs beside this code may use the session"
    if elsewhere.looks_at_transaction(analysis, hold):
        yield "the handler, or one that it calls, asks in which transaction it is"
    if elsewhere.is_kept(analysis, hold):
        yield "the session is kept where other code finds it"
    if _is_called(analysis, asked):
        yield "the dependency is also called directly"
    yield from habits(analysis).doubts


def _is_called(analysis: Analysis, asked: Asked) -> bool:
    """Whether the dependency is used for anything but `Depends(...)`."""
    name = asked.function.node.name
    for path in analysis.project.naming(name, name):
        if analysis.project.module(path) is None:
            return True
        index = analysis.project.index(path)
        marked = {
            id(argument.value)
            for marker in _MARKERS
            for _, call in index.calls.get(marker, ())
            for argument in call.arguments
        }
        if any(id(node) not in marked for _, node in index.names.get(name, ())):
            return True
    return False


def _routed(analysis: Analysis, hold: Hold) -> frozenset[str]:
    """The files that may have handlers, all of them analysed, whichever are reported on."""
    found = frozenset(path for word in _ROUTERS for path in analysis.project.naming(word)) | {hold.function.path}
    with analysis.tracker.finding(("routed",)):
        for path in sorted(found - {hold.function.path}):
            roots.analyse(analysis, path)
    return found


def _handlers(analysis: Analysis, asked: Asked, hold: Hold, routed: frozenset[str]) -> str:
    """The handlers that hold for no other reason."""
    names = {hold.function.name}
    for other in analysis.events.holds:
        if other.function.path not in routed:
            continue
        last = _last(other) if not other.expression else None
        if last is not None and last.function.id == asked.function.id:
            names.add(other.function.name)
    listed = sorted(names)
    more = f" and {len(listed) - MOST_NAMES} more" if len(listed) > MOST_NAMES else ""
    return ", ".join(listed[:MOST_NAMES]) + more
