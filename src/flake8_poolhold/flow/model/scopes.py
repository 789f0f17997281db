"""The names that a module, class or function body binds, and what each binding is."""

from __future__ import annotations

from collections.abc import Iterator

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
    match statement:
        case tree.If(arms=arms, otherwise=otherwise):
            return [*(body for _, body in arms), otherwise]
        case tree.While(body=body, otherwise=otherwise) | tree.For(body=body, otherwise=otherwise):
            return [body, otherwise]
        case tree.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
            return [body, *(handler.body for handler in handlers), otherwise, final]
        case tree.With(body=body):
            return [body]
        case tree.Match(cases=cases):
            return [case.body for case in cases]
        case _:
            return []


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
