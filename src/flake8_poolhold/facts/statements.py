"""Lowering of statements: the interpreter's syntax tree of a module becomes the facts of the module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import Any

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.expressions import arguments, lower, lower_annotation, parameters
from flake8_poolhold.facts.places import Places, with_items
from flake8_poolhold.facts.tree import Expression, Statement

_Emit = Callable[[Statement], None]


def lower_module(module: ast.Module, text: str) -> list[Statement]:
    """Lower the body of `module`, which was parsed from `text`."""
    return _block(module.body, Places(text))


def _block(nodes: list[ast.stmt], places: Places) -> list[Statement]:
    lowered: list[Statement] = []
    emit = lowered.append
    for node in nodes:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(node, places, emit)
    return lowered.copy()  # a list that has grown takes more room than one of its size


def _optional(node: ast.expr | None, places: Places) -> Expression | None:
    return lower(node, places) if node is not None else None


def _all(nodes: list[ast.expr], places: Places) -> list[Expression]:
    if len(nodes) == 1:  # as most are
        return [lower(nodes[0], places)]
    return [lower(node, places) for node in nodes]


def _evaluate(node: ast.Expr, places: Places, emit: _Emit) -> None:
    value = lower(node.value, places)
    idle = isinstance(value, tree.Constant | tree.Name) or (isinstance(value, tree.Compute) and not value.parts)
    if not idle:  # a docstring or a bare `...` does nothing
        emit(tree.Evaluate(value))


def _assign(node: ast.Assign, places: Places, emit: _Emit) -> None:
    emit(tree.Assign(_all(node.targets, places), lower(node.value, places), None, places.span(node)))


def _annotated(node: ast.AnnAssign, places: Places, emit: _Emit) -> None:
    annotation = lower_annotation(node.annotation, places)
    emit(tree.Assign([lower(node.target, places)], _optional(node.value, places), annotation, places.span(node)))


def _augmented(node: ast.AugAssign, places: Places, emit: _Emit) -> None:
    emit(tree.AugmentedAssign(lower(node.target, places), lower(node.value, places)))


def _type_alias(node: Any, places: Places, emit: _Emit) -> None:
    emit(tree.Assign([lower(node.name, places)], lower_annotation(node.value, places), None))


def _return(node: ast.Return, places: Places, emit: _Emit) -> None:
    emit(tree.Return(_optional(node.value, places), places.span(node)))


def _raise(node: ast.Raise, places: Places, emit: _Emit) -> None:
    emit(tree.Raise(_optional(node.exc, places), places.span(node)))


def _assert(node: ast.Assert, places: Places, emit: _Emit) -> None:
    test = lower(node.test, places)
    if isinstance(test, tree.Constant) and test.value is False:
        emit(tree.Raise(None, places.span(node)))
    else:
        emit(tree.Evaluate(tree.Compute([test])))


def _delete(node: ast.Delete, places: Places, emit: _Emit) -> None:
    targets = _all(node.targets, places)
    emit(tree.Delete(targets if len(targets) == 1 else [tree.Sequence("tuple", targets)]))


def _global(node: ast.Global | ast.Nonlocal, places: Places, emit: _Emit) -> None:
    emit(tree.Global(list(node.names)))


def _import(node: ast.Import, places: Places, emit: _Emit) -> None:
    for alias in node.names:
        if alias.asname is not None:
            emit(tree.Import(alias.name, alias.asname))
        else:
            root, dot, _ = alias.name.partition(".")
            emit(tree.Import(root, root))
            if dot:  # `import a.b` also makes sure that `a.b` is loaded, which the resolver wants to know
                emit(tree.Import(alias.name, alias.name))


def _import_from(node: ast.ImportFrom, places: Places, emit: _Emit) -> None:
    for alias in node.names:
        emit(tree.ImportFrom(node.module or "", node.level, alias.name, alias.asname or alias.name))


def _if(node: ast.If, places: Places, emit: _Emit) -> None:
    arms = [(lower(node.test, places), _block(node.body, places))]
    rest = node
    while len(rest.orelse) == 1 and isinstance(inner := rest.orelse[0], ast.If) and _is_elif(inner, rest):
        rest = inner
        arms.append((lower(rest.test, places), _block(rest.body, places)))
    emit(tree.If(arms, _block(rest.orelse, places)))


def _is_elif(node: ast.If, above: ast.If) -> bool:
    """An `if` in an `else` is indented, an `elif` is not."""
    return node.col_offset == above.col_offset


def _while(node: ast.While, places: Places, emit: _Emit) -> None:
    emit(tree.While(lower(node.test, places), _block(node.body, places), _block(node.orelse, places)))


def _for(node: ast.For | ast.AsyncFor, places: Places, emit: _Emit) -> None:
    emit(
        tree.For(
            lower(node.target, places),
            lower(node.iter, places),
            _block(node.body, places),
            _block(node.orelse, places),
            isinstance(node, ast.AsyncFor),
            places.span(node),
        )
    )


def _try(node: ast.Try | ast.TryStar, places: Places, emit: _Emit) -> None:
    body = _block(node.body, places)
    handlers = [
        tree.Handler(_optional(_caught(handler.type), places), handler.name, _block(handler.body, places))
        for handler in node.handlers
    ]
    emit(tree.Try(body, handlers, _block(node.orelse, places), _block(node.finalbody, places)))


def _caught(types: ast.expr | None) -> ast.expr | None:
    """`A | B` catches nothing in any Python: it stands for newer Python's `A, B` without brackets, see `newer`."""
    listed: list[ast.expr] = []
    left = types
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.BitOr):
        listed.insert(0, left.right)
        left = left.left
    if left is None or types is None or not listed:
        return types
    return ast.copy_location(ast.Tuple([left, *listed], ast.Load()), types)


def _with(node: ast.With | ast.AsyncWith, places: Places, emit: _Emit) -> None:
    items = [
        tree.WithItem(lower(item.context_expr, places), _optional(item.optional_vars, places), span)
        for item, span in zip(node.items, with_items(node, places), strict=True)
    ]
    emit(tree.With(items, _block(node.body, places), isinstance(node, ast.AsyncWith), places.span(node)))


def _match(node: ast.Match, places: Places, emit: _Emit) -> None:
    cases = []
    for case in node.cases:
        irrefutable = case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
        names = sorted(_bound(case.pattern))
        cases.append(tree.Case(names, _optional(case.guard, places), irrefutable, _block(case.body, places)))
    emit(tree.Match(lower(node.subject, places), cases))


def _bound(pattern: ast.pattern) -> set[str]:
    """The names that a `match` pattern binds."""
    names: set[str | None] = set()
    for node in ast.walk(pattern):
        if isinstance(node, ast.MatchAs | ast.MatchStar):
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping):
            names.add(node.rest)
    return {name for name in names if name is not None}


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, places: Places, emit: _Emit) -> None:
    outside = places.yields
    body = _block(node.body, places)
    is_generator = places.yields > outside
    places.yields = outside
    emit(
        tree.Function(
            node.name,
            parameters(node.args, places),
            _all(node.decorator_list, places),
            lower_annotation(node.returns, places) if node.returns is not None else None,
            isinstance(node, ast.AsyncFunctionDef),
            is_generator,
            body,
            places.span(node),
        )
    )


def _class(node: ast.ClassDef, places: Places, emit: _Emit) -> None:
    emit(
        tree.Class(
            node.name,
            [lower(base.value if isinstance(base, ast.Starred) else base, places) for base in node.bases],
            arguments([], node.keywords, places),
            _all(node.decorator_list, places),
            _block(node.body, places),
            places.span(node),
        )
    )


_HANDLERS: dict[type, Callable[[Any, Places, _Emit], None]] = {
    ast.Expr: _evaluate,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Break: lambda node, places, emit: emit(tree.Break()),
    ast.Continue: lambda node, places, emit: emit(tree.Continue()),
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Match: _match,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
}
if sys.version_info >= (3, 12):
    _HANDLERS[ast.TypeAlias] = _type_alias
