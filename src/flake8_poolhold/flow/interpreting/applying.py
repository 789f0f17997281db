"""Calls of the project's functions: what a summary says happens to the caller."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.effects import blocking, driving, engines, lifetimes, origins, roles, sharing, tasks, waits
from flake8_poolhold.flow.interpreting import logs, parameters, places, summaries, telling
from flake8_poolhold.flow.model.frames import Analysis, Effects, Frame, FunctionInfo, Mode, Waiting
from flake8_poolhold.flow.model.states import State, compose, join_states
from flake8_poolhold.flow.model.values import (
    UNKNOWN,
    BoundArgument,
    Choice,
    ClassOf,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    Place,
    Series,
    Table,
    Unknown,
    Value,
    holders_in,
    options,
)
from flake8_poolhold.flow.naming import caching, objects


def apply(
    frame: Frame,
    state: State,
    function: FunctionOf,
    arguments: tuple[BoundArgument, ...],
    span: tree.Span,
    mode: Mode = "call",
    site: str = "",
) -> Value:
    """Run a call of a project's function: its waits meet this function's holders, its effects happen here.

    Entering and leaving a context manager are calls of one `site`, by default the span: what the one makes the other
    finds again.
    """
    analysis = frame.analysis
    info = analysis.functions[function.function]
    bound = parameters.bind(info, function.receiver, function.bound + arguments)
    if analysis.watch is not None:
        analysis.watch.see(frame, state, info, bound, span)
    role = analysis.roles.get(info.id)
    if role is not None:
        given = roles.play(frame, state, role, info, list(bound.values()), span, mode)
        return given if given is not None else _as_declared(frame, state, info, bound, span)
    driving.passed(frame, info, bound, span)
    if frame.declared_only or (mode == "call" and not _matters(analysis, state, info, bound)):
        return _as_declared(frame, state, info, bound, span)
    context = telling.context_of(frame, function, bound, state, mode)
    result = summaries.summary(analysis, context)
    mapping = places.Mapping(frame, state, info.id, bound, site or f"{span[0]}:{span[1]}")
    step = frame.step(span, f"calls {info.name}", "call")
    if not frame.muted:
        for waiting in _reported_inside(analysis, context, result.waits):
            waits.meet(frame, state, mapping.waiting(waiting, step), span)
        if result.blocks and info.node.is_async:
            summaries.summary(
                analysis, summaries.general(info.id, "call", function.captured)
            )  # tells what is reported inside already
        for block in () if blocking.runs_once(analysis, info, result.returns) else result.blocks:
            mine = mapping.block(block, step)
            if mine is not None:
                blocking.meet(frame, state, mine, span)
        for value in result.joined:
            tasks.join(frame, state, mapping.value(value))
        for value in result.left:
            tasks.start(frame, state, mapping.value(value), span, "task", "")
    if result.waits:
        frame.may_be_cancelled(state)
    if result.raised is not None and not result.raised.holders and not result.raised.heap:
        frame.may_raise(state)
    elif result.raised is not None:
        failing = state.copy()
        apply_effects(frame, failing, result.raised, mapping, step)
        frame.may_raise(failing)
    if result.normal is None or _never_returns(info):
        state.dead = True
        return UNKNOWN
    apply_effects(frame, state, result.normal, mapping, step)
    value = mapping.value(result.returns)
    if caching.is_cached(info.node):
        frame.stored.update(holder.place for holder in holders_in(value))
    elif mode == "call" and frame.reporting and not frame.muted:
        returned = {option.place for option in options(result.returns) if isinstance(option, Holder)}
        if not returned & result.stored and not origins.is_property(info.node):
            lifetimes.received(frame, value, span, info)
    if mode == "call":
        engines.received(frame, result.engines, span)
    return value


def _as_declared(frame: Frame, state: State, info: FunctionInfo, bound: dict[str, Value], span: tree.Span) -> Value:
    """A call whose body is not read: what it returns is what the annotation says."""
    if not logs.only_logs(frame.analysis, info):
        frame.may_raise(state)
    callee = Frame(frame.analysis, info.path, info, "call", reporting=False)
    return places.Mapping(frame, state, info.id, bound, f"{span[0]}:{span[1]}").value(
        summaries.declared(callee, UNKNOWN)
    )


def _matters(analysis: Analysis, state: State, info: FunctionInfo, bound: dict[str, Value]) -> bool:
    """Whether a call can hold or wait: by what its module imports, or by what it is given."""
    return analysis.reach.matters(info.path) or any(_is_live(analysis, state, value) for value in bound.values())


def _is_live(analysis: Analysis, state: State, value: Value, depth: int = 2) -> bool:
    """Whether a value can lead to a holder or a wait."""
    match value:
        case Unknown() | Literally() | ClassOf():
            return False
        case Library(path=path, holders=held):
            return bool(held) or analysis.project.is_library(path.partition(".")[0])
        case FunctionOf(function=function, receiver=receiver, captured=captured, bound=bound) if depth:
            inside = [*(item for _, item in captured), *(one.value for one in bound), receiver or UNKNOWN]
            if analysis.reach.matters(analysis.functions[function].path):
                return True
            return any(_is_live(analysis, state, item, depth - 1) for item in inside)
        case Instance(cls=cls, place=place):
            if analysis.reach.matters(analysis.classes[cls].path):
                return True
            return depth > 0 and any(
                _is_live(analysis, state, one, depth - 1) for one in state.heap.get(place, {}).values()
            )
        case Series(items=items) | Choice(options=items):
            return any(_is_live(analysis, state, item, depth) for item in items)
        case Table(items=pairs):
            return any(_is_live(analysis, state, item, depth) for _, item in pairs)
        case _:
            return True


def _never_returns(info: FunctionInfo) -> bool:
    """Whether the annotation says so; a type checker holds the body to it."""
    match info.node.returns:
        case tree.Name(id="NoReturn" | "Never") | tree.Attribute(name="NoReturn" | "Never"):
            return True
        case _:
            return False


def _reported_inside(analysis: Analysis, context: summaries.Context, waiting: tuple[Waiting, ...]) -> Iterator[Waiting]:
    """The waits of a call, each with the holders for which the callee, seen on its own, already reports it."""
    if not waiting or (not context.known and not context.fields):
        yield from waiting
        return
    reported: dict[tuple[int, int], frozenset[Place]] = {}
    for own in summaries.summary(analysis, summaries.general(context.function, context.mode, context.captured)).waits:
        site = (own.steps[0].line, own.steps[0].column)
        reported[site] = reported.get(site, frozenset()) | own.reported
    for one in waiting:
        inside = reported.get((one.steps[0].line, one.steps[0].column), frozenset())
        yield msgspec.structs.replace(one, reported=one.reported | inside) if inside else one


def apply_effects(frame: Frame, state: State, effects: Effects, mapping: places.Mapping, step: Step) -> None:
    """What a callee left behind happens to this function's holders and objects."""
    if effects is summaries.NOTHING:
        return
    changed: dict[Place, object] = {}
    wrote: set[Place] = set()
    for place, inner in effects.holders.items():
        several = mapping.holders(place)
        if inner.wrote and len(several) == 1:
            wrote.update(several)
        for mine in several:
            sure = inner.sure and len(several) == 1
            if inner.touched:
                waits.used(frame, state, mine, raced=inner.raced, sure=sure)
            before = state.holder(mine)
            after = msgspec.structs.replace(compose(inner, before, step), raced=before.raced, sure=before.sure)
            if mine in changed:
                after = join_states(after, state.holders[mine])
            changed[mine] = after
            state.holders[mine] = after
            known = mapping.known(mine)
            if known is not None:
                frame.known.setdefault(mine, known)
    for mine in changed:
        sharing.release_shared(frame, state, mine)
    if effects.holders and mapping.passes_loaded:
        objects.changed_by(state, effects, step, wrote)
    for owner, fields in effects.heap.items():
        for mine in mapping.objects(owner):
            state.set_fields(mine, {name: mapping.value(value) for name, value in fields.items()})
