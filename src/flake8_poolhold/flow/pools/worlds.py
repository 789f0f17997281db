"""Worlds: what is true on one way through a body, so that settings which belong together stay together.

An engine's keywords are often put together in branches: a pool class here, a pool size there. Joining the branches
would pair what never meets. So every way through the statements that matter is followed by itself; a test that was
decided once is decided the same way when it comes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_poolhold.facts import tree
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
