"""What a variable holds that was loaded: one object of a mapped class, a list of some, or a dict with some as values.

Only what can be read off the one assignment of the variable is known.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects.loaded import CHANGES
from flake8_poolhold.flow.expiry.objects import Naming, Object, derived
from flake8_poolhold.flow.pools.worlds import dotted
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.surroundings import Surroundings, binds
from flake8_poolhold.flow.releasing.uses import root

Shape = Literal["one", "many", "values"]

_PARTLY = frozenset({"load_only", "defer", "noload", "raiseload", "with_entities", "from_statement", "add_columns"})
"""What makes a query load less of its objects than all their columns, or more than one object in a row."""
_LISTS = frozenset({"list", "sorted", "tuple"})
_ONE_OF_QUERY = frozenset({"first", "one", "one_or_none", "get", "scalar"})
_SURE = frozenset({"one", "scalar_one", "get_one"})
_JOINS = frozenset({"join", "outerjoin", "select_from", "union", "union_all"})


class Holding(msgspec.Struct, frozen=True):
    """What a variable holds: objects of the class `model`, in a shape.

    `sure`: one object is no `None`. `flushes`: the query has written what was changed before it. `repeats`: an object
    may be among them more than once. `sources` are the variables through which it has got them, itself first. `depth`
    and `index` are where the query stands among what comes before a wait: the level, and the statement in it.
    """

    model: str
    shape: Shape
    sure: bool
    flushes: bool
    repeats: bool
    sources: tuple[str, ...]
    depth: int
    index: int


def holding(naming: Naming, function: tree.Function, around: Surroundings, session: str, name: str) -> Holding | None:
    """What the variable `name` holds at a wait, loaded by `session`; `None` when it cannot be told."""
    reader = _Reader(naming, function, session)
    found = reader.variable(name)
    if found is None or any(_is_put_together(function, one) for one in reader.seen):
        return None
    place = _place(around, _binder(function, reader.seen[-1]))
    if place is None or found.shape not in ("one", "many", "values"):  # a result can be read once
        return None
    return Holding(found.model, found.shape, found.sure, found.flushes, found.repeats, tuple(reader.seen), *place)


def model(naming: Naming, function: tree.Function, session: str, name: str) -> str:
    """The mapped class of the objects in a variable, loaded or new; empty when it cannot be told."""
    found = _Reader(naming, function, session).variable(name)
    if found is not None:
        return found.model
    loops = [node for node in tree.own(function.body) if binds(node, name)]
    match loops:
        case [tree.For(target=tree.Name(), iterable=iterable)]:
            each = _Reader(naming, function, session).read(iterable)
            return each.model if each is not None else ""
        case [tree.Assign(targets=[tree.Name()], value=tree.Call(function=made))]:
            return naming.model(made)
        case [tree.Assign(targets=[tree.Name()], value=tree.Sequence(items=[]))]:
            added = {
                model(naming, function, session, one.value.id) if isinstance(one.value, tree.Name) else ""
                for node in walk(function.body)
                if isinstance(node, tree.Call) and root(node.function) == name and name_of(node.function) in CHANGES
                for one in node.arguments
            }
            return added.pop() if len(added) == 1 else ""
        case _:
            return ""


class _Found(msgspec.Struct, frozen=True):
    model: str
    shape: Literal["one", "many", "values", "rows", "scalars", "query"]
    sure: bool = False
    flushes: bool = True
    repeats: bool = False


class _Reader:
    def __init__(self, naming: Naming, function: tree.Function, session: str) -> None:
        self._naming, self._function, self._session = naming, function, session
        self.seen: list[str] = []

    def variable(self, name: str) -> _Found | None:
        bound = _binder(self._function, name)
        if bound is None or bound.value is None or name in self.seen:
            return None
        self.seen.append(name)
        return self.read(bound.value)

    def read(self, node: tree.Expression) -> _Found | None:
        match node:
            case tree.Name(id=name):
                return self.variable(name)
            case tree.Await(value=inner):
                return self.read(inner)
            case tree.Comprehension(element=element, clauses=[tree.Generator(target=tree.Name(id=name)) as clause]):
                found = self.read(clause.iterable)
                if found is None or found.shape not in ("many", "scalars", "values"):
                    return None
                return _of_each(found, node, element, name)
            case tree.Call(function=tree.Name(id=name), arguments=[first, *_]) if name in _LISTS:
                found = self.read(first.value)
                many = found is not None and found.shape in ("many", "scalars")
                return msgspec.structs.replace(found, shape="many") if found is not None and many else None
            case tree.Call(function=tree.Attribute(value=owner, name=method)):
                if any(name_of(part) in _PARTLY for part in walk(node)):
                    return None
                return self._asked(owner, method, node)
            case _:
                return None

    def _asked(self, owner: tree.Expression, method: str, call: tree.Call) -> _Found | None:
        if dotted(owner) == self._session:
            return self._loaded(method, call)
        found = self.read(owner)
        if found is None:
            return None
        sure = method in _SURE
        if found.shape == "query":
            if method in _ONE_OF_QUERY:
                return msgspec.structs.replace(found, shape="one", sure=sure, flushes=method != "get")
            return msgspec.structs.replace(found, shape="many") if method == "all" else found
        if found.shape == "values":
            return msgspec.structs.replace(found, shape="many") if method == "values" else None
        if found.shape in ("one", "many"):
            return None
        now = derived(Object(found.model, self._session, found.shape), method)
        return msgspec.structs.replace(found, shape=now.shape, sure=sure) if now is not None else None

    def _loaded(self, method: str, call: tree.Call) -> _Found | None:
        """What a method of the session gives."""
        if not call.arguments:
            return None
        asked = call.arguments[0].value
        if method in ("get", "get_one"):
            model = self._naming.model(asked)
            return _Found(model, "one", method == "get_one", flushes=False) if model else None
        if method == "query":
            model = self._naming.model(asked) if len(call.arguments) == 1 else ""
            return _Found(model, "query") if model else None
        if isinstance(asked, tree.Name):
            bound = _binder(self._function, asked.id)
            if bound is None or bound.value is None:
                return None
            asked = bound.value
        if any(name_of(part) in _PARTLY for part in walk(asked)):
            return None
        model = self._naming.selected(asked) or ""
        repeats = any(name_of(part) in _JOINS for part in walk(asked))
        match method:
            case _ if not model:
                return None
            case "scalar":
                return _Found(model, "one")
            case "scalars" | "exec":
                return _Found(model, "scalars", repeats=repeats)
            case "execute":
                return _Found(model, "rows", repeats=repeats)
            case _:
                return None


def _of_each(found: _Found, node: tree.Comprehension, element: tree.Expression, name: str) -> _Found | None:
    """What a comprehension over some objects holds: they themselves, or a dict of them."""
    if node.kind == "dict":
        match element:
            case tree.Compute(parts=[*_, tree.Name(id=value)]):
                return msgspec.structs.replace(found, shape="values") if value == name else None
            case _:
                return None
    return (
        msgspec.structs.replace(found, shape="many") if isinstance(element, tree.Name) and element.id == name else None
    )


def _binder(function: tree.Function, name: str) -> tree.Assign | None:
    """The plain assignment that alone binds a variable."""
    binders = [node for node in tree.own(function.body) if binds(node, name)]
    if any(one.name == name for one in function.parameters):
        return None
    match binders:
        case [tree.Assign(targets=[tree.Name()]) as bound]:
            return bound
        case _:
            return None


def _place(around: Surroundings, bound: tree.Assign | None) -> tuple[int, int] | None:
    """The level before the wait, and the index in it, at which an assignment stands."""
    for depth, level in enumerate(around.levels):
        for index, statement in enumerate(level.before):
            if statement is bound:
                return depth, index
    return None


def _is_put_together(function: tree.Function, name: str) -> bool:
    """Whether a variable gets further items, or loses some, in other places than its assignment."""
    for node in walk(function.body):
        match node:
            case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=method)) if owner == name:
                if method in CHANGES:
                    return True
            case tree.Assign(targets=targets) | tree.Delete(targets=targets):
                if any(isinstance(one, tree.Subscript) and root(one) == name for one in targets):
                    return True
            case tree.AugmentedAssign(target=target) if root(target) == name:
                return True
            case _:
                pass
    return False
