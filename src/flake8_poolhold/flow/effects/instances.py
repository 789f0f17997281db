"""ORM instances given to work that outlives the session they belong to."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import staying
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import InstanceEscape, Into
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    FunctionOf,
    Instance,
    Library,
    Loaded,
    Suspended,
    Value,
    options,
)
from flake8_poolhold.flow.naming import callsites, names

_SESSION = re.compile(rb"\b(Async)?Session\b")
"""A module that knows of no session may well use models as plain objects."""

_JOINS_SESSION = frozenset({"add", "add_all", "merge", "refresh", "delete"})


def in_task(frame: Frame, state: State, value: Value, span: tree.Span, kind: Into, into: str) -> InstanceEscape | None:
    """An instance that `value` reads, which runs when the session may be closed."""
    if frame.muted or not frame.reporting or frame.function is None:
        return None
    match value:
        case Suspended(target=FunctionOf() as task, arguments=arguments):
            return _in_call(frame, state, task, arguments, span, kind, into)
        case Suspended(target=Library(), arguments=arguments):
            inside = [index for index, one in enumerate(arguments) if isinstance(one.value, FunctionOf)]
            task_given = arguments[inside[0]].value if inside else None
            if isinstance(task_given, FunctionOf):
                return _in_call(frame, state, task_given, arguments[inside[0] + 1 :], span, kind, into)
            return None
        case FunctionOf():
            return _in_call(frame, state, value, (), span, kind, into)
        case _:
            return None


def kept(frame: Frame, state: State, owner: tree.Expression, value: Value, span: tree.Span) -> None:
    """`owner[key] = value`, where `owner` is a container of the module: it outlives every session."""
    if frame.muted or not frame.reporting or frame.function is None or not isinstance(owner, tree.Name):
        return
    if owner.id in state.env and owner.id not in frame.outer_names:
        return
    for option in options(value):
        if isinstance(option, Instance) and _belongs(frame, state, option):
            event = InstanceEscape(frame.function, span, _name_of(state, option), "cache", owner.id)
            frame.analysis.events.instances.append(event)


def _in_call(
    frame: Frame,
    state: State,
    task: FunctionOf,
    arguments: tuple[BoundArgument, ...],
    span: tree.Span,
    kind: Into,
    into: str,
) -> InstanceEscape | None:
    """A task that runs a function of the project: what it is given, what it captured."""
    info = frame.analysis.functions[task.function]
    if frame.function is None:
        return None
    for name, value in task.captured:
        if state.env.get(name) != value or not _is_entity(frame, state, value):
            continue
        read = _first_read(info.node, name)
        if read is not None and not staying.stays(frame, state, name, info, name, span, kind):
            is_nested = task.function in frame.nested and not info.name.endswith("<lambda>")
            function, where = (info, read) if is_nested else (frame.function, span)
            return InstanceEscape(function, where, name, kind, into)
    if isinstance(task.receiver, Instance):
        field = _field_read(frame, state, info, task.receiver)
        if field is not None:
            return _of_field(frame, state, info, task.receiver, field, span, kind, into)
    written = _written(frame.function, span)
    for parameter, value in _parameters(info, task, arguments):
        name = _name_of(state, value, parameter, written)
        if (
            _is_entity(frame, state, value)
            and _first_read(info.node, parameter) is not None
            and not staying.stays(frame, state, name, info, parameter, span, kind)
        ):
            return InstanceEscape(frame.function, span, name, kind, into)
    return None


def _of_field(
    frame: Frame,
    state: State,
    info: FunctionInfo,
    owner: Instance,
    field: tree.Attribute,
    span: tree.Span,
    kind: Into,
    into: str,
) -> InstanceEscape:
    """What an object carries is captured like the variables of a closure: told of where the task reads it."""
    if frame.function is not None and info.path == frame.path:
        return InstanceEscape(info, field.span, f"{info.node.parameters[0].name}.{field.name}", kind, into)
    return InstanceEscape(frame.function or info, span, f"{_name_of(state, owner)}.{field.name}", kind, into)


def _field_read(frame: Frame, state: State, info: FunctionInfo, owner: Instance) -> tree.Attribute | None:
    """The first field of an object of which the method reads an attribute, and that is known to hold an instance of a
    session: what the class declares may as well be in none."""
    receiver = info.node.parameters[0].name if info.node.parameters else ""
    reads = [
        part.value
        for part in walk(info.node.body)
        if isinstance(part, tree.Attribute)
        and isinstance(part.value, tree.Attribute)
        and isinstance(part.value.value, tree.Name)
        and part.value.value.id == receiver
    ]
    for read in sorted(reads, key=lambda part: part.span):
        value = state.field(owner.place, read.name)
        if value is not None and _is_entity(frame, state, value):
            return read
        if value is None and callsites.keeps_loaded(frame.analysis, owner.cls, read.name):
            return read
    return None


def _parameters(
    info: FunctionInfo, task: FunctionOf, arguments: tuple[BoundArgument, ...]
) -> Iterator[tuple[str, Value]]:
    skipped = 0 if task.receiver is None else 1
    positional = [one.name for one in info.node.parameters if one.kind == "positional"][skipped:]
    plain = [one.value for one in (*task.bound, *arguments) if one.keyword is None and not one.star]
    yield from zip(positional, plain, strict=False)
    for one in (*task.bound, *arguments):
        if one.keyword is not None:
            yield one.keyword, one.value


def _is_entity(frame: Frame, state: State, value: Value) -> bool:
    """Whether a value is an ORM instance that belongs to a session."""
    return any(
        option.entity if isinstance(option, Loaded) else isinstance(option, Instance) and _belongs(frame, state, option)
        for option in options(value)
    )


def _belongs(frame: Frame, state: State, instance: Instance) -> bool:
    """Whether a mapped instance is in a session: it came in, or was given to one; a new one is nobody's yet."""
    if frame.function is None or not names.is_mapped(frame.analysis, instance.cls):
        return False
    if instance.place.origin.how != "new":
        return _SESSION.search(frame.analysis.project.bytes_of(frame.path)) is not None
    name = _name_of(state, instance)
    return any(_joins(node, name) for node in walk(frame.function.node.body))


def _joins(node: tree.Node, name: str) -> bool:
    match node:
        case tree.Call(function=tree.Attribute(name=method), arguments=arguments) if method in _JOINS_SESSION:
            given = walk([one.value for one in arguments])
            return any(isinstance(part, tree.Name) and part.id == name for part in given)
        case _:
            return False


def _name_of(state: State, value: Value, parameter: str = "", written: Container[str] = ()) -> str:
    """The variable that holds a value; of several that look alike, one that is written there, or called like the
    parameter."""
    found = [name for name, held in state.env.items() if value in options(held)]
    found = [name for name in found if name in written] or found
    return parameter if parameter in found else (found or [parameter or "an ORM object"])[0]


def _written(info: FunctionInfo, span: tree.Span) -> set[str]:
    """The variables in the call at `span`."""
    calls = [node for node in walk(info.node.body) if isinstance(node, tree.Call) and node.span == span]
    return {node.id for node in walk(calls) if isinstance(node, tree.Name)}


def _first_read(node: tree.Function, name: str) -> tree.Span | None:
    """Where a function first reads an attribute of its variable `name`, or hands it on."""
    spans = [call.span for call in walk(node.body) if isinstance(call, tree.Call) and _reads(call, name)]
    if spans:
        return min(spans)
    return node.span if _reads(node.body, name) else None


def _reads(root: object, name: str) -> bool:
    return any(
        isinstance(part, tree.Attribute) and isinstance(part.value, tree.Name) and part.value.id == name
        for part in walk(root)
    )
