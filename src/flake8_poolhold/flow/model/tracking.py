"""What an answer about a file rests on: the questions about the project that were asked on the way to it.

The analysis finds many things out once and uses them for many files. So each thing that is found out is a node: it
keeps the questions asked for it and the other nodes it used, also when these were known already. What a file's findings
rest on is everything that can be reached from the file's own node; in a recursion that is the same for all members.

A node may be credited with more than it needed, never with less: what is found out inside a node without one of its own
counts as found out by the whole node.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

Question = tuple[str, ...]
"""What can be asked about a project; see `flow.model.project.Project.answer`."""

WHOLE = "whole"
"""The node for what everything rests on."""
IDLE = "idle"
"""The node that is open when no other one is."""

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Tracker:
    """The nodes and questions of one analysis. `current` are the numbers of what the innermost open node uses."""

    def __init__(self) -> None:
        self._nodes: dict[Hashable, int] = {}
        self._asked: dict[Question, int] = {}
        self._uses: list[array[int] | Question] = []
        """By number: a question, or what a node uses, as far as it was found until it was closed last."""
        self._outer: list[tuple[int, set[int]]] = []
        self.node = self.number(IDLE)
        self.current: set[int] = set()

    def ask(self, question: Question) -> None:
        """The open node rests on the answer to this question."""
        number = self._asked.get(question)
        if number is None:
            number = self._asked[question] = len(self._uses)
            self._uses.append(question)
        self.current.add(number)

    def use(self, node: int) -> None:
        """The open node rests on what another one has found."""
        self.current.add(node)

    def enter(self, key: Hashable) -> None:
        """Open the node of this key for what is found out now, until `leave`."""
        node = self.number(key)
        self.current.add(node)
        self._outer.append((self.node, self.current))
        self.node, self.current = node, set()

    def leave(self) -> None:
        """Close the open node and go back to the one around."""
        node, found = self.node, self.current
        self.node, self.current = self._outer.pop()
        if found:
            known = self._uses[node]
            self._uses[node] = array("I", found.union(known) if isinstance(known, array) else found)

    @contextmanager
    def finding(self, key: Hashable) -> Iterator[None]:
        """What is found out inside belongs to the node of this key, on which the open one then rests."""
        self.enter(key)
        try:
            yield
        finally:
            self.leave()

    def number(self, key: Hashable) -> int:
        """The number of the node of this key."""
        number = self._nodes.get(key)
        if number is None:
            number = self._nodes[key] = len(self._uses)
            self._uses.append(_NOTHING)
        return number

    def questions(self, keys: Iterable[Hashable]) -> Iterator[list[Question]]:
        """Of each node: all questions that it rests on, with those that everything rests on."""
        roots = [self.number(key) for key in keys]
        reached = _Reached(self._uses, (whole := self.number(WHOLE), *roots))
        shared = reached.of(whole)
        for node in roots:
            yield [reached.questions[index] for index in _indices(reached.of(node) | shared)]


class Untracked(Tracker):
    """Notes nothing: of an analysis that nobody keeps nobody asks what its answers rest on."""

    def ask(self, question: Question) -> None:
        """Note nothing."""

    def enter(self, key: Hashable) -> None:
        """Note nothing."""

    def leave(self) -> None:
        """Note nothing."""


_NOTHING: array[int] = array("I")

_FEW = 16
"""Of a node that rests on no more questions than this they are listed: most are such, and bit sets are as long as the
number of all questions."""


class _Reached:
    """The questions that can be reached from nodes, as bit sets over `questions`.

    Each of `roots` will be asked for once. What was found for a node goes as soon as all that use it have theirs.
    """

    def __init__(self, uses: list[array[int] | Question], roots: Iterable[int]) -> None:
        self._uses = [used if isinstance(used, array) else None for used in uses]
        self.questions = [used for used in uses if not isinstance(used, array)]
        self._settled = bytearray(used is None for used in self._uses)
        self._place = _zeros(len(uses))
        """Of a question: its place in `questions`, counted from 1."""
        for place, number in enumerate((number for number, used in enumerate(self._uses) if used is None), 1):
            self._place[number] = place
        self._left = _zeros(len(uses))
        """Of a node: how many will still ask for it."""
        for used in (roots, *(used for used in self._uses if used)):
            for number in used:
                self._left[number] += 1
        self._plain: set[int] = set()
        """Settled nodes that use nothing but few questions."""
        self._few: dict[int, tuple[int, ...]] = {}
        """Of settled nodes that rest on few questions."""
        self._bits: dict[int, int] = {}
        """Of other settled nodes."""
        self._entered = _zeros(len(uses))
        self._lowest = _zeros(len(uses))
        self._count = 0
        self._open: list[int] = []

    def of(self, node: int) -> int:
        """The bit set of a node: Tarjan's components, each of which shares one."""
        if not self._settled[node]:
            self._walk(node)
        singles: set[int] = set()
        return self._taken(node, singles) | _bit_set(singles)

    def _walk(self, node: int) -> None:
        pending = [(node, self._enter(node))]
        while pending:
            here, others = pending[-1]
            for other in others:
                if self._settled[other]:
                    continue
                if not self._entered[other]:
                    pending.append((other, self._enter(other)))
                    break
                self._lowest[here] = min(self._lowest[here], self._entered[other])
            else:
                pending.pop()
                if pending:
                    outer = pending[-1][0]
                    self._lowest[outer] = min(self._lowest[outer], self._lowest[here])
                if self._lowest[here] == self._entered[here]:
                    self._settle(here)

    def _enter(self, node: int) -> Iterator[int]:
        self._count += 1
        self._entered[node] = self._lowest[node] = self._count
        self._open.append(node)
        return iter(self._uses[node] or ())

    def _settle(self, node: int) -> None:
        uses = self._uses[node] or ()
        if self._open[-1] == node and len(uses) <= _FEW and all(self._place[used] for used in uses):
            self._plain.add(self._open.pop())
            self._settled[node] = True
            return
        members = [self._open.pop()]
        while members[-1] != node:
            members.append(self._open.pop())
        bits, singles = 0, set[int]()
        for member in members:
            for other in self._uses[member] or ():
                if self._settled[other]:
                    bits |= self._taken(other, singles)
                else:
                    self._left[other] -= 1
        few = None if bits or len(singles) > _FEW else tuple(singles)
        bits |= _bit_set(singles) if few is None else 0
        for member in members:
            self._settled[member] = True
            if not self._left[member]:
                continue
            if few is None:
                self._bits[member] = bits
            else:
                self._few[member] = few

    def _taken(self, node: int, singles: set[int]) -> int:
        """The bit set of a settled node, or none and its few questions in `singles`; one less will ask for it."""
        if self._place[node]:
            singles.add(self._place[node] - 1)
            return 0
        if node in self._plain:
            singles.update(self._place[used] - 1 for used in self._uses[node] or ())
            return 0
        self._left[node] -= 1
        is_last = not self._left[node]
        if node in self._few:
            singles.update(self._few.pop(node) if is_last else self._few[node])
            return 0
        return self._bits.pop(node) if is_last else self._bits[node]


def _zeros(count: int) -> array[int]:
    return array("I", [0]) * count


def _bit_set(places: Iterable[int]) -> int:
    bits = bytearray(max(places, default=0) // 8 + 1)
    for place in places:
        bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")


def _indices(bits: int) -> Iterator[int]:
    for place, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        if byte:
            for offset in range(8):
                if byte >> offset & 1:
                    yield place * 8 + offset


class Memo(Generic[Key, Found]):
    """What is known so far, by key: whoever reads an entry rests on the node in which it was found out."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._kept: dict[Key, tuple[Found, int]] = {}

    def get(self, key: Key) -> Found | None:
        """The entry, or `None`."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._tracker.current.add(kept[1])
        return kept[0]

    def __getitem__(self, key: Key) -> Found:
        found, node = self._kept[key]
        self._tracker.current.add(node)
        return found

    def __setitem__(self, key: Key, found: Found) -> None:
        self._kept[key] = (found, self._tracker.node)

    def __contains__(self, key: Key) -> bool:
        kept = self._kept.get(key)
        if kept is not None:
            self._tracker.current.add(kept[1])
        return kept is not None


class once(Generic[Found]):  # noqa: N801 - a decorator
    """A property found out once, in a node of its own; its object has the `tracker`."""

    def __init__(self, find: Callable[[Any], Found]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[Found]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Found: ...
    def __get__(self, instance: Any, owner: type) -> once[Found] | Found:
        if instance is None:
            return self
        with instance.tracker.finding((type(instance).__name__, self._name)):
            kept: dict[str, Found] = instance.__dict__
            name = f"once {self._name}"  # under its own name Python would find it without asking here
            if name not in kept:
                kept[name] = self._find(instance)
            return kept[name]
