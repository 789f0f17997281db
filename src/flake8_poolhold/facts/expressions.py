"""Lowering of expressions: a libcst expression becomes the event tree's expression."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable
from typing import Any, TypeGuard

import libcst as cst

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.positions import Spans
from flake8_poolhold.facts.tree import Expression, Span

LONGEST_STRING = 400
"""Longer string literals (prompts, SQL) are not kept: no rule reads them."""

LONGEST_TEXT = 200
"""Of f-strings, which are mostly messages and prompts, those with more literal text than this are not kept."""

_NOWHERE: Span = (1, 1, 1, 1)

_Lower = Callable[[Any, Spans], Expression]


def lower(node: cst.BaseExpression, spans: Spans) -> Expression:
    """Lower one expression. Raises `RecursionError` on one nested deeper than the interpreter's stack allows."""
    handler = _HANDLERS.get(type(node))
    return handler(node, spans) if handler is not None else tree.Compute([])


def lower_annotation(node: cst.BaseExpression, spans: Spans) -> Expression:
    """Lower an annotation; string annotations, whole or inside a subscript, are parsed."""
    return _unquote(lower(node, spans))


def _unquote(expression: Expression) -> Expression:
    match expression:
        case tree.Constant(value=str(text)):
            try:
                return lower(cst.parse_expression(text.strip()), Spans())
            except Exception:  # a quoted annotation that is no expression says nothing; libcst raises several types
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


def _name(node: cst.Name, spans: Spans) -> Expression:
    match node.value:
        case "None":
            return tree.Constant(None)
        case "True":
            return tree.Constant(True)
        case "False":
            return tree.Constant(False)
        case value:
            return tree.Name(value)


def _attribute(node: cst.Attribute, spans: Spans) -> Expression:
    return tree.Attribute(lower(node.value, spans), node.attr.value, spans.get(id(node), _NOWHERE))


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def _string(node: cst.SimpleString, spans: Spans) -> Expression:
    if len(node.value) > LONGEST_STRING or "b" in node.prefix:
        return tree.Compute([])
    try:
        value = literal_eval(node.value)
    except (SyntaxError, ValueError):  # libcst accepts escapes that this interpreter refuses
        return tree.Compute([])
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
    if len(flat) == 1 and _is_string(flat[0]):
        return flat[0]
    literal = sum(len(str(piece.value)) for piece in flat if _is_string(piece))
    return tree.Text(flat) if literal <= LONGEST_TEXT else _compute(parts)


def _is_string(part: Any) -> TypeGuard[tree.Constant]:
    return isinstance(part, tree.Constant) and isinstance(part.value, str)


def _concatenated(node: cst.ConcatenatedString, spans: Spans) -> Expression:
    parts: list[Expression] = []
    rest: cst.BaseExpression = node
    while isinstance(rest, cst.ConcatenatedString):
        parts.append(lower(rest.left, spans))
        rest = rest.right
    parts.append(lower(rest, spans))
    return _text(parts)


def _integer(node: cst.Integer, spans: Spans) -> Expression:
    return tree.Constant(int(node.value.replace("_", ""), 0)) if len(node.value) < 20 else tree.Compute([])


def _formatted(node: cst.FormattedString, spans: Spans) -> Expression:
    parts: list[Expression] = []
    for part in node.parts:
        if not isinstance(part, cst.FormattedStringExpression):
            parts.append(_piece(part))
            continue
        value = lower(part.expression, spans)
        inner = [
            lower(field.expression, spans)
            for field in part.format_spec or ()
            if isinstance(field, cst.FormattedStringExpression)
        ]
        plain = not inner and part.conversion in (None, "s") and part.equal is None
        parts.append(value if plain else _compute([value, *inner]))
    return _text(parts)


def _piece(part: cst.BaseFormattedStringContent) -> Expression:
    """A literal piece of an f-string. Escapes are left as they are written: no rule reads text with escapes."""
    if isinstance(part, cst.FormattedStringText):
        return tree.Constant(part.value.replace("{{", "{").replace("}}", "}"))
    return tree.Compute([])


def _elements(node: cst.Tuple | cst.List | cst.Set, kind: Any, spans: Spans) -> Expression:
    items: list[Expression] = []
    for element in node.elements:
        value = lower(element.value, spans)
        items.append(tree.Starred(value) if isinstance(element, cst.StarredElement) else value)
    return tree.Sequence(kind, items)


def _dict(node: cst.Dict, spans: Spans) -> Expression:
    keys: list[Expression | None] = []
    values: list[Expression] = []
    for element in node.elements:
        keys.append(lower(element.key, spans) if isinstance(element, cst.DictElement) else None)
        values.append(lower(element.value, spans))
    return tree.Mapping(keys, values)


def _subscript(node: cst.Subscript, spans: Spans) -> Expression:
    indices: list[Expression] = []
    for element in node.slice:
        piece = element.slice
        if isinstance(piece, cst.Index):
            indices.append(lower(piece.value, spans))
        elif isinstance(piece, cst.Slice):
            bounds = (piece.lower, piece.upper, piece.step)
            parts = _compute([lower(bound, spans) for bound in bounds if bound is not None])
            indices.append(tree.Slice(parts, piece.upper is not None))
    index = indices[0] if len(indices) == 1 else tree.Sequence("tuple", indices)
    return tree.Subscript(lower(node.value, spans), index)


def arguments(nodes: Any, spans: Spans, first_line: int = 0) -> list[tree.Argument]:
    """Lower the arguments of a call, which begins on `first_line`, or the keywords of a class."""
    return [
        tree.Argument(
            lower(argument.value, spans),
            argument.keyword.value if argument.keyword else None,
            argument.star,
            _keyword_at(argument, first_line, spans),
        )
        for argument in nodes
    ]


def _keyword_at(argument: cst.Arg, first_line: int, spans: Spans) -> tuple[int, int] | None:
    span = spans.get(id(argument)) if argument.keyword is not None else None
    return span[:2] if span is not None and span[0] != first_line else None


def _call(node: cst.Call, spans: Spans) -> Expression:
    span = spans.get(id(node), _NOWHERE)
    return tree.Call(lower(node.func, spans), arguments(node.args, spans, span[0]), span)


def _await(node: cst.Await, spans: Spans) -> Expression:
    return tree.Await(lower(node.expression, spans), spans.get(id(node), _NOWHERE))


def _yield(node: cst.Yield, spans: Spans) -> Expression:
    span = spans.get(id(node), _NOWHERE)
    spans.yields += 1
    match node.value:
        case None:
            return tree.Yield(None, False, span)
        case cst.From(item=item):
            return tree.Yield(lower(item, spans), True, span)
        case value:
            return tree.Yield(lower(value, spans), False, span)


def _comprehension(node: Any, kind: Any, spans: Spans) -> Expression:
    clauses: list[tree.Generator] = []
    clause: cst.CompFor | None = node.for_in
    while clause is not None:
        clauses.append(
            tree.Generator(
                lower(clause.target, spans),
                lower(clause.iter, spans),
                [lower(condition.test, spans) for condition in clause.ifs],
                clause.asynchronous is not None,
                spans.get(id(clause.iter), spans.get(id(node), _NOWHERE)),  # libcst tells no place of a `for` clause
            )
        )
        clause = clause.inner_for_in
    if isinstance(node, cst.DictComp):
        element = _compute([lower(node.key, spans), lower(node.value, spans)])
    else:
        element = lower(node.elt, spans)
    return tree.Comprehension(kind, element, clauses)


def _left_spine(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The operands of a left-nested chain `a + b + c`, left to right, without recursion."""
    operands = []
    while isinstance(node, cst.BinaryOperation):
        operands.append(node.right)
        node = node.left
    operands.append(node)
    operands.reverse()
    return operands


def _only_adds(node: cst.BaseExpression) -> bool:
    while isinstance(node, cst.BinaryOperation):
        if not isinstance(node.operator, cst.Add):
            return False
        node = node.left
    return True


def _binary(node: cst.BinaryOperation, spans: Spans) -> Expression:
    if isinstance(node.operator, cst.BitOr):
        # `X | None` in an annotation is a choice of types; on values it computes. The reader of the tree knows which.
        return tree.Either("or", [lower(part, spans) for part in _left_spine(node)])
    parts = [lower(part, spans) for part in _left_spine(node)]
    if _only_adds(node) and any(_is_string(part) or isinstance(part, tree.Text) for part in parts):
        return _text(parts)
    return _compute(parts)


def _boolean(node: cst.BooleanOperation, spans: Spans) -> Expression:
    operator = type(node.operator)
    parts: list[Any] = []
    rest: Any = node
    while isinstance(rest, cst.BooleanOperation) and isinstance(rest.operator, operator):
        parts.append(rest.right)
        rest = rest.left
    parts.append(rest)
    parts.reverse()
    return tree.Either("or" if operator is cst.Or else "and", [lower(part, spans) for part in parts])


def _comparison(node: cst.Comparison, spans: Spans) -> Expression:
    first = node.comparisons[0]
    operator = first.operator
    if (
        len(node.comparisons) == 1
        and isinstance(operator, cst.Is | cst.IsNot)
        and isinstance(first.comparator, cst.Name)
        and first.comparator.value == "None"
    ):
        return tree.NoneTest(lower(node.left, spans), isinstance(operator, cst.IsNot))
    kind = _COMPARATORS.get(type(operator))
    if len(node.comparisons) == 1 and kind is not None:
        return tree.Compare(*kind, lower(node.left, spans), lower(first.comparator, spans))
    return _compute([lower(node.left, spans), *(lower(part.comparator, spans) for part in node.comparisons)])


_COMPARATORS: dict[type, tuple[tree.Comparator, bool]] = {
    cst.Equal: ("==", False),
    cst.NotEqual: ("==", True),
    cst.In: ("in", False),
    cst.NotIn: ("in", True),
    cst.Is: ("is", False),
    cst.IsNot: ("is", True),
}


def _unary(node: cst.UnaryOperation, spans: Spans) -> Expression:
    inner = lower(node.expression, spans)
    if isinstance(node.operator, cst.Minus) and isinstance(node.expression, cst.Integer):
        return (
            tree.Constant(-inner.value) if isinstance(inner, tree.Constant) and isinstance(inner.value, int) else inner
        )
    return tree.Not(inner) if isinstance(node.operator, cst.Not) else _compute([inner])


def _conditional(node: cst.IfExp, spans: Spans) -> Expression:
    return tree.Conditional(lower(node.test, spans), lower(node.body, spans), lower(node.orelse, spans))


def _walrus(node: cst.NamedExpr, spans: Spans) -> Expression:
    return tree.Walrus(lower(node.target, spans), lower(node.value, spans))


def _lambda(node: cst.Lambda, spans: Spans) -> Expression:
    span = spans.get(id(node), _NOWHERE)
    body: list[tree.Statement] = [tree.Return(lower(node.body, spans), span)]
    return tree.Lambda(tree.Function("<lambda>", parameters(node.params, spans), [], None, False, False, body, span))


def parameters(node: cst.Parameters, spans: Spans) -> list[tree.Parameter]:
    """Lower the parameters of a `def` or `lambda`, in the order in which they stand."""

    def one(parameter: cst.Param, kind: tree.ParameterKind) -> tree.Parameter:
        annotation = parameter.annotation
        return tree.Parameter(
            parameter.name.value,
            kind,
            lower_annotation(annotation.annotation, spans) if annotation is not None else None,
            lower(parameter.default, spans) if parameter.default is not None else None,
        )

    lowered = [one(parameter, "positional") for parameter in (*node.posonly_params, *node.params)]
    if isinstance(node.star_arg, cst.Param):
        lowered.append(one(node.star_arg, "star"))
    lowered += [one(parameter, "keyword") for parameter in node.kwonly_params]
    if node.star_kwarg is not None:
        lowered.append(one(node.star_kwarg, "double-star"))
    return lowered


_HANDLERS: dict[type, _Lower] = {
    cst.Name: _name,
    cst.Attribute: _attribute,
    cst.SimpleString: _string,
    cst.ConcatenatedString: _concatenated,
    cst.FormattedString: _formatted,
    cst.Integer: _integer,
    cst.Tuple: lambda node, spans: _elements(node, "tuple", spans),
    cst.List: lambda node, spans: _elements(node, "list", spans),
    cst.Set: lambda node, spans: _elements(node, "set", spans),
    cst.Dict: _dict,
    cst.Subscript: _subscript,
    cst.Call: _call,
    cst.Await: _await,
    cst.Yield: _yield,
    cst.ListComp: lambda node, spans: _comprehension(node, "list", spans),
    cst.SetComp: lambda node, spans: _comprehension(node, "set", spans),
    cst.DictComp: lambda node, spans: _comprehension(node, "dict", spans),
    cst.GeneratorExp: lambda node, spans: _comprehension(node, "generator", spans),
    cst.BinaryOperation: _binary,
    cst.BooleanOperation: _boolean,
    cst.Comparison: _comparison,
    cst.UnaryOperation: _unary,
    cst.IfExp: _conditional,
    cst.NamedExpr: _walrus,
    cst.Lambda: _lambda,
}
