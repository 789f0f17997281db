"""Calls: what calling, awaiting or constructing a value does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import blocking, engines, holding, tasks, waits
from flake8_poolhold.flow.interpreting import (
    applying,
    callbacks,
    contexts,
    expressions,
    library,
    parameters,
    running,
    summaries,
)
from flake8_poolhold.flow.interpreting.arguments import Arguments, keeps_loaded, keyword
from flake8_poolhold.flow.model.frames import Analysis, Blocked, ClassInfo, Effects, Frame, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State, merge
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    BoundArgument,
    Choice,
    ClassOf,
    Engine,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Loaded,
    Method,
    Opening,
    Origin,
    Place,
    Series,
    Suspended,
    Table,
    Unknown,
    Value,
    Words,
    join,
    placeholder,
)
from flake8_poolhold.flow.naming import dispatch, hierarchy, names, objects, types


def call(frame: Frame, state: State, callee: Value, arguments: Arguments, span: tree.Span) -> Value:
    """The value of `callee(*arguments)`; `state` becomes the state after the call."""
    match callee:
        case FunctionOf():
            value = _function(frame, state, callee, arguments, span)
            engines.given(frame, value, arguments)
            return value
        case ClassOf(cls=cls):
            engines.given(frame, UNKNOWN, arguments)
            return _construct(frame, state, cls, arguments, span)
        case Library():
            return library.call(frame, state, callee, arguments, span)
        case Method(target=Suspended() as generator, name=name):
            return contexts.drive(frame, state, generator, name, span)
        case Method(target=Words() as text, name=name):
            return dispatch.split(text, name, arguments)
        case Method():
            return holding.call(frame, state, callee, arguments, span)
        case Factory(kind=kind, keeps_loaded=keeps, bound=bound):
            engines.connects(frame, callee)
            engines.opened(frame, holding.made_at(frame, span), callee)
            bound = bound or is_bound(frame, arguments)
            return holding.made(frame, state, kind, span, keeps=_keeps(arguments, keeps), bound=bound)
        case Instance():
            return call_method(frame, state, callee, "__call__", arguments, span)
        case Holder(kind=kind):
            given = frame.analysis.holders.classes[kind].gives  # a registry called: the session of this scope
            return msgspec.structs.replace(callee, kind=given) if given else callee
        case Choice(options=options):
            return _either(frame, state, options, lambda start, option: call(frame, start, option, arguments, span))
        case Loaded():
            unknown(frame, state, arguments, span, "")
            return callee
        case _:
            return unknown(frame, state, arguments, span, "")


def _either(frame: Frame, state: State, options: tuple[Value, ...], run: Callable[[State, Value], Value]) -> Value:
    """One of several functions is called. Methods of one of several holders count as done to each of them.

    Which holder it is hangs together with what was done to it before: to release only perhaps would be a false alarm.
    Of functions, such as the implementations of an interface, half must block for the call to count as blocking.
    """
    if all(isinstance(option, Method) or _is_of_holder(option) for option in options):
        frame.guesses += 1
        try:
            return join([run(state, option) for option in options])
        finally:
            frame.guesses -= 1
    values: list[Value] = []
    after: State | None = None
    outside, met = frame.undecided, list[list[Blocked]]()
    for option in options:
        start = state.copy()
        frame.undecided = []
        values.append(run(start, option))
        met.append(frame.undecided)
        after = merge(after, None if start.dead else start)
    frame.undecided = outside
    blocking.decide(frame, state, met)
    if after is None:
        state.dead = True
    else:
        state.assume(after)
    return join(values)


def _is_of_holder(value: Value) -> bool:
    return isinstance(value, Suspended) and isinstance(value.target, Method)


def _keeps(arguments: Arguments, inherited: bool | None) -> bool | None:
    given = keyword(arguments, "expire_on_commit")
    if given is None and any(argument.star == "**" and not isinstance(argument.value, Table) for argument in arguments):
        return None
    return inherited if given is None else keeps_loaded(given)


def is_bound(frame: Frame, arguments: Arguments) -> bool:
    """Whether a session is made on a connection: the connection's owner decides when it goes back."""
    for argument in arguments:
        if argument.keyword in (None, "bind") and isinstance(argument.value, Holder):
            return frame.analysis.holders.classes[argument.value.kind].kind == "connection"
    return False


def unknown(frame: Frame, state: State, arguments: Arguments, span: tree.Span, name: str) -> Value:
    """A call of something that is not understood."""
    held = holding.touched_by_unknown(frame, state, arguments, span, name)
    callbacks.run(frame, state, arguments, span)
    for argument in arguments:
        engines.kept(frame, argument.value)
    frame.may_raise(state)
    return Library(f"{name}()" if name else "?()", tuple(held)) if held else UNKNOWN


def _function(frame: Frame, state: State, callee: FunctionOf, arguments: Arguments, span: tree.Span) -> Value:
    node = frame.analysis.functions[callee.function].node
    if node.is_generator:
        is_context = contexts.is_context_manager(frame.analysis, callee.function)
        return Suspended("context" if is_context else "generator", callee, arguments)
    if node.is_async:
        return Suspended("coroutine", callee, arguments)
    return applying.apply(frame, state, callee, arguments, span)


def call_method(
    frame: Frame, state: State, owner: Instance, name: str, arguments: Arguments, span: tree.Span = (1, 1, 1, 1)
) -> Value:
    """Call a method of an instance by name; unknown when its class has none."""
    info = names.method(frame.analysis, owner.cls, name)
    if info is None:
        return UNKNOWN
    callee: Value = FunctionOf(info.id, owner)
    if hierarchy.is_abstract(info.node):
        callee = objects.attribute(frame, state, owner, name)
    return call(frame, state, callee, arguments, span)


def _construct(frame: Frame, state: State, cls: str, arguments: Arguments, span: tree.Span) -> Value:
    analysis = frame.analysis
    kind = names.holder_base(analysis, cls)
    if kind is not None:
        return holding.made(
            frame, state, kind, span, keeps=_keeps(arguments, None), bound=is_bound(frame, arguments), cls=cls
        )
    where = frame.function.id if frame.function is not None else frame.path
    made = Instance(cls, Place(Origin("new", where, f"{span[0]}:{span[1]}:{cls}")))
    state.heap.pop(made.place, None)
    constructor = names.method(analysis, cls, "__init__")
    if constructor is not None:
        applying.apply(frame, state, FunctionOf(constructor.id, made), arguments, span)
    else:
        _fill_fields(frame, state, made, arguments)
    return made


def _fill_fields(frame: Frame, state: State, made: Instance, arguments: Arguments) -> None:
    """A dataclass or model without `__init__`: its annotated fields are its parameters, in order."""
    fields: list[str] = []
    for cls in reversed(names.mro(frame.analysis, made.cls)[0]):
        for statement in frame.analysis.classes[cls].node.body:
            if isinstance(statement, tree.Assign) and statement.annotation is not None:
                target = statement.targets[0]
                if isinstance(target, tree.Name) and target.id not in fields:
                    fields.append(target.id)
    positional = [argument.value for argument in arguments if argument.keyword is None and not argument.star]
    for name, value in zip(fields, positional, strict=False):
        state.set_field(made.place, name, value)
    for argument in arguments:
        if argument.keyword is not None:
            state.set_field(made.place, argument.keyword, argument.value)


def await_value(frame: Frame, state: State, value: Value, span: tree.Span) -> Value:
    """The result of `await value`."""
    match value:
        case Suspended(kind="coroutine", target=target, arguments=arguments):
            tasks.join(frame, state, value)
            return _resume(frame, state, target, arguments, span)
        case Library(path=path, holders=held):
            frame.may_be_cancelled(state)
            wait = frame.analysis.knowledge.wait_of_await(path)
            if wait is not None:
                waits.reach(frame, state, wait, path, span)
            for place in held:
                holding.query_by_unknown(frame, state, place, span, path.replace("?", ""))
            frame.may_raise(state)
            return Library(path) if path != "?()" else UNKNOWN
        case Opening(holder=holder, acquires=acquires):
            frame.may_raise(state)  # an acquisition that fails holds nothing
            if acquires:
                holding.checkout(frame, state, holder.place, span, "connection checked out")
            return holder
        case Choice(options=options):
            return _either(frame, state, options, lambda start, option: await_value(frame, start, option, span))
        case Instance():
            return call_method(frame, state, value, "__await__", (), span)
        case Engine():
            return value  # `await asyncpg.create_pool(...)`
        case Series(items=items):
            return msgspec.structs.replace(value, items=tuple(await_value(frame, state, item, span) for item in items))
        case Holder():
            return value
        case _:
            frame.may_raise(state)
            return UNKNOWN


def _resume(frame: Frame, state: State, target: Value, arguments: Arguments, span: tree.Span) -> Value:
    match target:
        case FunctionOf():
            return applying.apply(frame, state, target, arguments, span)
        case Method(target=Holder() as holder, name=name):
            result = holding.run(frame, state, holder, name, arguments, span)
            outside, frame.in_greenlet = frame.in_greenlet, frame.in_greenlet or name == "run_sync"
            value = await_value(frame, state, result, span) if isinstance(result, Suspended) else result
            frame.in_greenlet = outside
            return value
        case Method(target=Suspended() as generator, name=name):
            return contexts.drive(frame, state, generator, name, span)
        case Method(target=Opening() as opening):
            return await_value(frame, state, opening, span)
        case Library():
            return running.resume(frame, state, target, arguments, span)
        case Unknown():
            return unknown(frame, state, arguments, span, "")
        case _:
            result = call(frame, state, target, arguments, span)
            return await_value(frame, state, result, span) if isinstance(result, Suspended) else result


def decorated(frame: Frame, state: State, decorators: list[tree.Expression], value: Value) -> Value:
    """The function as its decorators leave it: the project's own decorators are run, a library's are ignored."""
    for decorator in reversed(decorators):
        if isinstance(decorator, tree.Name | tree.Call | tree.Attribute):
            wrapper = expressions.evaluate(frame, state, decorator)
            if isinstance(wrapper, FunctionOf):
                wrapped = call(frame, state, wrapper, (BoundArgument(value),), (1, 1, 1, 1))
                if isinstance(wrapped, FunctionOf):
                    value = wrapped
    return value


def effects_of(analysis: Analysis, function: FunctionInfo) -> Effects:
    """What a function leaves behind for a caller that knows nothing more than its annotations."""
    result = summaries.summary(analysis, summaries.general(function.id))
    return result.normal or result.raised or summaries.NOTHING


def field_after(analysis: Analysis, info: ClassInfo, method: str, name: str) -> Value:
    """The field `name` as a method of the class leaves it, for any instance."""
    function = names.function_info(analysis, info.path, f"{info.name}.{method}", _method_node(info, method), info.key)
    owner = parameters.place_of(function.id, function.node.parameters[0].name)
    written = effects_of(analysis, function).heap.get(owner, {}).get(name, UNKNOWN)
    if written in (UNKNOWN, NONE):
        written = _declared_in(analysis, info, function.node, name)
    return written


def _method_node(info: ClassInfo, method: str) -> tree.Function:
    binding = info.scope.names[method][-1]
    if not isinstance(binding, tree.Function):
        raise TypeError(f"{info.key}.{method} is not a function")
    return binding


def _declared_in(analysis: Analysis, info: ClassInfo, node: tree.Function, name: str) -> Value:
    """`self.name: T = ...` inside a method."""
    frame = names.module_frame(analysis, info.path)
    for statement in statements(node.body):
        if isinstance(statement, tree.Assign) and statement.annotation is not None:
            target = statement.targets[0]
            if isinstance(target, tree.Attribute) and target.name == name:
                said = types.typed(frame, State(), statement.annotation, types.global_place(info.path, name))
                return placeholder(said) if statement.value is None or tree.is_none(statement.value) else said
    return UNKNOWN
