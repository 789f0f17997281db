"""Waits and what they meet: a wait is remembered for the callers and, where a holder is held, reported."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import carriers
from flake8_poolhold.flow.model.frames import Frame, Hold, Waiting
from flake8_poolhold.flow.model.states import FRESH, HELD, HolderState, State, compose
from flake8_poolhold.flow.model.values import Holder, Instance, Loaded, Place, Series, Value, options
from flake8_poolhold.flow.naming import names
from flake8_poolhold.knowledge import Wait


def reach(frame: Frame, state: State, wait: Wait, path: str, span: tree.Span) -> None:
    """The library call `path` at `span` waits."""
    if frame.muted:
        return
    if frame.reporting:
        frame.analysis.events.waits.setdefault(frame.path, set()).add(span[:2])
    step = frame.step(span, f"waits: {display(path)}", "wait")
    meet(frame, state, Waiting(wait, (step,), (), frozenset()), span)


def queue_for_connection(frame: Frame, state: State, place: Place, span: tree.Span) -> None:
    """A holder that the function made checks out: it waits for the pool, with what others hold meanwhile."""
    if frame.muted:
        return
    kind = frame.known[place].kind if place in frame.known else ""
    wait = Wait(library=kind, kind="checkout", typical="", driver=False)
    step = frame.step(span, "a second connection is checked out", "wait")
    others = State(state.env, state.heap, {other: held for other, held in state.holders.items() if other != place})
    meet(frame, others, Waiting(wait, (step,), (), frozenset()), span)


STREAMS = ("StreamingResponse", "FileResponse", "EventSourceResponse")
"""Responses that are sent piece by piece, after the handler has returned."""


def send_response(frame: Frame, state: State, value: Value, span: tree.Span) -> None:
    """A handler returns a response that is sent piece by piece: its session stays open until the client has it all."""
    if not frame.streams or frame.muted:
        return
    for option in options(value):
        path = names.response_class(frame.analysis, option)
        if not path.endswith(STREAMS):
            continue
        wait = Wait(library="the client", kind="client-stream", typical="as long as the client reads", driver=False)
        step = frame.step(span, f"{path.rpartition('.')[2]} is sent while the session is open", "wait")
        mine = {place: held for place, held in state.holders.items() if place in frame.providers.keys() - frame.exited}
        meet(frame, State(state.env, state.heap, mine), Waiting(wait, (step,), (), frozenset()), span)


def hand_out(frame: Frame, state: State, span: tree.Span) -> None:
    """A generator that is not a provider hands control to its consumer, with what it holds."""
    if frame.muted or not frame.reporting or frame.function is None or frame.function.node.decorators:
        return
    mine = {place: held for place, held in state.holders.items() if place.origin.how == "new" and not held.streaming}
    if not any(HELD in held.kinds for held in mine.values()) or _is_provider(frame):
        return
    wait = Wait(library="its consumer", kind="consumer", typical="as long as the consumer takes", driver=False)
    step = frame.step(span, "control goes to the consumer", "wait")
    for place, held in mine.items():
        if HELD in held.kinds:
            _hold(frame, state, place, held, Waiting(wait, (step,), (), frozenset()), span)


def _is_provider(frame: Frame) -> bool:
    """Whether the generator is somebody's dependency: it yields once, and its exit code releases."""
    name = frame.function.name.rpartition(".")[2] if frame.function is not None else ""
    return any(frame.analysis.project.naming(f"{marker}({name}", name) for marker in ("Depends", "Provide", "Security"))


def display(path: str) -> str:
    """A dotted path for people: `httpx.AsyncClient.post`."""
    return path.replace("()", "")


def meet(frame: Frame, state: State, waiting: Waiting, span: tree.Span) -> None:
    """A wait, in this function or behind a call of it, starts in `state`: report the holds, remember it for callers."""
    if frame.muted:
        return
    if frame.guards:
        waiting = msgspec.structs.replace(waiting, limited=True)
    inner = dict(waiting.touched)
    reported = set(waiting.reported)
    touched: dict[Place, HolderState] = {}
    for place, outer in state.holders.items():
        met = inner.get(place)
        now = compose(met, outer, waiting.steps[0]) if met is not None else outer
        touched[place] = now
        told = place in reported and not _held_before(outer, met, span)
        if HELD in now.kinds and not told and not frame.is_import:
            if frame.reporting:
                _hold(frame, state, place, now, waiting, span, again=place in reported)
                reported.add(place)
        elif now.kinds == {FRESH} and not now.touched and frame.reporting:
            _idle(frame, state, place, waiting, span)
    for place, met in inner.items():
        if place not in touched and place.origin.how != "new":
            touched[place] = met
    if frame.mode == "call":
        touched = {place: now for place, now in touched.items() if not _is_own(frame, place)}
        reported = {place for place in reported if not _is_own(frame, place)}
    remember(frame, msgspec.structs.replace(waiting, touched=tuple(touched.items()), reported=frozenset(reported)))


def _is_own(frame: Frame, place: Place) -> bool:
    """Whether a holder was made here, so that no caller has it at a wait in the middle of the function."""
    return place.origin.how == "new" and frame.function is not None and place.origin.where == frame.function.id


def _held_before(outer: HolderState, met: HolderState | None, span: tree.Span) -> bool:
    """Whether the caller had checked out before the call at `span`, and the callee does not release before it waits.

    The callee's own checkout is another one: to do without it there does not help this one.
    """
    if HELD not in outer.kinds or (met is not None and not met.carries):
        return False
    return not any((step.line, step.column) == span[:2] for step in outer.since[:1])


def remember(frame: Frame, waiting: Waiting) -> None:
    """Keep a wait for the callers: one for each class of wait and each state that it met."""
    key = (
        waiting.wait.kind,
        waiting.limited,
        frozenset((place, state.kinds) for place, state in waiting.touched),
        waiting.reported,
    )
    known = frame.waits.get(key)
    if known is None or len(waiting.steps) < len(known.steps):
        frame.waits[key] = waiting


def _hold(
    frame: Frame,
    state: State,
    place: Place,
    now: HolderState,
    waiting: Waiting,
    span: tree.Span,
    *,
    again: bool = False,
) -> None:
    if frame.analysis.watch is not None:
        return  # what is found meanwhile is told nobody
    hold = describe(frame, state, place, now, waiting, span, again=again)
    if hold is not None:
        frame.analysis.events.holds.append(hold)


def _idle(frame: Frame, state: State, place: Place, waiting: Waiting, span: tree.Span) -> None:
    """The holder is open and has never checked out; should it be used later, the wait stood in an open session."""
    hold = describe(frame, state, place, state.holder(place), waiting, span)
    if hold is not None:
        frame.idle_holds.append(hold)
        idle = state.holder(place).idle | {len(frame.idle_holds) - 1}
        state.holders[place] = msgspec.structs.replace(state.holder(place), idle=idle)


def used(frame: Frame, state: State, place: Place, *, raced: bool = True, sure: bool = True) -> None:
    """A holder is used: the waits that it stood open for are now known to be idle waits.

    `raced`: not under a lock, `sure`: this one and no other, as far as a callee tells.
    """
    holder = state.holder(place)
    if frame.reporting and not frame.muted:
        for number in sorted(holder.idle - frame.told_idle):
            frame.analysis.events.idles.append(frame.idle_holds[number])
        frame.told_idle |= holder.idle
    sure = sure and not frame.guesses
    now = msgspec.structs.replace(
        holder,
        idle=frozenset(),
        touched=True,
        raced=holder.raced or (raced and sure and not frame.locks),
        sure=holder.sure or sure,
    )
    if now != holder:
        state.holders[place] = now


def describe(
    frame: Frame,
    state: State,
    place: Place,
    now: HolderState,
    waiting: Waiting,
    span: tree.Span,
    *,
    again: bool = False,
) -> Hold | None:
    if frame.function is None:
        return None
    expression = spelled(state, place)
    holder = frame.known.get(place)
    provider = frame.providers.get(place, "")
    name = expression or (frame.analysis.functions[provider].name if provider else named(state, place))
    return Hold(
        function=frame.function,
        span=span,
        place=place,
        name=name,
        expression=expression,
        kind=holder.kind if holder is not None else "",
        keeps_loaded=holder.keeps_loaded if holder is not None else None,
        state=now,
        waiting=waiting,
        provider=provider,
        loaded=frozenset(variable for variable, value in state.env.items() if _came_from(value, place)),
        carriers=carriers.variables(frame.analysis, state, place),
        again=again,
        escaped=place in frame.escaped | frame.handed_on,
        asked=tuple(frame.asked.get(place, ())),
    )


def _came_from(value: Value, place: Place) -> bool:
    return any(isinstance(option, Loaded) and option.place == place for option in parts(value))


def parts(value: Value) -> list[Value]:
    """The single values in a value and in the series it may be."""
    found: list[Value] = []
    for option in options(value):
        found.extend(
            [part for item in option.items for part in options(item)] if isinstance(option, Series) else [option]
        )
    return found


def spelled(state: State, place: Place) -> str:
    """How the function itself can name the holder at `place`: a variable, or an attribute of one. Empty if not."""
    for name, value in state.env.items():
        if isinstance(value, Holder) and value.place == place:
            return name
    for name, value in state.env.items():
        if isinstance(value, Instance):
            found = _field_of(state, value, place)
            if found:
                return f"{name}.{found}"
    return ""


def _field_of(state: State, value: Instance, place: Place, depth: int = 2) -> str:
    for field, held in state.heap.get(value.place, {}).items():
        if isinstance(held, Holder) and held.place == place:
            return field
        if isinstance(held, Instance) and depth:
            inner = _field_of(state, held, place, depth - 1)
            if inner:
                return f"{field}.{inner}"
    if value.place.origin == place.origin and place.path[: len(value.place.path)] == value.place.path:
        return ".".join(place.path[len(value.place.path) :])
    return ""


def named(state: State, place: Place) -> str:
    """A name for a holder that the function cannot spell: a variable that may be it, or what it came from."""
    for name, value in state.env.items():
        if any(isinstance(option, Holder) and option.place == place for option in options(value)):
            return name
    if place.path:
        return place.path[-1]
    if place.origin.how == "global":
        # A registry of a library goes by the name of its class and attribute, one made at import is called nothing.
        return ".".join(place.origin.name.split(".")[-2:]) if place.origin.name[:1].isalpha() else "the scoped session"
    return place.origin.name if place.origin.how != "new" else "a session"


def name_holder(frame: Frame, value: Value, name: str) -> None:
    """Remember under which name the function made a holder."""
    for known in (frame.made, frame.received):
        for holder in (option for option in options(value) if isinstance(option, Holder)) if known else ():
            if holder.place in known:
                span, old = known[holder.place]
                known[holder.place] = (span, old or name)
