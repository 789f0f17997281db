"""Concurrency: one holder used by several branches that run at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import origins, uses, waits
from flake8_poolhold.flow.interpreting import summaries
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Shared, Started
from flake8_poolhold.flow.model.states import GIVEN, HELD, State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    Choice,
    FunctionOf,
    Library,
    Method,
    Place,
    Series,
    Suspended,
    Value,
    options,
)

Branch = tuple[Value, bool]
"""What runs in one branch, and whether it runs in several at once."""


class Beside(msgspec.Struct, frozen=True):
    """What else goes on while branches use one holder: see `Shared`."""

    users: int = 0
    waits: bool = False


_ALONE = Beside()


def branches(frame: Frame, arguments: tuple[BoundArgument, ...]) -> list[Branch]:
    """The branches of `gather(...)` and the like: arguments, items of lists, elements of comprehensions."""
    again = _repeated(frame.function) if frame.function is not None else frozenset()
    found: list[Branch] = []
    for argument in arguments:
        if argument.keyword is not None and argument.keyword not in ("fs", "aws"):
            continue
        match argument.value:
            case Series(items=items, exact=True):
                found.extend((item, False) for item in items)
            case Series(items=items):
                found.extend((one, _called_name(frame, one) in again) for item in items for one in options(item))
            case Suspended() | Library() | Choice() as value:
                found.append((value, False))
            case _:
                pass
    return found


def together(frame: Frame, state: State, ways: list[Branch], span: tree.Span, how: str) -> None:
    """These branches run at once: report each holder that more than one of them uses."""
    if frame.muted or not frame.reporting or frame.function is None:
        return
    users: dict[Place, list[tuple[Value, bool, uses.Use]]] = {}
    for value, repeats in ways:
        if any(option in frame.doubled for option in options(value)):
            continue
        for place, use in _used(frame, state, value, span).items():
            if use.raced and (origins.is_async(frame, place) or _in_thread(value)):
                users.setdefault(place, []).append((value, repeats, use))
    for place, met in users.items():
        again = any(repeats for _, repeats, _ in met) and not _is_fresh(frame, place)
        if len(met) > 1 or again:
            names = tuple(dict.fromkeys(name_of(frame, value) for value, _, _ in met))
            ends = any(use.ends for _, _, use in met)
            values = [value for value, _, _ in met]
            beside = Beside(len(met), any(_waits(frame, value) for value, _ in ways))
            _report(frame, state, place, span, how, names, values, ends=ends, beside=beside)


def beside(
    frame: Frame,
    state: State,
    started: Started,
    others: Iterable[Started],
    used: Mapping[Place, uses.Use],
    how: str,
    *,
    again: bool,
) -> None:
    """A task starts while others run: report each holder that it shares with one of them, or with itself."""
    for place in sorted(started.raced, key=str):
        if not origins.is_async(frame, place):
            continue
        sharing = [other for other in others if place in other.raced and (again or other.span != started.span)]
        if not sharing or (again and _is_fresh(frame, place)):
            continue
        values = [started.value, *(other.value for other in sharing)]
        frame.doubled.update(values)
        names = tuple(dict.fromkeys(name_of(frame, value) for value in reversed(values)))
        _report(frame, state, place, started.span, how, names, values, ends=used[place].ends)


def _used(frame: Frame, state: State, value: Value, span: tree.Span) -> dict[Place, uses.Use]:
    found: dict[Place, uses.Use] = {}
    for option in options(value):
        if isinstance(option, Suspended | Library):
            found |= uses.of(frame, state, option, span)
    return found


def _waits(frame: Frame, value: Value) -> bool:
    """Whether a branch waits for anything but its database."""
    for option in options(value):
        match option:
            case Suspended(target=FunctionOf(function=function, captured=captured)):
                found = summaries.summary(frame.analysis, summaries.general(function, captured=captured)).waits
                if any(waiting.wait.kind not in ("checkout", "database") for waiting in found):
                    return True
            case Library() | Suspended(target=Library()):
                return True
            case _:
                pass
    return False


def _in_thread(value: Value) -> bool:
    return any(isinstance(option, Suspended) and isinstance(option.target, Library) for option in options(value))


def _is_fresh(frame: Frame, place: Place) -> bool:
    """Whether a session was made for one branch alone: in its arguments, without a name."""
    return place in frame.made and not frame.made[place][1] and place not in frame.managed


def _report(
    frame: Frame,
    state: State,
    place: Place,
    span: tree.Span,
    how: str,
    names: tuple[str, ...],
    values: list[Value],
    *,
    ends: bool,
    beside: Beside = _ALONE,
) -> None:
    if frame.function is None:
        return
    function = frame.function
    name = waits.spelled(state, place) or waits.named(state, place)
    inside = _inside(frame, state, place, values)
    if inside is not None:
        function, span = inside
    kinds = state.holder(place).kinds
    held = None if GIVEN in kinds else kinds == {HELD}
    frame.analysis.events.shared.append(
        Shared(
            function,
            span,
            name,
            place,
            origins.kind_of(frame, place),
            how,
            names,
            held,
            ends,
            beside.users,
            beside.waits,
        )
    )


def _inside(frame: Frame, state: State, place: Place, values: list[Value]) -> tuple[FunctionInfo, tree.Span] | None:
    """Where a nested function, run several times at once, uses what it captured: the line that has to change."""
    targets = {value.target for value in values if isinstance(value, Suspended)}
    if len(targets) != 1:
        return None
    target = next(iter(targets))
    if not isinstance(target, FunctionOf) or target.function not in frame.nested:
        return None
    info = frame.analysis.functions[target.function]
    captured = {name for name, value in target.captured if name in state.env and _leads_to(state, value, place)}
    spans = [node.span for node in walk(info.node.body) if isinstance(node, tree.Call) and _mentions(node, captured)]
    return (info, min(spans)) if spans else None


def _leads_to(state: State, value: Value, place: Place) -> bool:
    return waits.spelled(State({"it": value}, state.heap), place) != ""


def _mentions(call: tree.Call, names: set[str]) -> bool:
    """Whether a call is given one of the names, or is a method of one of them or of what it has."""
    parts: list[tree.Expression] = [argument.value for argument in call.arguments]
    owner: tree.Expression = call.function
    while isinstance(owner, tree.Attribute):
        owner = owner.value
        parts.append(owner)
    return any(isinstance(part, tree.Name) and part.id in names for part in parts)


def name_of(frame: Frame, value: Value) -> str:
    """A name for a call: `crud.list_news`, `session.execute`."""
    match value:
        case Suspended(target=FunctionOf(function=function)) | FunctionOf(function=function):
            return frame.analysis.functions[function].name
        case Suspended(target=Method(name=name)):
            return name
        case Suspended(target=Library(path=path)) | Library(path=path):
            return waits.display(path).removeprefix("?") or "a call"
        case Choice(options=inner):
            return name_of(frame, inner[0])
        case _:
            return "a call"


def _called_name(frame: Frame, value: Value) -> str:
    return name_of(frame, value).rpartition(".")[2]


def _repeated(info: FunctionInfo) -> frozenset[str]:
    """The names of the functions whose calls are collected: by a comprehension, or by a loop that fills a list."""
    found: set[str] = set()
    for node in walk(info.node.body):
        if isinstance(node, tree.Comprehension) and isinstance(node.element, tree.Call | tree.Sequence):
            found |= _call_names(node.element)
        elif isinstance(node, tree.For | tree.While):
            emptied = {
                target.id
                for inner in walk(node.body)
                if isinstance(inner, tree.Assign)
                for target in inner.targets
                if isinstance(target, tree.Name)
            }
            for inner in walk(node.body):
                match inner:
                    case tree.Call(
                        function=tree.Attribute(value=tree.Name(id=owner), name="append" | "add"), arguments=[given]
                    ) if owner not in emptied:
                        found |= _call_names(given.value)
                    case _:
                        pass
    return frozenset(found)


def _call_names(expression: tree.Expression) -> set[str]:
    return {name for node in walk(expression) if isinstance(node, tree.Call) for name in _last_name(node.function)}


def _last_name(expression: tree.Expression) -> Iterator[str]:
    match expression:
        case tree.Name(id=name) | tree.Attribute(name=name):
            yield name
        case _:
            return
