"""`aclosing`: a loop over a provider that is left in its middle stays a loop, in a block that closes the provider.

What is destroyed later without it is closed at once: the provider sees the same `GeneratorExit`.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Driven
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import binds
from flake8_poolhold.flow.releasing.uses import mentions

NAME = "aclosing"

_FIRST = (3, 10)
"""The first Python with `contextlib.aclosing`."""
_CLOSES = frozenset({"close", "aclose", "debug", "info", "warning", "error"})
_EXPIRES = frozenset({"rollback", "commit", "begin", "begin_nested", "expire_all", "expunge_all"})


def finished(analysis: Analysis, driven: Driven) -> Remedy:
    """Judge a block around a loop that closes the generator which the loop runs over."""
    source = driven.source
    if source is None or driven.how != "loop" or not source.node.is_async:
        return Remedy(NAME, refused="only an async loop is finished by a block around it")
    loops = [one for one in walk(driven.function.node.body) if isinstance(one, tree.For) and one.span == driven.span]
    if len(loops) != 1 or not isinstance(loops[0].target, tree.Name) or not isinstance(loops[0].iterable, tree.Call):
        return Remedy(NAME, refused="the loop is not written as others are")
    if reason := _refusal(analysis, driven, source, loops[0], loops[0].target.id):
        return Remedy(NAME, refused=reason)
    name = source.name.rpartition(".")[2]
    taken = {node.id for node in walk(driven.function.node.body) if isinstance(node, tree.Name)}
    taken |= {one.name for one in driven.function.node.parameters}
    generator = next(one for one in ("generator", f"{loops[0].target.id}_generator", "") if one not in taken)
    if not generator:
        return Remedy(NAME, refused="there is no free name for the generator")
    return Remedy(
        NAME,
        f"close `{name}` with `async with aclosing(...)` around the loop at line {driven.span[0]}",
        doubts=tuple(_doubts(driven, source, loops[0])),
        parts=(Part(driven.function.path, *driven.span[:2], "loop", generator),),
    )


def _refusal(analysis: Analysis, driven: Driven, source: FunctionInfo, loop: tree.For, session: str) -> str:
    if driven.skips:
        return "what the provider does behind its `yield` would still be skipped"
    if source.node.decorators:
        return "the provider is decorated"
    guarded = [node for node in walk(source.node.body) if isinstance(node, tree.Try)]
    late = [part for node in guarded for part in (*(one.body for one in node.handlers), node.final)]
    if any(isinstance(node, tree.Yield) for node in walk(late)):
        return "the provider yields again when it is closed"
    version = versions.oldest(analysis.project, driven.function.path, "requires-python")
    if version is not None and version < _FIRST:
        return "`contextlib.aclosing` is there from Python 3.10 on"
    inside = {id(node) for node in walk([loop])}
    if any(isinstance(one, tree.Name) and one.id == session and id(one) not in inside for one in _all(driven)):
        return f"`{session}` is used behind the loop"
    return ""


def _all(driven: Driven) -> Iterator[tree.Node]:
    return walk(driven.function.node.body)


def _doubts(driven: Driven, source: FunctionInfo, loop: tree.For) -> Iterator[str]:
    finals = [node.final for node in walk(source.node.body) if isinstance(node, tree.Try)]
    calls = [node for node in walk(finals) if isinstance(node, tree.Call)]
    if any(name_of(one.function) not in _CLOSES | _EXPIRES for one in calls):
        yield "what the provider does in its `finally` is done before the code behind the loop"
    handlers = [one for node in walk(source.node.body) if isinstance(node, tree.Handler) for one in _unreached(node)]
    skipped = {id(node) for node in walk(handlers)}
    reached = [node for node in walk(source.node.body) if isinstance(node, tree.Call) and id(node) not in skipped]
    ends = any(name_of(node.function) in _EXPIRES for node in reached)
    inside = {id(node) for node in walk([loop])}
    names = {node.id for node in walk([loop]) if isinstance(node, tree.Name)}
    bound = {name for name in names if any(binds(node, name) for node in walk(loop.body))}
    if ends and mentions([one for one in _all(driven) if id(one) not in inside and isinstance(one, tree.Name)], bound):
        yield "what was loaded in the loop is read behind it, and may have expired by then"


def _unreached(handler: tree.Handler) -> list[tree.Statement]:
    """What a handler does that hears of no `GeneratorExit`."""
    named = [name_of(node) for node in walk([handler.types])]
    return [] if handler.types is None or {"BaseException", "GeneratorExit"} & set(named) else handler.body
