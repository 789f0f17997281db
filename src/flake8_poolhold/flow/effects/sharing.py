"""Objects that were handed in and carry a session each: unless the code tells them apart, it is one session."""

from __future__ import annotations

import msgspec

from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import CLOSED, RELEASED, State
from flake8_poolhold.flow.model.values import Place


def release_shared(frame: Frame, state: State, place: Place) -> None:
    """After a release of `place`: what other carriers hold of the same kind went back with it.

    A service that gets a repository and a committer, both injected, ends the repository's transaction through the
    committer. To hold two sessions apart that are one would be a false alarm; two parameters, or two fields of one
    object, are two sessions.
    """
    released = state.holder(place)
    known = frame.known.get(place)
    if known is None or place.origin.how != "param" or not released.kinds <= {RELEASED, CLOSED}:
        return
    for other, held in list(state.holders.items()):
        carried = frame.known.get(other)
        if carried is None or carried.kind != known.kind or not _may_be_one(place, other):
            continue
        kinds = frozenset({RELEASED}) if held.kinds - {CLOSED} else held.kinds
        state.holders[other] = msgspec.structs.replace(
            held, kinds=kinds, since=(), dirty=(), unsure=(), lock=(), streaming=False, carries=False
        )


def _may_be_one(place: Place, other: Place) -> bool:
    if place == other or other.origin.how != "param" or place.origin.where != other.origin.where:
        return False
    if not place.path and not other.path:
        return False
    return (place.origin, place.path[:-1]) != (other.origin, other.path[:-1]) or not (place.path and other.path)
