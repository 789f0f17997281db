"""Fields that an object fills under a condition of its own only: where that is false, they are empty."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.model.scopes import blocks


def empty_unless(analysis: Analysis, cls: str, method: str) -> frozenset[str]:
    """The fields of a class that are assigned anything but `None` only inside `if self.method():`."""
    key = (cls, method)
    known = analysis.guarded.get(key)
    if known is None:
        with analysis.tracker.finding(("guarded", *key)):
            known = analysis.guarded[key] = _fields(analysis, cls, method)
    return known


def _fields(analysis: Analysis, cls: str, method: str) -> frozenset[str]:
    guarded: set[str] = set()
    free: set[str] = set()
    info = analysis.classes[cls]
    analysis.project.module(info.path)  # the answer rests on all that the class does
    for bindings in info.scope.names.values():
        node = bindings[-1]
        if isinstance(node, tree.Function) and node.parameters:
            receiver = node.parameters[0].name
            for field, inside in _filled(node.body, receiver, method, inside=False):
                (guarded if inside else free).add(field)
    return frozenset(guarded - free)


def _filled(body: list[tree.Statement], receiver: str, method: str, *, inside: bool) -> Iterator[tuple[str, bool]]:
    """The fields that a body fills, each with whether that is under the condition."""
    for statement in body:
        match statement:
            case tree.Assign(targets=targets, value=value) if value is not None:
                if isinstance(value, tree.Constant) and value.value is None:
                    continue
                for target in targets:
                    match target:
                        case tree.Attribute(value=tree.Name(id=owner), name=field) if owner == receiver:
                            yield field, inside
                        case _:
                            pass
            case tree.If(arms=[(test, first), *others], otherwise=otherwise):
                yield from _filled(first, receiver, method, inside=inside or _asks(test, receiver, method))
                for rest in (*(other for _, other in others), otherwise):
                    yield from _filled(rest, receiver, method, inside=inside)
            case _:
                for block in blocks(statement):
                    yield from _filled(block, receiver, method, inside=inside)


def _asks(test: tree.Expression, receiver: str, method: str) -> bool:
    match test:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=called), arguments=[]):
            return owner == receiver and called == method
        case tree.Either(operator="and", parts=parts):
            return any(_asks(part, receiver, method) for part in parts)
        case _:
            return False
