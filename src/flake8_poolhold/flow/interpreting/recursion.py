"""Recursion: the least fixpoint of the summaries of functions that call each other, and of the values they ask for.

A call of a function that is being summarised gets what is assumed of it so far, at first that it never returns. What
was derived from an assumption is kept aside until the function that it was made about is settled; so the result does
not depend on where the recursion was entered, and no function of it is summarised more than once in a round.

A value (of a module's name, a field, a parameter) that is needed to find itself is unknown there. It is not sought in
rounds; what was derived from not knowing it is forgotten when it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from flake8_poolhold.flow.model.frames import Analysis, Effects, Summary
from flake8_poolhold.flow.model.values import UNKNOWN, Value

DEEPEST = 400
"""Calls nested deeper than this are taken to have no effect; real chains are far shorter."""

MOST_ROUNDS = 6
"""The states of a holder are few: a recursion that has not settled by then differs in its evidence only."""

_NEVER_RETURNS = Summary(UNKNOWN, None, None, ())
_NO_EFFECT = Summary(UNKNOWN, Effects({}, {}), None, ())


def solve(analysis: Analysis, context: Hashable, function: str, interpret: Callable[[], Summary]) -> Summary:
    """The summary of a function for `context`, not known yet; `interpret` derives it, asking for others on the way."""
    return _tracked(analysis, context, function, interpret, rounds=MOST_ROUNDS)


def value(analysis: Analysis, key: Hashable, find: Callable[[], Value]) -> Value:
    """A value that summaries are needed to find, and that they may ask for."""
    known = analysis.summaries.get(key)
    if known is None:
        known = _tracked(analysis, key, key, lambda: Summary(find(), None, None, ()), rounds=1)
    return known.returns


def _tracked(
    analysis: Analysis, context: Hashable, node: Hashable, interpret: Callable[[], Summary], rounds: int
) -> Summary:
    """What is assumed of a derivation, or was put aside, belongs to the node of that derivation as well."""
    tracker = analysis.tracker
    outer = tracker.enter(node)
    try:
        return _solve(analysis, context, interpret, rounds)
    finally:
        tracker.leave(outer)


def _solve(analysis: Analysis, context: Hashable, interpret: Callable[[], Summary], rounds: int) -> Summary:
    pending = analysis.pending
    position = pending.position.get(context)
    if position is not None:
        pending.rests_on(position)
        pending.asked.add(position)
        return pending.assumed[position]
    aside = pending.aside.get(context)
    if aside is not None:
        pending.rests_on(aside.lowest, aside.unfound)
        return aside.summary
    position = len(pending.assumed)
    if position > DEEPEST:
        return _NO_EFFECT
    pending.enter(context, _NEVER_RETURNS, is_value=rounds == 1)
    try:
        result = _settle(analysis, position, interpret, rounds)
    finally:
        lowest, unfound = pending.leave(context)
    if lowest < position:
        pending.put_aside(context, result, lowest, unfound)
        pending.rests_on(lowest, unfound)
    else:
        analysis.summaries[context] = result
        for other, summary in pending.settled(position).items():
            analysis.summaries[other] = summary
    return result


def _settle(analysis: Analysis, position: int, interpret: Callable[[], Summary], rounds: int) -> Summary:
    """Derive the summary again and again, until what is assumed of the function is what comes out."""
    pending = analysis.pending
    for _ in range(rounds):
        pending.asked.discard(position)
        pending.forget(position)
        result = interpret()
        if position not in pending.asked or result == pending.assumed[position]:
            break
        pending.assumed[position] = result
    return result
