"""Lifetimes: what is left open when a function ends."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import cancelling, ending
from flake8_poolhold.flow.effects.closing import closes_by_flag
from flake8_poolhold.flow.effects.origins import is_made, is_script
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Unclosed
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import HELD, State
from flake8_poolhold.flow.model.values import Holder, Place, Value, holders_in, options


def at_exit(frame: Frame, normal: State | None, returns: Value) -> None:
    """Report the holders that the function made, keeps a connection in, and gives to nobody."""
    if frame.function is None:
        return
    given = frame.escaped | {holder.place for holder in holders_in(returns)}
    driven = {place for one in frame.driven for place in one.places}
    sound: dict[Place, tuple[tree.Span, str]] = {}
    for place, (span, name) in (frame.received | frame.made).items():
        if place in frame.providers:
            continue  # its provider's, see `providing`
        if place in frame.managed or place in given or place in driven or _stored(place, normal, frame.raised):
            continue
        if not name and _is_idle_connection(frame, place):
            continue
        flagged = closes_by_flag(frame.function, name)
        if flagged == "finally":
            continue
        on_return = is_open(normal, place) and not flagged
        on_raise = is_open(frame.raised, place) and not is_script(frame)
        if not on_return and on_raise and ending.starts(frame.analysis, frame.function):
            continue  # what goes wrong when a process starts ends it
        if (on_return or on_raise) and not ending.ends(frame.analysis, frame.function):
            state = normal if on_return else frame.raised
            steps = state.holder(place).since if state is not None else ()
            used = steps[0] if steps else None
            holder, perhaps = frame.known.get(place), place in frame.perhaps
            event = Unclosed(frame.function, span, name or "the session", not on_return, used, holder, perhaps)
            frame.analysis.events.unclosed.append(event)
        elif not flagged and not on_return and not on_raise:
            sound[place] = (span, name)
    cancelling.at_exit(frame, sound)


def _is_idle_connection(frame: Frame, place: Place) -> bool:
    """A sync connection that no variable gets and that runs nothing is given back when its statement ends."""
    holder = frame.known.get(place)
    if holder is None or place in frame.used_for:
        return False
    known = frame.analysis.holders.classes[holder.kind]
    return known.kind == "connection" and not known.is_async


def received(frame: Frame, value: Value, span: tree.Span, maker: FunctionInfo) -> None:
    """A call of a project's function has returned `value`: what it made for its caller is the caller's to close."""
    for option in options(value):
        if isinstance(option, Holder) and option.place not in frame.made and is_made(option.place):
            frame.received.setdefault(option.place, (span, ""))
            if _returns_in_several_places(maker.node):
                frame.perhaps.add(option.place)


def _returns_in_several_places(node: tree.Function) -> bool:
    return sum(isinstance(one, tree.Return) and one.value is not None for one in statements(node.body)) > 1


def is_open(state: State | None, place: Place) -> bool:
    """Whether the holder may have a connection out that is its own to give back."""
    if state is None or place not in state.holders:
        return False
    return HELD in state.holders[place].kinds and not state.holders[place].bound


def _stored(place: Place, *states: State | None) -> bool:
    """Whether the holder was put into an object that outlives the function."""
    for state in states:
        if state is not None and any(
            holder.place == place
            for fields in state.heap.values()
            for value in fields.values()
            for holder in holders_in(value)
        ):
            return True
    return False
