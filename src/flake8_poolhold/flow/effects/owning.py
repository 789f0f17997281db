"""Whose a session is: code that cleans up, and closes one under a condition, closes it if it is its own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flake8_poolhold.flow.effects.origins import is_made
from flake8_poolhold.flow.model.states import CLOSED, UNTOUCHED, HolderState, State

_CLOSED = frozenset({CLOSED})


def cleaned(start: State, clean: Callable[[], State | None]) -> State | None:
    """Run a `finally` or an exit from `start`: what it closes under a condition that nobody could decide is closed.

    The condition asks whose the holder is, and here it was made. One that is decided has left no choice.
    """
    mixed = {place: holder for place, holder in start.holders.items() if _is_mixed(holder) and is_made(place)}
    for place, holder in mixed.items():  # to see whether it is closed here, too
        start.holders[place] = msgspec.structs.replace(holder, kinds=holder.kinds - _CLOSED)
    before = start.holders.copy()
    after = clean()
    if after is None:
        return None
    for place, holder in after.holders.items():
        if _is_mixed(holder) and CLOSED not in before.get(place, UNTOUCHED).kinds and is_made(place):
            after.holders[place] = HolderState(_CLOSED, begun=holder.begun, bound=holder.bound, touched=holder.touched)
        elif place in mixed and CLOSED not in holder.kinds:
            after.holders[place] = msgspec.structs.replace(holder, kinds=holder.kinds | _CLOSED)
    return after


def _is_mixed(holder: HolderState) -> bool:
    return CLOSED in holder.kinds and holder.kinds != _CLOSED
