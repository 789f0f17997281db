"""`add-await`: a coroutine of a session or engine that is made by a statement is awaited by it."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model.lifetimes import Unawaited
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.uses import root

NAME = "add-await"

_GIVES_BACK = frozenset({"close", "aclose", "remove", "release", "dispose"})
"""What does nothing that anybody could miss, when it is the last use."""


def awaited(event: Unawaited) -> Remedy:
    """Judge an `await` before the call."""
    function = event.function
    if not function.node.is_async:
        name = function.name.rpartition(".")[2]
        return Remedy(
            NAME, refused=f"`{name}` is a plain function; make it an `async def` and await it where it is called"
        )
    line, column = event.span[:2]
    return Remedy(
        NAME,
        f"await `{event.name}()` at line {line}",
        doubts=tuple(_doubts(event)),
        parts=(Part(function.path, line, column, "call"),),
    )


def _doubts(event: Unawaited) -> Iterator[str]:
    if event.method not in _GIVES_BACK:
        yield "what it does was never done before"
    elif _is_used_later(event):
        yield "it is used later"


def _is_used_later(event: Unawaited) -> bool:
    """Whether the same holder is used behind the call, or in another turn of a loop around it."""
    name = event.name.partition(".")[0]
    body = event.function.node.body
    loops = [node for node in walk(body) if isinstance(node, tree.For | tree.While)]
    if any(isinstance(node, tree.Call) and node.span == event.span for loop in loops for node in walk(loop)):
        return True
    return any(
        isinstance(node, tree.Call | tree.Attribute) and node.span[:2] > event.span[:2] and _leads(node, name)
        for node in walk(body)
    )


def _leads(node: tree.Call | tree.Attribute, name: str) -> bool:
    """Whether a chain starts at the variable, or a call is given it."""
    given = [argument.value for argument in node.arguments] if isinstance(node, tree.Call) else []
    return root(node) == name or any(root(one) == name for one in given)
