"""Blocks and generators: entering and leaving `with`, iterating, yielding."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import blocking, driving, engines, holding, waits
from flake8_poolhold.flow.interpreting import applying, calls, expressions
from flake8_poolhold.flow.model.frames import Analysis, Frame
from flake8_poolhold.flow.model.states import UNTOUCHED, State, merge
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    BoundArgument,
    Choice,
    Engine,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Loaded,
    Method,
    Opening,
    QueryOf,
    Series,
    Suspended,
    Unknown,
    Value,
    any_of,
    holders_in,
    join,
    options,
)
from flake8_poolhold.flow.naming import evidence, hierarchy, names

BY_HAND = frozenset({"__aiter__", "__iter__", "__anext__", "__next__", "asend", "send", "aclose", "close"})
"""The methods that drive a generator without a loop."""

Leave = Callable[[State], None]
"""What leaving a block does to the state."""

_LOCKS = frozenset({"asyncio.Lock", "asyncio.locks.Lock", "anyio.Lock", "threading.Lock", "threading.RLock"})

_TASK_GROUPS = ("asyncio.TaskGroup", "anyio.create_task_group()", "anyio.abc.TaskGroup", "trio.open_nursery()")
_MANAGERS = ("contextlib.contextmanager", "contextlib.asynccontextmanager")

SUPPRESS = "contextlib.suppress()"
"""What swallows exceptions that leave its block."""


def is_context_manager(analysis: Analysis, function: str) -> bool:
    """Whether a generator function is made a context manager by its decorators."""
    info = analysis.functions[function]
    frame = names.module_frame(analysis, info.path)
    for decorator in info.node.decorators:
        if isinstance(decorator, tree.Name | tree.Attribute):
            path = names.library_name(expressions.evaluate(frame, State(), decorator))
            if path in _MANAGERS or path.endswith("asynccontextmanager"):
                return True
    return False


def enter(frame: Frame, state: State, manager: Value, span: tree.Span, *, is_async: bool) -> tuple[Value, Leave]:
    """Enter `with manager`: the value of `as`, and what leaving the block does."""
    match manager:
        case Engine():
            engines.kept(frame, manager)
            return manager, _nothing
        case Holder(place=place):
            frame.managed.add(place)
            return manager, lambda after: holding.release(after, place, closed=True)
        case Opening():
            return _open(frame, state, manager, span)
        case Suspended(kind="context" | "generator", target=FunctionOf() as function, arguments=arguments):
            value = applying.apply(frame, state, function, arguments, span, "enter")
            return value, lambda after: _leave(frame, after, function, arguments, span)
        case Suspended(kind="coroutine"):
            return enter(frame, state, calls.await_value(frame, state, manager, span), span, is_async=is_async)
        case Instance():
            return _enter_instance(frame, state, manager, span, is_async=is_async)
        case Library():
            return _enter_library(frame, state, manager, span, is_async=is_async)
        case Choice(options=options):
            return _enter_either(frame, state, options, span, is_async=is_async)
        case _:
            frame.may_raise(state)
            return UNKNOWN, _nothing


def _nothing(after: State) -> None:
    return None


def _enter_either(
    frame: Frame, state: State, options: tuple[Value, ...], span: tree.Span, *, is_async: bool
) -> tuple[Value, Leave]:
    """One of several managers is entered: an exception of one does not see what another has checked out."""
    entered: list[tuple[Value, Leave]] = []
    after: State | None = None
    for option in options:
        start = state.copy()
        entered.append(enter(frame, start, option, span, is_async=is_async))
        after = merge(after, None if start.dead else start)
    if after is None:
        state.dead = True
    else:
        state.assume(after)
    leaves = [leave for _, leave in entered]
    return join(value for value, _ in entered), lambda after: _leave_either(frame, after, leaves)


def _leave_either(frame: Frame, after: State, leaves: list[Leave]) -> None:
    """One of several managers is left: where that fails, the holders of the others were never there."""
    for index, leave in enumerate(leaves):
        raised = _apart(frame, leave, after)
        if raised is not None:
            for other in leaves[index + 1 :]:
                _apart(frame, other, raised)
            frame.goes_on(raised)


def _apart(frame: Frame, leave: Leave, after: State) -> State | None:
    """Leave a manager; the state in which that fails, which no handler has seen yet."""
    frame.handlers.append(None)
    leave(after)
    return frame.handlers.pop()


def _open(frame: Frame, state: State, opening: Opening, span: tree.Span) -> tuple[Value, Leave]:
    """A `begin()` block, a savepoint or a connection."""
    place = opening.holder.place
    if opening.owned:
        frame.managed.add(place)
    if opening.acquires:
        holding.checkout(frame, state, place, span, "connection checked out")
    outside = state.holder(place).begun
    if opening.transaction or not opening.owned:
        state.holders[place] = msgspec.structs.replace(state.holder(place), begun=True)

    def leave(after: State) -> None:
        holder = after.holder(place)
        after.holders[place] = msgspec.structs.replace(holder, begun=outside)
        if opening.owned:
            holding.release(after, place, closed=True)
        elif opening.transaction:
            kind = frame.analysis.holders.classes[opening.holder.kind].kind
            if kind == "session":
                holding.release(after, place, closed=False)

    return opening.holder, leave


def _leave(
    frame: Frame, after: State, function: FunctionOf, arguments: tuple[BoundArgument, ...], span: tree.Span
) -> None:
    applying.apply(frame, after, function, arguments, span, "exit")
    after.dead = False


def _enter_instance(
    frame: Frame, state: State, owner: Instance, span: tree.Span, *, is_async: bool
) -> tuple[Value, Leave]:
    entering, leaving = ("__aenter__", "__aexit__") if is_async else ("__enter__", "__exit__")
    below = hierarchy.entered(frame.analysis, owner.cls, entering)
    if below:
        inside = tuple(Instance(cls, owner.place) for cls in below)
        return _enter_either(frame, state, inside, span, is_async=is_async)
    if names.method(frame.analysis, owner.cls, entering) is None:
        bases = names.mro(frame.analysis, owner.cls)[1]
        return (owner, _nothing) if bases else (UNKNOWN, _nothing)
    value = calls.call_method(frame, state, owner, entering, (), span)
    if any(isinstance(option, Suspended) for option in options(value)):
        value = calls.await_value(frame, state, value, span)

    def leave(after: State) -> None:
        left = calls.call_method(frame, after, owner, leaving, (), span)
        if any(isinstance(option, Suspended) for option in options(left)):
            calls.await_value(frame, after, left, span)
        after.dead = False

    return value, leave


def _enter_library(
    frame: Frame, state: State, manager: Library, span: tree.Span, *, is_async: bool
) -> tuple[Value, Leave]:
    path = manager.path
    if path in ("contextlib.aclosing()", "contextlib.closing()") and manager.holders:
        place = manager.holders[0]
        frame.managed.add(place)
        holder = frame.known.get(place) or UNKNOWN
        return holder, lambda after: holding.release(after, place, closed=True)
    if path in ("contextlib.AsyncExitStack", "contextlib.ExitStack"):
        return manager, _unwind(frame)
    if path.endswith(".CancelScope"):
        frame.shields += 1
        return Library(path), _unshield(frame)
    if path == SUPPRESS:
        return UNKNOWN, _nothing
    if path in _LOCKS:
        frame.locks += 1
        return UNKNOWN, _unlock(frame)
    if path in _TASK_GROUPS:
        return manager, _join_tasks(frame, span)
    knowledge = frame.analysis.knowledge
    wait = knowledge.wait_of_enter(path) if is_async else None
    if wait is not None:
        waits.reach(frame, state, wait, path, span)
    frame.may_raise(state)
    if manager.holders:
        for place in manager.holders:
            holding.query_by_unknown(frame, state, place, span, path)
    return Library(path), _nothing


def _unshield(frame: Frame) -> Leave:
    outside = frame.shields - 1

    def leave(after: State) -> None:
        frame.shields = outside

    return leave


def _unlock(frame: Frame) -> Leave:
    outside = frame.locks - 1

    def leave(after: State) -> None:
        frame.locks = outside

    return leave


def _unwind(frame: Frame) -> Leave:
    """Leaving an exit stack leaves what was entered through it, last first."""
    outside, frame.stacked = frame.stacked, []
    inside = frame.stacked

    def leave(after: State) -> None:
        frame.stacked = outside
        for one in reversed(inside):
            one(after)

    return leave


def _join_tasks(frame: Frame, span: tree.Span) -> Leave:
    """Leaving a task group waits for the tasks that were started in it; an exception cancels them."""
    outside, frame.grouped = frame.grouped, []
    inside, unwinding = frame.grouped, frame.unwinding

    def leave(after: State) -> None:
        frame.grouped = outside
        for task in inside if frame.unwinding == unwinding else ():
            calls.await_value(frame, after, task, span)

    return leave


def enter_stacked(frame: Frame, state: State, manager: Value, span: tree.Span, *, is_async: bool) -> Value:
    """`stack.enter_context(manager)`."""
    value, leave = enter(frame, state, manager, span, is_async=is_async)
    frame.stacked.append(leave)
    return value


def says_nothing(frame: Frame, value: Value) -> bool:
    """Whether nothing is known of a value but, perhaps, the name of a library that nothing is known of."""
    if isinstance(value, Library):
        return not value.holders and not frame.analysis.knowledge.knows(value.path)
    return isinstance(value, Unknown)


def enter_by_evidence(
    frame: Frame, state: State, name: str, value: Value, leave: Leave, span: tree.Span
) -> tuple[Value, Leave]:
    """`with make() as name`, where `make` is not understood: a holder, when the function uses `name` as one."""
    if frame.function is None:
        return value, leave
    kind = evidence.holder_kind(frame.analysis, frame.function, name)
    if not kind:
        return value, leave
    holder = holding.made(frame, state, kind, span, keeps=None, bound=False)
    # Nobody knows what it is in the middle of: `make` may be `maker.begin`.
    opened = (frame.step(span, "opens the session", "note"),)
    state.holders[holder.place] = msgspec.structs.replace(state.holder(holder.place), unsure=opened)
    return enter(frame, state, holder, span, is_async=frame.analysis.holders.classes[kind].is_async)


def element(iterable: Value) -> Value:
    """An item of what is iterated."""
    match iterable:
        case Series(items=items):
            return any_of(items)
        case Library(path=path) if path.startswith("builtins.range("):
            return UNKNOWN
        case Loaded() | Library():
            return iterable
        case Choice(options=options):
            return join(element(option) for option in options)
        case _:
            return UNKNOWN


def item_of(frame: Frame, state: State, iterable: Value, span: tree.Span, *, is_async: bool) -> Value:
    """Take the next item: iterating runs a generator of the project, fetches a query, waits on a stream."""
    match iterable:
        case Library(path=path):
            knowledge = frame.analysis.knowledge
            wait = knowledge.wait_of_iteration(path) if is_async else knowledge.wait_of_plain_iteration(path)
            if wait is not None:
                waits.reach(frame, state, wait, path, span)
                if not is_async:
                    blocking.library(frame, state, wait, path, span)
            frame.may_raise(state)
            for place in iterable.holders:
                holding.query_by_unknown(frame, state, place, span, path)
            return Library(path)
        case Suspended(kind="generator", target=FunctionOf() as function, arguments=arguments):
            value = applying.apply(frame, state, function, arguments, span)
            state.dead = False
            return value
        case Suspended():
            value = calls.await_value(frame, state, iterable, span)
            return element(value)
        case QueryOf(holder=holder):
            holding.fetch(frame, state, holder, span, "Query.__iter__")
            frame.may_raise(state)
            return Loaded(holder.place)
        case Instance():
            method = "__aiter__" if is_async else "__iter__"
            found = calls.call_method(frame, state, iterable, method, (), span)
            if isinstance(found, Suspended):
                return item_of(frame, state, found, span, is_async=is_async)
            if is_async and isinstance(found, Instance):
                step = calls.call_method(frame, state, found, "__anext__", (), span)
                return calls.await_value(frame, state, step, span)
            return element(found)
        case Choice(options=options):
            return join(item_of(frame, state, option, span, is_async=is_async) for option in options)
        case _:
            return element(iterable)


def drive(frame: Frame, state: State, generator: Suspended, name: str, span: tree.Span) -> Value:
    """A generator driven by hand: the async ones run when what they return is awaited."""
    match name:
        case "join" | "result":
            return calls.await_value(frame, state, generator, span)
        case "start":
            return UNKNOWN
        case "__aiter__" | "__iter__":
            return generator
        case "__anext__" | "asend" | "aclose":
            return Suspended("coroutine", Method(generator, "close" if name == "aclose" else "__next__"), ())
        case "close":
            return _close_by_hand(frame, state, generator, span)
        case _ if yields_holder(frame, state, generator, span):
            function, arguments = generator.target, generator.arguments
            if not isinstance(function, FunctionOf):
                return UNKNOWN
            value = applying.apply(frame, state, function, arguments, span, "enter", site=function.function)
            driving.by_hand(frame, state, generator, value, span)
            return value
        case _:
            return item_of(frame, state, generator, span, is_async=True)


def _close_by_hand(frame: Frame, state: State, generator: Suspended, span: tree.Span) -> Value:
    """What the generator does behind its `yield` happens now."""
    if isinstance(generator.target, FunctionOf):
        function, arguments = generator.target, generator.arguments
        applying.apply(frame, state, function, arguments, span, "exit", site=function.function)
        state.dead = False
    return UNKNOWN


def delegate(frame: Frame, state: State, value: Value, span: tree.Span) -> Value:
    """`yield from value`: a provider inside a provider is entered and left with it, also when the consumer fails."""
    if isinstance(value, Suspended) and value.kind == "generator" and yields_holder(frame, state, value, span):
        given, leave = enter(frame, state, value, span, is_async=False)
        frame.handlers.append(None)
        yield_value(frame, state, given, span)
        raised = frame.handlers.pop()
        if raised is not None:
            leave(raised)
            frame.goes_on(raised)
        if not state.dead:
            leave(state)
        return UNKNOWN
    yield_value(frame, state, item_of(frame, state, value, span, is_async=False), span)
    return UNKNOWN


def yield_value(frame: Frame, state: State, value: Value, span: tree.Span) -> None:
    """A generator hands out `value`. Entered as a context manager it stops here; leaving one it starts here."""
    match frame.mode:
        case "enter":
            frame.escaped.update(holder.place for holder in holders_in(value))
            frame.yielded = merge(frame.yielded, state.copy())
            frame.yields.append(value)
            for holder in holders_in(value):
                frame.yielded_at.setdefault(holder.place, []).append(span)
            state.dead = True
        case "exit":
            first = frame.muted
            if first:  # what happened before the first yield belongs to entering
                frame.muted = False
                frame.raised = None
                frame.returned_at.clear()
                frame.handlers = [None for _ in frame.handlers]
            if first or value != NONE:  # `yield None` in a handler gives nothing that the consumer could use
                state.holders = {place: UNTOUCHED for place in state.holders if place.origin.how == "new"}
            frame.may_raise(state)
            frame.is_thrown_at(state)
        case "call":
            if not holders_in(value):
                waits.hand_out(frame, state, span)
            frame.escaped.update(holder.place for holder in holders_in(value))
            frame.yields.append(value)
            frame.may_raise(state)


def yields_holder(frame: Frame, state: State, iterable: Suspended, span: tree.Span) -> bool:
    """Whether a generator hands out a holder that it owns, so that iterating it is a block around that holder."""
    if not isinstance(iterable.target, FunctionOf):
        return False
    trial = state.copy()
    muted, frame.muted = frame.muted, True
    try:
        value = applying.apply(frame, trial, iterable.target, iterable.arguments, span, "enter")
    finally:
        frame.muted = muted
    return any(isinstance(option, Holder) for option in options(value))
