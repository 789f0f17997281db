"""What a function's text says around a wait: where its statement stands, and what may have run before it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import get_args

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk

_Block = tuple[str, list[tree.Statement]]
_SURE = (tree.Call, tree.Await, tree.Attribute, tree.Name)
_STATEMENTS: tuple[type, ...] = get_args(tree.Statement)


class Level(msgspec.Struct, frozen=True, eq=False):
    """One block on the way to a wait: the statement in it that leads on, those around it, what part of what it is."""

    part: str
    before: list[tree.Statement]
    statement: tree.Statement
    after: list[tree.Statement]


class Surroundings:
    """The way from a function to the wait at `span` in it, outermost block first; empty when the wait is not found."""

    def __init__(self, function: tree.Function, span: tree.Span) -> None:
        self._function = function
        self.levels = _way("function", function.body, span[:2])

    @functools.cached_property
    def _binders(self) -> dict[str, list[tree.Node]]:
        """By variable: what binds it in the function."""
        found: dict[str, list[tree.Node]] = {}
        for node in tree.own(self._function.body):
            for name in set(bound(node)):
                found.setdefault(name, []).append(node)
        return found

    @property
    def statement(self) -> tree.Statement | None:
        """The smallest statement that waits."""
        return self.levels[-1].statement if self.levels else None

    @property
    def in_handler(self) -> bool:
        """Whether the wait runs after something has failed, or may have."""
        return any(level.part in ("handler", "final") for level in self.levels)

    def waiting_parts(self) -> list[tree.Node]:
        """What is evaluated between the start of the waiting statement and the wait: no blocks of it."""
        if self.statement is None:
            return []
        waiting: list[object] = [self.statement]
        nodes = _nodes(waiting)
        return [node for node in nodes if not isinstance(node, _STATEMENTS) or node is self.statement]

    def read_first(self) -> set[str]:
        """The variables that are read between the start of the waiting statement and the wait: not what it binds."""
        match self.statement:
            case tree.Assign(value=value) if value is not None:
                nodes = list(walk(value))
            case tree.For(iterable=iterable):
                nodes = list(walk(iterable))
            case _:
                nodes = self.waiting_parts()
        return {node.id for node in nodes if isinstance(node, tree.Name)}

    def earlier(self, within: tree.Statement | None = None) -> Iterator[tree.Node]:
        """Everything that may have run when the wait starts: what stands before it, and the loops around it.

        With `within`, a statement around the wait, only what has run in one turn of that.
        """
        inner = next((index + 1 for index, level in enumerate(self.levels) if level.statement is within), 0)
        for level in self.levels[inner:]:
            yield from walk(level.before)
            if isinstance(level.statement, tree.For | tree.While):
                yield from walk(level.statement)
        yield from self.waiting_parts()

    def later(self) -> Iterator[tree.Node]:
        """Everything that may run once the waiting statement has begun, itself included."""
        for level in self.levels:
            yield from walk(level.after)
            match level.statement:
                case tree.For() | tree.While():
                    yield from walk(level.statement)
                case tree.Try(handlers=handlers, otherwise=otherwise, final=final):
                    yield from walk([handlers, otherwise, final])
        if self.statement is not None:
            yield from walk(self.statement)

    def surely_bound(self, name: str) -> bool:
        """Whether the variable is what the analysis takes it for, on every path to the wait.

        It is when nothing but a parameter, a `with` around the wait, or one plain assignment before it binds it, or
        when it is bound outside of the function.
        """
        binders = self._binders.get(name)
        if binders is None:
            return True
        if len(binders) > 1 or any(parameter.name == name for parameter in self._function.parameters):
            return False
        inner_parts = [*(level.part for level in self.levels[1:]), "header"]
        for level, inner in zip(self.levels, inner_parts, strict=False):
            if level.statement is binders[0]:
                return inner in ("with", "loop")
            for statement in level.before:
                if statement is binders[0]:
                    return isinstance(statement, tree.Assign) and isinstance(statement.value, _SURE)
        return False


def _way(part: str, body: list[tree.Statement], at: tuple[int, int]) -> list[Level]:
    for index, statement in enumerate(body):
        inside = _blocks(statement)
        inner = next((way for inner_part, block in inside if (way := _way(inner_part, block, at))), [])
        if not inner:
            others = {id(one) for _, block in inside for one in block}
            if not any(getattr(node, "span", ())[:2] == at for node in walk([statement], others)):
                continue
        return [Level(part, body[:index], statement, body[index + 1 :]), *inner]
    return []


def _blocks(statement: tree.Statement) -> list[_Block]:
    match statement:
        case tree.If(arms=arms, otherwise=otherwise):
            return [*(("arm", body) for _, body in arms), ("arm", otherwise)]
        case tree.For(body=body, otherwise=otherwise) | tree.While(body=body, otherwise=otherwise):
            return [("loop", body), ("otherwise", otherwise)]
        case tree.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
            return [("try", body), *(("handler", one.body) for one in handlers), ("try", otherwise), ("final", final)]
        case tree.With(body=body):
            return [("with", body)]
        case tree.Match(cases=cases):
            return [("arm", case.body) for case in cases]
        case _:
            return []


def _nodes(waiting: list[object]) -> Iterator[tree.Node]:
    """The nodes of a statement without those of its blocks."""
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting.extend(item for item in part if not isinstance(item, _STATEMENTS))
        elif isinstance(part, tree.Node) and not isinstance(part, tree.Handler | tree.Case):
            yield part
            waiting.extend(getattr(part, field) for field in part.__struct_fields__)


def binds(node: tree.Node, name: str) -> bool:
    """Whether a statement, `with`, loop or `:=` binds the variable."""
    return name in bound(node)


def bound(node: tree.Node) -> Iterable[str]:
    """The variables that a statement, `with`, loop or `:=` binds."""
    match node:
        case tree.Assign(value=None):
            return ()
        case tree.Assign(targets=targets) | tree.Delete(targets=targets):
            return [name for target in targets for name in _names(target)]
        case tree.For(target=target) | tree.Walrus(target=target):
            return _names(target)
        case tree.With(items=items):
            return [name for item in items if item.target is not None for name in _names(item.target)]
        case tree.Handler(name=name):
            return () if name is None else (name,)
        case tree.Import(name=name) | tree.ImportFrom(name=name) | tree.Function(name=name):
            return (name,)
        case tree.Case(names=names):
            return names
        case _:
            return ()


def _names(target: tree.Expression) -> list[str]:
    match target:
        case tree.Name(id=name):
            return [name]
        case tree.Sequence(items=items):
            return [name for item in items for name in _names(item)]
        case tree.Starred(value=value):
            return _names(value)
        case _:
            return []
