"""Lowering of statements: a libcst module becomes the facts of the module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import libcst as cst

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.expressions import arguments, lower, lower_annotation, parameters
from flake8_poolhold.facts.positions import Spans
from flake8_poolhold.facts.tree import Expression, Statement

_NOWHERE: tree.Span = (1, 1, 1, 1)
_Emit = Callable[[Statement], None]


def lower_module(module: cst.Module, spans: Spans) -> list[Statement]:
    """Lower the body of `module`, whose node positions are `spans`."""
    return _block(module.body, spans)


def _block(nodes: Iterable[Any], spans: Spans) -> list[Statement]:
    lowered: list[Statement] = []
    for node in nodes:
        if isinstance(node, cst.SimpleStatementLine):
            for small in node.body:
                _one(small, spans, lowered.append)
        else:
            _one(node, spans, lowered.append)
    return lowered


def _suite(node: cst.BaseSuite | cst.Else | cst.Finally | None, spans: Spans) -> list[Statement]:
    match node:
        case None:
            return []
        case cst.Else(body=suite) | cst.Finally(body=suite):
            return _suite(suite, spans)
        case cst.SimpleStatementSuite(body=body):
            lowered: list[Statement] = []
            for small in body:
                _one(small, spans, lowered.append)
            return lowered
        case _:
            return _block(node.body, spans)


def _one(node: cst.CSTNode, spans: Spans, emit: _Emit) -> None:
    handler = _HANDLERS.get(type(node))
    if handler is not None:
        handler(node, spans, emit)


def _optional(node: cst.BaseExpression | None, spans: Spans) -> Expression | None:
    return lower(node, spans) if node is not None else None


def _span(node: cst.CSTNode, spans: Spans) -> tree.Span:
    return spans.get(id(node), _NOWHERE)


def _evaluate(node: cst.Expr, spans: Spans, emit: _Emit) -> None:
    value = lower(node.value, spans)
    idle = isinstance(value, tree.Constant | tree.Name) or (isinstance(value, tree.Compute) and not value.parts)
    if not idle:  # a docstring or a bare `...` does nothing
        emit(tree.Evaluate(value))


def _assign(node: cst.Assign, spans: Spans, emit: _Emit) -> None:
    targets = [lower(target.target, spans) for target in node.targets]
    emit(tree.Assign(targets, lower(node.value, spans), None, _span(node, spans)))


def _annotated(node: cst.AnnAssign, spans: Spans, emit: _Emit) -> None:
    annotation = lower_annotation(node.annotation.annotation, spans)
    emit(tree.Assign([lower(node.target, spans)], _optional(node.value, spans), annotation))


def _augmented(node: cst.AugAssign, spans: Spans, emit: _Emit) -> None:
    emit(tree.AugmentedAssign(lower(node.target, spans), lower(node.value, spans)))


def _type_alias(node: cst.TypeAlias, spans: Spans, emit: _Emit) -> None:
    emit(tree.Assign([tree.Name(node.name.value)], lower_annotation(node.value, spans), None))


def _return(node: cst.Return, spans: Spans, emit: _Emit) -> None:
    emit(tree.Return(_optional(node.value, spans), _span(node, spans)))


def _raise(node: cst.Raise, spans: Spans, emit: _Emit) -> None:
    emit(tree.Raise(_optional(node.exc, spans), _span(node, spans)))


def _assert(node: cst.Assert, spans: Spans, emit: _Emit) -> None:
    test = lower(node.test, spans)
    if isinstance(test, tree.Constant) and test.value is False:
        emit(tree.Raise(None, _span(node, spans)))
    else:
        emit(tree.Evaluate(tree.Compute([test])))


def _delete(node: cst.Del, spans: Spans, emit: _Emit) -> None:
    emit(tree.Delete([lower(node.target, spans)]))


def _global(node: cst.Global | cst.Nonlocal, spans: Spans, emit: _Emit) -> None:
    emit(tree.Global([item.name.value for item in node.names]))


def _dotted(node: cst.BaseExpression | None) -> str:
    names: list[str] = []
    while isinstance(node, cst.Attribute):
        names.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        names.append(node.value)
    return ".".join(reversed(names))


def _alias(alias: cst.ImportAlias) -> str | None:
    name = alias.asname.name if alias.asname is not None else None
    return name.value if isinstance(name, cst.Name) else None


def _import(node: cst.Import, spans: Spans, emit: _Emit) -> None:
    for alias in node.names:
        module = _dotted(alias.name)
        name = _alias(alias)
        if name is not None:
            emit(tree.Import(module, name))
        else:
            emit(tree.Import(module.partition(".")[0], module.partition(".")[0]))
            if "." in module:  # `import a.b` also makes sure that `a.b` is loaded, which the resolver wants to know
                emit(tree.Import(module, module))


def _import_from(node: cst.ImportFrom, spans: Spans, emit: _Emit) -> None:
    module, level = _dotted(node.module), len(node.relative)
    if isinstance(node.names, cst.ImportStar):
        emit(tree.ImportFrom(module, level, "*", "*"))
        return
    for alias in node.names:
        symbol = _dotted(alias.name)
        emit(tree.ImportFrom(module, level, symbol, _alias(alias) or symbol))


def _if(node: cst.If, spans: Spans, emit: _Emit) -> None:
    arms: list[tuple[Expression, list[Statement]]] = []
    rest: cst.If | cst.Else | None = node
    while isinstance(rest, cst.If):
        arms.append((lower(rest.test, spans), _suite(rest.body, spans)))
        rest = rest.orelse
    emit(tree.If(arms, _suite(rest, spans)))


def _while(node: cst.While, spans: Spans, emit: _Emit) -> None:
    emit(tree.While(lower(node.test, spans), _suite(node.body, spans), _suite(node.orelse, spans)))


def _for(node: cst.For, spans: Spans, emit: _Emit) -> None:
    emit(
        tree.For(
            lower(node.target, spans),
            lower(node.iter, spans),
            _suite(node.body, spans),
            _suite(node.orelse, spans),
            node.asynchronous is not None,
            _span(node, spans),
        )
    )


def _try(node: cst.Try | cst.TryStar, spans: Spans, emit: _Emit) -> None:
    handlers = [
        tree.Handler(
            _optional(handler.type, spans),
            _dotted(handler.name.name)
            if handler.name is not None and isinstance(handler.name.name, cst.Name)
            else None,
            _suite(handler.body, spans),
        )
        for handler in node.handlers
    ]
    emit(tree.Try(_suite(node.body, spans), handlers, _suite(node.orelse, spans), _suite(node.finalbody, spans)))


def _with(node: cst.With, spans: Spans, emit: _Emit) -> None:
    items = [
        tree.WithItem(
            lower(item.item, spans),
            lower(item.asname.name, spans) if item.asname is not None else None,
            _span(item, spans),
        )
        for item in node.items
    ]
    emit(tree.With(items, _suite(node.body, spans), node.asynchronous is not None, _span(node, spans)))


def _match(node: cst.Match, spans: Spans, emit: _Emit) -> None:
    cases = []
    for case in node.cases:
        irrefutable = case.guard is None and isinstance(case.pattern, cst.MatchAs) and case.pattern.pattern is None
        names = sorted(_bound(case.pattern))
        cases.append(tree.Case(names, _optional(case.guard, spans), irrefutable, _suite(case.body, spans)))
    emit(tree.Match(lower(node.subject, spans), cases))


def _bound(pattern: cst.CSTNode) -> set[str]:
    """The names that a `match` pattern binds."""
    names: set[str] = set()
    waiting = [pattern]
    while waiting:
        node = waiting.pop()
        if isinstance(node, cst.MatchAs | cst.MatchStar) and node.name is not None:
            names.add(node.name.value)
        if isinstance(node, cst.MatchMapping) and node.rest is not None:
            names.add(node.rest.value)
        waiting.extend(node.children)
    return names


def _function(node: cst.FunctionDef, spans: Spans, emit: _Emit) -> None:
    outside = spans.yields
    body = _suite(node.body, spans)
    is_generator = spans.yields > outside
    spans.yields = outside
    emit(
        tree.Function(
            node.name.value,
            parameters(node.params, spans),
            [lower(decorator.decorator, spans) for decorator in node.decorators],
            lower_annotation(node.returns.annotation, spans) if node.returns is not None else None,
            node.asynchronous is not None,
            is_generator,
            body,
            _span(node, spans),
        )
    )


def _class(node: cst.ClassDef, spans: Spans, emit: _Emit) -> None:
    emit(
        tree.Class(
            node.name.value,
            [lower(base.value, spans) for base in node.bases],
            arguments(node.keywords, spans),
            [lower(decorator.decorator, spans) for decorator in node.decorators],
            _suite(node.body, spans),
            _span(node, spans),
        )
    )


_HANDLERS: dict[type, Callable[[Any, Spans, _Emit], None]] = {
    cst.Expr: _evaluate,
    cst.Assign: _assign,
    cst.AnnAssign: _annotated,
    cst.AugAssign: _augmented,
    cst.TypeAlias: _type_alias,
    cst.Return: _return,
    cst.Raise: _raise,
    cst.Assert: _assert,
    cst.Del: _delete,
    cst.Global: _global,
    cst.Nonlocal: _global,
    cst.Break: lambda node, spans, emit: emit(tree.Break()),
    cst.Continue: lambda node, spans, emit: emit(tree.Continue()),
    cst.Import: _import,
    cst.ImportFrom: _import_from,
    cst.If: _if,
    cst.While: _while,
    cst.For: _for,
    cst.Try: _try,
    cst.TryStar: _try,
    cst.With: _with,
    cst.Match: _match,
    cst.FunctionDef: _function,
    cst.ClassDef: _class,
}
