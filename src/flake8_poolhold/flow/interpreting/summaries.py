"""Summaries: a function interpreted once for each kind of argument that matters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import driving, engines, holding, lifetimes, tasks
from flake8_poolhold.flow.fastapi import handlers
from flake8_poolhold.flow.interpreting import blocks, contexts, parameters, places, recursion
from flake8_poolhold.flow.model.frames import (
    Analysis,
    Effects,
    Frame,
    FunctionInfo,
    Interruption,
    Mode,
    Summary,
    Waiting,
)
from flake8_poolhold.flow.model.states import Fields, Heap, State, merge_all
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    Holder,
    Origin,
    Place,
    Series,
    Unknown,
    Value,
    bounded,
    join,
    options,
)
from flake8_poolhold.flow.naming import hierarchy, names, types

NOTHING = Effects({}, {})
NOTHING_STORED = frozenset[Place]()

MOST_FIELDS = 256
"""Fields that a caller is told of. What builds whole trees of objects tells of the upper ones only."""


class Context(msgspec.Struct, frozen=True, gc=False):
    """How a function is called: the mode, what is known of its arguments beyond their annotations, what it captured."""

    function: str
    mode: Mode
    known: tuple[tuple[str, Value], ...] = ()
    fields: tuple[tuple[Place, str, Value], ...] = ()
    captured: tuple[tuple[str, Value], ...] = ()


def general(function: str, mode: Mode = "call", captured: tuple[tuple[str, Value], ...] = ()) -> Context:
    """The context in which nothing is known of the arguments but their annotations: findings are reported from it."""
    return Context(function, mode, (), (), captured)


def summary(analysis: Analysis, context: Context) -> Summary:
    """The summary of a function in a context; the same whichever function of a recursion is asked for first."""
    known: Summary | None = analysis.results.get(context)
    if known is not None:
        return known
    info = analysis.functions[context.function]
    return recursion.solve(analysis, context, context.function, lambda: _interpret(analysis, info, context))


def interpreted(analysis: Analysis, info: FunctionInfo) -> Summary:
    """The summary of a function for any caller, found out anew."""
    return _interpret(analysis, info, general(info.id))


def _interpret(analysis: Analysis, info: FunctionInfo, context: Context) -> Summary:
    if hierarchy.is_abstract(info.node):
        return Summary(declared(Frame(analysis, info.path, info, "call", False), UNKNOWN), NOTHING, None, ())
    reporting = not context.known and not context.fields and context.mode == "call"
    frame = Frame(analysis, info.path, info, context.mode, reporting)
    try:
        end = blocks.whole(frame, _start(frame, info, context), info.node)
    except blocks.TooManyStepsError:
        return Summary(declared(frame, UNKNOWN), NOTHING, None, ())
    return finish(frame, end)


def interrupted(analysis: Analysis, info: FunctionInfo, mode: Mode, how: Interruption) -> State | None:
    """The state in which a function ends that is interrupted where it waits or yields; `None`: it goes on."""
    context = general(info.id, mode)
    frame = Frame(analysis, info.path, info, mode, reporting=False)
    frame.interrupted = how
    frame.muted = True
    try:
        blocks.whole(frame, _start(frame, info, context), info.node)
    except blocks.TooManyStepsError:
        return None
    return frame.raised


def yields(analysis: Analysis, info: FunctionInfo) -> dict[Place, list[tree.Span]]:
    """The holders that a generator gives before it is resumed, each with where it yields them."""
    frame = Frame(analysis, info.path, info, "enter", reporting=False)
    frame.muted = True
    try:
        blocks.whole(frame, _start(frame, info, general(info.id, "enter")), info.node)
    except blocks.TooManyStepsError:
        return {}
    return frame.yielded_at


def _start(frame: Frame, info: FunctionInfo, context: Context) -> State:
    """The state in which a function starts."""
    analysis = frame.analysis
    state = State(dict(context.captured))
    known = dict(context.known)
    for index, parameter in enumerate(info.node.parameters):
        state.env[parameter.name] = known.get(parameter.name) or parameters.general_value(
            analysis, info, index, parameter
        )
        if f"!{parameter.name}" in known:
            frame.not_none |= {parameter.name}
    for place, field, value in context.fields:
        state.set_field(place, field, value)
    for value in state.env.values():
        for option in options(value):
            if isinstance(option, Holder):
                frame.known[option.place] = option
    holding.given(frame, state)
    return state


def finish(frame: Frame, state: State | None) -> Summary:
    """The summary of a function whose body has been run; `state` is where it falls off its end."""
    normal = frame.yielded if frame.mode == "enter" else merge_all((*frame.returned_at, state))
    returns = declared(frame, bounded(join(_results(frame, state))))
    if frame.function is not None and frame.reporting:
        lifetimes.at_exit(frame, normal, returns)
        driving.at_exit(frame, normal)
        engines.at_exit(frame, normal, returns)
        tasks.at_exit(frame, normal, returns)
        for identity, closure in frame.nested.items():
            handlers.interpret(frame.analysis, frame.analysis.functions[identity], closure.captured)
    effects = _effects(frame, normal, returns)
    failing = _effects(frame, frame.raised, UNKNOWN)
    return Summary(
        returns,
        effects,
        failing,
        tuple(_waits(frame)),
        tuple(frame.blocks.values()),
        left=tasks.left(frame, normal),
        joined=tuple(frame.joined),
        engines=engines.returned(frame, returns),
        stored=frozenset(frame.stored) if frame.stored else NOTHING_STORED,
    )


def _waits(frame: Frame) -> Iterator[Waiting]:
    """The waits for the callers. One that comes back to a site of this function through a recursion is that site's."""
    own = {(step.path, step.line, step.column): one.reported for one in frame.waits.values() for step in one.steps[:1]}
    for one in frame.waits.values():
        again = [own.get((step.path, step.line, step.column), frozenset()) for step in one.steps[1:]]
        inside = one.reported.union(*again)
        yield msgspec.structs.replace(one, reported=inside) if inside != one.reported else one


def _results(frame: Frame, state: State | None) -> list[Value]:
    """What a call may return, or a generator hand out. A body that falls off its end returns `None`."""
    info = frame.function
    if info is None or info.node.is_generator:
        return frame.yields
    if state is None or not info.node.body:
        return frame.returns
    return [*frame.returns, NONE]


def declared(frame: Frame, returns: Value) -> Value:
    """Where the body does not tell what is returned, the annotation may."""
    info = frame.function
    if info is None or not contexts.says_nothing(frame, returns) or info.node.returns is None:
        return returns
    where = Place(Origin("new", info.id, "return"))
    module = names.module_frame(frame.analysis, info.path)
    declared = types.typed(module, State(), info.node.returns, where)
    if isinstance(declared, Series) and info.node.is_generator and declared.items:
        return types.reroot(declared.items[0], where)
    if isinstance(declared, Holder) and not info.node.is_generator:
        # Who asks twice for a session of unknown origin (a context variable, a registry) is taken to get the same one.
        return types.reroot(declared, types.global_place(info.path, info.name))
    return returns if isinstance(declared, Unknown) else declared


def _bounded(fields: Fields) -> Fields:
    """The fields, cut to what a summary can carry; the same dict when they fit."""
    cut = {name: value for name, whole in fields.items() if (value := bounded(whole)) is not whole}
    return {**fields, **cut} if cut else fields


def _nearest(heap: Heap, reached: set[Place]) -> Iterable[tuple[Place, Fields]]:
    """The objects of the heap that a caller can get at; if they are many, those that are the fewest steps away."""
    found = [(place, fields) for place, fields in heap.items() if place in reached]
    left = MOST_FIELDS - sum(len(fields) for _, fields in found)
    if left >= 0:
        return found
    found.sort(key=lambda item: len(item[0].path) + len(list(item[0].origin.makers())))
    while left < 0:
        left += len(found.pop()[1])
    return found


def _effects(frame: Frame, state: State | None, returns: Value) -> Effects | None:
    """What a caller can see of the state: nothing of the objects that only this function knows."""
    if state is None:
        return None
    if not state.heap and not state.holders:
        return NOTHING
    identity = frame.function.id if frame.function is not None else ""
    reached = places.reachable(state, returns, identity)
    fields = {place: _bounded(held) for place, held in _nearest(state.heap, reached) if place.origin.how != "global"}
    if frame.mode != "call":  # what was opened on the way in is open inside the block, whatever is handed out
        return Effects(state.holders, fields)
    seen = {
        place: holder
        for place, holder in state.holders.items()
        if place in reached or places.is_foreign(place, identity)
    }
    return Effects(seen, fields) if seen or fields else NOTHING
