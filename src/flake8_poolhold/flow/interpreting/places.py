"""Places: a callee's objects named in the terms of its caller."""

from __future__ import annotations

import msgspec

from flake8_poolhold.finding import Step
from flake8_poolhold.flow.model.frames import Block, Frame, Waiting
from flake8_poolhold.flow.model.states import HolderState, State
from flake8_poolhold.flow.model.values import (
    SETTLED,
    UNKNOWN,
    Choice,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Loaded,
    Method,
    Opening,
    Origin,
    Place,
    QueryOf,
    Series,
    Suspended,
    Table,
    Value,
    each,
    each_argument,
    each_named,
    join,
    options,
)
from flake8_poolhold.flow.naming import names, objects

LONGEST_CHAIN = 4
"""Objects made deeper down than this are told apart by their last makers only."""


class Mapping:
    """One call: the callee's parameters are the caller's values, what it made is new to the caller at this call."""

    def __init__(self, frame: Frame, state: State, function: str, bound: dict[str, Value], site: str) -> None:
        self._frame, self._state = frame, state
        self._function, self._bound = function, bound
        self._where = frame.function.id if frame.function is not None else frame.path
        self._site = site
        self._values: dict[Place, Value | None] = {}
        self._kinds: dict[Place, Holder] = {}

    def _place(self, place: Place) -> Place | None:
        """The caller's place, for objects that are not behind a parameter."""
        origin = place.origin
        if origin.how == "param":
            return None if origin.where == self._function else place
        if origin.how == "new" and origin.where == self._function:
            kept = (
                origin if len(list(origin.makers())) < LONGEST_CHAIN else Origin(origin.how, origin.where, origin.name)
            )
            return Place(Origin("new", self._where, self._site, kept), place.path)
        return place

    def _behind(self, place: Place) -> Value | None:
        """What the caller has at a place that starts at a parameter of the callee."""
        if place not in self._values:
            if place.path:
                *above, name = place.path
                owner = self._behind(Place(place.origin, tuple(above)))
                if name == "[]":
                    value = join(owner.items) if isinstance(owner, Series) else None
                elif name == "()":
                    value = owner
                elif isinstance(owner, Table):
                    value = owner.get(name)
                else:
                    value = self._attribute(owner, name) if owner is not None else None
            else:
                value = self._bound.get(place.origin.name)
            self._values[place] = value
        return self._values[place]

    def _attribute(self, owner: Value, name: str) -> Value:
        """Read a field; a property that runs on the way has had its effects inside the callee already."""
        muted, self._frame.muted = self._frame.muted, True
        try:
            return objects.attribute(self._frame, self._state.copy(), owner, name)
        finally:
            self._frame.muted = muted

    def holders(self, place: Place) -> list[Place]:
        """The caller's holders that the callee knows as `place`."""
        mapped = self._place(place)
        if mapped is not None:
            return [mapped]
        found = []
        for option in options(self._behind(place) or UNKNOWN):
            if isinstance(option, Holder):
                self._kinds[option.place] = option
                found.append(option.place)
        return found or self._hidden(place)

    def _hidden(self, place: Place) -> list[Place]:
        """A holder of an implementation, which the caller knows by its protocol or abstract class only."""
        if not place.path:
            return []
        *above, name = place.path
        owner = self._behind(Place(place.origin, tuple(above))) or UNKNOWN
        return [
            option.place.attribute(name)
            for option in options(owner)
            if isinstance(option, Instance) and names.is_abstract(self._frame.analysis, option.cls)
        ]

    @property
    def passes_loaded(self) -> bool:
        """Whether an argument is, or may be, something that came out of a holder."""
        return any(isinstance(option, Loaded | Instance) for value in self._bound.values() for option in options(value))

    def known(self, mine: Place) -> Holder | None:
        """The holder at the caller's place `mine`, if a value has shown it."""
        return self._kinds.get(mine)

    def objects(self, place: Place) -> list[Place]:
        """The caller's objects that the callee knows as `place`."""
        mapped = self._place(place)
        if mapped is not None:
            return [mapped]
        return [option.place for option in options(self._behind(place) or UNKNOWN) if isinstance(option, Instance)]

    def waiting(self, waiting: Waiting, step: Step) -> Waiting:
        """A wait of the callee, one call further out."""
        touched: list[tuple[Place, HolderState]] = []
        for place, state in waiting.touched:
            touched.extend((mine, state) for mine in self.holders(place))
        reported = frozenset(mine for place in waiting.reported for mine in self.holders(place))
        return msgspec.structs.replace(waiting, steps=(step, *waiting.steps), touched=tuple(touched), reported=reported)

    def block(self, block: Block, step: Step) -> Block | None:
        """A blocking call of the callee, one call further out; `None` when its session is an async one in disguise."""
        if block.holder is None:
            return msgspec.structs.replace(block, steps=(step, *block.steps))
        classes = self._frame.analysis.holders.classes
        mine = self.holders(block.holder)
        if any(place in self._kinds and classes[self._kinds[place].kind].is_async for place in mine):
            return None
        return msgspec.structs.replace(block, steps=(step, *block.steps), holder=mine[0] if mine else None)

    def value(self, value: Value) -> Value:
        """A value of the callee, as the caller sees it; the same object when nothing in it is the callee's."""
        if type(value) in SETTLED:
            return value
        match value:
            case Holder(place=place):
                mapped = self._place(place)
                if mapped is None:
                    return self._behind(place) or UNKNOWN
                made = value if mapped is place else msgspec.structs.replace(value, place=mapped)
                self._kinds[mapped] = made
                self._frame.known.setdefault(mapped, made)
                return made
            case Instance(place=place):
                mapped = self._place(place)
                if mapped is None:
                    return self._behind(place) or UNKNOWN
                return value if mapped is place else Instance(value.cls, mapped)
            case Loaded(place=place):
                mine = self.holders(place)
                return Loaded(mine[0], value.entity) if mine else UNKNOWN
            case QueryOf(holder=holder):
                owner = self.value(holder)
                return QueryOf(owner) if isinstance(owner, Holder) else UNKNOWN
            case Opening(holder=holder):
                owner = self.value(holder)
                return msgspec.structs.replace(value, holder=owner) if isinstance(owner, Holder) else UNKNOWN
            case Method(target=target, name=name):
                return Method(self.value(target), name)
            case Library(holders=held) if held:
                return msgspec.structs.replace(
                    value, holders=tuple(mine for place in held for mine in self.holders(place))
                )
            case Series(items=items):
                mine_too = each(items, self.value)
                return value if mine_too is items else msgspec.structs.replace(value, items=mine_too)
            case Table(items=pairs):
                named = each_named(pairs, self.value)
                return value if named is pairs else Table(named)
            case Choice(options=inner):
                several = each(inner, self.value)
                return value if several is inner else join(several)
            case FunctionOf(receiver=receiver, captured=captured, bound=bound):
                owned = self.value(receiver) if receiver is not None else None
                closed, given = each_named(captured, self.value), each_argument(bound, self.value)
                if owned is receiver and closed is captured and given is bound:
                    return value
                return FunctionOf(value.function, owned, closed, given)
            case Suspended(kind=kind, target=target, arguments=arguments):
                run, given = self.value(target), each_argument(arguments, self.value)
                return value if run is target and given is arguments else Suspended(kind, run, given)
            case _:
                return value


def is_foreign(place: Place, function: str) -> bool:
    """Whether an object is not the function's own making: it came in, or belongs to a function around it."""
    return place.origin.how != "new" or place.origin.where != function


def reachable(state: State, returned: Value, function: str) -> set[Place]:
    """The objects that a caller can get at: those that came in, what is returned, and what these hold."""
    found = {place for place in state.heap if is_foreign(place, function)}
    waiting: list[Value] = [returned, *(value for place in found for value in state.heap[place].values())]
    while waiting:
        value = waiting.pop()
        match value:
            case Holder(place=place) | Instance(place=place) | Loaded(place=place):
                if place not in found:
                    found.add(place)
                    waiting.extend(state.heap.get(place, {}).values())
            case Opening(holder=holder) | QueryOf(holder=holder):
                found.add(holder.place)
            case Library(holders=held):
                found.update(held)
            case Method(target=target):
                waiting.append(target)
            case Series(items=items) | Choice(options=items):
                waiting.extend(items)
            case Table(items=pairs):
                waiting.extend(item for _, item in pairs)
            case FunctionOf(receiver=receiver, captured=captured, bound=bound):
                waiting.extend(item for _, item in captured)
                waiting.extend(argument.value for argument in bound)
                waiting.extend([receiver] if receiver is not None else [])
            case Suspended(target=target, arguments=arguments):
                waiting.extend([target, *(argument.value for argument in arguments)])
            case _:
                pass
    return found
