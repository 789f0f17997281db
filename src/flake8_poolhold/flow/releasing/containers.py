"""Which variables hold something loaded when a wait starts: those that got it, and those into which it was put."""

from __future__ import annotations

import functools
import re

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import PUTS, mentions, root, uses

_OWN = ("self", "cls")


def variables(hold: Hold, around: Surroundings) -> frozenset[str]:
    """`hold.loaded`, and what the text before the wait makes of it: `by_id = {one.id: one for one in rows}`.

    `self` is one of them when an attribute that was given something loaded is read later.
    """
    nodes = list(around.earlier())
    found = set(hold.loaded)
    kept: set[str] = set()
    while True:
        before = len(found) + len(kept)
        for node in nodes:
            _one(node, found, kept, hold.carriers)
        if len(found) + len(kept) == before:
            break
    if any(_is_own(node) and node.name in kept for node in around.later() if isinstance(node, tree.Attribute)):
        found.update(name for name in _OWN if mentions(around.later(), (name,)))
    return frozenset(found)


def added_up(analysis: Analysis, hold: Hold) -> bool:
    """Whether a variable with something loaded is an operand by itself: of arithmetic, the facts do not keep that."""
    first, _, last, _ = hold.function.node.span
    lines = _lines(analysis.project.bytes_of(hold.function.path))[first - 1 : last]
    words = "|".join(re.escape(name) for name in sorted(hold.loaded))
    operand = rf"(?:[+|*&-]\s*(?:{words})\b(?!\s*[.(\[]))|(?:(?<![.\w])(?:{words})\s*[+|*&-])"
    return bool(words) and re.search(operand, "\n".join(lines)) is not None


@functools.lru_cache(maxsize=4)
def _lines(data: bytes) -> list[str]:
    return data.decode(errors="replace").splitlines()


def _one(node: tree.Node, found: set[str], kept: set[str], carriers: frozenset[str]) -> None:
    """Note into what a node puts one of the variables; `kept` are the attributes of the function's own object."""
    match node:
        case tree.Assign(targets=targets, value=value) if value is not None and _has(value, found, carriers):
            for target in targets:
                _into(target, found, kept)
        case tree.For(target=target, iterable=value) | tree.Walrus(target=target, value=value) if _has(
            value, found, carriers
        ):
            _into(target, found, kept)
        case tree.Call(function=tree.Attribute(value=owner, name=name), arguments=arguments) if name in PUTS:
            if any(_has(argument.value, found, carriers) for argument in arguments):
                _into(owner, found, kept)
        case _:
            pass


def _into(target: tree.Expression, found: set[str], kept: set[str]) -> None:
    match target:
        case tree.Sequence(items=items):
            for item in items:
                _into(item, found, kept)
        case tree.Starred(value=inner):
            _into(inner, found, kept)
        case tree.Attribute(name=name) if _is_own(target):
            kept.add(name)
        case tree.Subscript(value=inner) | tree.Attribute(value=inner):
            _into(inner, found, kept)
        case tree.Name(id=name) if name not in _OWN:
            found.add(name)
        case _:
            pass


def _is_own(node: tree.Attribute) -> bool:
    return isinstance(node.value, tree.Name) and node.value.id in _OWN


def _has(value: tree.Expression, found: set[str], carriers: frozenset[str]) -> bool:
    """Whether an expression is one of the objects, or has them inside, as an object made of them or a sum has."""
    if uses([value], found).whole:
        return True
    if any(isinstance(node, tree.Compute) and uses(node.parts, found | carriers).whole for node in walk([value])):
        return True
    return any(
        isinstance(call, tree.Call)
        and _name(call.function)[:1].isupper()
        and any(mentions([argument.value], found) and root(argument.value) in found for argument in call.arguments)
        for call in walk([value])
    )


def _name(function: tree.Expression) -> str:
    match function:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name
        case _:
            return ""
