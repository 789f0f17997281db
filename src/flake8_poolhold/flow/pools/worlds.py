"""Worlds: what is true on one way through a body, so that settings which belong together stay together.

An engine's keywords are often put together in branches: a pool class here, a pool size there. Joining the branches
would pair what never meets. So every way through the statements that matter is followed by itself; a test that was
decided once is decided the same way when it comes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.scopes import blocks, statements
from flake8_poolhold.flow.model.values import UNKNOWN
from flake8_poolhold.flow.pools.values import Assumed, Setting, pieces

MOST_WORLDS = 48
"""With more ways than this through a body, nothing is said about what it makes."""


class TooManyWorldsError(Exception):
    """A body has more ways through it than are followed."""


class World:
    """One way to a point of a body: its variables (`self.x` under that name) and the tests that were decided.

    `doubted`: a test went against a default, so no text here is what it is by default.
    """

    __slots__ = ("doubted", "env", "tests")

    def __init__(self, env: dict[str, Setting] | None = None, tests: dict[str, bool] | None = None) -> None:
        self.env = env if env is not None else {}
        self.tests = tests if tests is not None else {}
        self.doubted = False

    def copy(self) -> World:
        other = World(self.env.copy(), self.tests.copy())
        other.doubted = self.doubted
        return other

    def doubt(self) -> None:
        """A test went against a default."""
        self.doubted = True
        for name, value in self.env.items():
            self.env[name] = self.known(value)

    def known(self, value: Setting) -> Setting:
        """`value`, unless it is a default that does not hold here."""
        return UNKNOWN if self.doubted and isinstance(value, Assumed) and pieces(value) is not None else value

    def bind(self, name: str, value: Setting) -> None:
        """Give a variable a value; what was decided about the old one holds no longer."""
        self.env[name] = value
        mention = f"<{name}>"
        for test in [test for test in self.tests if mention in test]:
            del self.tests[test]
        for inner in [key for key in self.env if key.startswith(f"{name}.")]:
            del self.env[inner]


def distinct(worlds: Iterable[World]) -> list[World]:
    """The worlds without those that equal another. Raises `TooManyWorldsError`."""
    kept: list[World] = []
    for world in worlds:
        if not any(_same(world, other) and world.tests == other.tests for other in kept):
            kept.append(world)
    by_env: list[World] = []
    for world in kept:  # the ways that differ in nothing but in decided tests are one, with what they agree on
        same = next((other for other in by_env if _same(other, world)), None)
        if same is None:
            by_env.append(world)
        else:
            same.tests = {key: value for key, value in same.tests.items() if world.tests.get(key) is value}
    if len(by_env) > MOST_WORLDS:
        raise TooManyWorldsError
    return by_env


def _same(one: World, other: World) -> bool:
    return one.env == other.env and one.doubted is other.doubted


def spelled(node: object) -> str:
    """The source of an expression in a form that compares: equal for equal expressions, wherever they stand."""
    if isinstance(node, tree.Name):
        return f"<{node.id}>"
    if isinstance(node, tree.Node):
        parts = [spelled(getattr(node, name)) for name in node.__struct_fields__ if name != "span"]
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list | tuple):
        return f"[{','.join(spelled(part) for part in node)}]"
    return repr(node)


def dotted(node: tree.Expression) -> str:
    """`a.b.c` for an attribute of a name, the name for a name, else empty."""
    names: list[str] = []
    while isinstance(node, tree.Attribute):
        names.append(node.name)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, tree.Name) else ""


def mentioned(node: object) -> Iterator[str]:
    """The names, and attributes of names, that are read anywhere in an expression."""
    for part in tree.walk(node):
        if isinstance(part, tree.Name):
            yield part.id
        elif isinstance(part, tree.Attribute):
            name = dotted(part)
            if name:
                yield name


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


def needed(body: list[tree.Statement], names: Iterable[str], wanted: frozenset[int]) -> frozenset[str]:
    """The names that must be followed to know the values of `names`, and to come to the nodes `wanted` (by `id`)."""
    found = set(names)
    every = list(statements(body))
    growing = True
    while growing:
        before = len(found)
        for statement in every:
            if any(name in found for name in changed(statement)) or _leads(statement, found, wanted):
                found.update(mentioned(_read(statement)))
        growing = len(found) > before
    return frozenset(found)


def matters(statement: tree.Statement, names: frozenset[str] | set[str], wanted: frozenset[int]) -> bool:
    """Whether a statement has to be run: it binds one of the names, holds a wanted node, or leads to one that does."""
    if any(name in names for name in changed(statement)) or _leads(statement, names, wanted):
        return True
    return isinstance(statement, tree.Return | tree.Raise | tree.Break | tree.Continue)


def _leads(statement: tree.Statement, names: frozenset[str] | set[str], wanted: frozenset[int]) -> bool:
    inner = blocks(statement)
    if not inner:
        return bool(wanted) and not isinstance(statement, tree.Function | tree.Class) and _holds(statement, wanted)
    if wanted and _holds(_read(statement), wanted):
        return True
    return any(matters(one, names, wanted) for body in inner for one in body)


def _holds(node: object, wanted: frozenset[int]) -> bool:
    return any(id(part) in wanted for part in tree.walk(node))
