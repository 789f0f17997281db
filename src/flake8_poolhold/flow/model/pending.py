"""What is being derived while something else is: the bookkeeping of a recursion."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

MOST_TRIES = 2
"""How often a summary is derived anew because it rested on a value that was found later."""


_NONE = sys.maxsize
"""No position: a result rests on no summary further out."""


class Rests(msgspec.Struct, frozen=True):
    """What a result rests on: assumptions about the derivation at `lowest`, at least, and about the summary at
    `summary`; and on values not yet found.
    """

    lowest: int
    summary: int
    unfound: frozenset[int]


class Aside(msgspec.Struct, frozen=True):
    """A result that rests on assumptions."""

    result: Any
    rests: Rests


class Pending:
    """The results that are being derived, outermost first, and those that rest on an assumption about one of them.

    A result is the summary of a function or a value.
    """

    def __init__(self) -> None:
        self.position: dict[object, int] = {}
        self.assumed: list[Any] = []
        self.asked: set[int] = set()
        self.aside: dict[object, Aside] = {}
        self._reached: dict[object, tuple[Any, int, int]] = {}
        """Where the next round of a recursion begins: the summaries inside it, its outermost one's position, and how
        many rounds there were."""
        self._restless: set[int] = set()
        """The positions of recursions inside which a summary did not come out as assumed in this round."""
        self._lowest: list[int] = []
        self._summary: list[int] = []
        self._unfound: list[frozenset[int]] = []
        self._values: set[int] = set()
        self._tries: dict[object, int] = {}

    def enter(self, context: object, assumed: object, *, is_value: bool) -> None:
        """Begin to derive the result for `context`."""
        position = len(self.assumed)
        self.position[context] = position
        reached = self._reached.get(context)
        self.assumed.append(assumed if reached is None else reached[0])
        self._lowest.append(position)
        self._summary.append(position)
        self._unfound.append(frozenset())
        if is_value:
            self._values.add(position)

    def leave(self, context: object) -> Rests:
        """End the innermost derivation; what it rests on, itself excepted. What rests on its not being found goes."""
        position = self.position.pop(context)
        self.assumed.pop()
        unfound = self._unfound.pop()
        if position in self._values:
            self._values.discard(position)
            unfound -= {position}
            for other in [other for other, aside in self.aside.items() if position in aside.rests.unfound]:
                del self.aside[other]
        summary = self._summary.pop()
        return Rests(self._lowest.pop(), summary if summary < position else _NONE, unfound)

    def assumes(self, position: int) -> None:
        """The innermost derivation rests on the assumption about the one at `position`."""
        if position in self._values:
            self.rests_on(Rests(position, _NONE, frozenset((position,))))
        else:
            self.rests_on(Rests(position, position, frozenset()))

    def rests_on(self, rests: Rests) -> None:
        """The innermost derivation rests on all that one rests on which it has used."""
        if self._lowest:
            self._lowest[-1] = min(self._lowest[-1], rests.lowest)
            self._summary[-1] = min(self._summary[-1], rests.summary)
            if rests.unfound:
                self._unfound[-1] |= rests.unfound

    def awaits_value(self) -> bool:
        """Whether the innermost derivation rests on a value not yet found: it is repeated when that is found."""
        return bool(self._unfound and self._unfound[-1])

    def is_inner(self, position: int) -> bool:
        """Whether the innermost derivation, at `position`, rests on a summary further out, whose rounds are its own."""
        return self._summary[-1] < position

    def rounds(self, context: object) -> int:
        """How many rounds a derivation has had inside of a recursion."""
        reached = self._reached.get(context)
        return reached[2] if reached is not None else 0

    def came_out(self, context: object, result: object, *, as_assumed: bool) -> None:
        """The innermost derivation has come out so in this round of the recursion that it is inside of."""
        outermost = self._summary[-1]
        self._reached[context] = result, outermost, self.rounds(context) + 1
        if not as_assumed:
            self._restless.add(outermost)

    def is_restless(self, position: int) -> bool:
        """Whether the recursion around the derivation at `position` needs another round for what is inside."""
        return bool(self._restless) and max(self._restless) >= position

    def put_aside(self, context: object, result: object, rests: Rests) -> None:
        """Keep a result that rests on assumptions until they are settled.

        What was forgotten before is kept even when a value is found later: values that need each other in many ways
        would be sought again and again.
        """
        tries = self._tries[context] = self._tries.get(context, 0) + 1
        if tries >= MOST_TRIES:
            rests = msgspec.structs.replace(rests, unfound=frozenset())
        self.aside[context] = Aside(result, rests)

    def settled(self, position: int) -> dict[object, Any]:
        """What was kept aside until the derivation at `position` is settled."""
        if not self.aside:
            return {}
        found = {other: aside for other, aside in self.aside.items() if aside.rests.lowest >= position}
        for other in found:
            del self.aside[other]
        return {other: aside.result for other, aside in found.items()}

    def forget(self, position: int) -> None:
        """Another round begins: what was derived in the last one goes."""
        if self._restless:
            self._restless = {outermost for outermost in self._restless if outermost < position}
        self.settled(position)
        for other in [other for other, aside in self.aside.items() if position <= aside.rests.summary < _NONE]:
            del self.aside[other]

    def end(self, position: int) -> None:
        """There will be no further round of the recursion around the derivation at `position`."""
        if self._reached:
            self._reached = {other: reached for other, reached in self._reached.items() if reached[1] < position}
            self._restless = {outermost for outermost in self._restless if outermost < position}
        for other, aside in self.aside.items():
            if position <= aside.rests.summary < _NONE:
                self.aside[other] = Aside(aside.result, msgspec.structs.replace(aside.rests, summary=_NONE))
