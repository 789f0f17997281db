"""What came out of a session that a function makes: the variables that hold it, and what leaves the function."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.releasing.uses import root

_LAZY_SYNC = frozenset(
    {"execute", "exec", "scalars", "query", "exec_driver_sql", "stream", "stream_scalars", "yield_per", "partitions"}
)
_LAZY_ASYNC = frozenset({"stream", "stream_scalars"})
_BUILDS = frozenset(
    {"filter", "filter_by", "join", "order_by", "limit", "offset", "options", "mappings", "unique", "tuples"}
)


class Made(msgspec.Struct, frozen=True, eq=False):
    """Where a function makes a holder: the assignment of the call at `span`, and what follows it in the same block."""

    name: str
    assign: tree.Assign
    span: tree.Span
    awaited: bool
    rest: list[tree.Statement]


def derived(session: str, body: list[tree.Statement]) -> frozenset[str]:
    """The variables that hold something which came out of the session, a variable, in some code."""

    def comes(value: tree.Node, found: Collection[str]) -> bool:
        return any(isinstance(one, tree.Name) and one.id in found for one in walk(value))

    found = {session}
    while True:
        before = len(found)
        for targets, value in _bindings(body):
            if comes(value, found):
                found |= targets
        if len(found) == before:
            return frozenset(found - {session})


def unfetched(made: Made, *, is_async: bool) -> frozenset[str]:
    """The variables that hold a result which is not read yet, or a generator over one."""
    found: set[str] = set()
    came = derived(made.name, made.rest) | {made.name}
    while True:
        before = len(found)
        for targets, value in _bindings(made.rest):
            if any(_is_unfetched(one, made.name, found, came, is_async) for one in _items(value)):
                found |= targets
        if len(found) == before:
            return frozenset(found)


def leaves(body: list[tree.Statement], names: Collection[str], session: str = "", is_async: bool = True) -> bool:
    """Whether one of `names` is returned, yielded or put into an attribute; or an unread result of `session` is."""
    for node in walk(body):
        match node:
            case tree.Return(value=value) | tree.Yield(value=value) if value is not None:
                pass
            case tree.Assign(targets=targets, value=value) if value is not None and any(
                isinstance(target, tree.Attribute | tree.Subscript) for target in targets
            ):
                pass
            case _:
                continue
        for one in _items(value):
            if isinstance(one, tree.Name) and one.id in names:
                return True
            if session and _is_unfetched(one, session, (), (session,), is_async):
                return True
    return False


def _bindings(body: list[tree.Statement]) -> Iterator[tuple[set[str], tree.Expression]]:
    """What is assigned to, or put into, which variables."""
    for node in walk(body):
        match node:
            case tree.Assign(targets=targets, value=value) if value is not None:
                yield {name for target in targets for name in _bound(target)}, value
            case (
                tree.For(target=target, iterable=value)
                | tree.Generator(target=target, iterable=value)
                | tree.Walrus(target=target, value=value)
                | tree.WithItem(target=target, value=value)
            ) if target is not None:
                yield set(_bound(target)), value
            case tree.Call(function=tree.Attribute(value=tree.Name(id=owner)), arguments=arguments):
                for argument in arguments:
                    yield {owner}, argument.value
            case _:
                pass


def _bound(target: tree.Expression) -> set[str]:
    if isinstance(target, tree.Attribute | tree.Subscript):
        return {root(target)} - {""}
    return {one.id for one in walk(target) if isinstance(one, tree.Name)}


def _items(value: tree.Expression) -> Iterator[tree.Expression]:
    """An expression, and what is in it if it is a display or a choice."""
    match value:
        case tree.Sequence(items=parts) | tree.Mapping(values=parts) | tree.Either(parts=parts):
            for part in parts:
                yield from _items(part)
        case tree.Conditional(body=body, otherwise=otherwise):
            yield from _items(body)
            yield from _items(otherwise)
        case tree.Await(value=inner) | tree.Starred(value=inner):
            yield from _items(inner)
        case _:
            yield value


def _is_unfetched(
    value: tree.Expression, session: str, names: Collection[str], came: Collection[str], is_async: bool
) -> bool:
    """Whether an expression is a result that is not read yet: `db.execute(...)`, a generator, a variable of these."""
    lazy = _LAZY_ASYNC if is_async else _LAZY_SYNC
    match value:
        case tree.Name(id=name):
            return name in names
        case tree.Comprehension(kind="generator"):
            return any(isinstance(one, tree.Name) and one.id in came for one in walk(value))
        case tree.Call(function=tree.Attribute(value=owner, name=method)):
            inner = owner.value if isinstance(owner, tree.Await) else owner
            if isinstance(inner, tree.Name) and inner.id == session:
                return method in lazy
            return method in lazy | _BUILDS and _is_unfetched(inner, session, names, came, is_async)
        case _:
            return False
