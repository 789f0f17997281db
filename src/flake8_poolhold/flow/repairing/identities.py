"""Ids in the place of objects: a task that opens its own session reads in it what it was given of another one."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.values import ClassOf, Instance, Loaded, Suspended, Value, options
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.surroundings import binds

_KEY = "id"


class Swap(msgspec.Struct, frozen=True):
    """A parameter that is an object of the class `cls` becomes `new`, an id of this type (empty: not known)."""

    parameter: str
    new: str
    type: str
    cls: str


def swaps(analysis: Analysis, task: FunctionInfo, run: Value | None) -> list[Swap] | str:
    """The parameters of a task that are objects of a session; or why one cannot be read by its id."""
    found = []
    for parameter in _objects(analysis, task, run):
        swap = _swap(analysis, task, parameter) if parameter is not None else None
        if swap is None:
            return "an object that the session has loaded goes to the task too"
        found.append(swap)
    return found


def _objects(analysis: Analysis, task: FunctionInfo, run: Value | None) -> Iterator[tree.Parameter | None]:
    """The parameters that are given objects; `None` for an argument without one."""
    by_name = {parameter.name: parameter for parameter in task.node.parameters}
    for index, argument in enumerate(run.arguments if isinstance(run, Suspended) else ()):
        if not any(_is_object(analysis, option) for option in options(argument.value)):
            continue
        if argument.keyword is not None:
            yield by_name.get(argument.keyword)
        else:
            plain = index < len(task.node.parameters) and not argument.star
            yield task.node.parameters[index] if plain else None


def _is_object(analysis: Analysis, value: Value) -> bool:
    match value:
        case Instance(cls=cls):
            return names.is_mapped(analysis, cls)
        case Loaded(entity=entity):
            return entity
        case _:
            return False


def _swap(analysis: Analysis, task: FunctionInfo, parameter: tree.Parameter) -> Swap | None:
    """How the object is read by its id: its class has one, and nothing else has the name of the id in the task."""
    annotation = parameter.annotation
    if not isinstance(annotation, tree.Name) or parameter.default is not None or parameter.kind == "star":
        return None
    value = names.module_name(analysis, task.path, annotation.id)
    new = f"{parameter.name}_{_KEY}"
    taken = {node.id for node in walk(task.node.body) if isinstance(node, tree.Name)}
    taken |= {one.name for one in task.node.parameters}
    if not isinstance(value, ClassOf) or not names.is_mapped(analysis, value.cls) or new in taken:
        return None
    if any(binds(node, parameter.name) for node in walk(task.node.body)):
        return None
    member = names.class_member(analysis, value.cls, _KEY)
    if member is None or not isinstance(member[1], tree.Assign) or not _is_only_key(member[0].node, member[1]):
        return None
    return Swap(parameter.name, new, _type(analysis, task, member[1]), annotation.id)


def _is_only_key(cls: tree.Class, assign: tree.Assign) -> bool:
    """Whether the column is the primary key of its class, and no other one is."""
    keys = [
        statement
        for statement in cls.body
        if isinstance(statement, tree.Assign)
        and any(isinstance(node, tree.Argument) and node.keyword == "primary_key" for node in walk(statement.value))
    ]
    return len(keys) == 1 and keys[0] is assign


def _type(analysis: Analysis, task: FunctionInfo, assign: tree.Assign) -> str:
    """The type of the id where the task's file knows it: that in `Mapped[...]`."""
    match assign.annotation:
        case tree.Subscript(index=tree.Name(id=name)) | tree.Name(id=name):
            known = analysis.project.scope(task.path).names
            return name if name in known or hasattr(builtins, name) else ""
        case _:
            return ""
