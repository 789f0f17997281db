"""What a caller tells a callee: what it knows of the arguments that matters there and is not known there."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import parameters, summaries
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo, Mode
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    ClassOf,
    Engine,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    ModuleOf,
    Place,
    QueryOf,
    Series,
    Suspended,
    Table,
    Unknown,
    Value,
    Words,
    options,
)
from flake8_poolhold.flow.naming import dispatch, evidence, names, objects, types

MOST_CONTEXTS = 24
"""A function that another one calls with more kinds of arguments than this is then seen in its general form."""


def context_of(
    frame: Frame, function: FunctionOf, bound: dict[str, Value], state: State, mode: Mode
) -> summaries.Context:
    """The context of a call: the general one unless the caller knows something that matters and the callee does not."""
    analysis = frame.analysis
    caller = frame.function.id if frame.function is not None else frame.path
    info = analysis.functions[function.function]
    known: list[tuple[str, Value]] = []
    fields: list[tuple[Place, str, Value]] = []
    for index, parameter in enumerate(info.node.parameters):
        place = parameters.place_of(info.id, parameter.name)
        value = bound.get(parameter.name)
        if value is None:
            default = parameter.default
            if (
                isinstance(default, tree.Constant)
                and isinstance(default.value, bool | None)
                and tested(analysis, info, parameter.name)
            ):
                known.append((parameter.name, Literally(default.value)))
            continue
        if isinstance(value, Unknown):
            continue
        if isinstance(value, Literally):
            if isinstance(value.value, bool | None) and tested(analysis, info, parameter.name):
                known.append((parameter.name, value))
            elif isinstance(value.value, str) and dispatch.imports(analysis, info):
                known.append((parameter.name, Words((value.value,))))
            continue
        is_optional = isinstance(parameter.default, tree.Constant) and parameter.default.value is None
        if is_optional and _is_object(value) and tested(analysis, info, parameter.name):
            known.append((f"!{parameter.name}", NONE))
        own = parameters.general_value(analysis, info, index, parameter)
        if _says_more(value, own) or _is_other_holder(analysis, value, own):
            own = types.carry(value, place)
            known.append((parameter.name, own))
        fields.extend(_known_fields(analysis, state, value, own, place))
    for _, value in function.captured:
        fields.extend(_empty_fields(analysis, state, value))
    context = summaries.Context(info.id, mode, tuple(known), tuple(fields), function.captured)
    if known or fields:
        seen = analysis.contexts.setdefault((caller, info.id), set())
        if context not in seen and len(seen) >= MOST_CONTEXTS:
            return summaries.general(info.id, mode, function.captured)
        seen.add(context)
    return context


def tested(analysis: Analysis, info: FunctionInfo, name: str) -> bool:
    """Whether a branch of the function hangs on the parameter, so that its value there matters."""
    return name in evidence.tested_names(analysis, info)


def _is_object(value: Value) -> bool:
    return all(isinstance(option, Holder | Instance | Library | FunctionOf) for option in options(value))


def _is_telling(value: Value) -> bool:
    match value:
        case Series(items=items):
            return any(not isinstance(item, Unknown | Literally) for item in items)
        case Engine() | Factory() | Table() | ClassOf() | Suspended() | QueryOf() | ModuleOf() | Words():
            return True
        case _:
            return _is_object(value)


def _says_more(value: Value, own: Value) -> bool:
    """Whether the argument tells something that the parameter's annotation does not."""
    if isinstance(value, Unknown) or value == own:
        return False
    if isinstance(own, Unknown) or own == NONE:
        return any(_is_telling(option) for option in options(value))
    if isinstance(own, Instance) and isinstance(value, Instance):
        return own.cls != value.cls
    if isinstance(own, Series | Table):
        return type(own) is type(value) and bool(value.items) and not own.items
    return isinstance(own, Library) and isinstance(value, FunctionOf | Instance | Suspended)


def _is_other_holder(analysis: Analysis, value: Value, own: Value) -> bool:
    """Whether a connection is passed where use suggested a session, or the other way: a commit differs for them."""
    if not isinstance(value, Holder) or not isinstance(own, Holder):
        return False
    return analysis.holders.classes[value.kind].kind != analysis.holders.classes[own.kind].kind


def _known_fields(
    analysis: Analysis, state: State, value: Value, own: Value, place: Place, depth: int = 2
) -> list[tuple[Place, str, Value]]:
    """Fields of an argument that its class does not type but that the caller has seen being set."""
    if not isinstance(value, Instance) or not isinstance(own, Instance) or not depth:
        return []
    fields = state.heap.get(value.place)
    if not fields:
        return []
    found = []
    module = names.module_frame(analysis, analysis.classes[own.cls].path)
    for name, held in fields.items():
        if isinstance(held, Unknown | Literally):
            continue
        declared = objects.declared_field(module, own, name)
        inner = place.attribute(name)
        if _says_more(held, declared):
            declared = types.carry(held, inner)
            found.append((place, name, declared))
        found.extend(_known_fields(analysis, state, held, declared, inner, depth - 1))
    return found


def _empty_fields(analysis: Analysis, state: State, value: Value) -> list[tuple[Place, str, Value]]:
    """Fields of an object that a closure shares which would lead to a holder, but that the caller knows to be empty."""
    if not isinstance(value, Instance):
        return []
    module = names.module_frame(analysis, analysis.classes[value.cls].path)
    return [
        (value.place, name, NONE)
        for name, held in state.heap.get(value.place, {}).items()
        if held == NONE and any(isinstance(one, Holder) for one in options(objects.declared_field(module, value, name)))
    ]
