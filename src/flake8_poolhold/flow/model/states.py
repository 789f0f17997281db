"""Holder states: what may be true of each holder at one point of the program, and how points join.

The state of a holder is a set of kinds, one for each path that leads to the point. `given` stands for "as the caller
left it": a summary is computed once and composed with the state that each caller has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from flake8_poolhold.finding import Step
from flake8_poolhold.flow.model.values import Origin, Place, Value, join

GIVEN, FRESH, HELD, RELEASED, CLOSED = "given", "fresh", "held", "released", "closed"

Steps = tuple[Step, ...]


class HolderState(msgspec.Struct, frozen=True, gc=False):
    """What may be true of one holder.

    `since` is the evidence of the checkout. `dirty` is that of writes that may be pending, flushed or uncommitted,
    `unsure` that of something that was done with it and is not understood, `lock` that of a lock that a release would
    lose. `begun`: inside a `begin()` block; `bound`: bound to a connection, so that it releases nothing; `streaming`: a
    server-side cursor is open; `carries`: on some path nothing was released since the function was entered, so that the
    caller's marks still hold. `sure`: it was used, and no other in its stead; `raced`: outside of any lock, too.
    `wrote`: objects that were given and changed were written, or dropped, with it. `idle` are the waits that began
    while it was open and had never checked out.
    """

    kinds: frozenset[str]
    since: Steps = ()
    dirty: Steps = ()
    unsure: Steps = ()
    lock: Steps = ()
    begun: bool = False
    bound: bool = False
    streaming: bool = False
    carries: bool = False
    touched: bool = False
    raced: bool = False
    sure: bool = False
    wrote: bool = False
    idle: frozenset[int] = frozenset()


SOME_OBJECT = Place(Origin("global", "", "an object of the caller"))
"""Stands in the effects of a function for an object that it was given and has changed."""

WRITTEN_OBJECT = Place(Origin("global", "", "an object of the caller that was written"))
"""Stands for one that was changed before a holder, which the function was given too, has written or dropped it."""


UNTOUCHED = HolderState(frozenset({GIVEN}), carries=True)


def join_states(left: HolderState, right: HolderState) -> HolderState:
    """Either of the two."""
    if left == right:
        return left
    return HolderState(
        kinds=left.kinds | right.kinds,
        since=left.since or right.since,
        dirty=left.dirty or right.dirty,
        unsure=left.unsure or right.unsure,
        lock=left.lock or right.lock,
        begun=left.begun or right.begun,
        bound=left.bound or right.bound,
        streaming=left.streaming or right.streaming,
        carries=left.carries or right.carries,
        touched=left.touched or right.touched,
        raced=left.raced or right.raced,
        sure=left.sure or right.sure,
        wrote=left.wrote or right.wrote,
        idle=left.idle | right.idle,
    )


def compose(inner: HolderState, outer: HolderState, call: Step) -> HolderState:
    """The state after a call: `inner` is what the callee left, `outer` the state in which it was called."""
    kinds = inner.kinds
    if GIVEN in kinds:
        kinds = (kinds - {GIVEN}) | outer.kinds
    since: Steps = (call, *inner.since) if inner.since else ()
    if inner.carries and outer.since:
        since = outer.since
    kept = outer if inner.carries else None
    return HolderState(
        kinds=kinds,
        since=since if HELD in kinds else (),
        dirty=inner.dirty or (kept.dirty if kept is not None else ()),
        unsure=inner.unsure or (kept.unsure if kept is not None else ()),
        lock=((call, *inner.lock) if inner.lock else ()) or (kept.lock if kept is not None else ()),
        begun=inner.begun or outer.begun,
        bound=inner.bound or outer.bound,
        streaming=inner.streaming or (kept is not None and kept.streaming),
        carries=inner.carries and outer.carries,
        touched=outer.touched or inner.touched,
        raced=outer.raced or inner.raced,
        sure=outer.sure or inner.sure,
        wrote=outer.wrote or inner.wrote,
        idle=outer.idle,
    )


Fields = dict[str, Value]
"""The fields of one object. Never changed in place: states share them."""

Heap = dict[Place, Fields]

Key = TypeVar("Key")
Item = TypeVar("Item")


class Noted(dict[Key, Item]):
    """A dict that notes what was set in it since it was joined into another one, so that this need be joined only."""

    into: object = None
    since: dict[Key, None] | None = None

    def __setitem__(self, key: Key, item: Item) -> None:
        super().__setitem__(key, item)
        if self.since is not None:
            self.since[key] = None

    def put(self, items: Mapping[Key, Item]) -> None:
        """Set all of these."""
        self.update(items)
        if self.since is not None:
            self.since.update(dict.fromkeys(items))

    def copy(self) -> Noted[Key, Item]:
        other = Noted(self)
        if self.since is not None:
            other.into, other.since = self.into, self.since.copy()
        return other

    def news(self, into: object) -> Iterable[Key]:
        """The keys that may be others than those which were joined into `into`, which now are."""
        keys: Iterable[Key] = self.since if self.into is into and self.since is not None else self
        self.into, self.since = into, {}
        return keys


class State:
    """One point of the program: variables, fields of objects, states of holders."""

    __slots__ = ("dead", "env", "heap", "holders")

    def __init__(
        self,
        env: Mapping[str, Value] | None = None,
        heap: Mapping[Place, Fields] | None = None,
        holders: dict[Place, HolderState] | None = None,
    ) -> None:
        self.dead = False
        """Set by an expression that never ends, such as a call of a function that always raises."""
        self.env = env if isinstance(env, Noted) else Noted(env or ())
        self.heap = heap if isinstance(heap, Noted) else Noted(heap or ())
        self.holders: dict[Place, HolderState] = holders if holders is not None else {}

    def copy(self) -> State:
        return State(self.env.copy(), self.heap.copy(), self.holders.copy())

    def assume(self, other: State) -> None:
        """Become `other`."""
        self.env, self.heap, self.holders = other.env, other.heap, other.holders

    def field(self, place: Place, name: str) -> Value | None:
        """The field of an object, if it was seen being set."""
        fields = self.heap.get(place)
        return fields.get(name) if fields is not None else None

    def set_field(self, place: Place, name: str, value: Value) -> None:
        self.set_fields(place, {name: value})

    def set_fields(self, place: Place, fields: Fields) -> None:
        known = self.heap.get(place)
        self.heap[place] = {**known, **fields} if known else fields

    def holder(self, place: Place) -> HolderState:
        return self.holders.get(place, UNTOUCHED)

    def same(self, other: State) -> bool:
        return self.holders == other.holders and self.env == other.env and self.heap == other.heap


def merge(left: State | None, right: State | None) -> State | None:
    """The join of two points; `None` is a point that is never reached. May reuse `left`."""
    if left is None or right is None:
        return right if left is None else left
    if left is right:
        return left
    left.env.put(_merged(left.env, right.env, right.env))
    _merge_heap(left.heap, right.heap, right.heap)
    _merge_holders(left.holders, right.holders)
    return left


def merge_raised(into: State, other: State, *, variables: bool) -> None:
    """Join one more point at which an exception may leave. A caller sees no `variables`, but objects and holders.

    A body is left at each of its calls: only what is new since the last one is joined.
    """
    if variables:
        into.env.put(_merged(into.env, other.env, other.env.news(into.env)))
    _merge_heap(into.heap, other.heap, other.heap.news(into.heap))
    _merge_holders(into.holders, other.holders)


def merge_all(states: Iterable[State | None]) -> State | None:
    """The join of all the points that are reached; the first one is reused."""
    joined: State | None = None
    for state in states:
        joined = merge(joined, state)
    return joined


def _merged(into: dict[str, Value], other: dict[str, Value], names: Iterable[str]) -> dict[str, Value]:
    """What changes in `into` when `other` is joined to it, of which only these names are looked at."""
    changed: dict[str, Value] = {}
    for name in names:
        known, value = into.get(name), other.get(name)
        if value is known or value is None:
            continue
        if known is None:
            changed[name] = value
        elif known != value and (joined := join((known, value))) is not known:
            changed[name] = joined
    return changed


def _merge_heap(into: Noted[Place, Fields], other: Noted[Place, Fields], places: Iterable[Place]) -> None:
    changed: dict[Place, Fields] = {}
    for place in places:
        known, fields = into.get(place), other.get(place)
        if fields is known or fields is None:
            continue
        if known is None:
            changed[place] = fields
        elif news := _merged(known, fields, fields):
            changed[place] = {**known, **news}
    into.put(changed)


def _merge_holders(into: dict[Place, HolderState], other: dict[Place, HolderState]) -> None:
    for place, state in other.items():
        known = into.get(place)
        if known is not None:
            into[place] = join_states(known, state)
        elif place.origin.how == "new":
            into[place] = state  # made on one branch only: on the other it does not exist
        else:
            into[place] = join_states(UNTOUCHED, state)
    for place, known in into.items():
        if place not in other and place.origin.how != "new":
            into[place] = join_states(known, UNTOUCHED)
