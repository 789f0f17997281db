"""Library calls with a meaning of their own: markers, wrappers, builtins."""

from __future__ import annotations

from collections.abc import Callable

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import queries
from flake8_poolhold.flow.interpreting import contexts, library
from flake8_poolhold.flow.interpreting.arguments import Arguments, keyword, positional
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    ClassOf,
    Depends,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    Router,
    Series,
    Suspended,
    Value,
    holders_in,
    join,
    options,
)
from flake8_poolhold.flow.naming import dispatch, names, objects, types

Special = Callable[[Frame, State, Arguments, tree.Span], Value]


def _depends(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    target = values[0] if values else keyword(arguments, "dependency")
    cached = keyword(arguments, "use_cache") != Literally(False)
    return Depends(None if target == NONE else target, cached, keyword(arguments, "scope") == Literally("function"))


def _partial(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if not values or not isinstance(values[0], FunctionOf):
        return values[0] if values and isinstance(values[0], Library | Factory | ClassOf) else UNKNOWN
    function = values[0]
    return FunctionOf(function.function, function.receiver, function.captured, function.bound + arguments[1:])


def _second(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return values[1] if len(values) > 1 else UNKNOWN


def _cast(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`cast(T, x)`: an instance of a class of the project is one of `T`; what is known of others stays."""
    values = positional(arguments)
    if len(values) > 1 and isinstance(values[0], ClassOf):
        wanted = values[0].cls
        found = [option for option in options(values[1]) if isinstance(option, Instance)]
        same = [option for option in found if wanted in names.mro(frame.analysis, option.cls)[0]]
        if found:
            return join(same) if same else Instance(wanted, found[0].place)
    if len(values) < 2 or values[1] != UNKNOWN:
        return _second(frame, state, arguments, span)
    return types.instance(frame.analysis, values[0], types.global_place(frame.path, f"cast:{span[0]}"))


def _first(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return values[0] if values else UNKNOWN


def _trait_of_class(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`Type(default, klass=...)` of traitlets: a setting whose value is a class, read through the attribute."""
    values = positional(arguments)
    return values[0] if values else keyword(arguments, "default_value") or keyword(arguments, "klass") or UNKNOWN


def _trait_of_instance(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`Instance(cls)` of traitlets: the attribute is an instance of the class."""
    values = positional(arguments)
    wanted = values[0] if values else keyword(arguments, "klass") or UNKNOWN
    return types.instance(frame.analysis, wanted, types.global_place(frame.path, f"trait:{span[0]}"))


def _collected(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if not values:
        return Series((), exact=False)
    if isinstance(values[0], Series):
        return values[0]
    return contexts.item_of(frame, state, values[0], span, is_async=False)


def _next(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`next(get_db())`: the generator is driven by hand up to its `yield`."""
    values = positional(arguments)
    if values and isinstance(values[0], Suspended) and values[0].kind == "generator":
        target = values[0].target
        if isinstance(target, FunctionOf) and frame.analysis.functions[target.function].node.is_async:
            frame.may_raise(state)
            return UNKNOWN  # a TypeError, whatever was meant
        return contexts.drive(frame, state, values[0], "__next__", span)
    return contexts.element(values[0]) if values else UNKNOWN


def _anext(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if values and isinstance(values[0], Suspended) and values[0].kind == "generator":
        return contexts.drive(frame, state, values[0], "__anext__", span)
    return values[0] if values else UNKNOWN


def _getattr(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if len(values) > 1 and isinstance(values[1], Literally) and isinstance(values[1].value, str):
        return join((objects.attribute(frame, state, values[0], values[1].value, span), *values[2:3]))
    return dispatch.member(frame, values[0], values[1]) if len(values) > 1 else UNKNOWN


def _import_module(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return dispatch.import_module(frame, values[0]) if values else UNKNOWN


def _by_path(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return dispatch.by_path(frame, values[0]) if values else UNKNOWN


def _changed(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`setattr(note, name, value)`, `object_session(note)`, through which anything may be written."""
    for value in positional(arguments)[:1]:
        for option in options(value):
            objects.change(state, option, frame.step(span, "a loaded object may be changed", "note"))
    return UNKNOWN


def _super(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    info = frame.function
    if info is None or not info.owner or not info.node.parameters:
        return UNKNOWN
    receiver = state.env.get(info.node.parameters[0].name, UNKNOWN)
    above = names.mro(frame.analysis, info.owner)[0][1:]
    if not above:
        return receiver if isinstance(receiver, Holder) else UNKNOWN
    if isinstance(receiver, Instance):
        return Instance(above[0], receiver.place)
    return ClassOf(above[0]) if isinstance(receiver, ClassOf) else receiver


def _text(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if values and isinstance(values[0], Literally) and isinstance(values[0].value, str):
        return queries.of_text(values[0].value)
    return Library(queries.TEXT)


def _closing(path: str) -> Special:
    def closing(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
        held = [holder for argument in arguments for holder in holders_in(argument.value)]
        for holder in held:
            frame.known.setdefault(holder.place, holder)
        if held:
            return Library(path, tuple(holder.place for holder in held))
        return _first(frame, state, arguments, span)

    return closing


def _router(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    listed = keyword(arguments, "dependencies")
    depends = tuple(item for item in listed.items if isinstance(item, Depends)) if isinstance(listed, Series) else ()
    return Router(f"{frame.path}:{span[0]}:{span[1]}", depends)


def _sleep(path: str) -> Special:
    def sleep(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
        if positional(arguments)[:1] == [Literally(0)]:
            return UNKNOWN  # lets others run and goes on
        return library.ordinary(frame, state, Library(path), arguments, span)

    return sleep


def _range(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    match positional(arguments):
        case [Literally(value=int(count))] if count > 0:
            return Library("builtins.range(+)")
        case values if any(value == _LENGTH for value in values):
            return UNKNOWN
        case _:
            return Library("builtins.range(?)")


_LENGTH = Library("builtins.len()")


def _len(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    return _LENGTH


SPECIAL: dict[str, Special] = {
    "builtins.range": _range,
    "builtins.len": _len,
    "fastapi.APIRouter": _router,
    "fastapi.FastAPI": _router,
    "fastapi.routing.APIRouter": _router,
    "fastapi.applications.FastAPI": _router,
    "fastapi.Depends": _depends,
    "fastapi.Security": _depends,
    "fastapi.params.Depends": _depends,
    "fastapi.params.Security": _depends,
    "functools.partial": _partial,
    "traitlets.Type": _trait_of_class,
    "traitlets.Instance": _trait_of_instance,
    "typing.NewType": _second,
    "typing.cast": _cast,
    "builtins.setattr": _changed,
    "builtins.delattr": _changed,
    "builtins.object.__setattr__": _changed,
    "operator.methodcaller()": _changed,
    "operator.setitem": _changed,
    "sqlalchemy.ext.asyncio.async_object_session": _changed,
    "sqlalchemy.orm.attributes.del_attribute": _changed,
    "sqlalchemy.orm.attributes.flag_modified": _changed,
    "sqlalchemy.orm.attributes.set_attribute": _changed,
    "sqlalchemy.orm.object_session": _changed,
    "builtins.super": _super,
    "builtins.getattr": _getattr,
    "builtins.next": _next,
    "builtins.anext": _anext,
    "builtins.list": _collected,
    "builtins.tuple": _collected,
    "builtins.set": _collected,
    "builtins.sorted": _collected,
    "builtins.reversed": _collected,
    "builtins.iter": _first,
    "builtins.aiter": _first,
    "importlib.import_module": _import_module,
    "pydoc.locate": _by_path,
    "werkzeug.utils.import_string": _by_path,
    "django.utils.module_loading.import_string": _by_path,
    "asyncio.sleep": _sleep("asyncio.sleep"),
    "anyio.sleep": _sleep("anyio.sleep"),
    "asgiref.sync.async_to_sync": _first,
    "contextlib.nullcontext": _closing("contextlib.nullcontext()"),
    "contextlib.aclosing": _closing("contextlib.aclosing()"),
    "contextlib.closing": _closing("contextlib.closing()"),
    "contextlib.asynccontextmanager": _first,
    "contextlib.contextmanager": _first,
    "sqlalchemy.text": _text,
    "sqlalchemy.sql.text": _text,
    "sqlalchemy.sql.expression.text": _text,
    "sqlmodel.text": _text,
}
