"""Statements: forward interpretation of a body over the states that may reach each point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import awaiting, driving, fanout, gaps, instances, owning, singletons, waits
from flake8_poolhold.flow.interpreting import calls, closures, conditions, contexts, exits, expressions
from flake8_poolhold.flow.interpreting.exits import Exits
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State, merge, merge_all
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    ClassOf,
    Holder,
    Library,
    Origin,
    Place,
    Series,
    Suspended,
    Value,
    holders_in,
    join,
    options,
    placeholder,
)
from flake8_poolhold.flow.naming import names, objects, types

MOST_TURNS = 4
"""A loop is interpreted until its states repeat; the lattice of a holder is that high."""

MOST_STEPS = 100_000
"""So many statements of one function are interpreted, again in each turn of a loop and each way into a `finally`.

Real functions stay far below a thousand, but each loop in a loop, and each `finally` in one, multiplies them. With many
variables a statement counts for several.
"""


class TooManyStepsError(Exception):
    """A function has more ways through it than are followed."""


def whole(frame: Frame, state: State, node: tree.Function) -> State | None:
    """Interpret the body of a function like `run`. Raises `TooManyStepsError`, once and for all for that function."""
    analysis = frame.analysis
    identity = frame.function.id if frame.function is not None else ""
    if identity in analysis.exceeded:
        raise TooManyStepsError
    try:
        return run(frame, state, node.body)
    except TooManyStepsError:
        analysis.exceeded.add(identity)
        raise


def run(frame: Frame, state: State | None, body: list[tree.Statement]) -> State | None:
    """Interpret a body from `state`; the state in which it falls off its end, `None` if it never does."""
    if state is not None:
        frame.steps += len(body) * (1 + len(state.env) // 256)
        if frame.steps > MOST_STEPS:
            raise TooManyStepsError
    for statement in body:
        if state is None:
            return None
        state = _HANDLERS[type(statement)](frame, state, statement)
        if state is not None and state.dead:
            return None
    return state


def _assign(frame: Frame, state: State, node: tree.Assign) -> State | None:
    if node.value is None:
        return state
    value = expressions.evaluate(frame, state, node.value)
    if node.annotation is not None and contexts.says_nothing(frame, value):
        where = frame.function.id if frame.function is not None else frame.path
        target = node.targets[0]
        name = target.id if isinstance(target, tree.Name) else "value"
        said = types.typed(frame, state, node.annotation, Place(Origin("new", where, name)))
        value = placeholder(said) if value == NONE else said
        driving.declared(frame, node.value, value)
    for target in node.targets:
        if not isinstance(target, tree.Name) or target.id in frame.outer_names:
            frame.stored.update(holder.place for holder in holders_in(value))
            frame.shelved.update(option for option in options(value) if isinstance(option, Suspended))
        if isinstance(target, tree.Subscript):
            instances.kept(frame, state, target.value, value, node.span)
        singletons.assigned(frame, state, target, value, node.span)
        expressions.assign(frame, state, target, value)
    return state


def _augmented(frame: Frame, state: State, node: tree.AugmentedAssign) -> State | None:
    value = expressions.evaluate(frame, state, node.value)
    if isinstance(node.target, tree.Attribute):
        owner = expressions.evaluate(frame, state, node.target.value)
        objects.set_attribute(frame, state, owner, node.target.name, UNKNOWN, node.target.span)
    elif isinstance(node.target, tree.Name):
        state.env[node.target.id] = join((state.env.get(node.target.id, UNKNOWN), value))
    return state


def _evaluate(frame: Frame, state: State, node: tree.Evaluate) -> State | None:
    value = expressions.evaluate(frame, state, node.value)
    awaiting.dropped(frame, state, node.value, value)
    frame.dropped.update(option for option in options(value) if isinstance(option, Suspended))
    return state


def _return(frame: Frame, state: State, node: tree.Return) -> State | None:
    value: Value = expressions.evaluate(frame, state, node.value) if node.value is not None else NONE
    if state.dead:
        return None
    is_generator = frame.function is not None and frame.function.node.is_generator
    if not is_generator:
        frame.returns.append(value)
        waits.send_response(frame, state, value, node.span)
        frame.escaped.update(holder.place for holder in holders_in(value))
    frame.returned_at.append(state)
    return None


def _raise(frame: Frame, state: State, node: tree.Raise) -> State | None:
    if node.value is not None:
        expressions.evaluate(frame, state, node.value)
    if frame.interrupted is None or frame.handling:
        frame.goes_on(state)
    return None


def _break(frame: Frame, state: State, node: tree.Break) -> State | None:
    frame.breaks.append(state)
    return None


def _continue(frame: Frame, state: State, node: tree.Continue) -> State | None:
    frame.continues.append(state)
    return None


def _if(frame: Frame, state: State, node: tree.If) -> State | None:
    after: State | None = None
    rest: State | None = state
    for test, body in node.arms:
        if rest is None:
            break
        frame.testing += 1
        truth = conditions.condition(frame, rest, test)
        frame.testing -= 1
        if rest.dead:
            rest = None
            break
        if truth is False:
            conditions.narrow(frame, rest, test, False)
            continue
        taken = rest if truth is True else rest.copy()
        conditions.narrow(frame, taken, test, True)
        if truth is True:
            rest = None
        else:
            conditions.narrow(frame, rest, test, False)
        after = merge(after, run(frame, taken, body))
    if rest is not None:
        after = merge(after, run(frame, rest, node.otherwise))
    return after


def _turns(
    frame: Frame, state: State, turn: Callable[[State], State | None], *, few: bool
) -> tuple[State | None, State | None]:
    """Run a loop's turns to a fixpoint: the state in which it is left by its condition, and by `break`."""
    outside, frame.in_loop = frame.in_loop, frame.in_loop or not few
    try:
        return _to_fixpoint(frame, state, turn)
    finally:
        frame.in_loop = outside


def _to_fixpoint(
    frame: Frame, state: State, turn: Callable[[State], State | None]
) -> tuple[State | None, State | None]:
    left: State | None = None
    top = state
    for _ in range(MOST_TURNS):
        end, broken = _once(frame, top.copy(), turn)
        left = merge(left, broken)
        if end is None:
            break
        joined = merge(end, top.copy())
        if joined is None or joined.same(top):
            break
        top = joined
    return top, left


def _while(frame: Frame, state: State, node: tree.While) -> State | None:
    forever = isinstance(node.test, tree.Constant) and bool(node.test.value)

    def turn(start: State) -> State | None:
        expressions.evaluate(frame, start, node.test)
        if start.dead:
            return None
        conditions.narrow(frame, start, node.test, True)
        return run(frame, start, node.body)

    before = state.copy() if forever else None
    top, left = _turns(frame, state, turn, few=False)
    if before is not None and frame.driven and left is None:
        frame.rounds = merge(frame.rounds, _good_round(frame, before, turn))
    if forever or top is None:
        return left
    expressions.evaluate(frame, top, node.test)
    conditions.narrow(frame, top, node.test, False)
    return merge(run(frame, top, node.otherwise), left)


def _good_round(frame: Frame, state: State, turn: Callable[[State], State | None]) -> State | None:
    """How a turn of a loop that never ends leaves things when nothing fails in it."""
    outside = frame.muted, frame.unfailing
    frame.muted = frame.unfailing = True
    end, _ = _once(frame, state, turn)
    frame.muted, frame.unfailing = outside
    return end


def _for(frame: Frame, state: State, node: tree.For) -> State | None:
    iterable = expressions.evaluate(frame, state, node.iterable)
    if state.dead:
        return None
    if node.is_async:
        gaps.awaited(frame, state, node.iterable, iterable, node.span)
    if (
        isinstance(iterable, Suspended)
        and iterable.kind == "generator"
        and contexts.yields_holder(frame, state, iterable, node.span)
    ):
        return _for_holder(frame, state, node, iterable)

    few = expressions.is_few(iterable)

    def turn(start: State) -> State | None:
        item = contexts.item_of(frame, start, iterable, node.span, is_async=node.is_async)
        if start.dead:
            return None
        expressions.assign(frame, start, node.target, item)
        return run(frame, start, node.body)

    if not _runs(iterable):
        top, left = _turns(frame, state, turn, few=few)
        return merge(run(frame, top, node.otherwise), left)
    first, left = _once(frame, state, turn)
    if first is None:
        return left
    top, broken = _turns(frame, first, turn, few=few)
    return merge(merge(run(frame, top, node.otherwise), left), broken)


def _for_holder(frame: Frame, state: State, node: tree.For, provider: Suspended) -> State | None:
    """`async for db in get_db():` is a `with` block in disguise; `break` and `continue` leave it."""

    driving.in_loop(frame, node, provider)

    def block(start: State) -> State | None:
        value, leave = contexts.enter(frame, start, provider, node.span, is_async=node.is_async)
        expressions.assign(frame, start, node.target, value)
        return _leaving(frame, start, node.body, leave)

    return merge(*_once(frame, state, block))


def _once(frame: Frame, state: State, turn: Callable[[State], State | None]) -> tuple[State | None, State | None]:
    """Run one turn of a loop: the state behind it, and the one in which a `break` leaves the loop."""
    breaks, continues = frame.breaks, frame.continues
    frame.breaks, frame.continues = [], []
    end = merge_all((turn(state), *frame.continues))
    left = merge_all(frame.breaks)
    frame.breaks, frame.continues = breaks, continues
    return end, left


def _runs(iterable: Value) -> bool:
    """Whether a loop over it has at least one turn: a display with items, a range of a known length.

    One over holders has, as far as anything matters: without a turn there are none.
    """
    match iterable:
        case Series(items=items, exact=exact):
            return bool(items) and (exact or all(isinstance(item, Holder) for item in items))
        case Library(path="builtins.range(+)"):
            return True
        case _:
            return False


def _try(frame: Frame, state: State, node: tree.Try) -> State | None:
    around = Exits(frame)
    if not exits.only_closes(node.body):
        frame.may_raise(state)
    after = run(frame, state, node.body)
    caught = around.swap_raised()
    after = run(frame, after, node.otherwise)
    everything = False
    for handler in node.handlers:
        if caught is None:
            break
        if frame.is_cancelled and not exits.catches_cancellation(handler):
            continue
        start = caught.copy()
        if handler.types is not None:
            expressions.evaluate(frame, start, handler.types)
        if handler.name is not None:
            start.env[handler.name] = UNKNOWN
        frame.thrown += exits.is_generator_exit(handler)
        frame.handling += 1
        after = merge(after, run(frame, start, handler.body))
        frame.handling -= 1
        frame.thrown -= exits.is_generator_exit(handler)
        everything = everything or (
            exits.catches_cancellation(handler) if frame.is_cancelled else exits.catches_all(handler)
        )
    if caught is not None and not everything:
        frame.goes_on(caught)

    def final(start: State) -> State | None:
        frame.cleaning += 1
        after = owning.cleaned(start, lambda: run(frame, start, node.final))
        frame.cleaning -= 1
        return after

    if not node.final:
        around.close(lambda start: start)
        return after
    around.close(final)
    return final(after) if after is not None else None


def _with(frame: Frame, state: State, node: tree.With) -> State | None:
    return _items(frame, state, node, 0)


def _items(frame: Frame, state: State, node: tree.With, index: int) -> State | None:
    if index == len(node.items):
        return run(frame, state, node.body)
    item = node.items[index]
    span = (*node.span[:2], *item.span[2:])
    manager = expressions.evaluate(frame, state, item.value)
    if state.dead:
        return None
    if node.is_async:
        gaps.awaited(frame, state, item.value, manager, span)
    value, leave = contexts.enter(frame, state, manager, span, is_async=node.is_async)
    if state.dead:
        return None
    if isinstance(item.target, tree.Name) and contexts.says_nothing(frame, value):
        value, leave = contexts.enter_by_evidence(frame, state, item.target.id, value, leave, span)
    if item.target is not None:
        expressions.assign(frame, state, item.target, value)
    around = Exits(frame)
    suppresses = isinstance(manager, Library) and manager.path == contexts.SUPPRESS
    if not suppresses:
        frame.may_raise(state)
    guards, frame.guards = frame.guards, frame.guards + fanout.is_limiter(manager)
    frame.suppressing += suppresses
    after = _items(frame, state, node, index + 1)
    frame.suppressing -= suppresses
    frame.guards = guards
    if suppresses:
        after = _suppressed(around, after, item.value)
    return _close(around, after, leave)


def _suppressed(around: Exits, after: State | None, manager: tree.Expression) -> State | None:
    """Behind `with suppress(...)`: it goes on after an exception; one of a kind that is not named goes further, too."""
    raised = around.swap_raised()
    given = [one.value for one in manager.arguments] if isinstance(manager, tree.Call) else []
    if raised is not None and not any(isinstance(one, tree.Name) and one.id in exits.EVERYTHING for one in given):
        around.raise_again(raised.copy())
    return merge(after, raised)


def _leaving(frame: Frame, state: State, body: list[tree.Statement], leave: contexts.Leave) -> State | None:
    around = Exits(frame)
    frame.may_raise(state)
    return _close(around, run(frame, state, body), leave)


def _close(around: Exits, after: State | None, leave: contexts.Leave) -> State | None:
    def final(start: State) -> State | None:
        def left() -> State:
            leave(start)
            return start

        return owning.cleaned(start, left)

    around.close(final)
    return final(after) if after is not None else None


def _match(frame: Frame, state: State, node: tree.Match) -> State | None:
    expressions.evaluate(frame, state, node.subject)
    if state.dead:
        return None
    after: State | None = None
    exhausted = False
    for case in node.cases:
        start = state.copy()
        for name in case.names:
            start.env[name] = UNKNOWN
        if case.guard is not None:
            expressions.evaluate(frame, start, case.guard)
        after = merge(after, run(frame, start, case.body))
        exhausted = exhausted or case.irrefutable
    return after if exhausted else merge(after, state)


def _import(frame: Frame, state: State, node: tree.Import | tree.ImportFrom) -> State | None:
    if node.name != "*":
        state.env[node.name] = names.imported(frame.analysis, frame.path, node)
    return state


def _function(frame: Frame, state: State, node: tree.Function) -> State | None:
    value = closures.define(frame, state, node)
    if node.decorators:
        value = calls.decorated(frame, state, node.decorators, value)
    state.env[node.name] = value
    return state


def _class(frame: Frame, state: State, node: tree.Class) -> State | None:
    state.env[node.name] = ClassOf(names.class_info(frame.analysis, frame.path, node.name, node).key)
    return state


def _delete(frame: Frame, state: State, node: tree.Delete) -> State | None:
    for target in node.targets:
        if isinstance(target, tree.Attribute | tree.Subscript):
            expressions.assign(frame, state, target, UNKNOWN)
    return state


def _global(frame: Frame, state: State, node: tree.Global) -> State | None:
    frame.outer_names.update(node.names)
    return state


_HANDLERS: dict[type, Callable[[Frame, State, Any], State | None]] = {
    tree.Assign: _assign,
    tree.AugmentedAssign: _augmented,
    tree.Evaluate: _evaluate,
    tree.Return: _return,
    tree.Raise: _raise,
    tree.Break: _break,
    tree.Continue: _continue,
    tree.If: _if,
    tree.While: _while,
    tree.For: _for,
    tree.Try: _try,
    tree.With: _with,
    tree.Match: _match,
    tree.Import: _import,
    tree.ImportFrom: _import,
    tree.Global: _global,
    tree.Delete: _delete,
    tree.Function: _function,
    tree.Class: _class,
}
