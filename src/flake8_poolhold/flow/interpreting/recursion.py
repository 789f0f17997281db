"""Recursion: the least fixpoint of the summaries of functions that call each other.

A call of a function that is being summarised gets what is assumed of it so far, at first that it never returns. What
was derived from an assumption is kept aside until the function that it was made about is settled; so the result does
not depend on where the recursion was entered, and no function of it is summarised more than once in a round.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from flake8_poolhold.flow.model.frames import Analysis, Effects, Summary
from flake8_poolhold.flow.model.values import UNKNOWN

DEEPEST = 400
"""Calls nested deeper than this are taken to have no effect; real chains are far shorter."""

MOST_ROUNDS = 6
"""The states of a holder are few: a recursion that has not settled by then differs in its evidence only."""

_NEVER_RETURNS = Summary(UNKNOWN, None, None, ())
_NO_EFFECT = Summary(UNKNOWN, Effects({}, {}), None, ())


def solve(analysis: Analysis, context: Hashable, interpret: Callable[[], Summary]) -> Summary:
    """The summary for `context`, which is not known yet; `interpret` derives it, asking for others on the way."""
    pending = analysis.pending
    position = pending.position.get(context)
    if position is not None:
        pending.rests_on(position)
        pending.asked.add(position)
        return pending.assumed[position]
    aside = pending.aside.get(context)
    if aside is not None:
        pending.rests_on(aside[1])
        return aside[0]
    position = len(pending.assumed)
    if position > DEEPEST:
        return _NO_EFFECT
    pending.position[context] = position
    pending.assumed.append(_NEVER_RETURNS)
    pending.lowest.append(position)
    try:
        result = _settle(analysis, position, interpret)
    finally:
        lowest = pending.lowest.pop()
        pending.assumed.pop()
        del pending.position[context]
    if lowest < position:
        pending.aside[context] = (result, lowest)
        pending.rests_on(lowest)
    else:
        analysis.summaries[context] = result
        for other, (settled, base) in list(pending.aside.items()):
            if base >= position:
                analysis.summaries[other] = settled
                del pending.aside[other]
    return result


def _settle(analysis: Analysis, position: int, interpret: Callable[[], Summary]) -> Summary:
    """Derive the summary again and again, until what is assumed of the function is what comes out."""
    pending = analysis.pending
    for _ in range(MOST_ROUNDS):
        pending.asked.discard(position)
        for other, (_, base) in list(pending.aside.items()):
            if base >= position:
                del pending.aside[other]
        result = interpret()
        if position not in pending.asked or result == pending.assumed[position]:
            break
        pending.assumed[position] = result
    return result
