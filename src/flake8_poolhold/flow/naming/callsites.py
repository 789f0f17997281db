"""Call sites: what the project passes to a parameter that has no annotation.

Constructors and functions of modules are looked up by name in the bytes of all files. An argument is evaluated where it
stands, from the assignments around it, whatever the order in which they run: it tells a type, not a value.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import contexts, expressions, parameters, recursion
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    UNKNOWN,
    ClassOf,
    Engine,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Loaded,
    Place,
    Unknown,
    Value,
    join,
    options,
)
from flake8_poolhold.flow.naming import names, types
from flake8_poolhold.source.paths import is_test

MOST_FILES = 24
"""What is called in more files than this takes anything; looking it up would cost more than it tells."""

MOST_FILES_OF_METHODS = 6
"""The name of a method is less telling: each call's receiver must be looked up."""

MOST_BINDINGS = 3
"""A variable that is assigned more often than this is known by its first assignments."""

DEEPEST = 4
"""Variables assigned from variables: deeper down nothing is known."""


def passed(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter, place: Place) -> Value:
    """What the project's calls of a function give to a parameter of which it awaits something; it is at `place`."""
    if _is_awaited(analysis, info, parameter.name):
        return _given(analysis, info, parameter, place)
    return UNKNOWN


def never_given(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter) -> bool:
    """Whether a parameter has its default in every run: the project calls the function, and nothing else, without it.

    Calls of anything that has the same name count, and tests do not.
    """
    name = info.node.name
    if not _can_be_found(info) or name == "__init__" or parameter.kind not in ("positional", "keyword"):
        return False
    position = info.node.parameters.index(parameter) - (1 if info.owner and not parameters.is_static(info) else 0)
    called = False
    for path in analysis.project.naming(name, name):
        if is_test(path):
            continue
        index = analysis.project.index(path)
        calls = index.calls.get(name, ())
        if not path.endswith(".py") or len(calls) < len(index.names.get(name, ())):
            return False  # handed on
        for _, call in calls:
            if any(one.star for one in call.arguments) or _argument(call, parameter, position) is not None:
                return False
        called = called or bool(calls)
    return called


def keeps_loaded(analysis: Analysis, cls: str, field: str) -> bool:
    """Whether a call in the project gives the constructor of a class an ORM instance that was loaded for a field.

    The instance comes from a query and belongs to the session that ran it.
    """
    constructor = names.method(analysis, cls, "__init__")
    if constructor is None or not _can_be_found(constructor):
        return False
    kept = {
        statement.value.id
        for statement in statements(constructor.node.body)
        if isinstance(statement, tree.Assign)
        and isinstance(statement.value, tree.Name)
        and any(isinstance(target, tree.Attribute) and target.name == field for target in statement.targets)
    }
    for parameter in constructor.node.parameters:
        if parameter.name in kept and parameter.annotation is None and parameter.kind in ("positional", "keyword"):
            key = ("loaded", constructor.id, parameter.name)
            given = recursion.value(analysis, key, functools.partial(_loaded, analysis, constructor, parameter))
            return not isinstance(given, Unknown)
    return False


def _loaded(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter) -> Value:
    given = _arguments(analysis, info, parameter)
    return join(value for value in given if isinstance(value, Loaded) and value.entity)


def _given(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter, place: Place) -> Value:
    if parameter.kind not in ("positional", "keyword") or not _can_be_found(info):
        return UNKNOWN
    key = ("passed", info.id, parameter.name)
    known = recursion.value(analysis, key, lambda: _passed(analysis, info, parameter))
    return types.reroot(known, place)


def _can_be_found(info: FunctionInfo) -> bool:
    """Whether the name that calls of the function use says which function it is."""
    name = info.node.name
    if name.startswith("__"):
        return name == "__init__" and bool(info.owner)
    return name != "<lambda>" and "<locals>" not in info.name


def _is_awaited(analysis: Analysis, info: FunctionInfo, name: str) -> bool:
    """Whether something of the parameter is awaited, so that it matters what it is.

    A constructor keeps it for the other methods. What a method of it makes is kept for everybody: a gRPC stub keeps
    `channel.unary_unary(...)`.
    """
    if info.node.name != "__init__" or not info.owner:
        return name in _awaited(analysis, info)
    if any(_keeps_made_by(statement, name) for statement in info.node.body):
        return True
    kept = {
        target.name
        for statement in statements(info.node.body)
        if isinstance(statement, tree.Assign) and isinstance(statement.value, tree.Name) and statement.value.id == name
        for target in statement.targets
        if isinstance(target, tree.Attribute)
    }
    owner = analysis.classes[info.owner]
    for bindings in owner.scope.names.values() if kept else ():
        method = bindings[-1]
        if isinstance(method, tree.Function):
            function = names.function_info(analysis, owner.path, f"{owner.name}.{method.name}", method, owner.key)
            if not kept.isdisjoint(_awaited(analysis, function)):
                return True
    return False


def _keeps_made_by(statement: tree.Statement, name: str) -> bool:
    """Whether a statement is `self.field = name.method(...)`."""
    match statement:
        case tree.Assign(
            targets=[tree.Attribute()], value=tree.Call(function=tree.Attribute(value=tree.Name(id=owner)))
        ):
            return owner == name
        case _:
            return False


def _awaited(analysis: Analysis, info: FunctionInfo) -> frozenset[str]:
    """The variables and the attributes of variables of which a function awaits, enters or iterates something."""
    known = analysis.awaited.get(info.id)
    if known is None:
        found: set[str] = set()
        for node in tree.walk(info.node.body):
            match node:
                case tree.Await(value=value):
                    _roots(value, found)
                case tree.With(is_async=True, items=items):
                    for item in items:
                        _roots(item.value, found)
                case tree.For(is_async=True, iterable=iterable):
                    _roots(iterable, found)
                case _:
                    pass
        known = analysis.awaited[info.id] = frozenset(found)
    return known


def _roots(expression: tree.Expression, found: set[str]) -> None:
    while isinstance(expression, tree.Call | tree.Attribute | tree.Subscript):
        match expression:
            case tree.Attribute(value=tree.Name(), name=name):
                found.add(name)
            case _:
                pass
        expression = expression.function if isinstance(expression, tree.Call) else expression.value
    if isinstance(expression, tree.Name):
        found.add(expression.id)


def _passed(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter) -> Value:
    return join(value for value in _arguments(analysis, info, parameter) if _tells(value))


def _arguments(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter) -> Iterator[Value]:
    """What the calls of a function give to a parameter; nothing when its name is called all over the project."""
    is_constructor = info.owner and info.node.name == "__init__"
    name = analysis.classes[info.owner].name.rpartition(".")[2] if is_constructor else info.node.name
    files = analysis.project.naming(f"{name}(", name)
    if len(files) > (MOST_FILES if is_constructor or not info.owner else MOST_FILES_OF_METHODS):
        return
    position = info.node.parameters.index(parameter) - (1 if info.owner and not parameters.is_static(info) else 0)
    for path in files:
        uses = analysis.project.uses(path, name)
        for outer, call in sorted(uses.calls.get(name, ()) if uses else (), key=lambda one: one[1].span):
            around = names.outer_function(analysis, path, outer) if outer is not None else None
            argument = _argument(call, parameter, position)
            if argument is not None and _leads_to(analysis, path, around, call.function, info):
                yield from options(_value(analysis, path, around, argument))


def _argument(call: tree.Call, parameter: tree.Parameter, position: int) -> tree.Expression | None:
    if any(argument.star for argument in call.arguments):
        return None
    positional = [argument.value for argument in call.arguments if argument.keyword is None]
    if parameter.kind == "positional" and 0 <= position < len(positional):
        return positional[position]
    return next((argument.value for argument in call.arguments if argument.keyword == parameter.name), None)


def _leads_to(
    analysis: Analysis, path: str, around: FunctionInfo | None, callee: tree.Expression, info: FunctionInfo
) -> bool:
    for option in options(_value(analysis, path, around, callee)):
        match option:
            case ClassOf(cls=cls):
                constructor = names.method(analysis, cls, "__init__")
                if constructor is not None and constructor.id == info.id:
                    return True
            case FunctionOf(function=function) if function == info.id:
                return True
            case _:
                pass
    return False


def _tells(value: Value) -> bool:
    match value:
        case FunctionOf(captured=captured, bound=bound):
            return not captured and not bound
        case Library(path=path, holders=holders):
            return not holders and not path.startswith(("builtins.", "?"))
        case _:
            return isinstance(value, Instance | Holder | Engine | Factory | ClassOf)


def _value(analysis: Analysis, path: str, around: FunctionInfo | None, expression: tree.Expression) -> Value:
    """The type of an expression in a function, by what its variables are assigned anywhere in the function.

    Nothing is called for it: what a function returns is what its annotation says.
    """
    frame, state = names.module_frame(analysis, path), State()
    frame.declared_only = True
    if around is not None:
        _bind(frame, state, around, expression, DEEPEST)
    return expressions.evaluate(frame, state, expression)


def _bind(frame: Frame, state: State, around: FunctionInfo, expression: tree.Expression, depth: int) -> None:
    """Give a value to the local variables that an expression mentions."""
    if not depth:
        return
    for name in sorted({node.id for node in tree.walk(expression) if isinstance(node, tree.Name)} - state.env.keys()):
        values = list(_bindings(frame, state, around, name, depth))
        if values:
            state.env[name] = join(values)


def _bindings(frame: Frame, state: State, around: FunctionInfo, name: str, depth: int) -> Iterator[Value]:
    analysis = frame.analysis
    for index, parameter in enumerate(around.node.parameters):
        if parameter.name == name:
            given = parameters.general_value(analysis, around, index, parameter)
            if isinstance(given, Unknown) and parameter.annotation is None:
                given = _given(analysis, around, parameter, parameters.place_of(around.id, name))
            yield given
    for binding in _locals(analysis, around).get(name, ())[:MOST_BINDINGS]:
        match binding:
            case tree.Import() | tree.ImportFrom():
                yield names.imported(analysis, around.path, binding)
            case tree.Assign(value=value) if value is not None:
                _bind(frame, state, around, value, depth - 1)
                yield expressions.evaluate(frame, state, value)
            case (tree.With(span=span, is_async=is_async), tree.WithItem(value=value)):
                _bind(frame, state, around, value, depth - 1)
                manager = expressions.evaluate(frame, state, value)
                yield contexts.enter(frame, state, manager, span, is_async=is_async)[0]
            case _:
                pass


def _locals(analysis: Analysis, around: FunctionInfo) -> dict[str, list[object]]:
    """What a function assigns, imports or enters, by the variable."""
    found = analysis.locals.get(around.id)
    if found is None:
        found = analysis.locals[around.id] = {}
        for statement in statements(around.node.body):
            match statement:
                case tree.Import(name=name) | tree.ImportFrom(name=name) | tree.Assign(targets=[tree.Name(id=name)]):
                    found.setdefault(name, []).append(statement)
                case tree.With(items=items):
                    for item in items:
                        if isinstance(item.target, tree.Name):
                            found.setdefault(item.target.id, []).append((statement, item))
                case _:
                    pass
    return found
