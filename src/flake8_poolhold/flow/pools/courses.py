"""Courses: which statements of a body have to be run, to know the values of some names or to come to some nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.scopes import blocks
from flake8_poolhold.flow.pools.worlds import dotted, mentioned

_JUMPS = (tree.Return, tree.Raise, tree.Break, tree.Continue)


def _written(target: tree.Expression) -> Iterator[str]:
    match target:
        case tree.Name() | tree.Attribute():
            yield dotted(target)
        case tree.Subscript(value=value):
            yield from _written(value)
        case tree.Sequence(items=items):
            for item in items:
                yield from _written(item)


CHANGES = frozenset({"update", "pop", "setdefault", "clear", "popitem"})


def changed(statement: tree.Statement) -> list[str]:
    """The names that a simple statement, or the head of a compound one, binds or changes."""
    match statement:
        case tree.Assign(targets=targets, value=value) if value is not None:
            return [name for target in targets for name in _written(target)]
        case tree.AugmentedAssign(target=target):
            return list(_written(target))
        case tree.Evaluate(value=tree.Call(function=tree.Attribute(value=owner, name=name))) if name in CHANGES:
            return list(_written(owner))
        case tree.For(target=target):
            return list(_written(target))
        case tree.With(items=items):
            return [name for item in items if item.target is not None for name in _written(item.target)]
        case tree.Import(name=name) | tree.ImportFrom(name=name) | tree.Function(name=name) | tree.Class(name=name):
            return [name]
        case tree.Delete(targets=targets):
            return [name for target in targets for name in _written(target)]
        case _:
            return []


def _read(statement: tree.Statement) -> object:
    """What a statement reads to bind its names, and the tests that decide about the blocks in it."""
    match statement:
        case tree.If(arms=arms):
            return [test for test, _ in arms]
        case tree.While(test=test):
            return test
        case tree.Match(subject=subject):
            return subject
        case tree.For(iterable=iterable):
            return iterable
        case tree.With(items=items):
            return [item.value for item in items]
        case tree.Try() | tree.Function() | tree.Class():
            return None
        case _:
            return statement


class Course:
    """What the statements of a body bind and lead to, found out once for all that is asked about it.

    A statement leads somewhere if one of the nodes `wanted` (by `id`) is in it, or a statement inside leaves its block.
    """

    def __init__(self, body: list[tree.Statement], wanted: frozenset[int] = frozenset()) -> None:
        self.wanted = wanted
        self._every: list[tree.Statement] = []
        self._bound: dict[int, set[str]] = {}
        """By the `id` of a statement: the names that it binds or changes, those inside it too."""
        self._leading: set[int] = set()
        self._enter(body)

    def needed(self, names: Iterable[str]) -> frozenset[str]:
        """The names that must be followed to know the values of `names`, and to come to what is wanted."""
        found = set(names)
        waiting = self._every
        growing = True
        while growing:
            before = len(found)
            left = []
            for statement in waiting:
                if id(statement) in self._leading or not found.isdisjoint(self._bound[id(statement)]):
                    found.update(mentioned(_read(statement)))
                else:
                    left.append(statement)
            waiting = left
            growing = len(found) > before
        return frozenset(found)

    def matters(self, statement: tree.Statement, names: frozenset[str]) -> bool:
        """Whether a statement has to be run: it binds one of the names, leads somewhere, or leaves its block."""
        return (
            id(statement) in self._leading
            or isinstance(statement, _JUMPS)
            or not names.isdisjoint(self._bound[id(statement)])
        )

    def _enter(self, block: list[tree.Statement]) -> tuple[set[str], bool]:
        """Enter the statements of a block: the names that it binds, and whether something in it leads somewhere."""
        everything, leads = set[str](), False
        for statement in block:
            self._every.append(statement)
            inside = [self._enter(inner) for inner in blocks(statement)]
            bound = self._bound[id(statement)] = set(changed(statement)).union(*(names for names, _ in inside))
            if any(leading for _, leading in inside) or self._holds(statement, compound=bool(inside)):
                self._leading.add(id(statement))
                leads = True
            everything |= bound
            leads = leads or isinstance(statement, _JUMPS)
        return everything, leads

    def _holds(self, statement: tree.Statement, *, compound: bool) -> bool:
        """Whether a wanted node is in a statement, or in the head of a compound one."""
        if not self.wanted or isinstance(statement, tree.Function | tree.Class):
            return False
        head = _read(statement) if compound else statement
        return any(id(part) in self.wanted for part in tree.walk(head))


NOWHERE = Course([])
"""The course of a body of which nothing is run."""
