"""Abstract values: what an expression may stand for, as far as the analysis needs to know.

Values are immutable and hashable. Identity lives in places: an object is known by where it came from (a parameter, an
attribute path of a parameter, the call that made it), so that a summary of a function can speak about its caller's
objects without knowing the caller.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from flake8_poolhold.facts import tree


class Origin(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Where an object enters a function: `where` is a function or module, `name` a parameter, variable or position.

    A `new` object that a callee made carries the callee's own origin in `via`.
    """

    how: Literal["param", "new", "global"]
    where: str
    name: str
    via: Origin | None = None

    def makers(self) -> Iterator[Origin]:
        """This origin and those that it carries, outermost first."""
        origin: Origin | None = self
        while origin is not None:
            yield origin
            origin = origin.via


PARTS = ("[]", "()")
"""In the path of an object: any item of it, what a call of it returns."""


class Place(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """An object: an origin and the attribute path that leads from it, `("repo", "session")`."""

    origin: Origin
    path: tuple[str, ...] = ()

    def attribute(self, name: str) -> Place:
        """The object in a field of this one. In a list that is linked through one or two fields, all links are one."""
        path = self.path
        if path and name not in PARTS:
            if path[-1] == name:
                return self
            if path[-2:-1] == (name,) and path[-3:-2] == path[-1:]:
                return Place(self.origin, path[:-1])
        return Place(self.origin, (*path, name))


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Nothing is known."""


class Literally(msgspec.Struct, frozen=True, gc=False):
    """A string, number, boolean or `None`."""

    value: str | int | bool | None


class Words(msgspec.Struct, frozen=True, gc=False):
    """One of several strings. Of dotted paths that were split, `part` tells which part this is of each."""

    texts: tuple[str, ...]
    part: Literal["whole", "module", "member"] = "whole"


class Library(msgspec.Struct, frozen=True, gc=False):
    """Something of a library, by its dotted path; see `knowledge` for how calls and attributes extend the path.

    `holders` are places of holders that were passed in on the way; `locks` says that a statement takes a row lock.
    """

    path: str
    holders: tuple[Place, ...] = ()
    locks: bool = False


class Factory(msgspec.Struct, frozen=True, gc=False):
    """A callable that makes holders of `kind`, a sessionmaker. `keeps_loaded`: `expire_on_commit=False`, if known.

    `declared`: the annotation of a variable that is still to be set speaks, as long as nothing else does.
    """

    kind: str
    keeps_loaded: bool | None = None
    bound: bool = False
    site: str = ""
    declared: bool = False


class Engine(msgspec.Struct, frozen=True, gc=False):
    """An engine; `kind` is its class in the knowledge."""

    kind: str
    site: str = ""


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A holder of `kind` (its class in the knowledge); `cls` is the project's subclass, if it is one."""

    kind: str
    place: Place
    cls: str = ""
    keeps_loaded: bool | None = None


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What `engine.connect()` or `factory.begin()` returns: entered or awaited, it gives `holder`.

    `acquires`: the connection is checked out at once; `transaction`: the block ends the transaction of the holder.
    """

    holder: Holder
    acquires: bool
    transaction: bool
    owned: bool


class Method(msgspec.Struct, frozen=True, gc=False):
    """The method `name` of a holder, engine, factory, opening or what came out of a holder, not called yet."""

    target: Value
    name: str


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """Something that came out of a holder: a result, a row, an ORM object.

    `entity`: it is an ORM object, if the statement asked for any: it came as a scalar, not in a row.
    """

    place: Place
    entity: bool = False


class QueryOf(msgspec.Struct, frozen=True, gc=False):
    """A `Query` of a sync session: lazy until it is iterated or one of its fetching methods is called."""

    holder: Holder


class Instance(msgspec.Struct, frozen=True, gc=False):
    """An instance of the project's class `cls`."""

    cls: str
    place: Place


class ClassOf(msgspec.Struct, frozen=True, gc=False):
    """The project's class `cls` itself."""

    cls: str


class ModuleOf(msgspec.Struct, frozen=True, gc=False):
    """A module of the project, by its path; an empty path is a package without `__init__`."""

    path: str
    name: str


class FunctionOf(msgspec.Struct, frozen=True, gc=False):
    """A function of the project: bound to `receiver` if it is a method, with what it captured if it is a closure."""

    function: str
    receiver: Value | None = None
    captured: tuple[tuple[str, Value], ...] = ()
    bound: tuple[BoundArgument, ...] = ()


class BoundArgument(msgspec.Struct, frozen=True, gc=False):
    """An argument of a call: `star` is `*`, `**` or empty."""

    value: Value
    keyword: str | None = None
    star: str = ""


class Suspended(msgspec.Struct, frozen=True, gc=False):
    """A call that has not run yet: a coroutine, a generator, the context manager of a generator function, or what an
    executor was given to do, which counts where its result is asked for."""

    kind: Literal["coroutine", "generator", "context"]
    target: Value
    arguments: tuple[BoundArgument, ...]


class Series(msgspec.Struct, frozen=True, gc=False):
    """A list, tuple or set. `exact`: `items` are its items in order, else they are the kinds of item it may have.

    `few`: however many items it has, the code says so: they are written down, or a slice of something.
    """

    items: tuple[Value, ...]
    exact: bool
    few: bool = False


ANY_KEY = "*"
"""Stands for every key of a dict that is not a literal string."""


class Table(msgspec.Struct, frozen=True, gc=False):
    """A dict display, by its literal string keys."""

    items: tuple[tuple[str, Value], ...]

    def get(self, key: str) -> Value:
        """The value at a literal key."""
        return next((value for name, value in self.items if name in (key, ANY_KEY)), UNKNOWN)

    def any(self) -> Value:
        """Any of the values."""
        return any_of([value for _, value in self.items])


class Depends(msgspec.Struct, frozen=True, gc=False):
    """A FastAPI dependency marker. `target` is `None` where the parameter's annotation names the class."""

    target: Value | None
    cached: bool = True
    function_scope: bool = False


class Router(msgspec.Struct, frozen=True, gc=False):
    """A FastAPI router or application: the call that made it, and the dependencies that it adds to its routes."""

    site: str
    depends: tuple[Depends, ...]


class Annotation(msgspec.Struct, frozen=True, gc=False):
    """`Annotated[type, Depends(...)]`."""

    type: Value
    depends: Depends


class SubscriptedType(msgspec.Struct, frozen=True, gc=False):
    """`base[arguments]` used as a type."""

    base: Value
    arguments: tuple[Value, ...]


class Choice(msgspec.Struct, frozen=True, gc=False):
    """One of several values; never nested, never with `Unknown`."""

    options: tuple[Value, ...]


Value = (
    Unknown
    | Literally
    | Words
    | Library
    | Factory
    | Engine
    | Holder
    | Opening
    | Method
    | Loaded
    | QueryOf
    | Instance
    | ClassOf
    | ModuleOf
    | FunctionOf
    | Suspended
    | Series
    | Table
    | Depends
    | Router
    | Annotation
    | SubscriptedType
    | Choice
)

UNKNOWN = Unknown()
NONE = Literally(None)

MOST_OPTIONS = 8
"""A choice of more values than this is as good as unknown. Of implementations of one thing the first speak for all."""

SETTLED = frozenset({Unknown, Literally, Words, Factory, Engine, ClassOf, ModuleOf})
"""Values without a place and with no other values inside."""

_PLAIN = frozenset({Unknown, Literally, Words})
_ALIKE = frozenset({Instance, ClassOf, FunctionOf, Suspended})


def options(value: Value) -> tuple[Value, ...]:
    """The single values that `value` may be."""
    return value.options if type(value) is Choice else (value,)


def join(values: Iterable[Value]) -> Value:
    """The choice of all `values`. Literals and the unknown give way to anything that is known.

    Of one holder that keeps what it has loaded on some way only it is not known whether it does.
    """
    values = values if isinstance(values, list | tuple) else list(values)
    if len(values) == 1:
        return values[0]
    if len(values) == 2:
        one, other = values
        if one is other or (type(other) in _PLAIN and type(one) not in _PLAIN):
            return one
        if type(one) in _PLAIN and type(other) not in _PLAIN:
            return other
    found: dict[Value, None] = {}
    plain: dict[Value, None] = {}
    for value in values:
        for option in options(value):
            (plain if type(option) in _PLAIN else found)[option] = None
    if not found:
        return next(iter(plain)) if len(plain) == 1 else UNKNOWN
    if len(found) > 1:
        found = _told_apart(found)
    if len(found) == 1:
        return next(iter(found))
    if len(found) > MOST_OPTIONS and not all(type(option) in _ALIKE for option in found):
        return UNKNOWN
    return Choice(tuple(found)[:MOST_OPTIONS])


_TOLD_APART = frozenset({Factory, Holder})


def _told_apart(found: dict[Value, None]) -> dict[Value, None]:
    """The options without those that others make up for."""
    if _TOLD_APART.isdisjoint(map(type, found)):
        return found
    made = any(isinstance(option, Factory) and not option.declared for option in found)
    holders: dict[tuple[str, Place, str], Holder] = {}
    kept: dict[Value, None] = {}
    for option in found:
        if isinstance(option, Factory) and option.declared and made:
            continue
        if isinstance(option, Holder):
            key = (option.kind, option.place, option.cls)
            other = holders.get(key)
            if other is not None:
                kept.pop(other, None)
                keeps = False if False in (other.keeps_loaded, option.keeps_loaded) else None
                option = msgspec.structs.replace(option, keeps_loaded=keeps)
            holders[key] = option
        kept[option] = None
    return kept


def placeholder(value: Value) -> Value:
    """What the annotation of a variable says that is not set yet."""
    return join(
        msgspec.structs.replace(option, declared=True) if isinstance(option, Factory) else option
        for option in options(value)
    )


def is_placeholder(value: Value) -> bool:
    return any(isinstance(option, Factory) and option.declared for option in options(value))


MOST_WORDS = 64
"""A choice of more strings than this is as good as unknown."""


def any_of(values: Sequence[Value]) -> Value:
    """One of the items of a table or list: strings are kept, and tuples of one length are joined item by item."""
    texts = [value.value for value in values if isinstance(value, Literally) and isinstance(value.value, str)]
    if len(values) == len(texts) <= MOST_WORDS and len(texts) > 1:
        return Words(tuple(dict.fromkeys(texts)))
    rows = [value.items for value in values if isinstance(value, Series) and value.exact]
    if len(rows) == len(values) > 1 and len({len(row) for row in rows}) == 1:
        return Series(tuple(any_of(column) for column in zip(*rows, strict=True)), exact=True)
    return join(values)


MOST_ITEMS = 32
"""A list of more items than this is known by the kinds of its items."""

DEEPEST_VALUE = 4
"""Lists in lists, calls of calls: deeper down nothing is known. It keeps a recursion from building for ever."""


_WHOLE = SETTLED | {Library, Holder, Instance, Loaded, Method, Opening, QueryOf}


def bounded(value: Value, depth: int = DEEPEST_VALUE) -> Value:
    """`value`, cut to a size that a summary can carry; the same object when it fits."""

    def inside(one: Value) -> Value:
        return bounded(one, depth - 1)

    if type(value) in _WHOLE:
        return value
    match value:
        case Series(items=items):
            if not depth:
                return UNKNOWN
            if len(items) > _most_items(depth):
                return Series((join(bounded(item, depth - 1) for item in items),), exact=False, few=value.few)
            kept = each(items, inside)
            return value if kept is items else msgspec.structs.replace(value, items=kept)
        case Table(items=pairs):
            if not depth or len(pairs) > _most_items(depth):
                return UNKNOWN
            named = each_named(pairs, inside)
            return value if named is pairs else Table(named)
        case Choice(options=inner):
            several = each(inner, lambda one: bounded(one, depth))
            return value if several is inner else join(several)
        case Suspended(kind=kind, target=target, arguments=arguments):
            if not depth:
                return UNKNOWN
            run, given = bounded(target, depth - 1), each_argument(arguments, inside)
            return value if run is target and given is arguments else Suspended(kind, run, given)
        case FunctionOf(captured=captured, bound=bound) if captured or bound:
            if not depth:
                return UNKNOWN
            closed, given = each_named(captured, inside), each_argument(bound, inside)
            if closed is captured and given is bound:
                return value
            return msgspec.structs.replace(value, captured=closed, bound=given)
        case _:
            return value


def _most_items(depth: int) -> int:
    """How many items a list may have at a depth, of which less is left further inside: 32, 16, 8, 4."""
    return MOST_ITEMS >> (DEEPEST_VALUE - depth)


def each(values: tuple[Value, ...], change: Callable[[Value], Value]) -> tuple[Value, ...]:
    """All values changed; the same tuple when that leaves all of them as they are."""
    changed = tuple([change(one) for one in values])
    return values if all(map(operator.is_, changed, values)) else changed


def each_named(pairs: tuple[tuple[str, Value], ...], change: Callable[[Value], Value]) -> tuple[tuple[str, Value], ...]:
    """The same for named values."""
    changed = [change(one) for _, one in pairs]
    if all(new is old for new, (_, old) in zip(changed, pairs, strict=True)):
        return pairs
    return tuple((name, new) for new, (name, _) in zip(changed, pairs, strict=True))


def each_argument(arguments: tuple[BoundArgument, ...], change: Callable[[Value], Value]) -> tuple[BoundArgument, ...]:
    """The same for arguments."""
    changed = [change(one.value) for one in arguments]
    if all(new is old.value for new, old in zip(changed, arguments, strict=True)):
        return arguments
    return tuple(BoundArgument(new, old.keyword, old.star) for new, old in zip(changed, arguments, strict=True))


def _of_function(value: FunctionOf) -> list[Value]:
    inside = [item for _, item in value.captured] + [argument.value for argument in value.bound]
    return inside if value.receiver is None else [*inside, value.receiver]


_PARTS: dict[type, Callable[[Any], Sequence[Value]]] = {
    Method: lambda value: (value.target,),
    Choice: operator.attrgetter("options"),
    Series: operator.attrgetter("items"),
    Table: lambda value: [item for _, item in value.items],
    FunctionOf: _of_function,
    Suspended: lambda value: [value.target, *(argument.value for argument in value.arguments)],
}
"""By type: the values inside a value. A table, as to match a value that is none of them against all is slow."""


def parts(value: Value) -> Sequence[Value]:
    """The values directly inside: options, items, what a method is of, what a function captured and was given."""
    inside = _PARTS.get(type(value))
    return inside(value) if inside is not None else ()


def holders_in(value: Value, depth: int = 4) -> list[Holder]:
    """The holders inside `value`: itself, items of series, captured variables, receivers and bound arguments."""
    if depth == 0:
        return []
    if type(value) is Holder:
        return [value]
    if type(value) is Opening:
        return [value.holder]
    inside = parts(value)
    return [holder for part in inside for holder in holders_in(part, depth - 1)] if inside else []


def leaves(value: Value) -> frozenset[Value]:
    """What is inside of lists, dicts and choices, however these are nested, but for what is as good as unknown."""
    match value:
        case Series(items=inside) | Choice(options=inside):
            return frozenset[Value]().union(*map(leaves, inside))
        case Table(items=pairs):
            return frozenset[Value]().union(*(leaves(item) for _, item in pairs))
        case _:
            return frozenset() if type(value) in _PLAIN else frozenset((value,))


def function_id(path: str, name: str, node: tree.Function) -> str:
    """A name for a function that is unique in the project: its file, qualified name and line."""
    return f"{path}::{name}:{node.span[0]}:{node.span[1]}"
