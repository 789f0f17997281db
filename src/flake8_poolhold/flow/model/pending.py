"""What is being derived while something else is: the bookkeeping of a recursion."""

from __future__ import annotations

from typing import Any

import msgspec

MOST_TRIES = 2
"""How often a summary is derived anew because it rested on a value that was found later."""


class Aside(msgspec.Struct, frozen=True):
    """A result that rests on assumptions: about the derivation at `lowest`, at least, and on values not yet found."""

    result: Any
    lowest: int
    unfound: frozenset[int]


class Pending:
    """The results that are being derived, outermost first, and those that rest on an assumption about one of them.

    A result is the summary of a function or a value.
    """

    def __init__(self) -> None:
        self.position: dict[object, int] = {}
        self.assumed: list[Any] = []
        self.asked: set[int] = set()
        self.aside: dict[object, Aside] = {}
        self._lowest: list[int] = []
        self._unfound: list[frozenset[int]] = []
        self._values: set[int] = set()
        self._tries: dict[object, int] = {}

    def enter(self, context: object, assumed: object, *, is_value: bool) -> None:
        """Begin to derive the result for `context`."""
        position = len(self.assumed)
        self.position[context] = position
        self.assumed.append(assumed)
        self._lowest.append(position)
        self._unfound.append(frozenset())
        if is_value:
            self._values.add(position)

    def leave(self, context: object) -> tuple[int, frozenset[int]]:
        """End the innermost derivation; what it rests on, itself excepted. What rests on its not being found goes."""
        position = self.position.pop(context)
        self.assumed.pop()
        unfound = self._unfound.pop()
        if position in self._values:
            self._values.discard(position)
            unfound -= {position}
            for other in [other for other, aside in self.aside.items() if position in aside.unfound]:
                del self.aside[other]
        return self._lowest.pop(), unfound

    def rests_on(self, position: int, unfound: frozenset[int] = frozenset()) -> None:
        """The innermost derivation rests on the assumption about the one at `position`, and on values not yet found."""
        if self._lowest:
            self._lowest[-1] = min(self._lowest[-1], position)
            mine = unfound | {position} if position in self._values else unfound
            if mine:
                self._unfound[-1] |= mine

    def awaits_value(self) -> bool:
        """Whether the innermost derivation rests on a value not yet found: it is repeated when that is found."""
        return bool(self._unfound and self._unfound[-1])

    def put_aside(self, context: object, result: object, lowest: int, unfound: frozenset[int]) -> None:
        """Keep a result that rests on assumptions until they are settled.

        What was forgotten before is kept even when a value is found later: values that need each other in many ways
        would be sought again and again.
        """
        tries = self._tries[context] = self._tries.get(context, 0) + 1
        self.aside[context] = Aside(result, lowest, unfound if tries < MOST_TRIES else frozenset())

    def settled(self, position: int) -> dict[object, Any]:
        """What was kept aside until the derivation at `position` is settled."""
        if not self.aside:
            return {}
        found = {other: aside for other, aside in self.aside.items() if aside.lowest >= position}
        for other in found:
            del self.aside[other]
        return {other: aside.result for other, aside in found.items()}

    def forget(self, position: int) -> None:
        """Another round begins: what was derived in the last one goes."""
        self.settled(position)
