"""Lifetimes: what is left open when a function ends."""

from __future__ import annotations

from flake8_poolhold.flow.model.frames import Frame, Unclosed
from flake8_poolhold.flow.model.states import HELD, State
from flake8_poolhold.flow.model.values import Place, Value, holders_in


def at_exit(frame: Frame, normal: State | None, returns: Value) -> None:
    """Report the holders that the function made, keeps a connection in, and gives to nobody."""
    if frame.function is None:
        return
    given = frame.escaped | {holder.place for holder in holders_in(returns)}
    for place, (span, name) in frame.made.items():
        if place in frame.managed or place in given or _stored(place, normal, frame.raised):
            continue
        on_return, on_raise = _open(normal, place), _open(frame.raised, place)
        if on_return or on_raise:
            state = normal if on_return else frame.raised
            steps = state.holder(place).since if state is not None else ()
            used = steps[0] if steps else None
            event = Unclosed(frame.function, span, name or "the session", not on_return, used)
            frame.analysis.events.unclosed.append(event)


def _open(state: State | None, place: Place) -> bool:
    return state is not None and place in state.holders and HELD in state.holders[place].kinds


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
