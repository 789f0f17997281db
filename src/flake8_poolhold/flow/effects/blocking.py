"""Calls that block their thread: remembered for the callers, and noted where async code makes them on the event loop.

Such a call blocks the event loop when only plain functions lie between it and an `async def`. It does not in a thread,
and a statement of a session does not under `run_sync`.
"""

from __future__ import annotations

from typing import Literal

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import waits
from flake8_poolhold.flow.model.frames import Analysis, Block, Blocked, Blocking, Frame, FunctionInfo
from flake8_poolhold.flow.model.states import GIVEN, HELD, State
from flake8_poolhold.flow.model.values import (
    NONE,
    Engine,
    Factory,
    Holder,
    Instance,
    Library,
    Place,
    Value,
    options,
)
from flake8_poolhold.flow.naming import caching
from flake8_poolhold.knowledge import Wait
from flake8_poolhold.knowledge.patterns import is_constructor

Sort = Literal["driver", "statement", "network", ""]
"""What a blocking call is, empty for one that no rule speaks of."""

NETWORK = frozenset({"llm", "http", "rpc", "mail", "storage", "payment", "search", "bot", "queue", "database"})

_STATEMENTS = frozenset({"execute", "scalar", "scalars", "exec", "exec_driver_sql"})
_NEEDING_WRITES = frozenset({"flush", "begin_nested", "delete"})


def sort(wait: Wait) -> Sort:
    """Which kind of blocking call a wait is."""
    if wait.driver:
        return "driver"
    if wait.kind == "statement":
        return "statement"
    return "network" if wait.kind in NETWORK else ""


def library(frame: Frame, state: State, wait: Wait, path: str, span: tree.Span) -> None:
    """A call of the library function at `path` blocks."""
    if sort(wait):
        meet(frame, state, Block(wait, path, (frame.step(span, f"waits: {waits.display(path)}", "wait"),)), span)


def method(frame: Frame, state: State, holder: Holder, name: str, span: tree.Span) -> None:
    """A method of a sync holder is called: what sends something to the database blocks."""
    known = frame.analysis.holders.classes[holder.kind]
    if known.is_async:
        return
    before = state.holder(holder.place)
    match known.methods.get(name):
        case "acquires":
            sends = True
        case "may_acquire":
            sends = name not in _NEEDING_WRITES or bool(before.dirty) or HELD in before.kinds
        case _:
            sends = name in _STATEMENTS or (
                name == "commit" and (bool(before.dirty) or bool(before.kinds & {GIVEN, HELD})) and not before.begun
            )
    if sends:
        statement(frame, state, holder, f"{holder.kind}.{name}", span)


def statement(frame: Frame, state: State, holder: Holder, what: str, span: tree.Span) -> None:
    """A sync holder talks to its database; `what` it calls is for people."""
    step = frame.step(span, f"waits: {what}", "wait")
    meet(frame, state, Block(_wait_of(frame, holder.kind), what, (step,), holder.place), span)


def connect(frame: Frame, state: State, engine: Engine, holder: Holder, what: str, span: tree.Span) -> None:
    """A sync engine or pool hands out a connection."""
    if not frame.analysis.holders.classes[engine.kind].is_async:
        statement(frame, state, holder, f"{engine.kind}.{what}", span)


def _wait_of(frame: Frame, kind: str) -> Wait:
    """The wait for a statement. The holders of drivers that are used without SQLAlchemy are the driver's."""
    root = frame.analysis.holders.classes[kind].names[0].partition(".")[0]
    if root in ("sqlalchemy", "sqlmodel"):
        return Wait(library=kind, kind="statement", typical="1–100 ms", driver=False)
    return Wait(library=root, kind="database", typical="1–100 ms", driver=True)


def meet(frame: Frame, state: State, block: Block, span: tree.Span) -> None:
    """A blocking call is made at `span`, or behind the call there."""
    function = frame.function
    if frame.muted or frame.threaded or function is None:
        return
    if frame.in_greenlet and block.wait.kind == "statement":
        return
    if frame.undecided is not None:
        frame.undecided.append((block, span))
        return
    if not frame.is_async:
        _remember(frame, block)
    elif span not in _awaited(frame, function):
        if frame.reporting:
            name = _name(state, block.holder) if block.holder is not None else ""
            held = any(HELD in holder.kinds for holder in state.holders.values())
            frame.analysis.events.blocking.append(Blocking(function, span, block, name, held))
        else:
            _remember(frame, block)


def _name(state: State, place: Place) -> str:
    """How the function names a holder; empty for one that it never sees."""
    spelled = waits.spelled(state, place)
    return spelled or ("" if place.origin.how == "new" and not place.path else waits.named(state, place))


def decide(frame: Frame, state: State, options: list[list[Blocked]]) -> None:
    """One of several functions was called, and each blocked as `options` say: what half of them do counts."""
    sorts = [{sort(block.wait) for block, _ in met} for met in options]
    for met in options:
        for block, span in met:
            if 2 * sum(sort(block.wait) in one for one in sorts) >= len(options):
                meet(frame, state, block, span)


def runs_once(analysis: Analysis, function: FunctionInfo, returned: Value) -> bool:
    """Whether a function makes an object once and for all: it is cached, and what it returns is no data."""
    return caching.is_cached(function.node) and all(_is_object(option) for option in options(returned))


def _is_object(value: Value) -> bool:
    if isinstance(value, Library):
        return is_constructor(value.path)
    return isinstance(value, Instance | Engine | Factory | Holder) or value == NONE


def _remember(frame: Frame, block: Block) -> None:
    """Keep a blocking call for the callers: one of each sort and holder, the nearest."""
    key = (sort(block.wait), block.holder)
    known = frame.blocks.get(key)
    if known is None or len(block.steps) < len(known.steps):
        frame.blocks[key] = block


def _awaited(frame: Frame, function: FunctionInfo) -> frozenset[tree.Span]:
    """The calls whose result the function awaits at once: what is awaited is no sync call.

    It is a coroutine function that a decorator made of a plain one, or a class that was taken for its sync twin.
    """
    known = frame.analysis.awaited_calls.get(function.id)
    if known is None:
        calls = (node.value for node in tree.walk(function.node.body) if isinstance(node, tree.Await))
        known = frozenset(call.span for call in calls if isinstance(call, tree.Call))
        frame.analysis.awaited_calls[function.id] = known
    return known
