"""Parameters: what they stand for when the caller is not known, and which arguments they get."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.fastapi import dependencies
from flake8_poolhold.flow.interpreting import expressions, recursion
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    BoundArgument,
    ClassOf,
    Holder,
    Instance,
    Origin,
    Place,
    Series,
    Table,
    Unknown,
    Value,
)
from flake8_poolhold.flow.naming import callsites, evidence, hierarchy, names, types


def place_of(function: str, name: str) -> Place:
    """The object that a parameter of a function stands for."""
    return Place(Origin("param", function, name))


def general_value(analysis: Analysis, info: FunctionInfo, index: int, parameter: tree.Parameter) -> Value:
    """What a parameter stands for when the caller is not known."""
    if index == 0 and info.owner and parameter.annotation is None and not is_static(info):
        return _receiver(analysis, info, place_of(info.id, parameter.name))
    key = ("parameter", info.id, index)
    return recursion.value(analysis, key, lambda: _general(analysis, info, index, parameter), node=info.id)


def _receiver(analysis: Analysis, info: FunctionInfo, place: Place) -> Value:
    """What a method is called on."""
    if any(isinstance(d, tree.Name) and d.id == "classmethod" for d in info.node.decorators):
        return ClassOf(info.owner)
    kind = names.holder_base(analysis, info.owner)
    return Holder(kind, place, info.owner) if kind is not None else Instance(info.owner, place)


def _general(analysis: Analysis, info: FunctionInfo, index: int, parameter: tree.Parameter) -> Value:
    place = place_of(info.id, parameter.name)
    frame = names.module_frame(analysis, info.path)
    if parameter.annotation is not None:
        value = types.typed(frame, State(), parameter.annotation, place)
        if parameter.kind == "star":
            return Series((value,), exact=False)
        if parameter.kind == "double-star":
            return Table(())
        if not isinstance(value, Unknown):
            is_left_out = tree.is_none(parameter.default) and callsites.never_given(analysis, info, parameter)
            return NONE if is_left_out else value
    if parameter.default is not None:
        depends = expressions.evaluate(frame, State(), parameter.default)
        provided = dependencies.provided_type(analysis, depends, place)
        if provided is not None:
            return provided
    task = hierarchy.task_class(frame, info.node) if index == 0 and parameter.annotation is None else ""
    if task:
        return Instance(task, place)
    if parameter.annotation is not None and not evidence.says_nothing(parameter.annotation):
        return UNKNOWN
    used_as = evidence.untyped_parameter(analysis, info, parameter, place)
    return callsites.passed(analysis, info, parameter, place) if isinstance(used_as, Unknown) else used_as


def is_static(info: FunctionInfo) -> bool:
    """Whether a method gets no receiver."""
    return any(isinstance(d, tree.Name) and d.id == "staticmethod" for d in info.node.decorators)


def bind(info: FunctionInfo, receiver: Value | None, arguments: tuple[BoundArgument, ...]) -> dict[str, Value]:
    """The arguments of a call by parameter; what does not fit is dropped, as nothing is known of it."""
    parameters = info.node.parameters
    bound: dict[str, Value] = {}
    positional = [parameter for parameter in parameters if parameter.kind == "positional"]
    by_name = {parameter.name for parameter in parameters if parameter.kind in ("positional", "keyword")}
    star = next((parameter for parameter in parameters if parameter.kind == "star"), None)
    double = next((parameter for parameter in parameters if parameter.kind == "double-star"), None)
    values: list[Value] = [] if receiver is None else [receiver]
    extra: list[tuple[str, Value]] = []
    for argument in arguments:
        if argument.star == "*":
            if isinstance(argument.value, Series) and argument.value.exact:
                values.extend(argument.value.items)
        elif argument.star == "**":
            if isinstance(argument.value, Table):
                extra.extend(argument.value.items)
        elif argument.keyword is None:
            values.append(argument.value)
        else:
            extra.append((argument.keyword, argument.value))
    for parameter, value in zip(positional, values, strict=False):
        bound[parameter.name] = value
    if star is not None:
        bound[star.name] = Series(tuple(values[len(positional) :]), exact=True)
    rest = []
    for name, value in extra:
        if name in by_name:
            bound[name] = value
        else:
            rest.append((name, value))
    if double is not None:
        bound[double.name] = Table(tuple(rest))
    return bound
