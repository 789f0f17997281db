"""Summaries: a function interpreted once for each kind of argument that matters, and applied at its calls."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.effects import blocking, roles, sharing, tasks, waits
from flake8_poolhold.flow.interpreting import blocks, contexts, expressions, places, recursion
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
from flake8_poolhold.flow.model.states import State, compose, join_states, merge_all
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
    Literally,
    ModuleOf,
    Origin,
    Place,
    QueryOf,
    Series,
    Suspended,
    Table,
    Unknown,
    Value,
    Words,
    bounded,
    join,
    options,
)
from flake8_poolhold.flow.naming import callsites, dispatch, evidence, hierarchy, names, objects, types

MOST_CONTEXTS = 24
"""A function that another one calls with more kinds of arguments than this is then seen in its general form."""

NOTHING = Effects({}, {})


class Context(msgspec.Struct, frozen=True):
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
    known = analysis.summaries.get(context)
    if known is not None:
        return known
    info = analysis.functions[context.function]
    return recursion.solve(analysis, context, context.function, lambda: _interpret(analysis, info, context))


def parameter_place(function: str, name: str) -> Place:
    return Place(Origin("param", function, name))


def interpreted(analysis: Analysis, info: FunctionInfo) -> Summary:
    """The summary of a function for any caller, found out anew."""
    return _interpret(analysis, info, general(info.id))


def _interpret(analysis: Analysis, info: FunctionInfo, context: Context) -> Summary:
    if hierarchy.is_abstract(info.node):
        return Summary(_declared(Frame(analysis, info.path, info, "call", False), UNKNOWN), NOTHING, None, ())
    reporting = not context.known and not context.fields and context.mode == "call"
    frame = Frame(analysis, info.path, info, context.mode, reporting)
    return finish(frame, blocks.run(frame, _start(frame, info, context), info.node.body))


def interrupted(analysis: Analysis, info: FunctionInfo, mode: Mode, how: Interruption) -> State | None:
    """The state in which a function ends that is interrupted where it waits or yields; `None`: it goes on."""
    context = general(info.id, mode)
    frame = Frame(analysis, info.path, info, mode, reporting=False)
    frame.interrupted = how
    frame.muted = True
    blocks.run(frame, _start(frame, info, context), info.node.body)
    return frame.raised


def _start(frame: Frame, info: FunctionInfo, context: Context) -> State:
    """The state in which a function starts."""
    analysis = frame.analysis
    state = State(dict(context.captured))
    known = dict(context.known)
    for index, parameter in enumerate(info.node.parameters):
        state.env[parameter.name] = known.get(parameter.name) or general_value(analysis, info, index, parameter)
        if f"!{parameter.name}" in known:
            frame.not_none |= {parameter.name}
    for place, field, value in context.fields:
        state.set_field(place, field, value)
    for value in state.env.values():
        for option in options(value):
            if isinstance(option, Holder):
                frame.known[option.place] = option
    return state


def finish(frame: Frame, state: State | None) -> Summary:
    """The summary of a function whose body has been run; `state` is where it falls off its end."""
    from flake8_poolhold.flow.effects import driving, engines, lifetimes

    normal = frame.yielded if frame.mode == "enter" else merge_all((*frame.returned_at, state))
    returns = _declared(frame, bounded(join(_results(frame, state))))
    if frame.function is not None and frame.reporting:
        from flake8_poolhold.flow.fastapi import handlers

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
        stored=frozenset(frame.stored),
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


def _declared(frame: Frame, returns: Value) -> Value:
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


def _effects(frame: Frame, state: State | None, returns: Value) -> Effects | None:
    """What a caller can see of the state: nothing of the objects that only this function knows."""
    if state is None:
        return None
    identity = frame.function.id if frame.function is not None else ""
    reached = places.reachable(state, returns, identity)
    fields = {
        place: {name: bounded(value) for name, value in held.items()}
        for place, held in state.heap.items()
        if place in reached and place.origin.how != "global"
    }
    if frame.mode != "call":  # what was opened on the way in is open inside the block, whatever is handed out
        return Effects(state.holders, fields)
    seen = {place for place in state.holders if place in reached or places.is_foreign(place, identity)}
    return Effects({place: state.holders[place] for place in seen}, fields)


def general_value(analysis: Analysis, info: FunctionInfo, index: int, parameter: tree.Parameter) -> Value:
    """What a parameter stands for when the caller is not known."""
    return recursion.value(analysis, ("parameter", info.id, index), lambda: _general(analysis, info, index, parameter))


def _general(analysis: Analysis, info: FunctionInfo, index: int, parameter: tree.Parameter) -> Value:
    place = parameter_place(info.id, parameter.name)
    if index == 0 and info.owner and parameter.annotation is None and not is_static(info):
        if any(isinstance(d, tree.Name) and d.id == "classmethod" for d in info.node.decorators):
            return ClassOf(info.owner)
        kind = names.holder_base(analysis, info.owner)
        return Holder(kind, place, info.owner) if kind is not None else Instance(info.owner, place)
    frame = names.module_frame(analysis, info.path)
    if parameter.annotation is not None:
        value = types.typed(frame, State(), parameter.annotation, place)
        if parameter.kind == "star":
            return Series((value,), exact=False)
        if parameter.kind == "double-star":
            return Table(())
        if not isinstance(value, Unknown):
            return value
    if parameter.default is not None:
        depends = expressions.evaluate(frame, State(), parameter.default)
        from flake8_poolhold.flow.fastapi import dependencies

        provided = dependencies.provided_type(analysis, depends, place)
        if provided is not None:
            return provided
    task = hierarchy.task_class(frame, info.node) if index == 0 and parameter.annotation is None else ""
    if task:
        return Instance(task, place)
    if parameter.annotation is not None and not evidence.says_nothing(parameter.annotation):
        return UNKNOWN
    used_as = evidence.untyped_parameter(analysis, info, parameter, place)
    return callsites.passed(analysis, info, parameter, place) if isinstance(used_as, Unknown) else used_as


def is_static(info: FunctionInfo) -> bool:
    """Whether a method gets no receiver."""
    return any(isinstance(d, tree.Name) and d.id == "staticmethod" for d in info.node.decorators)


def bind(info: FunctionInfo, receiver: Value | None, arguments: tuple[BoundArgument, ...]) -> dict[str, Value]:
    """The arguments of a call by parameter; what does not fit is dropped, as nothing is known of it."""
    parameters = info.node.parameters
    bound: dict[str, Value] = {}
    positional = [parameter for parameter in parameters if parameter.kind == "positional"]
    by_name = {parameter.name for parameter in parameters if parameter.kind in ("positional", "keyword")}
    star = next((parameter for parameter in parameters if parameter.kind == "star"), None)
    double = next((parameter for parameter in parameters if parameter.kind == "double-star"), None)
    values: list[Value] = [] if receiver is None else [receiver]
    extra: list[tuple[str, Value]] = []
    for argument in arguments:
        if argument.star == "*":
            if isinstance(argument.value, Series) and argument.value.exact:
                values.extend(argument.value.items)
        elif argument.star == "**":
            if isinstance(argument.value, Table):
                extra.extend(argument.value.items)
        elif argument.keyword is None:
            values.append(argument.value)
        else:
            extra.append((argument.keyword, argument.value))
    for parameter, value in zip(positional, values, strict=False):
        bound[parameter.name] = value
    if star is not None:
        bound[star.name] = Series(tuple(values[len(positional) :]), exact=True)
    rest = []
    for name, value in extra:
        if name in by_name:
            bound[name] = value
        else:
            rest.append((name, value))
    if double is not None:
        bound[double.name] = Table(tuple(rest))
    return bound


def context_of(frame: Frame, function: FunctionOf, bound: dict[str, Value], state: State, mode: Mode) -> Context:
    """The context of a call: the general one unless the caller knows something that matters and the callee does not."""
    analysis = frame.analysis
    caller = frame.function.id if frame.function is not None else frame.path
    info = analysis.functions[function.function]
    known: list[tuple[str, Value]] = []
    fields: list[tuple[Place, str, Value]] = []
    for index, parameter in enumerate(info.node.parameters):
        place = parameter_place(info.id, parameter.name)
        value = bound.get(parameter.name)
        if value is None:
            default = parameter.default
            if (
                isinstance(default, tree.Constant)
                and isinstance(default.value, bool | None)
                and tested(analysis, info, parameter.name)
            ):
                known.append((parameter.name, Literally(default.value)))
            continue
        if isinstance(value, Literally):
            if isinstance(value.value, bool | None) and tested(analysis, info, parameter.name):
                known.append((parameter.name, value))
            elif isinstance(value.value, str) and dispatch.imports(analysis, info):
                known.append((parameter.name, Words((value.value,))))
            continue
        is_optional = isinstance(parameter.default, tree.Constant) and parameter.default.value is None
        if is_optional and _is_object(value) and tested(analysis, info, parameter.name):
            known.append((f"!{parameter.name}", NONE))
        own = general_value(analysis, info, index, parameter)
        if _says_more(value, own) or _is_other_holder(analysis, value, own):
            own = types.carry(value, place)
            known.append((parameter.name, own))
        fields.extend(_known_fields(analysis, state, value, own, place))
    context = Context(info.id, mode, tuple(known), tuple(fields), function.captured)
    if known or fields:
        seen = analysis.contexts.setdefault((caller, info.id), set())
        if context not in seen and len(seen) >= MOST_CONTEXTS:
            return general(info.id, mode, function.captured)
        seen.add(context)
    return context


def tested(analysis: Analysis, info: FunctionInfo, name: str) -> bool:
    """Whether a branch of the function hangs on the parameter, so that its value there matters."""
    return name in evidence.tested_names(analysis, info)


def _is_object(value: Value) -> bool:
    return all(isinstance(option, Holder | Instance | Library | FunctionOf) for option in options(value))


def _is_telling(value: Value) -> bool:
    match value:
        case Series(items=items):
            return any(not isinstance(item, Unknown | Literally) for item in items)
        case Engine() | Factory() | Table() | ClassOf() | Suspended() | QueryOf() | ModuleOf() | Words():
            return True
        case _:
            return _is_object(value)


def _says_more(value: Value, own: Value) -> bool:
    """Whether the argument tells something that the parameter's annotation does not."""
    if isinstance(value, Unknown) or value == own:
        return False
    if isinstance(own, Unknown) or own == NONE:
        return any(_is_telling(option) for option in options(value))
    if isinstance(own, Instance) and isinstance(value, Instance):
        return own.cls != value.cls
    if isinstance(own, Series | Table):
        return type(own) is type(value) and bool(value.items) and not own.items
    return isinstance(own, Library) and isinstance(value, FunctionOf | Instance | Suspended)


def _is_other_holder(analysis: Analysis, value: Value, own: Value) -> bool:
    """Whether a connection is passed where use suggested a session, or the other way: a commit differs for them."""
    if not isinstance(value, Holder) or not isinstance(own, Holder):
        return False
    return analysis.holders.classes[value.kind].kind != analysis.holders.classes[own.kind].kind


def _known_fields(
    analysis: Analysis, state: State, value: Value, own: Value, place: Place, depth: int = 2
) -> list[tuple[Place, str, Value]]:
    """Fields of an argument that its class does not type but that the caller has seen being set."""
    if not isinstance(value, Instance) or not isinstance(own, Instance) or not depth:
        return []
    found = []
    module = names.module_frame(analysis, analysis.classes[own.cls].path)
    for name, held in state.heap.get(value.place, {}).items():
        if isinstance(held, Unknown | Literally):
            continue
        declared = objects.declared_field(module, own, name)
        inner = place.attribute(name)
        if _says_more(held, declared):
            declared = types.carry(held, inner)
            found.append((place, name, declared))
        found.extend(_known_fields(analysis, state, held, declared, inner, depth - 1))
    return found


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
    from flake8_poolhold.flow.effects import driving, engines, lifetimes, origins

    analysis = frame.analysis
    info = analysis.functions[function.function]
    bound = bind(info, function.receiver, function.bound + arguments)
    if analysis.watch is not None:
        analysis.watch.see(frame, state, info, bound, span)
    role = analysis.roles.get(info.id)
    if role is not None:
        given = roles.play(frame, state, role, info, list(bound.values()), span, mode)
        return given if given is not None else _as_declared(frame, state, info, bound, span)
    driving.passed(frame, info, bound, span)
    if frame.declared_only or (mode == "call" and not _matters(analysis, state, info, bound)):
        return _as_declared(frame, state, info, bound, span)
    context = context_of(frame, function, bound, state, mode)
    result = summary(analysis, context)
    mapping = places.Mapping(frame, state, info.id, bound, site or f"{span[0]}:{span[1]}")
    step = frame.step(span, f"calls {info.name}", "call")
    if not frame.muted:
        for waiting in _reported_inside(analysis, context, result.waits):
            waits.meet(frame, state, mapping.waiting(waiting, step), span)
        if result.blocks and info.node.is_async:
            summary(analysis, general(info.id, "call", function.captured))  # tells what is reported inside already
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
    if result.raised is not None:
        failing = state.copy()
        apply_effects(frame, failing, result.raised, mapping, step)
        frame.may_raise(failing)
    if result.normal is None or _never_returns(info):
        state.dead = True
        return UNKNOWN
    apply_effects(frame, state, result.normal, mapping, step)
    value = mapping.value(result.returns)
    if mode == "call" and frame.reporting and not frame.muted:
        returned = {option.place for option in options(result.returns) if isinstance(option, Holder)}
        if not returned & result.stored and not origins.is_property(info.node):
            lifetimes.received(frame, value, span)
    if mode == "call":
        engines.received(frame, result.engines, span)
    return value


def _as_declared(frame: Frame, state: State, info: FunctionInfo, bound: dict[str, Value], span: tree.Span) -> Value:
    """A call whose body is not read: what it returns is what the annotation says."""
    frame.may_raise(state)
    callee = Frame(frame.analysis, info.path, info, "call", reporting=False)
    return places.Mapping(frame, state, info.id, bound, f"{span[0]}:{span[1]}").value(_declared(callee, UNKNOWN))


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


def _reported_inside(analysis: Analysis, context: Context, waiting: tuple[Waiting, ...]) -> Iterator[Waiting]:
    """The waits of a call, each with the holders for which the callee, seen on its own, already reports it."""
    if not context.known and not context.fields:
        yield from waiting
        return
    reported: dict[tuple[int, int], frozenset[Place]] = {}
    for own in summary(analysis, general(context.function, context.mode, context.captured)).waits:
        site = (own.steps[0].line, own.steps[0].column)
        reported[site] = reported.get(site, frozenset()) | own.reported
    for one in waiting:
        inside = reported.get((one.steps[0].line, one.steps[0].column), frozenset())
        yield msgspec.structs.replace(one, reported=one.reported | inside) if inside else one


def apply_effects(frame: Frame, state: State, effects: Effects, mapping: places.Mapping, step: Step) -> None:
    """What a callee left behind happens to this function's holders and objects."""
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
    if mapping.passes_loaded:
        objects.changed_by(state, effects, step, wrote)
    for owner, fields in effects.heap.items():
        for mine in mapping.objects(owner):
            for name, value in fields.items():
                state.set_field(mine, name, mapping.value(value))
