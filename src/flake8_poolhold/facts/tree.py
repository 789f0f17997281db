"""The event tree: what of a module's syntax the analysis needs, in the order in which it happens.

A lean tree of plain structs. Nothing of the syntax tree is left in it and it can be serialised, so that a module whose
facts are known need not be parsed again. Expressions without an effect that anybody asks about (arithmetic, chains of
comparisons) are folded into `Compute`, which keeps only the parts that matter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterator
from typing import Any, Literal

import msgspec

Span = tuple[int, int, int, int]
"""First line, first column, last line, column behind the end; lines and columns are 1-based."""

ParameterKind = Literal["positional", "keyword", "star", "double-star"]


class Node(msgspec.Struct, array_like=True, tag=True, eq=False, gc=False):
    """Base of all nodes; carries nothing but the struct options."""


class Name(Node):
    id: str


class Attribute(Node):
    value: Expression
    name: str
    span: Span


class Constant(Node):
    """A literal; bytes, floats and long strings come as `None` in a `Compute` instead."""

    value: str | int | bool | None


class Sequence(Node):
    kind: Literal["tuple", "list", "set"]
    items: list[Expression]


class Mapping(Node):
    """A dict display; a key of `None` marks `**value`."""

    keys: list[Expression | None]
    values: list[Expression]


class Subscript(Node):
    value: Expression
    index: Expression


class Slice(Node):
    """`[first:last]` in a subscript. `ends` when a last item is given."""

    parts: Expression
    ends: bool


class Starred(Node):
    value: Expression


class Argument(Node):
    """One argument of a call. `star` is `*`, `**` or empty.

    `at` is the line and column of a keyword that is not on the line on which its call begins.
    """

    value: Expression
    keyword: str | None
    star: str
    at: tuple[int, int] | None


class Call(Node):
    function: Expression
    arguments: list[Argument]
    span: Span


class Await(Node):
    value: Expression
    span: Span


class Yield(Node):
    value: Expression | None
    delegates: bool
    span: Span


class Generator(Node):
    """One `for` clause of a comprehension."""

    target: Expression
    iterable: Expression
    conditions: list[Expression]
    is_async: bool
    span: Span


class Comprehension(Node):
    """`kind` tells a lazy generator expression from the displays, which run at once."""

    kind: Literal["list", "set", "dict", "generator"]
    element: Expression
    clauses: list[Generator]


class Either(Node):
    """`a or b`, `a and b`: the first part is always evaluated, the others perhaps."""

    operator: Literal["or", "and"]
    parts: list[Expression]


class Conditional(Node):
    test: Expression
    body: Expression
    otherwise: Expression


class NoneTest(Node):
    """`value is None` (or `is not None` when negated)."""

    value: Expression
    negated: bool


class Not(Node):
    value: Expression


class Walrus(Node):
    target: Expression
    value: Expression


class Text(Node):
    """An f-string, or strings joined by `+`: its literal pieces and what stands between them."""

    parts: list[Expression]


Comparator = Literal["==", "in", "is"]


class Compare(Node):
    """One comparison of two values; `negated` for `!=`, `not in`, `is not`."""

    operator: Comparator
    negated: bool
    left: Expression
    right: Expression


class Compute(Node):
    """Anything else: its parts are evaluated in order, its own value is not followed."""

    parts: list[Expression]


class Lambda(Node):
    function: Function


class Assign(Node):
    """`targets = value`, or an annotation with or without a value; an alias (`type X = ...`) has no place."""

    targets: list[Expression]
    value: Expression | None
    annotation: Expression | None
    span: Span = (1, 1, 1, 1)


class AugmentedAssign(Node):
    target: Expression
    value: Expression


class Evaluate(Node):
    """An expression statement."""

    value: Expression


class Return(Node):
    value: Expression | None
    span: Span


class Raise(Node):
    value: Expression | None
    span: Span


class Break(Node):
    pass


class Continue(Node):
    pass


class If(Node):
    """An `if` with all its `elif` arms, so that a long chain is not a deep tree."""

    arms: list[tuple[Expression, list[Statement]]]
    otherwise: list[Statement]


class While(Node):
    test: Expression
    body: list[Statement]
    otherwise: list[Statement]


class For(Node):
    target: Expression
    iterable: Expression
    body: list[Statement]
    otherwise: list[Statement]
    is_async: bool
    span: Span


class Handler(Node):
    """`except types as name:`; `types` is `None` for a bare `except:`."""

    types: Expression | None
    name: str | None
    body: list[Statement]


class Try(Node):
    body: list[Statement]
    handlers: list[Handler]
    otherwise: list[Statement]
    final: list[Statement]


class WithItem(Node):
    value: Expression
    target: Expression | None
    span: Span


class With(Node):
    items: list[WithItem]
    body: list[Statement]
    is_async: bool
    span: Span


class Case(Node):
    """One arm of a `match`; `names` are the names its pattern binds."""

    names: list[str]
    guard: Expression | None
    irrefutable: bool
    body: list[Statement]


class Match(Node):
    subject: Expression
    cases: list[Case]


class Import(Node):
    """`import a.b as c` binds `name` to `module`; `import a.b` binds `a`."""

    module: str
    name: str


class ImportFrom(Node):
    """`from ..module import symbol as name`; `symbol` and `name` are `*` for a star import."""

    module: str
    level: int
    symbol: str
    name: str


class Global(Node):
    names: list[str]


class Delete(Node):
    targets: list[Expression]


class Parameter(Node):
    name: str
    kind: ParameterKind
    annotation: Expression | None
    default: Expression | None


class Function(Node):
    """A `def` or `lambda`: what it takes, how it is decorated, and its events."""

    name: str
    parameters: list[Parameter]
    decorators: list[Expression]
    returns: Expression | None
    is_async: bool
    is_generator: bool
    body: list[Statement]
    span: Span


class Class(Node):
    name: str
    bases: list[Expression]
    keywords: list[Argument]
    decorators: list[Expression]
    body: list[Statement]
    span: Span


Expression = (
    Name
    | Attribute
    | Constant
    | Sequence
    | Mapping
    | Subscript
    | Slice
    | Starred
    | Call
    | Await
    | Yield
    | Comprehension
    | Either
    | Conditional
    | NoneTest
    | Not
    | Walrus
    | Text
    | Compare
    | Compute
    | Lambda
)

Statement = (
    Assign
    | AugmentedAssign
    | Evaluate
    | Return
    | Raise
    | Break
    | Continue
    | If
    | While
    | For
    | Try
    | With
    | Match
    | Import
    | ImportFrom
    | Global
    | Delete
    | Function
    | Class
)


class Module(msgspec.Struct, array_like=True):
    """The facts of one file. `path` is relative to the project root, with forward slashes."""

    path: str
    body: list[Statement]


_NO_NODES = frozenset({"id", "name", "symbol", "module", "level", "names", "kind", "star", "at", "span", "operator"})
"""Fields that hold no nodes: texts, numbers, places. `Constant.value` is looked at, and is none."""


def _children(kind: type[Node]) -> Callable[[Any], Any] | None:
    """What gives the parts of a node of this type: one part, a tuple of several, or nothing."""
    fields = [name for name in kind.__struct_fields__ if name not in _NO_NODES and name[:3] != "is_"]
    return operator.attrgetter(*fields) if fields else None


_Children = dict[type, Callable[[Any], Any] | None]
_CHILDREN: _Children = {kind: _children(kind) for kind in Node.__subclasses__()}
_OWN: _Children = _CHILDREN | dict.fromkeys((Function, Class, Lambda))


def is_none(expression: Expression | None) -> bool:
    """Whether an expression is written `None`."""
    return isinstance(expression, Constant) and expression.value is None


def undressed(decorator: Expression) -> Expression:
    """What a decorator names: `app.get` of `@app.get("/")`, and of `@app.get`."""
    return decorator.function if isinstance(decorator, Call) else decorator


def walk(root: object, but: Container[int] = ()) -> Iterator[Node]:
    """All nodes below `root`, in no particular order, but those whose `id()` is in `but` and what is below them."""
    return _walk(root, but, _CHILDREN)


def own(root: object) -> Iterator[Node]:
    """The nodes below `root`: functions and classes among them, but not what is in those."""
    return _walk(root, (), _OWN)


def _walk(root: object, but: Container[int], children: _Children) -> Iterator[Node]:
    waiting: list[Any] = [root]
    while waiting:
        part = waiting.pop()
        kind = type(part)
        if kind is list or kind is tuple:
            waiting.extend(part)
        elif kind in children and not (but and id(part) in but):
            yield part
            parts = children[kind]
            if parts is not None:
                waiting.append(parts(part))
