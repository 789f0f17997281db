"""The block of a function that opens and closes a session, as seen from a wait in it."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo, Hold
from flake8_poolhold.flow.model.values import Origin
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.managers import does_more
from flake8_poolhold.flow.releasing.surroundings import Level, Surroundings

_ENTERED = frozenset({"__enter__", "__aenter__"})
_ENDS = frozenset({"commit", "begin", "begin_nested"})


class Block(msgspec.Struct, frozen=True, eq=False):
    """The `with` that opens the session, and the statement in it that waits among its neighbours.

    `commits`: leaving the block commits, or may. `more`: it does something else, too, or may.
    """

    node: tree.With
    level: Level
    commits: bool
    more: bool


def block(analysis: Analysis, hold: Hold, around: Surroundings) -> Block | str:
    """The block of the hold's session in this function, or why there is none that can be ended earlier."""
    origin = hold.place.origin
    if origin.how != "new" or origin.where != hold.function.id or hold.place.path:
        return "the session is not opened by a block of this function"
    for outer, inner in zip(around.levels, around.levels[1:], strict=False):
        node = outer.statement
        if not isinstance(node, tree.With) or inner.part != "with" or not _opens(node.items[0], node, hold):
            continue
        if any(not _of_session(item, node, hold) for item in node.items[1:]):
            return "the block that opens the session opens something else too"
        entered = managers(analysis, origin)
        if any(swallows(manager) for manager in entered):
            return "the context manager of the session catches exceptions of the block"
        if any(manager.node.name in _ENTERED for manager in entered):
            return "the session is closed by a class whose exit is not followed"
        begins = any(_ends_transaction(item.value) for item in node.items)
        commits = begins or any(_ends_transaction(one.node.body) for one in entered)
        return Block(node, inner, commits, any(does_more(one) for one in entered))
    return "the session is not opened by a block of this function"


def _opens(item: tree.WithItem, node: tree.With, hold: Hold) -> bool:
    """Whether the item makes the session: by a call in it, or by a context manager that is entered here."""
    site = hold.place.origin.name
    calls = [one.span for one in walk(item.value) if isinstance(one, tree.Call)]
    return site in {f"{span[0]}:{span[1]}" for span in (node.span, *calls)}


def _of_session(item: tree.WithItem, node: tree.With, hold: Hold) -> bool:
    """`session.begin()` beside the session."""
    match item.value:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=name), name="begin")):
            return name == hold.expression and item.target is None
        case _:
            return False


def managers(analysis: Analysis, origin: Origin) -> list[FunctionInfo]:
    """The functions of the project that made the session for this one."""
    found, via = [], origin.via
    while via is not None:
        if via.where in analysis.functions:
            found.append(analysis.functions[via.where])
        via = via.via
    return found


def swallows(info: FunctionInfo) -> bool:
    """Whether a provider catches what is thrown at its `yield` and goes on."""
    around = [
        node
        for node in walk(info.node.body)
        if isinstance(node, tree.Try) and any(isinstance(part, tree.Yield) for part in walk(node.body))
    ]
    handlers = [one for node in around for one in node.handlers]
    return any(not one.body or not isinstance(one.body[-1], tree.Raise) for one in handlers)


def _ends_transaction(part: object) -> bool:
    return any(name_of(node.function) in _ENDS for node in walk(part) if isinstance(node, tree.Call))


def place(statement: tree.Statement) -> tuple[int, int]:
    """A place in a statement."""
    spans: list[tree.Span] = [node.span for node in walk(statement) if hasattr(node, "span")]
    return min(span[:2] for span in spans)
