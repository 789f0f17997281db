"""In which state the callers of a function leave the session that they give it.

The functions that name it are interpreted once more, and each call of it is looked at on the way. A name that leads to
a call which is not met, or that is used for anything but a call, leaves the callers unknown.
"""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.fastapi import dependencies, handlers
from flake8_poolhold.flow.interpreting import summaries
from flake8_poolhold.flow.interpreting.watching import Met, Watch
from flake8_poolhold.flow.model.frames import Analysis, Events, FunctionInfo
from flake8_poolhold.flow.model.states import HolderState, compose, join_states
from flake8_poolhold.flow.model.values import Place
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.habits import LOOKS_AT_TRANSACTION, STARTS_TASKS, called_by_name, name_of

MOST_FILES = 24
MOST_CALLS = 60
MOST_LEVELS = 4
"""What is called in more places, or further up, than this has callers that are not known."""


class Given(msgspec.Struct, frozen=True):
    """What all callers have in common: the state of their sessions, joined, and whether each keeps what it loaded."""

    state: HolderState
    keeps_loaded: bool | None
    place: Place


def given(analysis: Analysis, function: FunctionInfo, place: Place, state: HolderState) -> Given | None:
    """The session at `place`, a parameter of `function`, in `state` there, with what all callers have done to it.

    `None` when some caller is not known.
    """
    found = _given(analysis, function, place, state, ())
    if not found:
        return None
    joined = found[0].state
    for one in found[1:]:
        joined = join_states(joined, one.state)
    keeps = {one.keeps_loaded for one in found}
    return Given(joined, keeps.pop() if len(keeps) == 1 else (False if False in keeps else None), found[0].place)


def _given(
    analysis: Analysis, function: FunctionInfo, place: Place, state: HolderState, above: tuple[str, ...]
) -> list[Given] | None:
    if len(above) == MOST_LEVELS or function.id in above:
        return None
    calls = _calls(analysis, function)
    if not calls:
        return None
    found: list[Given] = []
    for met in calls:
        mine = met.holders(place)
        if len(mine) != 1 or _does_more(met.function):
            return None
        outer = met.holder(mine[0])
        now = compose(state, outer, met.step)
        origin = mine[0].origin
        if origin.how == "new" and not mine[0].path:
            if met.provided(mine[0]) and called_by_name(analysis, met.function):
                return None
            found.append(Given(now, met.keeps_loaded(mine[0]), mine[0]))
        elif origin.how == "param" and origin.where == met.function.id:
            further = _given(analysis, met.function, mine[0], now, (*above, function.id))
            if further is None:
                return None
            found += further
        else:
            return None
    return found


def _does_more(caller: FunctionInfo) -> bool:
    """Whether a caller asks for its transaction or starts work beside it."""
    return any(name_of(node) in STARTS_TASKS | LOOKS_AT_TRANSACTION for node in walk(caller.node.body))


def _calls(analysis: Analysis, function: FunctionInfo) -> list[Met] | None:
    """All calls of the function in the project, met in their callers; `None` when some use of its name is no such."""
    name = function.node.name
    if name.startswith("__") or name == "<lambda>" or "<locals>" in function.name:
        return None
    known = analysis.met.get(function.id)
    if known is None and function.id not in analysis.met:
        with analysis.tracker.finding(("met", function.id)):
            known = analysis.met[function.id] = _find(analysis, function, name)
    return known


def _find(analysis: Analysis, function: FunctionInfo, name: str) -> list[Met] | None:
    paths = analysis.project.naming(name, name)
    if len(paths) > MOST_FILES:
        return None
    watch = Watch(function.id, name)
    outside, analysis.watch, events, analysis.events = analysis.watch, watch, analysis.events, Events()
    try:
        sites: set[tuple[str, tree.Span]] = set()
        for path in sorted(paths):
            here = _sites(analysis, path, name)
            if here is None or len(sites) > MOST_CALLS:
                return None
            sites |= here
    finally:
        analysis.watch, analysis.events = outside, events
    return watch.met if sites <= watch.seen else None


def _sites(analysis: Analysis, path: str, name: str) -> set[tuple[str, tree.Span]] | None:
    """Where a file calls what has this name, having interpreted the functions around; `None` for any other use."""
    module = analysis.project.module(path)
    if module is None:
        return None
    index = analysis.project.index(path)
    calls: dict[str, list[tree.Call]] = {}
    around: dict[str, FunctionInfo] = {}
    for outer, call in index.calls.get(name, ()):
        if outer is None:
            return None
        info = names.outer_function(analysis, path, outer)
        around[info.id] = info
        calls.setdefault(info.id, []).append(call)
    if len(index.names.get(name, ())) != sum(map(len, calls.values())):
        return None
    found: set[tuple[str, tree.Span]] = set()
    for info in sorted(around.values(), key=lambda one: one.node.span):
        awaited = {id(one.value): one.span for one in walk(info.node.body) if isinstance(one, tree.Await)}
        found |= {(path, awaited.get(id(one), one.span)) for one in calls[info.id]}
        _interpret(analysis, info)
    return found


def _interpret(analysis: Analysis, info: FunctionInfo) -> None:
    if dependencies.route_of(analysis, info) is not None or info.id in handlers.added(analysis):
        handlers.interpret(analysis, info)
    else:
        summaries.interpreted(analysis, info)
