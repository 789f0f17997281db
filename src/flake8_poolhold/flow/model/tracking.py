"""What an answer about a file rests on: the questions about the project that were asked on the way to it.

The analysis finds many things out once and uses them for many files. So each thing that is found out is a node: it
keeps the questions asked for it and the other nodes it used, also when these were known already. What a file's findings
rest on is everything that can be reached from the file's own node; in a recursion that is the same for all members.

A node may be credited with more than it needed, never with less: what is found out inside a node without one of its own
counts as found out by the whole node.
"""

from __future__ import annotations

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
        self._numbers: dict[Hashable, int] = {}
        self._uses: list[set[int] | None] = []
        self._questions: dict[int, Question] = {}
        self.node = self._new((IDLE,))
        self.current: set[int] = self._set(self.node)

    def ask(self, question: Question) -> None:
        """The open node rests on the answer to this question."""
        number = self._numbers.get(question)
        if number is None:
            number = self._numbers[question] = len(self._uses)
            self._uses.append(None)
            self._questions[number] = question
        self.current.add(number)

    def use(self, node: int) -> None:
        """The open node rests on what another one has found."""
        self.current.add(node)

    def enter(self, key: Hashable) -> int:
        """Open the node of this key for what is found out now. Returns the one to go back to."""
        node = self.number(key)
        self.current.add(node)
        outer, self.node = self.node, node
        self.current = self._set(node)
        return outer

    def leave(self, outer: int) -> None:
        """Go back to the node that `enter` has left."""
        self.node = outer
        self.current = self._set(outer)

    @contextmanager
    def finding(self, key: Hashable) -> Iterator[None]:
        """What is found out inside belongs to the node of this key, on which the open one then rests."""
        outer = self.enter(key)
        try:
            yield
        finally:
            self.leave(outer)

    def number(self, key: Hashable) -> int:
        """The number of the node of this key."""
        known = self._numbers.get((key,))
        return self._new((key,)) if known is None else known

    def questions(self, keys: Iterable[Hashable]) -> dict[Hashable, tuple[Question, ...]]:
        """By node: all questions that it rests on, with those that everything rests on."""
        roots = {key: self.number(key) for key in keys}
        reached = _Reached(self._uses)
        shared = reached.of(self.number(WHOLE))
        listed: dict[int, tuple[Question, ...]] = {}
        found: dict[Hashable, tuple[Question, ...]] = {}
        order = reached.questions
        for key, node in roots.items():
            bits = reached.of(node) | shared
            if bits not in listed:
                listed[bits] = tuple(self._questions[order[index]] for index in _indices(bits))
            found[key] = listed[bits]
        return found

    def _new(self, key: tuple[Hashable]) -> int:
        number = self._numbers[key] = len(self._uses)
        self._uses.append(set())
        return number

    def _set(self, node: int) -> set[int]:
        uses = self._uses[node]
        if uses is None:
            raise ValueError(f"{node} is a question")
        return uses


class _Reached:
    """The questions that can be reached from nodes, as bit sets over `questions`, their numbers."""

    def __init__(self, uses: list[set[int] | None]) -> None:
        self._uses = uses
        self.questions = [number for number, used in enumerate(uses) if used is None]
        self._bits = {number: 1 << index for index, number in enumerate(self.questions)}
        """Of questions and of settled nodes."""
        self._entered: dict[int, int] = {}
        self._lowest: dict[int, int] = {}
        self._open: list[int] = []

    def of(self, node: int) -> int:
        """The bit set of a node: Tarjan's components, each of which shares one."""
        if node in self._bits:
            return self._bits[node]
        pending = [(node, self._enter(node))]
        while pending:
            here, others = pending[-1]
            for other in others:
                if other in self._bits:
                    continue
                if other not in self._entered:
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
        return self._bits[node]

    def _enter(self, node: int) -> Iterator[int]:
        self._entered[node] = self._lowest[node] = len(self._entered)
        self._open.append(node)
        return iter(self._uses[node] or ())

    def _settle(self, node: int) -> None:
        members = [self._open.pop()]
        while members[-1] != node:
            members.append(self._open.pop())
        bits = 0
        for member in members:
            for other in self._uses[member] or ():
                bits |= self._bits.get(other, 0)
        for member in members:
            self._bits[member] = bits


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
