"""Lowering of expressions: an expression of the interpreter's syntax tree becomes one of the event tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, TypeGuard

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.places import Places, nowhere
from flake8_poolhold.facts.tree import Expression

LONGEST_STRING = 1000
"""Longer strings, mostly prompts, are not kept: no rule reads them. Strings that stand side by side are one string."""

LONGEST_TEXT = 200
"""Of f-strings, which are mostly messages and prompts, those with more literal text than this are not kept."""

_LARGEST = 2**63 - 1
"""What facts can be written with."""

_Lower = Callable[[Any, Places], Expression]


def lower(node: ast.expr, places: Places) -> Expression:
    """Lower one expression. Raises `RecursionError` on one nested deeper than the interpreter's stack allows."""
    return _HANDLERS[type(node)](node, places)


def lower_annotation(node: ast.expr, places: Places) -> Expression:
    """Lower an annotation; string annotations, whole or inside a subscript, are parsed."""
    return _unquote(_HANDLERS[type(node)](node, places))


def _unquote(expression: Expression) -> Expression:
    match expression:
        case tree.Constant(value=str(text)):
            try:
                return lower(ast.parse(text.strip(), mode="eval").body, Places(text, nowhere))
            except (SyntaxError, ValueError, RecursionError, MemoryError):  # one that is no expression says nothing
                return expression
        case tree.Subscript(value=tree.Name(id="Literal")):
            return expression
        case tree.Subscript(value=value, index=index):
            return tree.Subscript(value, _unquote(index))
        case tree.Sequence(kind=kind, items=items):
            return tree.Sequence(kind, [_unquote(item) for item in items])
        case tree.Either(operator=operator, parts=parts):
            return tree.Either(operator, [_unquote(part) for part in parts])
        case _:
            return expression


def _compute(parts: list[Expression]) -> Expression:
    """Fold parts nobody follows; names and constants alone have no effect."""
    kept: list[Expression] = []
    for part in parts:
        if isinstance(part, tree.Compute):
            kept.extend(part.parts)
        elif not isinstance(part, tree.Name | tree.Constant):
            kept.append(part)
    return tree.Compute(kept)


def _other(node: ast.expr, places: Places) -> Expression:
    """An expression that is not followed, or newer than this file: its parts are evaluated."""
    return _compute([lower(part, places) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)])


def _name(node: ast.Name, places: Places) -> Expression:
    return tree.Name(node.id)


def _attribute(node: ast.Attribute, places: Places) -> Expression:
    value = node.value
    return tree.Attribute(_HANDLERS[type(value)](value, places), node.attr, places.span(node))


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def _constant(node: ast.Constant, places: Places) -> Expression:
    value = node.value
    if isinstance(value, str):
        return _string(value) if len(value) <= LONGEST_STRING else tree.Compute([])
    if value is None or value is True or value is False:
        return tree.Constant(value)
    return tree.Constant(value) if isinstance(value, int) and value <= _LARGEST else tree.Compute([])


def _string(value: str) -> Expression:
    # A lone surrogate, "\\ud83d", is text that cannot be written down.
    return tree.Constant(value) if value.isascii() or not _SURROGATE.search(value) else tree.Compute([])


def _text(parts: list[Expression]) -> Expression:
    """Text put together: one constant, a `Text`, or a `Compute` when a part is no text or too long."""
    flat: list[Expression] = []
    for part in parts:
        for piece in part.parts if isinstance(part, tree.Text) else (part,):
            last = flat[-1] if flat else None
            if _is_string(piece) and _is_string(last):
                flat[-1] = tree.Constant(f"{last.value}{piece.value}")
            else:
                flat.append(piece)
    if not flat:
        return tree.Constant("")
    if len(flat) == 1 and _is_string(flat[0]):
        return flat[0]
    literal = sum(len(str(piece.value)) for piece in flat if _is_string(piece))
    return tree.Text(flat) if literal <= LONGEST_TEXT else _compute(parts)


def _is_string(part: Any) -> TypeGuard[tree.Constant]:
    return isinstance(part, tree.Constant) and isinstance(part.value, str)


def _formatted(node: ast.JoinedStr, places: Places) -> Expression:
    parts: list[Expression] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append(_field(part, places))
        elif isinstance(part, ast.Constant):
            parts.append(_string(str(part.value)))
    return _text(parts)


def _field(node: ast.FormattedValue, places: Places) -> Expression:
    value = lower(node.value, places)
    specification = node.format_spec.values if isinstance(node.format_spec, ast.JoinedStr) else ()
    inner = [lower(part.value, places) for part in specification if isinstance(part, ast.FormattedValue)]
    return _compute([value, *inner]) if inner or node.conversion not in _AS_TEXT else value


_AS_TEXT = (-1, ord("s"))


def _elements(nodes: list[ast.expr], places: Places) -> list[Expression]:
    return [_HANDLERS[type(node)](node, places) for node in nodes]


def _dict(node: ast.Dict, places: Places) -> Expression:
    keys = [lower(key, places) if key is not None else None for key in node.keys]
    return tree.Mapping(keys, _elements(node.values, places))


def _subscript(node: ast.Subscript, places: Places) -> Expression:
    return tree.Subscript(lower(node.value, places), lower(node.slice, places))


def _slice(node: ast.Slice, places: Places) -> Expression:
    bounds = [lower(bound, places) for bound in (node.lower, node.upper, node.step) if bound is not None]
    return tree.Slice(_compute(bounds), node.upper is not None)


def _call(node: ast.Call, places: Places) -> Expression:
    function = node.func
    return tree.Call(
        _HANDLERS[type(function)](function, places),
        arguments(node.args, node.keywords, places, node.lineno),
        places.span(node),
    )


def arguments(
    nodes: list[ast.expr], keywords: list[ast.keyword], places: Places, first_line: int = 0
) -> list[tree.Argument]:
    """Lower the arguments of a call, which begins on `first_line`, or those of a class, as they stand."""
    lowered: list[tree.Argument] = []
    for node in nodes:
        if type(node) is ast.Starred:
            lowered.append(tree.Argument(lower(node.value, places), None, "*", None))
        else:
            lowered.append(tree.Argument(_HANDLERS[type(node)](node, places), None, "", None))
    if not keywords:
        return lowered.copy()
    named = [_keyword(node, places, first_line) for node in keywords]
    first = _start(keywords[0])
    if not nodes or _start(nodes[-1]) < first:
        return lowered + named
    order = sorted([*zip(map(_start, nodes), lowered, strict=True), *zip(map(_start, keywords), named, strict=True)])
    return [argument for _, argument in order]


def _start(node: ast.expr | ast.keyword) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _keyword(node: ast.keyword, places: Places, first_line: int) -> tree.Argument:
    value = node.value
    lowered = _HANDLERS[type(value)](value, places)
    if node.arg is None:
        return tree.Argument(lowered, None, "**", None)
    span = places.span(node) if node.lineno != first_line else None
    return tree.Argument(lowered, node.arg, "", span[:2] if span is not None else None)


def _await(node: ast.Await, places: Places) -> Expression:
    return tree.Await(lower(node.value, places), places.span(node))


def _yield(node: ast.Yield, places: Places) -> Expression:
    places.yields += 1
    return tree.Yield(lower(node.value, places) if node.value is not None else None, False, places.span(node))


def _yield_from(node: ast.YieldFrom, places: Places) -> Expression:
    places.yields += 1
    return tree.Yield(lower(node.value, places), True, places.span(node))


def _clauses(nodes: list[ast.comprehension], places: Places) -> list[tree.Generator]:
    return [
        tree.Generator(
            lower(clause.target, places),
            lower(clause.iter, places),
            _elements(clause.ifs, places),
            clause.is_async == 1,
            places.span(clause.iter),  # there is no place of a `for` clause
        )
        for clause in nodes
    ]


def _comprehension(kind: Any) -> _Lower:
    def one(node: ast.ListComp | ast.SetComp | ast.GeneratorExp, places: Places) -> Expression:
        clauses = _clauses(node.generators, places)
        return tree.Comprehension(kind, lower(node.elt, places), clauses)

    return one


def _dict_comprehension(node: ast.DictComp, places: Places) -> Expression:
    clauses = _clauses(node.generators, places)
    key, value = lower(node.key, places), lower(node.value, places)
    element = _compute([key, value])
    if isinstance(value, tree.Name) and isinstance(element, tree.Compute):
        element.parts.append(value)  # whose values a dict has is asked for
    return tree.Comprehension("dict", element, clauses)


def _binary(node: ast.BinOp, places: Places) -> Expression:
    """A chain such as `a + b - c` is left-nested, and walked without recursion."""
    union = isinstance(node.op, ast.BitOr)
    only_adds = True
    operands: list[ast.expr] = []
    rest: ast.expr = node
    while isinstance(rest, ast.BinOp) and isinstance(rest.op, ast.BitOr) is union:
        only_adds = only_adds and isinstance(rest.op, ast.Add)
        operands.append(rest.right)
        rest = rest.left
    operands.append(rest)
    operands.reverse()
    parts = _elements(operands, places)
    if union:
        # `X | None` in an annotation is a choice of types; on values it computes. The reader of the tree knows which.
        return tree.Either("or", parts)
    if only_adds and any(_is_string(part) or isinstance(part, tree.Text) for part in parts):
        return _text(parts)
    return _compute(parts)


def _boolean(node: ast.BoolOp, places: Places) -> Expression:
    return tree.Either("or" if isinstance(node.op, ast.Or) else "and", _elements(node.values, places))


def _comparison(node: ast.Compare, places: Places) -> Expression:
    if len(node.ops) > 1:
        return _compute([lower(node.left, places), *_elements(node.comparators, places)])
    operator, right = type(node.ops[0]), node.comparators[0]
    if operator in _IDENTITY and isinstance(right, ast.Constant) and right.value is None:
        return tree.NoneTest(lower(node.left, places), operator is ast.IsNot)
    kind = _COMPARATORS.get(operator)
    left = lower(node.left, places)
    if kind is None:
        return _compute([left, lower(right, places)])
    return tree.Compare(*kind, left, lower(right, places))


_IDENTITY = (ast.Is, ast.IsNot)

_COMPARATORS: dict[type, tuple[tree.Comparator, bool]] = {
    ast.Eq: ("==", False),
    ast.NotEq: ("==", True),
    ast.In: ("in", False),
    ast.NotIn: ("in", True),
    ast.Is: ("is", False),
    ast.IsNot: ("is", True),
}


def _unary(node: ast.UnaryOp, places: Places) -> Expression:
    inner = lower(node.operand, places)
    if isinstance(node.op, ast.Not):
        return tree.Not(inner)
    if isinstance(node.op, ast.USub) and isinstance(inner, tree.Constant) and type(inner.value) is int:
        return tree.Constant(-inner.value)
    return _compute([inner])


def _conditional(node: ast.IfExp, places: Places) -> Expression:
    return tree.Conditional(lower(node.test, places), lower(node.body, places), lower(node.orelse, places))


def _walrus(node: ast.NamedExpr, places: Places) -> Expression:
    return tree.Walrus(lower(node.target, places), lower(node.value, places))


def _lambda(node: ast.Lambda, places: Places) -> Expression:
    span, outside = places.span(node), places.yields
    body: list[tree.Statement] = [tree.Return(lower(node.body, places), span)]
    is_generator = places.yields > outside
    places.yields = outside
    return tree.Lambda(
        tree.Function("<lambda>", parameters(node.args, places), [], None, False, is_generator, body, span)
    )


def parameters(node: ast.arguments, places: Places) -> list[tree.Parameter]:
    """Lower the parameters of a `def` or `lambda`, in the order in which they stand."""

    def one(parameter: ast.arg, kind: tree.ParameterKind, default: ast.expr | None) -> tree.Parameter:
        annotation = parameter.annotation
        return tree.Parameter(
            parameter.arg,
            kind,
            lower_annotation(annotation, places) if annotation is not None else None,
            lower(default, places) if default is not None else None,
        )

    positional = node.posonlyargs + node.args
    without = len(positional) - len(node.defaults)
    lowered = [
        one(parameter, "positional", node.defaults[index - without] if index >= without else None)
        for index, parameter in enumerate(positional)
    ]
    if node.vararg is not None:
        lowered.append(one(node.vararg, "star", None))
    for parameter, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        lowered.append(one(parameter, "keyword", default))
    if node.kwarg is not None:
        lowered.append(one(node.kwarg, "double-star", None))
    return lowered


_HANDLERS: dict[type, _Lower] = {
    **dict.fromkeys(ast.expr.__subclasses__(), _other),
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Constant: _constant,
    ast.JoinedStr: _formatted,
    ast.Tuple: lambda node, places: tree.Sequence("tuple", _elements(node.elts, places)),
    ast.List: lambda node, places: tree.Sequence("list", _elements(node.elts, places)),
    ast.Set: lambda node, places: tree.Sequence("set", _elements(node.elts, places)),
    ast.Starred: lambda node, places: tree.Starred(lower(node.value, places)),
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Call: _call,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.ListComp: _comprehension("list"),
    ast.SetComp: _comprehension("set"),
    ast.GeneratorExp: _comprehension("generator"),
    ast.DictComp: _dict_comprehension,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Compare: _comparison,
    ast.UnaryOp: _unary,
    ast.IfExp: _conditional,
    ast.NamedExpr: _walrus,
    ast.Lambda: _lambda,
}
