"""Whether a connection can be given back by a commit before a wait, and what speaks against it.

A verdict has three grades. A commit is *refused* where it would be wrong: it loses a lock, breaks a block, expires what
is read, or does not give the connection back. It is *doubtful* where it is right only if something holds that is not
proved; each doubt is said. It is safe when nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.fastapi import handlers
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.model.states import GIVEN, HolderState
from flake8_poolhold.flow.releasing import elsewhere, lazies
from flake8_poolhold.flow.releasing.forgetting import forgets
from flake8_poolhold.flow.releasing.habits import (
    STARTS_TASKS,
    called_by_name,
    habits,
    name_of,
)
from flake8_poolhold.flow.releasing.liveness import still_read
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import mentions

_BEGINS = frozenset({"begin", "begin_nested", "begin_twophase"})
_PARTLY = ("defer", "expire", "expire_all", "load_only")
"""Names of calls behind which a column of an object may have to be loaded when it is read."""

NAME = "commit-before"

EXPIRES = (
    "objects loaded before the call are read after it, and a commit expires them (`expire_on_commit`); "
    "read what is needed into variables, then close the session"
)

_CALLERS = "the callers' transactions are not known"


def before(analysis: Analysis, hold: Hold, unknown: str | None = None) -> Remedy:
    """Judge a commit right before the wait of `hold`.

    `unknown` says why its callers are not known; it is empty when they are, and counted in `hold`, `None` when nobody
    has looked for any.
    """
    known = analysis.holders.classes.get(hold.kind)
    is_async = known is not None and known.is_async
    statement = f"{'await ' if is_async else ''}{hold.expression}.commit()"
    around = Surroundings(hold.function.node, hold.span)
    refused = forbidden(analysis, hold, around)
    if not refused and hold.keeps_loaded is False and (_reads_later if is_async else _reads_first)(hold, around):
        refused = EXPIRES
    if refused:
        return Remedy(NAME, refused=refused)
    what = f"insert `{statement}` before line {hold.span[0]}"
    return Remedy(NAME, what, statement, doubts=tuple(_doubts(analysis, hold, around, is_async, unknown)))


def forbidden(analysis: Analysis, hold: Hold, around: Surroundings) -> str:
    """Why no commit can stand before the wait, whatever has been loaded; or empty."""
    state = hold.state
    known = analysis.holders.classes.get(hold.kind)
    if known is not None and known.kind == "connection" and mentions(around.waiting_parts(), hold.carriers):
        return (
            f"the call is given the connection `{hold.name}`; let it return what it has read, and wait behind the block"
        )
    if not hold.expression:
        return unnamed(hold)
    if known is None or known.kind != "session":
        return "a connection outlives its commit; close it before the call"
    if state.lock:
        return "a lock taken before the call must outlive it"
    if state.begun:
        return "the session is inside a `begin()` block; end the block before the call"
    if state.bound:
        return "the session is bound to a connection, which its commit does not give back"
    if state.streaming:
        return "a server-side cursor is open"
    if not around.surely_bound(hold.expression.partition(".")[0]):
        return f"`{hold.expression}` may be something else, or nothing, on some path to the call"
    if begins_by_hand(analysis, hold, around):
        return "a transaction was begun by hand, and its own commit or rollback would fail; end it before the call"
    return ""


def unnamed(hold: Hold) -> str:
    """Why a holder cannot be released that the function cannot spell."""
    if any(isinstance(node, tree.Name) and node.id == hold.name for node in walk(hold.function.node.body)):
        return f"`{hold.name}` may be one of several; release it where it was opened"
    return "the session has no name in this function; release it where it was used"


def _doubts(analysis: Analysis, hold: Hold, around: Surroundings, is_async: bool, unknown: str | None) -> Iterator[str]:
    """What a commit here relies on that is not proved."""
    yield from doubts_of_writes(hold.state)
    if not hold.keeps_loaded and not forgets(analysis, hold, around):
        yield (
            "`expire_on_commit=False` is not proved" if hold.keeps_loaded is None else "a commit expires loaded objects"
        )
    yield from doubts_of_place(analysis, hold, around, unknown)
    if _may_load_lazily(analysis, hold, around, is_async):
        yield "an attribute that is loaded when it is read may check out again before the call"
    elif not is_async and any(_may_load_lazily(analysis, *later, is_async) for later in _further(analysis, hold)):
        yield "an attribute that is loaded when it is read may check out again before a later call"
    yield from habits(analysis).doubts


def doubts_of_place(analysis: Analysis, hold: Hold, around: Surroundings, unknown: str | None) -> Iterator[str]:
    """What speaks against a commit at this place, and on this session, whatever it has loaded and written."""
    yield from doubts_of_callers(analysis, hold, unknown)
    if not around.levels:
        yield "the statement that waits was not found"
    if _reaches_in(hold.expression):
        yield "the session is a private attribute of another object"
    if around.in_handler:
        yield "in an error handler the transaction may have failed, and a commit of it fails too"
    if any(name_of(node) in STARTS_TASKS for node in around.earlier()):
        yield "a task that runs beside this code may use the session"
    if elsewhere.looks_at_transaction(analysis, hold):
        yield "the function, or one that it calls, asks in which transaction it is"
    if elsewhere.is_kept(analysis, hold):
        yield "the session is kept where other code finds it"


def _reaches_in(expression: str) -> bool:
    """Whether the session is reached through a private attribute of something that is not `self`'s own."""
    first, *rest = expression.split(".")
    return any(name.startswith("_") for name in (rest[1:] if first in ("self", "cls") else rest))


def doubts_of_writes(state: HolderState) -> Iterator[str]:
    """What the session may have written already."""
    if state.dirty:
        yield f"writes before the call would be committed even when the rest fails: {at(state.dirty[-1])}"
    if state.unsure:
        yield f"code that was not understood may have written: {at(state.unsure[-1])}"


def at(step: Step) -> str:
    """A piece of evidence in a few words."""
    return f"{step.path}:{step.line} {step.text}"


def doubts_of_callers(analysis: Analysis, hold: Hold, unknown: str | None = None) -> Iterator[str]:
    """Who else may have used the session: a caller, another request, a second registration of the handler."""
    state = hold.state
    if has_ended_callers(hold):
        if not elsewhere.nobody_looks(analysis):
            yield _CALLERS
    elif hold.place.origin.how == "param" or state.carries or GIVEN in state.kinds:
        yield f"the callers' transactions are not known: {unknown}" if unknown else _CALLERS
    elif hold.place.origin.how == "global" and unknown != "":
        yield "the session is shared"
    elif hold.provider and unknown != "" and called_by_name(analysis, hold.function):
        yield "the handler is also called directly" + (f": {unknown}" if unknown else "")
    elif hold.provider and len(handlers.registrations(analysis, hold.function)) > 1:
        yield "the handler is registered more than once, with different dependencies"


def has_ended_callers(hold: Hold) -> bool:
    """Whether a session that came in had its transaction ended in this function, on every path to the wait.

    What the callers had begun, written or locked does not matter any more then.
    """
    state = hold.state
    came_in = hold.place.origin.how == "param" and hold.kind == "AsyncSession" and not hold.provider
    return came_in and not state.carries and GIVEN not in state.kinds


def _reads_later(hold: Hold, around: Surroundings) -> bool:
    """Whether something loaded is read by the waiting statement or behind it."""
    return bool(still_read(around, hold.loaded))


def _reads_first(hold: Hold, around: Surroundings) -> bool:
    """Whether the waiting statement itself needs something loaded: a sync session would check out again for it.

    What is read behind the wait is loaded again then, which does no harm.
    """
    if not around.levels:
        return bool(hold.loaded)
    return not hold.loaded.isdisjoint(around.read_first())


def begins_by_hand(analysis: Analysis, hold: Hold, around: Surroundings) -> bool:
    """Whether `begin()` or `begin_nested()` is called other than by a `with`, here or in the session's provider."""
    provider = analysis.functions.get(hold.provider)
    own = list(around.earlier())
    theirs = list(walk(provider.node.body)) if provider is not None else []
    return any(_begins_in(nodes) for nodes in (own, theirs))


def _begins_in(nodes: list[tree.Node]) -> bool:
    entered = {id(item.value) for node in nodes if isinstance(node, tree.With) for item in node.items}
    begun = [node for node in nodes if isinstance(node, tree.Call) and name_of(node.function) in _BEGINS]
    return any(id(node) not in entered for node in begun)


def _further(analysis: Analysis, hold: Hold) -> Iterator[tuple[Hold, Surroundings]]:
    """The later waits of the function with the same session, which would not be seen to hold any more."""
    for one in analysis.events.holds:
        if one.function is hold.function and one.place == hold.place and one.span[:2] > hold.span[:2]:
            yield one, Surroundings(one.function.node, one.span)


def _may_load_lazily(analysis: Analysis, hold: Hold, around: Surroundings, is_async: bool) -> bool:
    """Whether the waiting statement itself may load an attribute on its way to the wait.

    An async session does so only through `awaitable_attrs`; a sync one wherever the statement reads a lazy attribute,
    or hands a loaded object to what may read one.
    """
    parts = around.waiting_parts()
    if not is_async and _reads_first(hold, around) and _is_partly_loaded(analysis, hold, around):
        return True
    lazy = frozenset({"awaitable_attrs"}) if is_async else habits(analysis).lazy
    if any(isinstance(node, tree.Attribute) and node.name in lazy for node in parts):
        return True
    if not lazy or (is_async and not analysis.project.naming("awaitable_attrs")) or not _whole(parts, hold.loaded):
        return False
    return lazies.may_read(analysis, hold.function, parts, hold.loaded, lazy)


def _is_partly_loaded(analysis: Analysis, hold: Hold, around: Surroundings) -> bool:
    """Whether the function, or one that it calls, loads objects without all of their columns, or expires some.

    A rollback expires under every setting.
    """
    if any(_rolls_back(statement) for level in around.levels for statement in level.before):
        return True
    if not any(analysis.project.naming(f"{name}(", name) for name in _PARTLY):
        return False
    nodes = list(around.earlier())
    for found in lazies.met(analysis, hold.function).values():
        nodes += [node for callee in found for node in walk(callee.node.body)]
    return any(isinstance(node, tree.Call) and name_of(node.function) in _PARTLY for node in nodes)


def _rolls_back(statement: tree.Statement) -> bool:
    match statement:
        case tree.Evaluate(value=tree.Call(function=function)):
            return name_of(function) == "rollback"
        case _:
            return False


def _whole(parts: list[tree.Node], loaded: frozenset[str]) -> list[tree.Name]:
    """The mentions of loaded variables other than in a plain `variable.attribute`."""
    called = {id(node.function) for node in parts if isinstance(node, tree.Call)}
    read = {id(node.value) for node in parts if isinstance(node, tree.Attribute) and id(node) not in called}
    return [node for node in parts if isinstance(node, tree.Name) and node.id in loaded and id(node) not in read]
