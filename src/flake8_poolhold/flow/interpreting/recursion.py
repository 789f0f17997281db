"""Recursion: the least fixpoint of the summaries of functions that call each other, and of the values they ask for.

A call of a function that is being summarised gets what is assumed of it so far, at first that it never returns. What
was derived from an assumption is kept aside until the function that it was made about is settled; so the result does
not depend on where the recursion was entered, and no function of it is summarised more than once in a round.

A value (of a module's name, a field, a parameter) that is needed to find itself is unknown there. It is not sought in
rounds; what was derived from not knowing it is forgotten when it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from flake8_poolhold.flow.model.frames import Analysis, Effects, Summary
from flake8_poolhold.flow.model.states import Heap
from flake8_poolhold.flow.model.values import UNKNOWN, Value, leaves

DEEPEST = 400
"""Calls nested deeper than this are taken to have no effect; real chains are far shorter."""

MOST_ROUNDS = 6
"""The states of a holder are few: a recursion that has not settled by then differs in its evidence only."""

_CLOSE_ENOUGH = 2
"""After so many rounds small differences count no more."""

_NEVER_RETURNS = Summary(UNKNOWN, None, None, ())
_NO_EFFECT = Summary(UNKNOWN, Effects({}, {}), None, ())


def solve(analysis: Analysis, context: Hashable, function: str, interpret: Callable[[], Summary]) -> Summary:
    """The summary of a function for `context`, not known yet; `interpret` derives it, asking for others on the way."""
    summary: Summary = _tracked(analysis, context, function, interpret, rounds=MOST_ROUNDS)
    return summary


def value(analysis: Analysis, key: Hashable, find: Callable[[], Value], node: Hashable = None) -> Value:
    """A value that summaries are needed to find, and that they may ask for.

    What it rests on is kept in the tracker's `node`, without one in a node of its own.
    """
    known: Value | None = analysis.results.get(key)
    if known is None:
        known = _tracked(analysis, key, node or key, find, rounds=1)
    return known


def _tracked(
    analysis: Analysis, context: Hashable, node: Hashable, interpret: Callable[[], object], rounds: int
) -> Any:
    """What is assumed of a derivation, or was put aside, belongs to the node of that derivation as well."""
    tracker = analysis.tracker
    tracker.enter(node)
    try:
        return _solve(analysis, context, interpret, rounds)
    finally:
        tracker.leave()


def _solve(analysis: Analysis, context: Hashable, interpret: Callable[[], object], rounds: int) -> object:
    is_value = rounds == 1
    pending = analysis.pending
    position = pending.position.get(context)
    if position is not None:
        pending.assumes(position)
        pending.asked.add(position)
        return pending.assumed[position]
    aside = pending.aside.get(context)
    if aside is not None:
        pending.rests_on(aside.rests)
        return aside.result
    position = len(pending.assumed)
    if position > DEEPEST:
        return UNKNOWN if is_value else _NO_EFFECT
    pending.enter(context, UNKNOWN if is_value else _NEVER_RETURNS, is_value=is_value)
    try:
        result = _settle(analysis, position, context, interpret, rounds)
    finally:
        rests = pending.leave(context)
    if rests.lowest < position:
        pending.put_aside(context, result, rests)
        pending.rests_on(rests)
    else:
        analysis.results[context] = result
        for other, found in pending.settled(position).items():
            analysis.results[other] = found
    return result


def _settle(
    analysis: Analysis, position: int, context: Hashable, interpret: Callable[[], object], rounds: int
) -> object:
    """Derive the result again and again, until what is assumed of it is what comes out.

    Inside a recursion that was entered further out there is one round for each round of that one. Rounds within rounds
    would be as many as a power of the functions of the recursion.
    """
    pending = analysis.pending
    for turn in range(rounds):
        pending.asked.discard(position)
        pending.forget(position)
        result = interpret()
        is_asked = position in pending.asked
        settled = not is_asked or _is_as(result, pending.assumed[position], turn + pending.rounds(context))
        if rounds > 1 and pending.is_inner(position):
            if is_asked:
                pending.came_out(context, result, as_assumed=settled)
            return result
        if settled and not pending.is_restless(position):
            break
        pending.assumed[position] = result
    pending.end(position)
    return result


def _is_as(result: object, assumed: object, turn: int) -> bool:
    """Whether what came out is what was assumed: later on, if only the evidence differs, or how lists are nested."""
    if result == assumed:
        return True
    if turn < _CLOSE_ENOUGH or not isinstance(result, Summary) or not isinstance(assumed, Summary):
        return False
    return _outline(result) == _outline(assumed)


def _outline(summary: Summary) -> object:
    effects = [one and (one.holders, _leaves_of(one.heap)) for one in (summary.normal, summary.raised)]
    waits = {(one.wait, one.steps[0], one.steps[-1], one.touched, one.reported, one.limited) for one in summary.waits}
    blocks = {(one.path, one.steps[0], one.steps[-1], one.holder) for one in summary.blocks}
    rest = summary.left, summary.joined, summary.engines, summary.stored
    return leaves(summary.returns), effects, waits, blocks, rest


def _leaves_of(heap: Heap) -> object:
    return {place: {name: leaves(value) for name, value in fields.items()} for place, fields in heap.items()}
