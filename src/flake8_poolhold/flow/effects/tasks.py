"""Tasks: calls that run beside the function that started them, until somebody waits for them."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import cancelled, concurrency, escapes, instances, uses
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Into, Started
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    Choice,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Place,
    Series,
    Suspended,
    Table,
    Value,
    options,
    parts,
)

MOST_LEFT = 8
"""A function that leaves more calls of its callers' running than this is not told of all of them."""

_RUNNING = "task "
"""Begins the names, which no variable can have, under which a state knows the tasks that run at its point."""


def start(frame: Frame, state: State, value: Value, span: tree.Span, kind: Into, how: str) -> None:
    """`value` runs from here on, beside the function; `how` is what started it, empty if a callee did."""
    if frame.muted:
        return
    mark = f"{_RUNNING}{span[0]}:{span[1]}"
    beside = [frame.started[one] for one in _running(state) if one in frame.started]
    again = mark in state.env and len(options(value)) == 1  # of several coroutines each is started once
    for option in options(value):
        if not isinstance(option, Suspended | Library | FunctionOf):
            continue
        used = uses.of(frame, state, option, span) if frame.reporting and frame.function is not None else {}
        into = escapes.task_name(frame, option)
        started = Started(
            value=option,
            span=span,
            kind=kind,
            uses=frozenset(place for place, use in used.items() if not use.closes),
            raced=frozenset(place for place, use in used.items() if use.raced),
            into=into,
            instance=instances.in_task(frame, state, option, span, kind, into),
            left=uses.left(used),
        )
        if kind == "task" and how:
            concurrency.beside(frame, state, started, beside, used, how, again=again)
        frame.started[option] = started
        state.env[mark] = option


def _running(state: State) -> list[Value]:
    return [one for name, value in state.env.items() if name.startswith(_RUNNING) for one in options(value)]


def join(frame: Frame, state: State, value: Value) -> None:
    """The function waits for a task."""
    if frame.muted:
        return
    if value in frame.started:
        del frame.started[value]
    elif _is_foreign(frame, value):
        frame.joined[value] = None
    for name in [name for name, one in state.env.items() if name.startswith(_RUNNING) and value in options(one)]:
        del state.env[name]


def at_exit(frame: Frame, normal: State | None, returns: Value) -> None:
    """Report the tasks that nobody waits for and that use what somebody else will close."""
    if not frame.reporting or frame.function is None or not frame.started:
        return
    state = normal or frame.raised or State()
    kept = {value for fields in state.heap.values() for held in fields.values() for value in _calls_in(held)}
    given = set(_calls_in(returns))
    for started in frame.started.values():
        if started.value in given or (started.value not in frame.dropped and _waits_for_some(frame.function)):
            continue
        if started.instance is not None:
            frame.analysis.events.instances.append(started.instance)
        for place in sorted(started.uses, key=str):
            if _is_receivers(frame, place) and (
                started.value in kept or cancelled.is_cancelled(frame.analysis, frame.function, started.span)
            ):
                continue  # the object's own task, on the object's own session
            escapes.found(frame, state, place, started)


def _waits_for_some(info: FunctionInfo) -> bool:
    """Whether a function waits for tasks in a way that may well include one that it has kept."""
    return any(
        isinstance(node, tree.Call)
        and isinstance(node.function, tree.Attribute)
        and node.function.name in ("wait", "wait_for", "shield", "gather", "as_completed")
        for node in walk(info.node.body)
    )


def left(frame: Frame, state: State | None) -> tuple[Value, ...]:
    """The calls of the callers' making that run on; what uses this function's own parameters is reported here."""
    return tuple(
        value
        for value in frame.started
        if _is_foreign(frame, value)
        and not any(_is_own(frame, place) for _, place in escapes.carried(frame, state or State(), value, depth=6))
    )[:MOST_LEFT]


def _is_own(frame: Frame, place: Place) -> bool:
    return place.origin.how == "param" and frame.function is not None and place.origin.where == frame.function.id


def _is_foreign(frame: Frame, value: Value) -> bool:
    """Whether a call was made by a caller, with objects that this function does not know."""
    identity = frame.function.id if frame.function is not None else ""
    return any(place.origin.how != "global" and place.origin.where != identity for place in _places(value))


def _is_receivers(frame: Frame, place: Place) -> bool:
    info = frame.function
    return info is not None and bool(info.owner) and place.origin.name == info.node.parameters[0].name


def _calls_in(value: Value, depth: int = 3) -> Iterator[Value]:
    """The calls that have not run yet in a value."""
    match value:
        case Suspended() | Library():
            yield value
        case Series(items=items) | Choice(options=items) if depth:
            for item in items:
                yield from _calls_in(item, depth - 1)
        case Table(items=pairs) if depth:
            for _, item in pairs:
                yield from _calls_in(item, depth - 1)
        case _:
            return


def _places(value: Value, depth: int = 4) -> Iterator[Place]:
    """The objects that a call is given; those in a dict are not followed."""
    if type(value) is Holder or type(value) is Instance:
        yield value.place
    elif depth and type(value) is not Table:
        for part in parts(value):
            yield from _places(part, depth - 1)
