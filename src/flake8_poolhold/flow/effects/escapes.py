"""Escapes: a holder, or an object that carries one, given to work that outlives the request."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import waits
from flake8_poolhold.flow.model.frames import Escape, Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    Choice,
    FunctionOf,
    Holder,
    Instance,
    Place,
    Series,
    Suspended,
    Table,
    Value,
)
from flake8_poolhold.flow.naming import objects

_BACKGROUND = (
    "fastapi.BackgroundTasks.add_task",
    "fastapi.background.BackgroundTasks.add_task",
    "starlette.background.BackgroundTasks.add_task",
    "starlette.background.BackgroundTask",
    "fastapi.background.BackgroundTask",
    "fastapi.BackgroundTask",
)


def is_handover(path: str) -> bool:
    """Whether a call of `path` gives its arguments to a task that runs after the response."""
    return path in _BACKGROUND


def hand_over(frame: Frame, state: State, path: str, arguments: tuple[BoundArgument, ...], span: tree.Span) -> None:
    """Arguments go to a background task: report every request-scoped holder among them."""
    if frame.muted or not frame.reporting or frame.function is None:
        return
    seen: set[Place] = set()
    for argument in arguments:
        for carrier, place in carried(frame, state, argument.value):
            if place in seen or not _outlived(frame, place):
                continue
            seen.add(place)
            name = waits.spelled(state, place) or waits.named(state, place)
            into = _task_name(frame, arguments[0].value)
            frame.analysis.events.escapes.append(Escape(frame.function, span, name, place, carrier, into))


def _outlived(frame: Frame, place: Place) -> bool:
    """Whether somebody else closes the holder before the task is done: the request, the caller, or a block."""
    return place in frame.providers or place.origin.how == "param" or place in frame.managed


def _task_name(frame: Frame, task: Value) -> str:
    match task:
        case FunctionOf(function=function):
            return frame.analysis.functions[function].name
        case _:
            return "the task"


def carried(frame: Frame, state: State, value: Value, depth: int = 3) -> list[tuple[str, Place]]:
    """The holders inside a value, each with the class of the object that carries it (empty for the holder itself)."""
    if not depth:
        return []
    match value:
        case Holder(place=place):
            return [("", place)]
        case Instance(cls=cls):
            name = frame.analysis.classes[cls].name
            fields = list(state.heap.get(value.place, {}).values())
            fields += [objects.declared_field(frame, value, field) for field in objects.own_fields(frame.analysis, cls)]
            found = [place for held in fields for _, place in carried(frame, state, held, depth - 1)]
            return [(name, place) for place in dict.fromkeys(found)]
        case Series(items=items) | Choice(options=items):
            return [found for item in items for found in carried(frame, state, item, depth - 1)]
        case Table(items=pairs):
            return [found for _, item in pairs for found in carried(frame, state, item, depth - 1)]
        case FunctionOf(receiver=receiver, captured=captured, bound=bound):
            inside = [item for _, item in captured] + [argument.value for argument in bound]
            inside += [receiver] if receiver is not None else []
            return [found for item in inside for found in carried(frame, state, item, depth - 1)]
        case Suspended(target=target, arguments=arguments):
            inside = [target, *(argument.value for argument in arguments)]
            return [found for item in inside for found in carried(frame, state, item, depth - 1)]
        case _:
            return []
