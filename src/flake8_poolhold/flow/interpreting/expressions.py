"""Evaluation of expressions: what an expression stands for, and what happens to the holders on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import callers, engines, gaps, loaded, waits
from flake8_poolhold.flow.interpreting import calls, closures, conditions, contexts
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.states import State, merge
from flake8_poolhold.flow.model.values import (
    ANY_KEY,
    MOST_ITEMS,
    NONE,
    UNKNOWN,
    Annotation,
    BoundArgument,
    ClassOf,
    Depends,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    Loaded,
    Method,
    Series,
    SubscriptedType,
    Suspended,
    Table,
    Unknown,
    Value,
    bounded,
    holders_in,
    join,
    options,
)
from flake8_poolhold.flow.naming import appstate, names, objects


def is_few(iterable: Value) -> bool:
    """Whether the code itself says how many items there are: a display, a slice, a range that is no `len(...)`."""
    match iterable:
        case Series(exact=exact, few=few):
            return exact or few
        case Table() | ClassOf():
            return True
        case Library(path=path):
            return path.startswith("builtins.range(")
        case _:
            return False


def evaluate(frame: Frame, state: State, expression: tree.Expression) -> Value:
    """The value of `expression`; `state` becomes the state after it."""
    return _HANDLERS[type(expression)](frame, state, expression)


def _name(frame: Frame, state: State, node: tree.Name) -> Value:
    value = names.lookup(frame, state, node.id)
    if isinstance(value, FunctionOf) and value.captured:
        return closures.recapture(frame, state, value)
    return value


def _attribute(frame: Frame, state: State, node: tree.Attribute) -> Value:
    return objects.attribute(frame, state, evaluate(frame, state, node.value), node.name, node.span)


def _constant(frame: Frame, state: State, node: tree.Constant) -> Value:
    return Literally(node.value)


def _sequence(frame: Frame, state: State, node: tree.Sequence) -> Value:
    items: list[Value] = []
    exact = few = True
    for item in node.items:
        if isinstance(item, tree.Starred):
            value = evaluate(frame, state, item.value)
            if isinstance(value, Series):
                items.extend(value.items)
                exact = exact and value.exact
                few = few and is_few(value)
            else:
                exact = few = False
        else:
            items.append(evaluate(frame, state, item))
    return Series(tuple(items), exact, few)


def _mapping(frame: Frame, state: State, node: tree.Mapping) -> Value:
    items: list[tuple[str, Value]] = []
    for key, value in zip(node.keys, node.values, strict=True):
        evaluated = evaluate(frame, state, value)
        if key is None:
            if isinstance(evaluated, Table):
                items.extend(evaluated.items)
            continue
        name = evaluate(frame, state, key)
        literal = name.value if isinstance(name, Literally) and isinstance(name.value, str) else ANY_KEY
        items.append((literal, evaluated))
    return Table(tuple(items))


def _subscript(frame: Frame, state: State, node: tree.Subscript) -> Value:
    value = evaluate(frame, state, node.value)
    index = evaluate(frame, state, node.index)
    if isinstance(node.index, tree.Slice) and node.index.ends and isinstance(value, Unknown | Series):
        return Series((contexts.element(value),), exact=False, few=True)
    match value:
        case Library(path="typing.Annotated" | "typing_extensions.Annotated") if (
            isinstance(index, Series) and index.items
        ):
            depends = next((item for item in index.items[1:] if isinstance(item, Depends)), None)
            return Annotation(index.items[0], depends) if depends is not None else index.items[0]
        case Library() if appstate.is_state(value) and isinstance(index, Literally) and isinstance(index.value, str):
            return appstate.read(frame.analysis, index.value)
        case Library(path=path) if path.startswith(("typing", "collections.abc", "builtins", "contextlib")):
            return SubscriptedType(value, index.items if isinstance(index, Series) else (index,))
        case Library() if value.path in frame.analysis.holders.factories:
            return SubscriptedType(value, (index,))
        case Library(path=path, holders=holders):
            return value if path.endswith("()") or holders else SubscriptedType(value, (index,))
        case ClassOf() | SubscriptedType(base=Library()):
            return value
        case Series(items=items, exact=True) if isinstance(index, Literally) and isinstance(index.value, int):
            return items[index.value] if -len(items) <= index.value < len(items) else UNKNOWN
        case Series(items=items):
            return join(items)
        case Table() if isinstance(index, Literally) and isinstance(index.value, str):
            return value.get(index.value)
        case Table():
            return value.any()
        case Loaded():
            return value
        case Instance():
            return calls.call_method(frame, state, value, "__getitem__", (BoundArgument(index),))
        case _:
            return UNKNOWN


def _starred(frame: Frame, state: State, node: tree.Starred) -> Value:
    return evaluate(frame, state, node.value)


def _call(frame: Frame, state: State, node: tree.Call) -> Value:
    callee = evaluate(frame, state, node.function)
    arguments = [
        BoundArgument(evaluate(frame, state, argument.value), argument.keyword, argument.star)
        for argument in node.arguments
    ]
    if state.dead:
        return UNKNOWN  # an argument raises
    if objects.lacks(frame, state, node.function, callee):
        frame.may_raise(state)
        state.dead = True
        return UNKNOWN
    gaps.called(frame, state, node, callee, arguments)
    loaded.taken_out(state, callee, node)
    frame.calling = callers.variable_of(node.function)
    if isinstance(node.function, tree.Attribute):
        _mutate(frame, state, node.function, arguments)
        if isinstance(callee, Method) and isinstance(callee.target, Factory) and callee.name == "configure":
            bound = callee.target.bound or calls.is_bound(frame, tuple(arguments))
            assign(frame, state, node.function.value, msgspec.structs.replace(callee.target, bound=bound))
        if callee == Library("contextvars.ContextVar.set"):
            variable = callers.variable_of(node.function.value)
            callers.kept_in_context(frame, state, tuple(arguments), node.span, variable)
        loaded.called(frame, state, callee, node.function.name, node.span)
    else:
        loaded.invoked(frame, state, callee, node.span)
    return calls.call(frame, state, callee, tuple(arguments), node.span)


def _mutate(frame: Frame, state: State, function: tree.Attribute, arguments: list[BoundArgument]) -> None:
    """`tasks.append(work(db))`: the list is known to hold one more kind of item."""
    if function.name not in ("append", "add", "extend", "insert") or not arguments:
        return
    owner = evaluate(frame, state, function.value)
    if not all(isinstance(option, Series) for option in options(owner)):
        return
    held = tuple(dict.fromkeys(item for one in options(owner) if isinstance(one, Series) for item in one.items))
    added = arguments[-1].value
    frame.escaped.update(option.place for option in options(added) if isinstance(option, Holder))  # closed in a loop
    items = added.items if function.name == "extend" and isinstance(added, Series) else (added,)
    merged = held + tuple(item for item in items if item not in held)
    few = is_few(owner) and not frame.in_loop
    longer = Series(merged, exact=False, few=few)
    fits = len(merged) <= MOST_ITEMS and not any(isinstance(item, Series | Table | Suspended) for item in items)
    assign(frame, state, function.value, longer if fits else bounded(longer))


def _await(frame: Frame, state: State, node: tree.Await) -> Value:
    value = evaluate(frame, state, node.value)
    gaps.awaited(frame, state, node.value, value, node.span)
    return calls.await_value(frame, state, value, node.span)


def _yield(frame: Frame, state: State, node: tree.Yield) -> Value:
    value = evaluate(frame, state, node.value) if node.value is not None else NONE
    if node.delegates:
        return contexts.delegate(frame, state, value, node.span)
    contexts.yield_value(frame, state, value, node.span)
    return UNKNOWN


def _comprehension(frame: Frame, state: State, node: tree.Comprehension) -> Value:
    few = True
    for clause in node.clauses:
        iterable = evaluate(frame, state, clause.iterable)
        few = few and is_few(iterable)
        item = contexts.item_of(frame, state, iterable, clause.span, is_async=clause.is_async)
        assign(frame, state, clause.target, item)
        for condition in clause.conditions:
            evaluate(frame, state, condition)
    element = evaluate(frame, state, node.element)
    return Series((element,), exact=False, few=few)


def _either(frame: Frame, state: State, node: tree.Either) -> Value:
    """The later parts of `and`/`or` run perhaps; `session or factory()` is one of its parts."""
    first, *rest = node.parts
    values = [evaluate(frame, state, first)]
    skipped: State | None = None
    for part in rest:
        if not isinstance(part, tree.Name | tree.Constant):
            skipped = merge(skipped, state.copy())
        values.append(evaluate(frame, state, part))
    if skipped is not None:
        joined = merge(skipped, state)
        if joined is not None:
            state.assume(joined)
    return join(values)


def _conditional(frame: Frame, state: State, node: tree.Conditional) -> Value:
    truth = conditions.condition(frame, state, node.test)
    other = state.copy()
    conditions.narrow(frame, state, node.test, True)
    conditions.narrow(frame, other, node.test, False)
    if truth is True:
        return evaluate(frame, state, node.body)
    if truth is False:
        state.assume(other)
        return evaluate(frame, state, node.otherwise)
    left = evaluate(frame, state, node.body)
    right = evaluate(frame, other, node.otherwise)
    joined = merge(other, state)
    if joined is not None:
        state.assume(joined)
    return join((left, right))


def _tested(frame: Frame, state: State, node: tree.NoneTest | tree.Not) -> Value:
    """`own = db is None`: a flag that is known where the test is."""
    truth = conditions.condition(frame, state, node)
    return UNKNOWN if truth is None else Literally(truth)


def _walrus(frame: Frame, state: State, node: tree.Walrus) -> Value:
    value = evaluate(frame, state, node.value)
    assign(frame, state, node.target, value)
    return value


def _slice(frame: Frame, state: State, node: tree.Slice) -> Value:
    evaluate(frame, state, node.parts)
    return UNKNOWN


def _compute(frame: Frame, state: State, node: tree.Compute | tree.Text | tree.Compare) -> Value:
    """Names and constants have no effect, and the value is not followed here: see `pools`, which reads strings."""
    for part in (node.left, node.right) if isinstance(node, tree.Compare) else node.parts:
        if not isinstance(part, tree.Name | tree.Constant):
            evaluate(frame, state, part)
    return UNKNOWN


def _lambda(frame: Frame, state: State, node: tree.Lambda) -> Value:
    return closures.define(frame, state, node.function)


def assign(frame: Frame, state: State, target: tree.Expression, value: Value) -> None:
    """Bind `target` to `value`."""
    match target:
        case tree.Name(id=name):
            state.env[name] = value
            waits.name_holder(frame, value, name)
            if name in frame.outer_names:
                engines.kept(frame, value)
                frame.escaped.update(holder.place for holder in holders_in(value))
        case tree.Attribute(value=owner, name=name, span=span):
            engines.stored(frame, value)
            objects.set_attribute(frame, state, evaluate(frame, state, owner), name, value, span)
        case tree.Sequence(items=items):
            if isinstance(value, Series) and value.exact and len(value.items) == len(items):
                for item, part in zip(items, value.items, strict=True):
                    assign(frame, state, item, part)
            else:
                part = contexts.element(value)
                for item in items:
                    assign(frame, state, item, part)
        case tree.Starred(value=inner):
            assign(frame, state, inner, UNKNOWN)
        case tree.Subscript(value=owner, index=index):
            engines.stored(frame, value)
            if _is_kept_container(frame, state, owner) or _is_closed_there(frame, owner, index):
                frame.escaped.update(held.place for held in holders_in(value))
            span = next((node.span for node in tree.walk(owner) if isinstance(node, tree.Attribute)), (0, 0, 0, 0))
            holder = evaluate(frame, state, owner)
            evaluate(frame, state, index)
            if isinstance(holder, Loaded):
                objects.change(state, holder, frame.step(span, "changes an object", "note"))
        case _:
            return


def _is_kept_container(frame: Frame, state: State, expression: tree.Expression) -> bool:
    """Whether a container is a field of the object whose method this is, or a variable of the module.

    Whoever has it can close what is in it; one that was passed in belongs to somebody who may not know.
    """
    match expression:
        case tree.Attribute(value=tree.Name(id=owner)):
            info = frame.function
            if info is None or not info.owner or not info.node.parameters:
                return False
            return info.node.parameters[0].name == owner
        case tree.Name(id=name):
            return name not in state.env or name in frame.outer_names
        case _:
            return False


def _is_closed_there(frame: Frame, owner: tree.Expression, index: tree.Expression) -> bool:
    """Whether the function closes what it puts into a container where it lies: `context["db"].close()`."""
    if frame.function is None or not isinstance(owner, tree.Name) or not isinstance(index, tree.Constant):
        return False
    return (owner.id, index.value) in _closed_items(frame.analysis, frame.function)


def _closed_items(analysis: Analysis, function: FunctionInfo) -> frozenset[tuple[str, object]]:
    known = analysis.closed_items.get(function.id)
    if known is None:
        found: set[tuple[str, object]] = set()
        for node in tree.walk(function.node.body):
            match node:
                case tree.Call(
                    function=tree.Attribute(
                        value=tree.Subscript(value=tree.Name(id=name), index=tree.Constant(value=key)),
                        name="close" | "aclose" | "remove",
                    )
                ):
                    found.add((name, key))
                case _:
                    pass
        known = analysis.closed_items[function.id] = frozenset(found)
    return known


_HANDLERS: dict[type, Callable[[Frame, State, Any], Value]] = {
    tree.Name: _name,
    tree.Attribute: _attribute,
    tree.Constant: _constant,
    tree.Sequence: _sequence,
    tree.Mapping: _mapping,
    tree.Subscript: _subscript,
    tree.Starred: _starred,
    tree.Slice: _slice,
    tree.Call: _call,
    tree.Await: _await,
    tree.Yield: _yield,
    tree.Comprehension: _comprehension,
    tree.Either: _either,
    tree.Conditional: _conditional,
    tree.NoneTest: _tested,
    tree.Not: _tested,
    tree.Walrus: _walrus,
    tree.Text: _compute,
    tree.Compare: _compute,
    tree.Compute: _compute,
    tree.Lambda: _lambda,
}
