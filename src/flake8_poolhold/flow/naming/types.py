"""Types: what an annotation says about the value that carries it."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    Annotation,
    Choice,
    ClassOf,
    Depends,
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
    Router,
    Series,
    SubscriptedType,
    Suspended,
    Table,
    Value,
    Words,
    join,
)
from flake8_poolhold.flow.naming import names

_WRAPPERS = frozenset(
    {"Optional", "Union", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "Mapped", "FromDishka"}
)
_SERIES = frozenset(
    {
        "list", "List", "tuple", "Tuple", "set", "Set", "frozenset", "FrozenSet", "Sequence", "Iterable", "Collection",
        "Iterator", "AsyncIterator", "Generator", "AsyncGenerator", "AsyncIterable",
    }
)  # fmt: skip
_CONTEXTS = frozenset(
    {
        "AbstractAsyncContextManager",
        "AsyncContextManager",
        "AbstractContextManager",
        "ContextManager",
        "Awaitable",
        "Coroutine",
    }
)


def global_place(path: str, name: str) -> Place:
    """The place of an object that a module's name stands for."""
    return Place(Origin("global", path, name))


def typed(frame: Frame, state: State, annotation: tree.Expression, place: Place) -> Value:
    """The value at `place` of something annotated so."""
    return instance(frame.analysis, expressions.evaluate(frame, state, annotation), place)


def instance(analysis: Analysis, type_value: Value, place: Place) -> Value:
    """An instance, at `place`, of the type that `type_value` is."""
    match type_value:
        case Library(path=path):
            return _library_instance(analysis, path, place)
        case ClassOf(cls=cls):
            kind = names.holder_base(analysis, cls)
            return Holder(kind, place, cls) if kind is not None else Instance(cls, place)
        case Annotation(type=inner):
            return instance(analysis, inner, place)
        case SubscriptedType(base=base, arguments=arguments):
            return _subscripted(analysis, base, arguments, place)
        case Choice(options=inner):
            return join(instance(analysis, option, place) for option in inner)
        case _ if type_value == NONE:
            return NONE
        case _:
            return UNKNOWN


def _library_instance(analysis: Analysis, path: str, place: Place) -> Value:
    known = analysis.holders.class_at(path)
    if known is not None:
        name, holder = known
        if holder.kind in ("session", "connection"):
            return Holder(name, place)
        if holder.kind == "engine":
            return Engine(name)
    factory = analysis.holders.factories.get(path)
    if factory is not None and path.rpartition(".")[2].lower().endswith("sessionmaker"):
        return Factory(factory)
    return UNKNOWN if path.startswith("builtins.") or path == "typing.Any" else Library(path)


def _subscripted(analysis: Analysis, base: Value, arguments: tuple[Value, ...], place: Place) -> Value:
    match base:
        case Library(path=path):
            last = path.rpartition(".")[2]
            if last in _WRAPPERS:
                return join(
                    instance(analysis, argument, place)
                    for argument in (arguments[:1] if last == "Annotated" else arguments)
                )
            if last in _SERIES and arguments:
                return Series((instance(analysis, arguments[0], place.attribute("[]")),), exact=False)
            if last == "Callable" or last in _CONTEXTS:
                return _callable(analysis, last, arguments, place)
            if analysis.holders.class_at(path) is not None:
                return _library_instance(analysis, path, place)  # `async_scoped_session[AsyncSession]`
            if analysis.holders.factories.get(path) is not None:
                made = instance(analysis, arguments[0], place) if arguments else UNKNOWN
                return Factory(made.kind if isinstance(made, Holder) else analysis.holders.factories[path])
            return _library_instance(analysis, path, place)
        case ClassOf():
            return instance(analysis, base, place)
        case _:
            return UNKNOWN


def _callable(analysis: Analysis, last: str, arguments: tuple[Value, ...], place: Place) -> Value:
    """`Callable[[], AsyncSession]` makes sessions, as does a callable that returns a context manager of one."""
    if not arguments:
        return UNKNOWN
    made = instance(analysis, arguments[-1 if last in ("Callable", "Coroutine") else 0], place)
    if isinstance(made, Holder):
        return Factory(made.kind) if last == "Callable" else made
    return made if isinstance(made, Factory) else UNKNOWN


def carry(value: Value, place: Place) -> Value:
    """An argument as the callee sees it at `place`, without knowing the caller.

    Calls that have not run yet, queries and functions keep the caller's own places: they come back unchanged.
    """
    return value if isinstance(value, Suspended | QueryOf | FunctionOf) else reroot(value, place)


def reroot(value: Value, place: Place) -> Value:
    """The same kind of value, at another place."""
    match value:
        case Holder(kind=kind, cls=cls, keeps_loaded=keeps):
            return Holder(kind, place, cls, keeps)
        case Instance(cls=cls):
            return Instance(cls, place)
        case Series(items=items):
            return msgspec.structs.replace(value, items=tuple(carry(item, place.attribute("[]")) for item in items))
        case Table(items=items):
            return Table(tuple((name, carry(item, place.attribute(name))) for name, item in items))
        case Choice(options=inner):
            return join(carry(option, place) for option in inner)
        case Library(path=path, holders=holders) if not holders:
            return Library(path)
        case FunctionOf(receiver=Instance() | Holder() as receiver) as function if not function.bound:
            return FunctionOf(function.function, reroot(receiver, place.attribute("()")), function.captured)
        case FunctionOf(bound=()) | Engine() | Factory() | ClassOf() | Depends() | ModuleOf():
            return value
        case Router() | Literally() | Words():
            return value
        case _:
            return UNKNOWN
