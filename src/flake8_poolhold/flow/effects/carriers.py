"""Which variables of a function lead to a holder: those that are it, and those whose objects have it or its rows."""

from __future__ import annotations

from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.model.states import Fields, State
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


def variables(analysis: Analysis, state: State, place: Place) -> frozenset[str]:
    """The variables through which code can use the holder at `place`, or objects that came out of it.

    A variable that is such an object, or a list of them, is not among them.
    """
    others: set[Place] = set()
    return frozenset(
        name
        for name, value in state.env.items()
        if type(value) not in SETTLED and _leads_to(analysis, state, value, place, others)
    )


def _leads_to(analysis: Analysis, state: State, value: Value, wanted: Place, others: set[Place]) -> bool:
    """Whether a value leads to the holder at `wanted`; if not, the objects that it leads to are added to `others`."""
    ends, waiting = _inside([(value, False)])
    if wanted in ends:
        return True
    seen: set[Place] = set()
    while waiting:
        place = waiting.pop()
        if place in seen or place in others:
            continue
        if place.origin == wanted.origin and wanted.path[: len(place.path)] == place.path:
            return True
        seen.add(place)
        fields = state.heap.get(place)
        if fields:
            ends, objects = _in_fields(analysis, fields)
            if wanted in ends:
                return True
            waiting += objects
    others |= seen
    return False


def _in_fields(analysis: Analysis, fields: Fields) -> tuple[set[Place], list[Place]]:
    """The same of the fields of an object. They are never changed in place, and states share them."""
    known = analysis.inside.get(id(fields))
    if known is None:
        ends, objects = _inside([(field, True) for field in fields.values() if type(field) not in SETTLED])
        known = analysis.inside[id(fields)] = (fields, ends, objects)
    return known[1:]


def _inside(waiting: list[tuple[Value, bool]]) -> tuple[set[Place], list[Place]]:
    """The holders in values, or from which parts of them came; and the objects, whose fields are not looked at.

    What came out of a holder counts where it is inside of something, which each value says of itself.
    """
    ends: set[Place] = set()
    objects: list[Place] = []
    while waiting:
        part, inside = waiting.pop()
        match part:
            case Holder(place=place) | Opening(holder=Holder(place=place)) | QueryOf(holder=Holder(place=place)):
                ends.add(place)
            case Loaded(place=place):
                if inside:
                    ends.add(place)
            case Library(holders=held):
                ends.update(held)
            case Instance(place=place):
                objects.append(place)
            case Choice() | Series():
                waiting += [(one, inside) for one in parts(part)]
            case _:
                waiting += [(one, True) for one in parts(part)]
    return ends, objects
