"""Which variables of a function lead to a holder: those that are it, and those whose objects have it or its rows."""

from __future__ import annotations

from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    SETTLED,
    Choice,
    Holder,
    Instance,
    Library,
    Loaded,
    Opening,
    Place,
    QueryOf,
    Series,
    Value,
    parts,
)


def variables(state: State, place: Place) -> frozenset[str]:
    """The variables through which code can use the holder at `place`, or objects that came out of it.

    A variable that is such an object, or a list of them, is not among them.
    """
    others: set[Place] = set()
    return frozenset(name for name, value in state.env.items() if _leads_to(state, value, place, others))


def _leads_to(state: State, value: Value, wanted: Place, others: set[Place]) -> bool:
    """Whether a value leads to the holder at `wanted`; if not, the objects that it leads to are added to `others`."""
    seen: set[Place] = set()
    waiting: list[tuple[Value, bool]] = [(value, False)]
    while waiting:
        part, inside = waiting.pop()
        if type(part) in SETTLED:
            continue
        match part:
            case Holder(place=place) | Opening(holder=Holder(place=place)) | QueryOf(holder=Holder(place=place)):
                if place == wanted:
                    return True
            case Loaded(place=place):
                if place == wanted and inside:
                    return True
            case Library(holders=held):
                if wanted in held:
                    return True
            case Instance(place=place):
                if place.origin == wanted.origin and wanted.path[: len(place.path)] == place.path:
                    return True
                if place not in seen and place not in others:
                    seen.add(place)
                    waiting += [(field, True) for field in state.heap.get(place, {}).values()]
            case Choice() | Series():
                waiting += [(one, inside) for one in parts(part)]
            case _:
                waiting += [(one, True) for one in parts(part)]
    others |= seen
    return False
