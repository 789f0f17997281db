"""Loops that are left at the end of their body only, so that they need not be loops."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree


def leaves_at_end(body: list[tree.Statement]) -> bool:
    """Whether every `break` or `continue` of a loop with this body is the last thing that a turn does."""
    return sum(1 for _ in _all(body)) == sum(1 for _ in _tail(body))


def _all(body: list[tree.Statement]) -> Iterator[tree.Statement]:
    """The `break`s and `continue`s that belong to the loop."""
    for statement in body:
        match statement:
            case tree.Break() | tree.Continue():
                yield statement
            case tree.For(otherwise=otherwise) | tree.While(otherwise=otherwise):
                yield from _all(otherwise)
            case tree.If(arms=arms, otherwise=otherwise):
                for _, arm in arms:
                    yield from _all(arm)
                yield from _all(otherwise)
            case tree.Try(body=inner, handlers=handlers, otherwise=otherwise, final=final):
                for part in (inner, *(handler.body for handler in handlers), otherwise, final):
                    yield from _all(part)
            case tree.With(body=inner):
                yield from _all(inner)
            case tree.Match(cases=cases):
                for case in cases:
                    yield from _all(case.body)
            case _:
                pass


def _tail(body: list[tree.Statement]) -> Iterator[tree.Statement]:
    """Those of them behind which nothing would run."""
    if not body:
        return
    match body[-1]:
        case tree.Break() | tree.Continue():
            yield body[-1]
        case tree.If(arms=arms, otherwise=otherwise):
            for _, arm in arms:
                yield from _tail(arm)
            yield from _tail(otherwise)
        case tree.Try(body=inner, handlers=handlers, otherwise=[], final=[]):
            for part in (inner, *(handler.body for handler in handlers)):
                yield from _tail(part)
        case tree.With(body=inner):
            yield from _tail(inner)
        case _:
            pass
