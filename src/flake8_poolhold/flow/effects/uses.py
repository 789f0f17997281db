"""Uses: what a call that has not run yet would do to the holders that are there, found out by a trial run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import calls, contexts
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.lifetimes import Leaves
from flake8_poolhold.flow.model.states import CLOSED, GIVEN, HELD, RELEASED, HolderState, State
from flake8_poolhold.flow.model.values import Library, Place, Suspended, Value, holders_in

ENDED = frozenset({RELEASED, CLOSED})


class Use(msgspec.Struct, frozen=True):
    """What a call does to one holder. `raced`: it uses it outside of any lock; `ends`: it commits, rolls back or
    closes on some path; `closes`: the holder is closed on every path that returns; `leaves`: where it is left checked
    out."""

    raced: bool
    ends: bool
    closes: bool
    leaves: Leaves


def of(frame: Frame, state: State, value: Value, span: tree.Span) -> dict[Place, Use]:
    """The holders that running `value`, a coroutine, generator or function, would use for sure.

    Holders that the call makes for itself are not among them, nor are registries and what a container gives: these may
    give a task its own.
    """
    ways, trial = _trial(frame, state, value, span)
    there = _there(frame, state)
    found: dict[Place, Use] = {}
    for way in ways:
        for place, holder in way.holders.items():
            if holder.sure and (_is_parameters(frame, place) or place in there):
                ends = bool(holder.kinds & ENDED)
                closes = way is trial and holder.kinds == {CLOSED}
                leaves = _left_out(holder, returns=way is trial)
                known = found.get(place)
                found[place] = (
                    Use(holder.raced, ends, closes, leaves)
                    if known is None
                    else Use(
                        known.raced or holder.raced,
                        known.ends or ends,
                        known.closes,
                        leaves if known.leaves == "never" else known.leaves,
                    )
                )
    return found


def _left_out(holder: HolderState, *, returns: bool) -> Leaves:
    if HELD not in holder.kinds:
        return "never"
    if not returns:
        return "failing"
    return "unended" if holder.kinds & ENDED else "returning"


def touched(frame: Frame, state: State, value: Value, span: tree.Span) -> set[Place]:
    """The holders that running `value` may use, as far as anything is seen of that: what is not understood counts."""
    ways, _ = _trial(frame, state, value, span)
    return {
        place
        for way in ways
        for place, holder in way.holders.items()
        if holder.touched or holder.unsure != state.holder(place).unsure
    }


def _trial(frame: Frame, state: State, value: Value, span: tree.Span) -> tuple[list[State], State]:
    """The states in which a run of `value` may end, and the one in which it returns, which may be dead."""
    trial = state.copy()
    trial.holders = {place: _unused(holder) for place, holder in state.holders.items()}
    with _aside(frame) as ways:
        if isinstance(value, Suspended) and value.kind == "generator":
            contexts.item_of(frame, trial, value, span, is_async=True)
        elif isinstance(value, Suspended | Library):
            calls.await_value(frame, trial, value, span)
        else:
            calls.await_value(frame, trial, calls.call(frame, trial, value, (), span), span)
        if frame.raised is not None:
            ways.append(frame.raised)
    if not trial.dead:
        ways.insert(0, trial)
    return ways, trial


def left(used: dict[Place, Use]) -> dict[Place, Leaves]:
    """Where a call leaves which holders checked out."""
    return {place: use.leaves for place, use in used.items()}


def _is_parameters(frame: Frame, place: Place) -> bool:
    """Whether a holder came in through a parameter of the function, or is a field of what did."""
    return place.origin.how == "param" and frame.function is not None and place.origin.where == frame.function.id


def _there(frame: Frame, state: State) -> set[Place]:
    """The holders that exist before the call: of variables, of fields, of the request."""
    fields = [value for held in state.heap.values() for value in held.values()]
    found = {holder.place for value in (*state.env.values(), *fields) for holder in holders_in(value)}
    return {place for place in found | set(frame.providers) if place.origin.how != "global"}


def _unused(holder: HolderState) -> HolderState:
    """The holder as the call finds it, with everything forgotten that was done to it before."""
    return msgspec.structs.replace(
        holder, kinds=frozenset({GIVEN}), since=(), touched=False, raced=False, sure=False, idle=frozenset()
    )


@contextmanager
def _aside(frame: Frame) -> Iterator[list[State]]:
    """What is done in here leaves no trace in the function: no findings, no exceptions that may leave it."""
    kept = (frame.muted, frame.raised, frame.handlers, frame.locks, frame.guesses)
    tasks = (frame.started, frame.joined, frame.grouped)
    frame.muted, frame.raised, frame.handlers, frame.locks, frame.guesses = True, None, [], 0, 0
    frame.started, frame.joined, frame.grouped = {}, {}, None
    try:
        yield []
    finally:
        frame.muted, frame.raised, frame.handlers, frame.locks, frame.guesses = kept
        frame.started, frame.joined, frame.grouped = tasks
