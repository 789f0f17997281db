"""Objects: attributes of values, fields of the project's classes, and changes to loaded objects."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.effects import loaded
from flake8_poolhold.flow.effects.origins import is_made
from flake8_poolhold.flow.interpreting import calls, contexts, expressions, recursion
from flake8_poolhold.flow.model.frames import Analysis, ClassInfo, Effects, Frame
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import HELD, RELEASED, SOME_OBJECT, WRITTEN_OBJECT, State
from flake8_poolhold.flow.model.values import (
    UNKNOWN,
    Choice,
    ClassOf,
    Engine,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    Loaded,
    Method,
    ModuleOf,
    Opening,
    Origin,
    Place,
    QueryOf,
    Router,
    Series,
    SubscriptedType,
    Suspended,
    Table,
    Unknown,
    Value,
    Words,
    holders_in,
    join,
    placeholder,
)
from flake8_poolhold.flow.naming import appstate, dispatch, hierarchy, names, types

Alias = tuple[tuple[str, ...], str, tuple[str, ...], Holder]
"""Of an object: the path of an object in it, that one's field, the path of the same holder, the holder."""


def attribute(frame: Frame, state: State, value: Value, name: str, span: tree.Span | None = None) -> Value:
    """The value of `value.name`, read at `span`; a property that is read nowhere does nothing that is reported."""
    if appstate.is_state(value):
        found = appstate.read(frame.analysis, name)
        if not isinstance(found, Unknown | Literally):
            return found
    match value:
        case Library(path=path) if path.endswith("Stub") and path.rpartition(".")[0].endswith("_pb2_grpc"):
            return Library("grpc.aio.Channel.unary_unary()")  # what the protocol compiler writes for each method
        case Library(path=path, holders=holders, locks=locks):
            kept = registry(frame.analysis, f"{path}.{name}")
            return kept or Library(f"{path}.{name}", holders, locks or name == "with_for_update")
        case ModuleOf():
            return names.member_of_module(frame.analysis, value, name)
        case Instance():
            return _instance_attribute(frame, state, value, name, span)
        case Holder(cls=cls):
            if name in ("sync_session", "sync_connection"):
                return value
            if name == "info" and any(map(frame.analysis.project.naming, ("before_commit", "after_commit"))):
                return Loaded(value.place)  # what is put there may be read by a listener of the commit, as if written
            info = names.method(frame.analysis, cls, name) if cls else None
            if info is not None:
                return FunctionOf(info.id, value)
            return Method(value, name)
        case ClassOf():
            return _class_attribute(frame, value, name)
        case Loaded():
            return loaded.part(value, name)
        case Choice(options=options):
            return join(attribute(frame, state, option, name, span) for option in options)
        case Suspended(kind="generator") if name in contexts.BY_HAND:
            return Method(value, name)
        case Suspended(kind="coroutine") if name in ("join", "result", "start"):
            return Method(value, name)  # of a thread or task
        case Opening(holder=holder) if name not in ("start", "__aenter__", "__enter__"):
            return attribute(frame, state, holder, name)
        case Literally(value=str(text)) if name in dispatch.SPLITTING:
            return Method(Words((text,)), name)
        case Words() if name in dispatch.SPLITTING:
            return Method(value, name)
        case SubscriptedType(base=Library() as base):
            return attribute(frame, state, base, name)  # `client["app"].users`: no type is asked for its attributes
        case Engine() | Factory() | Opening() | QueryOf() | Router() | Series() | Table():
            return Method(value, name)
        case _:
            return UNKNOWN


def _class_attribute(frame: Frame, value: ClassOf, name: str) -> Value:
    analysis = frame.analysis
    found = names.class_member(analysis, value.cls, name)
    if found is None:
        bases = names.mro(analysis, value.cls)[1]
        for base in bases:
            session = registry(analysis, analysis.holders.queries.get(f"{base}.{name}", ""))
            if session is not None:
                return QueryOf(session)
        return Library(f"{bases[0]}.{name}") if bases and not bases[0].startswith("builtins.") else UNKNOWN
    info, binding = found
    if isinstance(binding, tree.Function):
        decorators = decorator_names(frame, binding)
        function = names.function_info(analysis, info.path, f"{info.name}.{name}", binding, info.key)
        receiver = value if "builtins.classmethod" in decorators else None
        return _decorated(frame, info, binding, FunctionOf(function.id, receiver))
    if isinstance(binding, tree.Assign):
        return declared_field(frame, Instance(value.cls, types.global_place(info.path, info.name)), name)
    if isinstance(binding, tree.Class):
        return ClassOf(names.class_info(analysis, info.path, f"{info.name}.{name}", binding).key)
    return UNKNOWN


def _instance_attribute(frame: Frame, state: State, value: Instance, name: str, span: tree.Span | None) -> Value:
    written = state.field(value.place, name)
    if written is not None and not isinstance(written, Unknown):
        return written
    analysis = frame.analysis
    found = names.class_member(analysis, value.cls, name)
    node = found[1] if found is not None else None
    if found is not None and isinstance(node, tree.Function):
        info = found[0]
        function = names.function_info(analysis, info.path, f"{info.name}.{name}", node, info.key)
        decorators = decorator_names(frame, node)
        if any(decorator.endswith((".property", ".cached_property", "hybrid_property")) for decorator in decorators):
            return _property(frame, state, FunctionOf(function.id, value), span)
        if "builtins.staticmethod" in decorators:
            return FunctionOf(function.id)
        receiver: Value = ClassOf(value.cls) if "builtins.classmethod" in decorators else value
        if hierarchy.is_abstract(node):
            found_below = hierarchy.implementations(analysis, info, name)
            if _is_receiver(frame, value):
                found_below = [below for below in found_below if hierarchy.runs(frame, below.owner)]
            if found_below:
                return join(FunctionOf(below.id, Instance(below.owner, value.place)) for below in found_below)
        return _decorated(frame, info, node, FunctionOf(function.id, receiver))
    field = declared_field(frame, value, name)
    if not isinstance(field, Unknown):
        _share(analysis, state, value, name)
        return field
    bases = names.mro(analysis, value.cls)[1]
    outside = [base for base in bases if not base.startswith(("builtins.", "abc.", "typing.", "enum.", "pydantic."))]
    if names.is_mapped(analysis, value.cls) or not outside:
        return UNKNOWN
    return registry(analysis, f"{outside[0]}.{name}") or Library(f"{outside[0]}.{name}")


def lacks(frame: Frame, state: State, function: tree.Expression, callee: Value) -> bool:
    """Whether a call is of a method that the object does not have, nor any of its kind: the project names it in calls
    only, and the class and its bases are known."""
    if not isinstance(callee, Unknown) or not isinstance(function, tree.Attribute):
        return False
    if not isinstance(function.value, tree.Name):
        return False
    owner = state.env.get(function.value.id)
    return isinstance(owner, Instance) and hierarchy.never_has(frame.analysis, owner.cls, function.name)


def _is_receiver(frame: Frame, value: Instance) -> bool:
    """Whether a value is the object whose method is interpreted."""
    info = frame.function
    if info is None or not info.owner or not info.node.parameters or value.place.path:
        return False
    origin = value.place.origin
    return origin.how == "param" and origin.where == info.id and origin.name == info.node.parameters[0].name


def registry(analysis: Analysis, path: str) -> Holder | None:
    """The holder that a library keeps at `path` for everybody in one request or task."""
    kind = analysis.holders.attributes.get(path)
    return Holder(kind, types.global_place("", path)) if kind is not None else None


def _property(frame: Frame, state: State, getter: FunctionOf, span: tree.Span | None) -> Value:
    muted, frame.muted = frame.muted, frame.muted or span is None
    try:
        return calls.call(frame, state, getter, (), span or (1, 1, 1, 1))
    finally:
        frame.muted = muted


def decorator_names(frame: Frame, node: tree.Function) -> list[str]:
    """The dotted paths of a function's decorators, called or not."""
    found = []
    for decorator in node.decorators:
        expression = tree.undressed(decorator)
        if isinstance(expression, tree.Name | tree.Attribute):
            module = names.module_frame(frame.analysis, frame.path)
            found.append(names.library_name(expressions.evaluate(module, State(), expression)))
    return found


def _decorated(frame: Frame, info: ClassInfo, node: tree.Function, method: FunctionOf) -> Value:
    """A method as its decorators leave it: they get the function, the receiver is bound to what they return."""
    if not node.decorators:
        return method
    module = names.module_frame(frame.analysis, info.path)
    bare = msgspec.structs.replace(method, receiver=None)
    found = calls.decorated(module, State(), node.decorators, bare)
    return msgspec.structs.replace(found, receiver=method.receiver) if isinstance(found, FunctionOf) else method


def _share(analysis: Analysis, state: State, owner: Instance, name: str) -> None:
    """Fields of a field that are the same holder as another field: a service and its repository share one."""
    for path, field, shared, holder in aliases(analysis, owner.cls):
        if path[0] == name:
            inner = Place(owner.place.origin, owner.place.path + path)
            whole = Place(owner.place.origin, owner.place.path + shared)
            if state.field(inner, field) is None:
                state.set_field(inner, field, types.reroot(holder, whole))


def aliases(analysis: Analysis, cls: str) -> tuple[Alias, ...]:
    """The holders that the constructor of `cls` puts into several objects."""
    known = analysis.aliases.get(cls)
    if known is None:
        with analysis.tracker.finding(("aliases", cls)):
            analysis.aliases[cls] = ()
            known = analysis.aliases[cls] = tuple(_aliases(analysis, cls))
    return known


def _aliases(analysis: Analysis, cls: str) -> list[Alias]:
    constructor = names.method(analysis, cls, "__init__")
    if constructor is None or not constructor.node.parameters:
        return []
    effects = calls.effects_of(analysis, constructor)
    found: dict[Place, list[tuple[tuple[str, ...], Holder]]] = {}
    waiting: list[tuple[Place, tuple[str, ...]]] = [
        (Place(Origin("param", constructor.id, constructor.node.parameters[0].name)), ())
    ]
    while waiting:
        owner, path = waiting.pop(0)
        for field, value in effects.heap.get(owner, {}).items():
            if isinstance(value, Holder):
                found.setdefault(value.place, []).append(((*path, field), value))
            elif isinstance(value, Instance) and len(path) < 2:
                waiting.append((value.place, (*path, field)))
    return [
        (path[:-1], path[-1], paths[0][0], holder)
        for paths in found.values()
        for path, holder in paths[1:]
        if len(path) > 1
    ]


def declared_field(frame: Frame, value: Instance, name: str) -> Value:
    """What the class says of its field `name`: an annotation, a class attribute, or what its methods assign to it."""
    analysis, cls = frame.analysis, value.cls
    known = recursion.value(analysis, ("field", cls, name), lambda: _declared_field(analysis, cls, name))
    return types.reroot(known, value.place.attribute(name))


def _declared_field(analysis: Analysis, cls: str, name: str) -> Value:
    somewhere = Place(Origin("param", cls, "self"), (name,))
    values: list[Value] = []
    for key in names.mro(analysis, cls)[0]:
        info = analysis.classes[key]
        frame = names.module_frame(analysis, info.path)
        for binding in info.scope.names.get(name, ()):
            if isinstance(binding, tree.Assign):
                if binding.annotation is not None:
                    values.append(placeholder(types.typed(frame, State(), binding.annotation, somewhere)))
                if binding.value is not None and (binding.annotation is None or isinstance(values[-1], Unknown)):
                    values.append(expressions.evaluate(frame, State(), binding.value))
        values += [
            calls.field_after(analysis, info, method_name, name)
            for method_name in _assigning_methods(analysis, info, name)
        ]
        value = join(values)
        if not isinstance(value, Unknown) and not isinstance(value, Literally):
            return value
    return join(values)


def makes_itself(analysis: Analysis, cls: str, name: str) -> bool:
    """Whether methods of the class fill the field `name` with a holder that they make, and with no other."""
    key = ("made", cls, name)
    made = recursion.value(analysis, key, lambda: Literally(_makes_itself(analysis, cls, name)))
    return made == Literally(True)


def _makes_itself(analysis: Analysis, cls: str, name: str) -> bool:
    found = [
        holder
        for key in names.mro(analysis, cls)[0]
        for method in _assigning_methods(analysis, analysis.classes[key], name)
        for holder in holders_in(calls.field_after(analysis, analysis.classes[key], method, name))
    ]
    return bool(found) and all(is_made(holder.place) for holder in found)


def _assigning_methods(analysis: Analysis, info: ClassInfo, name: str) -> list[str]:
    """Methods of the class that assign `self.name`, or may do so through `super().__init__()`; `__init__` first."""
    known = analysis.assigning.get(info.key)
    if known is None:
        known = analysis.assigning[info.key] = [
            (method.name, frozenset(_assigned(method)), _builds_on(method))
            for method in (bindings[-1] for bindings in info.scope.names.values())
            if isinstance(method, tree.Function) and method.parameters
        ]
    found = [method for method, fields, builds_on in known if builds_on or name in fields]
    return sorted(found, key=lambda method_name: method_name != "__init__")


def _assigned(method: tree.Function) -> Iterator[str]:
    """The fields of its receiver that a method assigns."""
    receiver = method.parameters[0].name
    for statement in statements(method.body):
        match statement:
            case tree.Assign(targets=targets, value=value, annotation=annotation):
                if value is not None or annotation is not None:
                    yield from _fields(targets, receiver)
            case tree.With(items=items):
                yield from _fields([item.target for item in items if item.target is not None], receiver)
            case _:
                pass


def _fields(targets: list[tree.Expression], receiver: str) -> Iterator[str]:
    for target in targets:
        match target:
            case tree.Attribute(value=tree.Name(id=owner), name=name) if owner == receiver:
                yield name
            case tree.Sequence(items=items):
                yield from _fields(items, receiver)
            case _:
                pass


def _builds_on(method: tree.Function) -> bool:
    """Whether a constructor calls that of the class above: with its own arguments, which tell more than annotations."""
    if method.name != "__init__":
        return False
    for node in tree.walk(method.body):
        match node:
            case tree.Call(function=tree.Attribute(value=tree.Call(function=tree.Name(id="super")), name="__init__")):
                return True
            case _:
                pass
    return False


def set_attribute(frame: Frame, state: State, owner: Value, name: str, value: Value, span: tree.Span) -> None:
    """`owner.name = value`, at `span`."""
    match owner:
        case Instance(cls=cls, place=place):
            state.set_field(place, name, value)
            if names.is_mapped(frame.analysis, cls):
                change(state, owner, frame.step(span, f"{name} is set", "note"))
        case Choice(options=options):
            for option in options:
                set_attribute(frame, state, option, name, value, span)
        case Loaded() | Unknown():
            change(state, owner, frame.step(span, f"{name} is set", "note"))
        case Library(path=path) if path.startswith(_CONTAINERS):
            change(state, UNKNOWN, frame.step(span, f"{name} is set", "note"))
        case _:
            return


_CONTAINERS = ("collections.", "itertools.", "more_itertools.", "heapq.", "queue.", "copy.", "operator.")
"""Modules of libraries whose functions hand out what they were given."""


def change(state: State, owner: Value, step: Step) -> None:
    """An object that may belong to a session is changed: its holder has something to write, or may have.

    `step` is where that happens. An object that a closure shares is one of a holder that is not known here.
    """
    if isinstance(owner, Loaded) and owner.place not in state.holders:
        state.holders[owner.place] = msgspec.structs.replace(state.holder(owner.place), dirty=(step,))
        return
    for place, holder in state.holders.items():
        if isinstance(owner, Loaded) and owner.place == place:
            state.holders[place] = msgspec.structs.replace(holder, dirty=holder.dirty or (step,))
        elif not isinstance(owner, Loaded) and holder.kinds & {HELD, RELEASED}:
            state.holders[place] = msgspec.structs.replace(holder, unsure=holder.unsure or (step,))
    if isinstance(owner, Unknown) or (isinstance(owner, Instance) and owner.place.origin.how != "new"):
        state.holders[SOME_OBJECT] = state.holder(SOME_OBJECT)


def changed_by(state: State, effects: Effects, step: Step, wrote: Collection[Place]) -> None:
    """A callee has changed an object that it was given; `wrote` are the holders with which it was written since.

    Where it was not, or with something else, any holder here may have it to write.
    """
    if SOME_OBJECT in effects.holders:
        change(state, UNKNOWN, step)
    elif WRITTEN_OBJECT in effects.holders:
        for place, holder in state.holders.items():
            if place not in wrote and holder.kinds & {HELD, RELEASED}:
                state.holders[place] = msgspec.structs.replace(holder, unsure=holder.unsure or (step,))
        state.holders[WRITTEN_OBJECT] = state.holder(WRITTEN_OBJECT)


def own_fields(analysis: Analysis, cls: str) -> list[str]:
    """The names of the fields that a class and its bases declare or set in `__init__`, in order."""
    fields: dict[str, None] = {}
    for key in names.mro(analysis, cls)[0]:
        info = analysis.classes[key]
        for name, bindings in info.scope.names.items():
            if isinstance(bindings[-1], tree.Assign) and bindings[-1].annotation is not None:
                fields[name] = None
        constructor = info.scope.names.get("__init__", [None])[-1]
        if isinstance(constructor, tree.Function) and constructor.parameters:
            receiver = constructor.parameters[0].name
            for statement in statements(constructor.body):
                if isinstance(statement, tree.Assign):
                    for target in statement.targets:
                        match target:
                            case tree.Attribute(value=tree.Name(id=owner), name=field) if owner == receiver:
                                fields[field] = None
    return list(fields)
