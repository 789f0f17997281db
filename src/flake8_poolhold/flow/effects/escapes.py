"""Escapes: a holder, or an object that carries one, given to work that outlives the request."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import instances, origins, staying, uses, waits
from flake8_poolhold.flow.effects.closing import gives_up
from flake8_poolhold.flow.fastapi.versions import exits_early
from flake8_poolhold.flow.interpreting import parameters
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.lifetimes import Escape, Into, Owner, Started
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    Choice,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Place,
    Series,
    Suspended,
    Table,
    Value,
    options,
)
from flake8_poolhold.flow.naming import objects

_BACKGROUND = (
    "fastapi.BackgroundTasks.add_task",
    "fastapi.background.BackgroundTasks.add_task",
    "starlette.background.BackgroundTasks.add_task",
    "starlette.background.BackgroundTask",
    "fastapi.background.BackgroundTask",
    "fastapi.BackgroundTask",
)


def is_handover(path: str) -> bool:
    """Whether a call of `path` gives its arguments to a task that runs after the response."""
    return path in _BACKGROUND


def hand_over(frame: Frame, state: State, arguments: tuple[BoundArgument, ...], span: tree.Span) -> None:
    """Arguments go to a background task: report every holder among them that somebody else closes."""
    if frame.muted or not frame.reporting or frame.function is None or not arguments:
        return
    seen: set[Place] = set()
    into = task_name(frame, arguments[0].value)
    run = Suspended("coroutine", arguments[0].value, arguments[1:])
    instance = instances.in_task(frame, state, run, span, "background", into)
    if instance is not None:
        frame.analysis.events.instances.append(instance)
    is_known = isinstance(arguments[0].value, FunctionOf)
    used = uses.of(frame, state, run, span) if is_known else {}
    for argument in arguments:
        for carrier, place in carried(frame, state, argument.value):
            closes = place in used and used[place].closes  # the task takes it over
            is_idle = is_known and place not in used and _is_unread(frame, arguments, argument, carrier)
            if place in seen or closes or (is_idle and place not in uses.touched(frame, state, run, span)):
                continue
            seen.add(place)
            started = Started(
                argument.value, span, "background", frozenset(used), frozenset(), into, left=uses.left(used)
            )
            _add(frame, state, started, place, carrier, run)


def _is_unread(frame: Frame, arguments: tuple[BoundArgument, ...], argument: BoundArgument, carrier: str) -> bool:
    """Whether all that a task does with an argument is seen: nothing, or to call methods of an object."""
    task = arguments[0].value
    if argument is arguments[0] or not isinstance(task, FunctionOf):
        return True
    info = frame.analysis.functions[task.function]
    bound = parameters.bind(info, task.receiver, task.bound + arguments[1:])
    name = next((name for name, value in bound.items() if value == argument.value), "")
    named = [node for node in walk(info.node.body) if isinstance(node, tree.Name) and node.id == name]
    called = [
        node
        for node in walk(info.node.body)
        if isinstance(node, tree.Call) and isinstance(node.function, tree.Attribute) and node.function.value in named
    ]
    return bool(name) and len(named) == (len(called) if carrier else 0)


def is_queue(path: str) -> bool:
    """Whether a call of `path` puts its argument into a queue, from which a worker takes it."""
    return path.startswith(("asyncio.", "queue.", "multiprocessing.")) and path.endswith(
        ("Queue.put", "Queue.put_nowait")
    )


def enqueue(frame: Frame, state: State, path: str, arguments: tuple[BoundArgument, ...], span: tree.Span) -> None:
    """Arguments go into a queue: report every holder among them that somebody else closes."""
    if frame.muted or not frame.reporting:
        return
    for argument in arguments:
        for carrier, place in carried(frame, state, argument.value):
            item = Started(argument.value, span, "queue", frozenset(), frozenset(), path)
            _add(frame, state, item, place, carrier)


def stream(frame: Frame, state: State, arguments: tuple[BoundArgument, ...], span: tree.Span) -> None:
    """A response is made whose body is sent later: report the request's sessions that it uses, closed by then."""
    if frame.muted or not frame.reporting or not frame.providers:
        return
    for argument in arguments:
        for option in options(argument.value):
            if not isinstance(option, Suspended):
                continue
            used = uses.of(frame, state, option, span)
            for place in sorted(used, key=str):
                if place in frame.providers and not used[place].closes:
                    into = task_name(frame, option)
                    body = Started(option, span, "stream", frozenset(used), frozenset(), into, left=uses.left(used))
                    _add(frame, state, body, place, "", option)


def found(frame: Frame, state: State, place: Place, started: Started) -> None:
    """Work that nobody waits for uses the holder at `place`: report it, if somebody else closes that."""
    if _owner(frame, place) is None:
        return
    if started.kind == "task" and _is_over_before_the_exit(frame, state, place, started.value):
        return
    carriers = [carrier for carrier, held in carried(frame, state, started.value) if held == place]
    _add(frame, state, started, place, carriers[0] if carriers else "", started.value)


def _is_over_before_the_exit(frame: Frame, state: State, place: Place, task: Value) -> bool:
    """Whether a coroutine is done with a request's sync session before that can be closed.

    The exit of a plain generator runs in a thread, for which the loop lets the tasks go first that are ready: so the
    first step of each, up to where it waits, finds the session open.
    """
    provider = frame.analysis.functions.get(frame.providers.get(place, ""))
    if provider is None or provider.node.is_async or not isinstance(task, Suspended):
        return False
    if not isinstance(task.target, FunctionOf) or not origins.is_sync(frame, place):
        return False
    info = frame.analysis.functions[task.target.function]
    given = parameters.bind(info, task.target.receiver, task.target.bound + task.arguments)
    inside = [*given.items(), *task.target.captured]
    names = [name for name, value in inside if any(held == place for _, held in carried(frame, state, value))]
    return info.node.is_async and bool(names) and all(staying.reads_at_once(info, name) for name in names)


def _add(frame: Frame, state: State, started: Started, place: Place, carrier: str, run: Value | None = None) -> None:
    owner = _owner(frame, place)
    if frame.function is None or owner is None:
        return
    name = waits.spelled(state, place) or waits.named(state, place)
    early = True if place in frame.exited else exits_early(frame.analysis.project, frame.path)
    leaves = started.left.get(place, "returning")
    if leaves == "never" and _is_alone(frame, place, started.kind, owner, early=early):
        return
    frame.analysis.events.escapes.append(
        Escape(
            frame.function,
            started.span,
            name,
            place,
            carrier,
            started.into,
            started.kind,
            owner,
            early,
            used=place in started.uses,
            run=run,
            provider=frame.providers.get(place, ""),
            unsaved=bool(state.holder(place).dirty or state.holder(place).unsure),
            leaves=leaves,
        )
    )


def _is_alone(frame: Frame, place: Place, kind: Into, owner: Owner, *, early: bool | None) -> bool:
    """Whether nobody else is seen to use a holder while work does: it is closed by then, or sync and the work one of
    the loop's, or a caller's, of whom nothing is known.

    Such work does no harm when it gives back what it checks out.
    """
    if owner == "caller":
        return True
    if kind in ("background", "stream"):
        return owner == "request" and bool(early)
    return kind == "task" and origins.is_sync(frame, place)


def _owner(frame: Frame, place: Place) -> Owner | None:
    """Who closes the holder before the task is done; `None` when nobody does, as far as the function tells."""
    if place in frame.providers:
        provider = frame.analysis.functions.get(frame.providers[place])
        return "request" if provider is None or not gives_up(provider) else None
    if place.origin.how == "param":
        return None if _is_own(frame, place) else "caller"
    return "block" if place in frame.managed else None


def _is_own(frame: Frame, place: Place) -> bool:
    """Whether the holder is a field that the object, whose method this is, fills with a session that it makes."""
    info = frame.function
    if info is None or not info.owner or len(place.path) != 1 or not info.node.parameters:
        return False
    if (place.origin.where, place.origin.name) != (info.id, info.node.parameters[0].name):
        return False
    return objects.makes_itself(frame.analysis, info.owner, place.path[0])


def task_name(frame: Frame, task: Value) -> str:
    """The name of what a task runs; empty if it has none."""
    match task:
        case FunctionOf(function=function) | Suspended(target=FunctionOf(function=function)):
            name = frame.analysis.functions[function].name
            return "" if name.endswith("<lambda>") else name
        case Suspended(target=Library(), arguments=arguments):
            return next((task_name(frame, one.value) for one in arguments if isinstance(one.value, FunctionOf)), "")
        case _:
            return ""


def carried(frame: Frame, state: State, value: Value, depth: int = 3) -> list[tuple[str, Place]]:
    """The holders inside a value, each with the class of the object that carries it (empty for the holder itself)."""
    if not depth:
        return []
    match value:
        case Holder(place=place):
            return [("", place)]
        case Instance(cls=cls):
            name = frame.analysis.classes[cls].name
            fields = list(state.heap.get(value.place, {}).values())
            fields += [objects.declared_field(frame, value, field) for field in objects.own_fields(frame.analysis, cls)]
            found = [place for held in fields for _, place in carried(frame, state, held, depth - 1)]
            return [(name, place) for place in dict.fromkeys(found)]
        case Series(items=items) | Choice(options=items):
            return [found for item in items for found in carried(frame, state, item, depth - 1)]
        case Table(items=pairs):
            return [found for _, item in pairs for found in carried(frame, state, item, depth - 1)]
        case FunctionOf(receiver=receiver, captured=captured, bound=bound):
            inside = [item for _, item in captured] + [argument.value for argument in bound]
            inside += [receiver] if receiver is not None else []
            return [found for item in inside for found in carried(frame, state, item, depth - 1)]
        case Suspended(target=target, arguments=arguments):
            inside = [target, *(argument.value for argument in arguments)]
            return [found for item in inside for found in carried(frame, state, item, depth - 1)]
        case _:
            return []
