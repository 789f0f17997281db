"""Objects that serve requests: which of their fields the handlers in their methods read, for as long as they live."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.fastapi import dependencies, handlers
from flake8_poolhold.flow.interpreting import expressions, parameters
from flake8_poolhold.flow.model.frames import Analysis, ClassInfo, Frame, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Router, options
from flake8_poolhold.flow.naming import names

_PER_REQUEST = dependencies.VERBS | {"middleware", "exception_handler"}
"""Methods of an application or router that register the function they decorate, to be called for each request."""


def fields(analysis: Analysis, cls: str) -> frozenset[str]:
    """The fields of an object of `cls` that functions read which an application calls for each request.

    These are functions in its methods, which capture it, and its own methods, where they are added as routes.
    """
    known = analysis.serving.get(cls)
    if known is None:
        with analysis.tracker.finding(("serving", cls)):
            known = analysis.serving[cls] = frozenset(_fields(analysis, analysis.classes[cls]))
    return known


def _fields(analysis: Analysis, info: ClassInfo) -> Iterator[str]:
    for bindings in info.scope.names.values():
        node = bindings[-1]
        if not isinstance(node, tree.Function) or not node.parameters:
            continue
        method = names.function_info(analysis, info.path, f"{info.name}.{node.name}", node, info.key)
        if method.id in handlers.added(analysis):
            yield from _read(node, node.parameters[0].name)
        elif inner := [one for one in statements(node.body) if isinstance(one, tree.Function) and one.decorators]:
            frame, state = _around(analysis, method)
            for function in inner:
                if _is_registered(frame, state, function):
                    yield from _read(function, node.parameters[0].name)


def _around(analysis: Analysis, method: FunctionInfo) -> tuple[Frame, State]:
    """What a method knows of applications and routers: its parameters, and those that it makes."""
    frame, state = names.module_frame(analysis, method.path), State()
    for index, parameter in enumerate(method.node.parameters):
        state.env[parameter.name] = parameters.general_value(analysis, method, index, parameter)
    for statement in statements(method.node.body):
        if isinstance(statement, tree.Assign) and isinstance(statement.value, tree.Call):
            value = expressions.evaluate(frame, state, statement.value)
            if isinstance(value, Router):
                expressions.assign(frame, state, statement.targets[0], value)
    return frame, state


def _is_registered(frame: Frame, state: State, function: tree.Function) -> bool:
    for decorator in function.decorators:
        match decorator:
            case tree.Call(function=tree.Attribute(value=owner, name=name)) if name in _PER_REQUEST:
                value = expressions.evaluate(frame, state.copy(), owner)
                if any(isinstance(option, Router) for option in options(value)):
                    return True
            case _:
                pass
    return False


def _read(function: tree.Function, receiver: str) -> Iterator[str]:
    for node in walk(function.body):
        match node:
            case tree.Attribute(value=tree.Name(id=owner), name=name) if owner == receiver:
                yield name
            case _:
                pass
