"""Gaps: calls that might wait, and callees that are given a holder, of which the analysis cannot tell what they are.

Each gap is led back to the one declaration that would close it: a parameter, a field, a return value, a library.
"""

from __future__ import annotations

import sys

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Frame, Site
from flake8_poolhold.flow.model.states import GIVEN, HELD, State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    FunctionOf,
    Instance,
    Library,
    Unknown,
    Value,
    holders_in,
)
from flake8_poolhold.flow.naming import names, objects


def awaited(frame: Frame, state: State, expression: tree.Expression, value: Value, span: tree.Span) -> None:
    """`value`, which `expression` stands for, is awaited, entered or iterated by async code."""
    if _is_gap(frame, value):
        _note(frame, state, expression, span)


def called(frame: Frame, state: State, node: tree.Call, callee: Value, arguments: list[BoundArgument]) -> None:
    """`callee` is called; it matters when it is given a holder."""
    if isinstance(callee, Unknown) and any(holders_in(argument.value) for argument in arguments):
        _note(frame, state, node.function, node.span)


def _is_gap(frame: Frame, value: Value) -> bool:
    match value:
        case Unknown():
            return True
        case Library(path=path, holders=held):
            root = path.partition(".")[0].removesuffix("()")
            return not held and not frame.analysis.project.is_library(root) and root not in sys.stdlib_module_names
        case _:
            return False


def _note(frame: Frame, state: State, expression: tree.Expression, span: tree.Span) -> None:
    gaps = frame.analysis.gaps
    if frame.muted or not frame.reporting or frame.analysis.pending.awaits_value():
        return
    cause = _cause(frame, state, expression)
    if cause is None:
        return
    where, text = cause
    site = (frame.path, *span[:2])
    sites = gaps.setdefault((where or site, text), {})
    sites[site] = sites.get(site, False) or _may_hold(frame, state)


def _may_hold(frame: Frame, state: State) -> bool:
    """Whether a connection is, or may be by the caller's doing, checked out here."""
    mine = (state.holder(place).kinds for place in {*state.holders, *frame.known})
    return any(kinds & {HELD, GIVEN} for kinds in mine)


_Cause = tuple[Site | None, str]
"""Where the declaration stands (`None`: at the call itself), and what to declare."""


def _cause(frame: Frame, state: State, expression: tree.Expression) -> _Cause | None:
    """The declaration that would tell what `expression` is."""
    match expression:
        case tree.Await(value=inner) | tree.Subscript(value=inner):
            return _cause(frame, state, inner)
        case tree.Call(function=function):
            return _of_call(frame, state, function)
        case tree.Attribute(value=owner, name=name):
            return _of_attribute(frame, state, owner, name)
        case tree.Name(id=name):
            return _of_name(frame, state, name)
        case _:
            return None


def _of_call(frame: Frame, state: State, function: tree.Expression) -> _Cause | None:
    callee = _peek(frame, state, function)
    if isinstance(callee, FunctionOf):
        info = frame.analysis.functions[callee.function]
        if info.node.returns is None:
            return (info.path, *info.node.span[:2]), f"annotate what `{info.name}` returns"
        return None
    return _of_library(callee) if isinstance(callee, Library) else _cause(frame, state, function)


def _of_attribute(frame: Frame, state: State, owner: tree.Expression, name: str) -> _Cause | None:
    value = _peek(frame, state, owner)
    match value:
        case Instance(cls=cls):
            info = frame.analysis.classes[cls]
            outside = [base for base in names.mro(frame.analysis, cls)[1] if not base.startswith("builtins.")]
            if outside and not frame.analysis.project.is_library(outside[0].partition(".")[0]):
                return _of_library(Library(outside[0]))
            return (info.path, *info.node.span[:2]), f"annotate `{name}` in class `{info.name}`"
        case Library():
            return _of_library(value)
        case Unknown():
            return _cause(frame, state, owner)
        case _:
            return None


def _of_name(frame: Frame, state: State, name: str) -> _Cause | None:
    function = frame.function
    if function is None:
        return None
    value = names.lookup(frame, state, name)
    if isinstance(value, Library):
        return _of_library(value)
    if any(parameter.name == name for parameter in function.node.parameters):
        return (function.path, *function.node.span[:2]), f"annotate the parameter `{name}` of `{function.name}`"
    return None, f"annotate the variable `{name}` in `{function.name}`"


def _of_library(value: Library) -> _Cause | None:
    root = value.path.partition(".")[0].removesuffix("()")
    if root in ("?", "builtins", "typing", "abc"):
        return None
    return ("pyproject.toml", 0, 0), f"describe `{root}` in [tool.poolhold.libraries]"


def _peek(frame: Frame, state: State, expression: tree.Expression) -> Value:
    """The value of a name or a chain of attributes, without its effects."""
    muted, frame.muted = frame.muted, True
    try:
        match expression:
            case tree.Name(id=name):
                return names.lookup(frame, state, name)
            case tree.Attribute(value=owner, name=name):
                return objects.attribute(frame, state.copy(), _peek(frame, state, owner), name)
            case _:
                return Unknown()
    finally:
        frame.muted = muted
