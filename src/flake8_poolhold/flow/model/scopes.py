"""The names that a module, class or function body binds, and what each binding is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from flake8_poolhold.facts import tree

Binding = tree.Import | tree.ImportFrom | tree.Assign | tree.Function | tree.Class | tree.For | tree.WithItem


class Scope(msgspec.Struct):
    """Bindings by name, in the order of the source; `stars` are the star imports."""

    names: dict[str, list[Binding]]
    stars: list[tree.ImportFrom]
    globals: dict[str, list[tuple[tree.Function, tree.Assign]]]
    """Assignments to a module's names that functions make through `global`."""
    functions: list[tuple[str, tree.Function, str]]
    """All functions of the body, at any depth in its classes: qualified name, function, name of the class or empty."""
    classes: dict[str, tree.Class]


def module_scope(body: list[tree.Statement]) -> Scope:
    """The scope of a module or class body."""
    scope = Scope({}, [], {}, [], {})
    _collect(body, scope, "")
    return scope


def statements(body: list[tree.Statement]) -> Iterator[tree.Statement]:
    """All statements of a body and of its blocks, but not of the functions and classes in it."""
    for statement in body:
        yield statement
        if type(statement) in _BLOCKS:
            for block in blocks(statement):
                yield from statements(block)


def functions(body: list[tree.Statement]) -> Iterator[tree.Function]:
    """All functions that are defined in a body, at any depth of its functions and classes; lambdas are none."""
    for statement in statements(body):
        if isinstance(statement, tree.Function | tree.Class):
            if isinstance(statement, tree.Function):
                yield statement
            yield from functions(statement.body)


def blocks(statement: tree.Statement) -> list[list[tree.Statement]]:
    """The blocks of a compound statement."""
    inside = _BLOCKS.get(type(statement))
    return inside(statement) if inside is not None else []


_BLOCKS: dict[type, Callable[[Any], list[list[tree.Statement]]]] = {
    tree.If: lambda one: [*(body for _, body in one.arms), one.otherwise],
    tree.While: lambda one: [one.body, one.otherwise],
    tree.For: lambda one: [one.body, one.otherwise],
    tree.Try: lambda one: [one.body, *(handler.body for handler in one.handlers), one.otherwise, one.final],
    tree.With: lambda one: [one.body],
    tree.Match: lambda one: [case.body for case in one.cases],
}


def _collect(body: list[tree.Statement], scope: Scope, prefix: str) -> None:
    for statement in statements(body):
        match statement:
            case tree.Import(name=name) | tree.Function(name=name):
                _bind(scope, name, statement)
            case tree.Class(name=name):
                _bind(scope, name, statement)
                scope.classes[prefix + name] = statement
                _nested(statement, scope, prefix + name)
            case tree.ImportFrom(name=name):
                if name == "*":
                    scope.stars.append(statement)
                else:
                    _bind(scope, name, statement)
            case tree.Assign(targets=targets):
                for target in targets:
                    for bound in _names(target):
                        _bind(scope, bound, statement)
            case _:
                pass
        if isinstance(statement, tree.Function):
            scope.functions.append((prefix + statement.name, statement, prefix.rstrip(".")))
            _assigned_globals(statement, scope)


def _bind(scope: Scope, name: str, binding: Binding) -> None:
    known = scope.names.get(name)
    if known is None:
        scope.names[name] = [binding]
    else:
        known.append(binding)


def _nested(definition: tree.Class, scope: Scope, name: str) -> None:
    """Functions and classes of a class body belong to the module's list, not to its names."""
    inner = Scope({}, [], scope.globals, scope.functions, scope.classes)
    _collect(definition.body, inner, f"{name}.")


def _assigned_globals(function: tree.Function, scope: Scope) -> None:
    declared: set[str] = set()
    for statement in statements(function.body):
        if isinstance(statement, tree.Global):
            declared.update(statement.names)
    if not declared:
        return
    for statement in statements(function.body):
        if isinstance(statement, tree.Assign) and statement.value is not None:
            for target in statement.targets:
                if isinstance(target, tree.Name) and target.id in declared:
                    scope.globals.setdefault(target.id, []).append((function, statement))


def _names(target: tree.Expression) -> Iterator[str]:
    match target:
        case tree.Name(id=name):
            yield name
        case tree.Sequence(items=items):
            for item in items:
                yield from _names(item)
        case tree.Starred(value=value):
            yield from _names(value)
        case _:
            return
