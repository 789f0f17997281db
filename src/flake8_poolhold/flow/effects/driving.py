"""Providers driven by hand: a generator that gives a holder is advanced without a block that would finish it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import ending, lifetimes
from flake8_poolhold.flow.effects.closing import closes_under_flag
from flake8_poolhold.flow.interpreting import parameters, summaries
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Driven, How
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import CLOSED, State
from flake8_poolhold.flow.model.values import FunctionOf, Holder, Suspended, Value, holders_in, options

_STEPS = frozenset({"close", "aclose", "__anext__", "__next__", "asend", "send", "athrow", "throw"})
_CALLS = frozenset({"next", "anext", "closing", "aclosing"})


def by_hand(frame: Frame, state: State, generator: Suspended, given: Value, span: tree.Span) -> None:
    """The generator is advanced to its `yield`; `given` is what it hands out."""
    info = _provider(frame, generator)
    if frame.muted or not frame.reporting or frame.function is None or info is None:
        return
    kept = [value for fields in state.heap.values() for value in fields.values()]
    if any(generator in options(value) for value in kept):
        return  # an object has it, and may finish it later
    name = next((name for name, value in state.env.items() if generator in options(value)), "")
    if name and _is_finished(frame.function, name):
        return
    places = frozenset(holder.place for holder in holders_in(given))
    how: How = "anext" if info.node.is_async else "next"
    frame.driven.append(Driven(frame.function, span, info.name, how, bool(name), places, info))


def declared(frame: Frame, node: tree.Expression, value: Value) -> None:
    """`db: Session = next(generator)`, where nothing but the annotation tells what the generator gives."""
    call = node.value if isinstance(node, tree.Await) else node
    match call:
        case tree.Call(
            function=tree.Name(id="next" | "anext" as step), arguments=[tree.Argument(value=tree.Name(id=name)), *_]
        ):
            pass
        case _:
            return
    if frame.muted or not frame.reporting or frame.function is None or not isinstance(value, Holder):
        return
    if not _is_finished(frame.function, name):
        how: How = "anext" if step == "anext" else "next"
        frame.driven.append(Driven(frame.function, call.span, name, how, True, frozenset({value.place})))


def in_loop(frame: Frame, node: tree.For, generator: Suspended) -> None:
    """`async for db in get_db()`: what leaves the loop early leaves the generator where it is."""
    info = _provider(frame, generator)
    if frame.muted or not frame.reporting or frame.function is None or info is None or not node.is_async:
        return
    how: How = "delegate" if _yields(node.body) else "loop"
    if how == "loop" and (not _leaves(node.body) or ending.ends(frame.analysis, frame.function)):
        return
    event = Driven(frame.function, node.span, info.name, how, False, frozenset(), info, skips=_skips(info.node))
    frame.analysis.events.driven.append(event)


def _skips(provider: tree.Function) -> bool:
    """Whether a provider calls something after its `yield`, but where every way out passes."""
    yields = [node.span for node in walk(provider.body) if isinstance(node, tree.Yield)]
    always = {id(body) for node in walk(provider.body) if isinstance(node, tree.Try) for body in node.final}
    caught = {id(node) for node in walk(provider.body) if isinstance(node, tree.Handler)}
    calls = (node for node in walk(provider.body, always | caught) if isinstance(node, tree.Call))
    return not yields or any(call.span > min(yields) for call in calls)


def passed(frame: Frame, info: FunctionInfo, bound: dict[str, Value], span: tree.Span) -> None:
    """A call of the project's function `info`: a provider that was never entered is no session."""
    if frame.muted or not frame.reporting or frame.function is None:
        return
    for index, parameter in enumerate(info.node.parameters):
        value = bound.get(parameter.name)
        if not isinstance(value, Suspended) or value.kind == "coroutine":
            continue
        provider = _provider(frame, value)
        if provider is None or not _gives_holder(frame, provider):
            continue
        wanted = parameters.general_value(frame.analysis, info, index, parameter)
        if isinstance(wanted, Holder):
            event = Driven(frame.function, span, provider.name, "unentered", False, frozenset())
            frame.analysis.events.driven.append(event)


def at_exit(frame: Frame, normal: State | None) -> None:
    """Report what was driven and is not finished.

    One that a variable keeps ends without its exit, unless the session is closed by hand; a sync one that is dropped
    at once does harm only when the session keeps a connection; an async one always does.
    """
    normal = normal or frame.rounds
    info = frame.function
    if frame.driven and info is not None and ending.ends(frame.analysis, info):
        return
    for driven in frame.driven:
        places = [place for place in driven.places if place not in frame.managed | frame.escaped]
        is_open = any(lifetimes.is_open(way, place) for place in places for way in (normal, frame.raised))
        is_closed = all(normal is not None and normal.holder(place).kinds == {CLOSED} for place in places)
        if driven.how == "next" and places and (is_closed or _closes_its_own(info, driven)):
            continue  # closed by hand, but where an exception leaves: that is said of what is never closed
        if is_open or (driven.bound and not is_closed) or (driven.how == "anext" and not driven.bound):
            closes = any(normal is not None and CLOSED in normal.holder(place).kinds for place in places)
            frame.analysis.events.driven.append(msgspec.structs.replace(driven, closes=closes))


def _closes_its_own(info: FunctionInfo | None, driven: Driven) -> bool:
    """Whether a `finally` closes the session where a flag is set: the one under which it was made, most likely."""
    if info is None:
        return False
    given = [
        target.id
        for node in statements(info.node.body)
        if isinstance(node, tree.Assign) and isinstance(node.value, tree.Call) and node.value.span == driven.span
        for target in node.targets
        if isinstance(target, tree.Name)
    ]
    return any(
        closes_under_flag(node.final, name)
        for node in walk(info.node.body)
        if isinstance(node, tree.Try)
        for name in given
    )


def _provider(frame: Frame, generator: Suspended) -> FunctionInfo | None:
    target = generator.target
    return frame.analysis.functions[target.function] if isinstance(target, FunctionOf) else None


def _gives_holder(frame: Frame, provider: FunctionInfo) -> bool:
    given = summaries.summary(frame.analysis, summaries.general(provider.id, "enter")).returns
    return any(isinstance(option, Holder) for option in options(given))


def _is_finished(info: FunctionInfo, name: str) -> bool:
    """Whether a `finally` advances or closes the generator `name`, or a block or exit stack closes it."""
    finals = [node.final for node in walk(info.node.body) if isinstance(node, tree.Try)]
    if any(_touches(node, name) for node in walk(finals)):
        return True
    return any(_closes(node, name) for node in walk(info.node.body))


def _touches(node: tree.Node, name: str) -> bool:
    match node:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=method)):
            return owner == name and method in _STEPS
        case tree.Call(function=tree.Name(id=function), arguments=[tree.Argument(value=tree.Name(id=given)), *_]):
            return given == name and function in _CALLS
        case _:
            return False


def _closes(node: tree.Node, name: str) -> bool:
    """`aclosing(generator)`, `stack.push_async_callback(generator.aclose)`."""
    match node:
        case tree.Call(function=tree.Name(id="closing" | "aclosing") | tree.Attribute(name="closing" | "aclosing")):
            return any(isinstance(one.value, tree.Name) and one.value.id == name for one in node.arguments)
        case tree.Call(arguments=arguments):
            return any(_is_close(one.value, name) for one in arguments)
        case _:
            return False


def _is_close(expression: tree.Expression, name: str) -> bool:
    match expression:
        case tree.Attribute(value=tree.Name(id=owner), name="close" | "aclose"):
            return owner == name
        case _:
            return False


def _inside(body: list[tree.Statement], *, loops: bool) -> Iterator[tree.Node]:
    """The nodes of a body, not of the functions in it, nor of its loops if `loops` is false."""
    waiting: list[object] = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting.extend(part)
        elif isinstance(part, tree.Function | tree.Class | tree.Lambda):
            continue
        elif isinstance(part, tree.Node):
            yield part
            if loops or not isinstance(part, tree.For | tree.While):
                waiting.extend(getattr(part, field) for field in part.__struct_fields__)


def _yields(body: list[tree.Statement]) -> bool:
    return any(isinstance(node, tree.Yield) for node in _inside(body, loops=True))


def _leaves(body: list[tree.Statement]) -> bool:
    if any(isinstance(node, tree.Return) for node in _inside(body, loops=True)):
        return True
    return any(isinstance(node, tree.Break) for node in _inside(body, loops=False))
