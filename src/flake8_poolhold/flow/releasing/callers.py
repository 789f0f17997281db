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
from flake8_poolhold.flow.interpreting.watching import Met, Unmet, Watch
from flake8_poolhold.flow.model.frames import Analysis, Events, FunctionInfo, Hold
from flake8_poolhold.flow.model.states import UNTOUCHED, HolderState, compose, join_states
from flake8_poolhold.flow.model.values import Origin, Place
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


def given(analysis: Analysis, function: FunctionInfo, place: Place, state: HolderState) -> Given | Unmet:
    """The session at `place`, a parameter of `function`, in `state` there, with what all callers have done to it."""
    found = _given(analysis, function, place, state, ())
    if isinstance(found, Unmet):
        return found
    joined = found[0].state
    for one in found[1:]:
        joined = join_states(joined, one.state)
    keeps = {one.keeps_loaded for one in found}
    return Given(joined, keeps.pop() if len(keeps) == 1 else (False if False in keeps else None), found[0].place)


def directly(analysis: Analysis, hold: Hold) -> Hold | Unmet:
    """The hold of a handler that is also called by other functions, with what they have done to the session."""
    if hold.expression not in {one.name for one in hold.function.node.parameters}:
        return Unmet("its session is no parameter")
    if _calls(analysis, hold.function) == []:
        return hold
    place = Place(Origin("param", hold.function.id, hold.expression))
    found = given(analysis, hold.function, place, UNTOUCHED)
    if isinstance(found, Unmet):
        return found
    keeps = hold.keeps_loaded if hold.keeps_loaded == found.keeps_loaded else False
    return msgspec.structs.replace(hold, state=join_states(hold.state, found.state), keeps_loaded=keeps)


def _given(
    analysis: Analysis, function: FunctionInfo, place: Place, state: HolderState, above: tuple[str, ...]
) -> list[Given] | Unmet:
    if len(above) == MOST_LEVELS or function.id in above:
        return Unmet(f"{function.name} is called from too far away")
    calls = _calls(analysis, function)
    if isinstance(calls, Unmet):
        return calls
    if not calls:
        return Unmet(f"nothing calls {function.name}")
    found: list[Given] = []
    for met in calls:
        mine = met.holders(place)
        where = f"{met.function.path}:{met.step.line}"
        if len(mine) != 1:
            return Unmet(f"the session that {where} gives is not known")
        if _does_more(met.function):
            return Unmet(f"{met.function.name} ({where}) asks for its transaction or starts tasks")
        outer = met.holder(mine[0])
        now = compose(state, outer, met.step)
        origin = mine[0].origin
        if origin.how == "new" and not mine[0].path:
            found.append(Given(now, met.keeps_loaded(mine[0]), mine[0]))
            if not met.provided(mine[0]):
                continue
            if len(handlers.registrations(analysis, met.function)) > 1:
                return Unmet(f"the handler {met.function.name} ({where}) is registered with different dependencies")
            further = _direct(analysis, met, mine[0], now, (*above, function.id))
            if isinstance(further, Unmet):
                return further
            found += further
        elif origin.how == "param" and origin.where == met.function.id:
            further = _given(analysis, met.function, mine[0], now, (*above, function.id))
            if isinstance(further, Unmet):
                return further
            found += further
        else:
            return Unmet(f"where {where} has its session from is not known")
    return found


def _direct(
    analysis: Analysis, met: Met, mine: Place, state: HolderState, above: tuple[str, ...]
) -> list[Given] | Unmet:
    """The sessions that other functions give to a handler which they call."""
    if not called_by_name(analysis, met.function) or _calls(analysis, met.function) == []:
        return []
    name = met.parameter(mine)
    if not name:
        return Unmet(f"the handler {met.function.name} is also called directly")
    place = Place(Origin("param", met.function.id, name))
    return _given(analysis, met.function, place, msgspec.structs.replace(state, carries=True), above)


def _does_more(caller: FunctionInfo) -> bool:
    """Whether a caller asks for its transaction or starts work beside it."""
    return any(name_of(node) in STARTS_TASKS | LOOKS_AT_TRANSACTION for node in walk(caller.node.body))


def _calls(analysis: Analysis, function: FunctionInfo) -> list[Met] | Unmet:
    """All calls of the function in the project, met in their callers."""
    name = function.node.name
    if name.startswith("__") or name == "<lambda>" or "<locals>" in function.name:
        return Unmet(f"who calls {function.name} is not known")
    known = analysis.met.get(function.id)
    if known is None:
        with analysis.tracker.finding(("met", function.id)):
            known = analysis.met[function.id] = _find(analysis, function, name)
    return known


def _find(analysis: Analysis, function: FunctionInfo, name: str) -> list[Met] | Unmet:
    paths = analysis.project.naming(name, name)
    if len(paths) > MOST_FILES:
        return Unmet(f"{name} is named in {len(paths)} files")
    watch = Watch(function.id, name)
    outside, analysis.watch, events, analysis.events = analysis.watch, watch, analysis.events, Events()
    try:
        sites: set[tuple[str, tree.Span]] = set()
        for path in sorted(paths):
            here = _sites(analysis, path, name, function.id in handlers.added(analysis))
            if isinstance(here, Unmet):
                return here
            if len(sites) > MOST_CALLS:
                return Unmet(f"{name} is called in more than {MOST_CALLS} places")
            sites |= here
    finally:
        analysis.watch, analysis.events = outside, events
    unmet = sorted(sites - watch.seen)
    return Unmet(f"what {unmet[0][0]}:{unmet[0][1][0]} calls is not known") if unmet else watch.met


def _sites(analysis: Analysis, path: str, name: str, added: bool) -> set[tuple[str, tree.Span]] | Unmet:
    """Where a file calls what has this name, having interpreted the functions around.

    A handler, `added` as a route by a call, is handed on there to FastAPI, which asks for its dependencies.
    """
    index = analysis.project.uses(path, name)
    if index is None:
        return Unmet(f"{path} cannot be read")
    if any(isinstance(node, tree.ImportFrom) and node.symbol == name != node.name for node in index.imports):
        return Unmet(f"{name} goes by another name in {path}")
    calls: dict[str, list[tree.Call]] = {}
    around: dict[str, FunctionInfo] = {}
    for outer, call in index.calls.get(name, ()):
        if outer is None:
            return Unmet(f"{name} is called at import in {path}:{call.span[0]}")
        info = names.outer_function(analysis, path, outer)
        around[info.id] = info
        calls.setdefault(info.id, []).append(call)
    known = sum(map(len, calls.values()))
    if added:
        routes = [call for word in handlers.ADDING for _, call in index.calls.get(word, ())]
        known += sum(name_of(argument.value) == name for call in routes for argument in call.arguments)
    if len(index.names.get(name, ())) != known:
        return Unmet(f"{name} is handed on in {path}")
    found: set[tuple[str, tree.Span]] = set()
    for info in sorted(around.values(), key=lambda one: one.node.span):
        awaited = {id(one.value): one.span for one in walk(info.node.body) if isinstance(one, tree.Await)}
        found |= {(path, awaited.get(id(one), one.span)) for one in calls[info.id]}
        interpret(analysis, info)
    return found


def interpret(analysis: Analysis, info: FunctionInfo) -> None:
    """Run a function once more, a handler with its dependencies, for `analysis.watch` to see."""
    if dependencies.route_of(analysis, info) is not None or info.id in handlers.added(analysis):
        handlers.interpret(analysis, info)
    else:
        summaries.interpreted(analysis, info)
