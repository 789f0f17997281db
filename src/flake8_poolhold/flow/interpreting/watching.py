"""Looking at the calls of one function while its callers are interpreted."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.interpreting.places import Mapping
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.states import HolderState, State
from flake8_poolhold.flow.model.values import Holder, Place, Value


class Met:
    """A call of the function: who makes it, and in which state."""

    def __init__(self, frame: Frame, state: State, caller: FunctionInfo, mapping: Mapping, step: Step) -> None:
        self.function, self.step = caller, step
        self._frame, self._state, self._mapping = frame, state, mapping

    def holders(self, place: Place) -> list[Place]:
        """The caller's holders that the function knows as `place`."""
        return self._mapping.holders(place)

    def holder(self, mine: Place) -> HolderState:
        """The state of one of the caller's holders when it makes the call."""
        return self._state.holder(mine)

    def keeps_loaded(self, mine: Place) -> bool | None:
        """Whether a commit of the caller's holder keeps what it has loaded, if that is known."""
        known = self._mapping.known(mine) or self._frame.known.get(mine)
        return known.keeps_loaded if known is not None else None

    def parameter(self, mine: Place) -> str:
        """The parameter of the caller that is the holder; empty when none is."""
        names = [one.name for one in self.function.node.parameters]
        values = [(name, self._state.env.get(name)) for name in names]
        return next((name for name, value in values if isinstance(value, Holder) and value.place == mine), "")

    def provided(self, mine: Place) -> bool:
        """Whether a dependency has given the holder to the caller."""
        return mine in self._frame.providers


class Unmet(msgspec.Struct, frozen=True):
    """Some caller is not known, and why."""

    why: str


class Watch:
    """The calls of one function that were met, and where anything of its name was called."""

    def __init__(self, function: str, name: str) -> None:
        self.function, self.name = function, name
        self.met: list[Met] = []
        self.seen: set[tuple[str, tree.Span]] = set()

    def see(self, frame: Frame, state: State, callee: FunctionInfo, bound: dict[str, Value], span: tree.Span) -> None:
        """A function is called, of any name."""
        if callee.node.name != self.name or frame.muted or frame.declared_only or frame.function is None:
            return
        self.seen.add((frame.path, span))
        if callee.id == self.function:
            now = state.copy()
            mapping = Mapping(frame, now, callee.id, bound, f"{span[0]}:{span[1]}")
            step = frame.step(span, f"calls {callee.name}", "call")
            self.met.append(Met(frame, now, frame.function, mapping, step))

    def missed(self, frame: Frame, state: State, places: list[Place], span: tree.Span) -> None:
        """Something that is not known is called."""


class Missed:
    """The calls in one function that give a holder to another, or to what is not known, and the state of the holder."""

    def __init__(self, caller: str, function: str) -> None:
        self._caller, self._function = caller, function
        self.found: list[tuple[Place, HolderState, Step]] = []

    def see(self, frame: Frame, state: State, callee: FunctionInfo, bound: dict[str, Value], span: tree.Span) -> None:
        """A function is called."""
        if callee.id == self._function:
            self.missed(frame, state, [one.place for one in bound.values() if isinstance(one, Holder)], span)

    def missed(self, frame: Frame, state: State, places: list[Place], span: tree.Span) -> None:
        """Something that is not known is called, and given the holders at `places`."""
        if frame.function is not None and frame.function.id == self._caller:
            step = frame.step(span, "calls what is not known", "call")
            self.found += [(place, state.holder(place), step) for place in places]


class Callees:
    """The functions that one function calls, by the place of the call."""

    def __init__(self, function: str) -> None:
        self._function = function
        self.found: dict[tree.Span, list[FunctionInfo]] = {}

    def see(self, frame: Frame, _state: State, callee: FunctionInfo, _bound: dict[str, Value], span: tree.Span) -> None:
        """A function is called."""
        if frame.function is not None and frame.function.id == self._function:
            known = self.found.setdefault(span, [])
            known += [] if callee in known else [callee]

    def missed(self, frame: Frame, state: State, places: list[Place], span: tree.Span) -> None:
        """Something that is not known is called."""
