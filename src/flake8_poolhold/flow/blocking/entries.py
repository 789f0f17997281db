"""Entries: the calls by which async code gets into code that blocks the event loop, as they are reported."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.blocking import alone, linted
from flake8_poolhold.flow.effects import blocking
from flake8_poolhold.flow.fastapi import dependencies
from flake8_poolhold.flow.model.frames import Analysis, Block, Blocking, FunctionInfo


class Entry(msgspec.Struct, frozen=True, eq=False):
    """A call in an async function that blocks the event loop.

    `name` is that of the session whose statement it is, else empty. `more` are the lines of the same function that
    block with the same session or driver further on: one cure helps them all. `linted`: ruff and flake8-async say as
    much about this call, and no connection is held during it. `plain`: the function is an endpoint that awaits nothing.
    """

    sort: blocking.Sort
    function: FunctionInfo
    span: tree.Span
    block: Block
    name: str
    more: tuple[int, ...]
    linted: bool
    plain: bool


def collected(analysis: Analysis, events: Iterable[Blocking]) -> list[Entry]:
    """The entries among the blocking calls of async functions, one for each call and sort.

    Statements of one session in one function are one entry, at the first that runs; so are the calls of one driver.
    """

    @functools.cache
    def sites(path: str) -> set[tuple[str, int, int, blocking.Sort]]:
        return {_site(event) for event in analysis.by_file.of(analysis.events.blocking, path)}

    @functools.cache
    def is_alone(identity: str) -> bool:
        return alone.is_alone(analysis, analysis.functions[identity])

    groups: dict[tuple[object, ...], list[Blocking]] = {}
    for event in _distinct(events):
        if is_alone(event.function.id):
            continue
        sort = sort_of(event)
        inside = ((step.path, step.line, step.column, sort) for step in event.block.steps[1:])
        if not any(site in sites(site[0]) for site in inside):  # else it is reported there
            groups.setdefault(_group(event), []).append(event)
    return [_entry(analysis, group) for group in groups.values()]


def _entry(analysis: Analysis, events: list[Blocking]) -> Entry:
    first = events[0]
    return Entry(
        sort_of(first),
        first.function,
        first.span,
        first.block,
        next((event.name for event in events if event.name), ""),
        tuple(sorted({event.span[0] for event in events} - {first.span[0]})),
        not first.held and linted.is_linted(analysis, first),
        _could_be_plain(analysis, first.function),
    )


def sort_of(event: Blocking) -> blocking.Sort:
    """Which kind of blocking call it is."""
    return blocking.sort(event.block.wait)


def _could_be_plain(analysis: Analysis, function: FunctionInfo) -> bool:
    """Whether the function is an endpoint that nothing but its `async` makes a coroutine: FastAPI threads a `def`."""
    if dependencies.route_of(analysis, function) is None:
        return False
    for node in tree.walk(function.node.body):
        if isinstance(node, tree.Await) or (isinstance(node, tree.For | tree.With | tree.Generator) and node.is_async):
            return False
    return True


def _site(event: Blocking) -> tuple[str, int, int, blocking.Sort]:
    return (event.function.path, event.span[0], event.span[1], sort_of(event))


def _distinct(events: Iterable[Blocking]) -> list[Blocking]:
    """One event for each call and sort; a loop meets its calls several times, perhaps holding in a later turn only."""
    found: dict[tuple[object, ...], Blocking] = {}
    for event in events:
        key = (event.function.path, event.span, sort_of(event))
        known = found.get(key)
        held = event.held or (known is not None and known.held)
        best = event if known is None or len(event.block.steps) < len(known.block.steps) else known
        found[key] = msgspec.structs.replace(best, held=held)
    return list(found.values())


def _group(event: Blocking) -> tuple[object, ...]:
    match sort_of(event):
        case "statement":
            return (event.function.id, "statement", event.block.holder)
        case "driver":
            return (event.function.id, "driver", event.block.wait.library)
        case sort:
            return (event.function.path, event.span, sort)
