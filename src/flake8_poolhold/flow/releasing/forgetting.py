"""Whether nothing that a session has loaded is used once a wait begins: then a commit expires what nobody reads.

The session must be the function's own, and what it has loaded must have stayed in the function's variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo, Hold
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing import owning
from flake8_poolhold.flow.releasing.habits import habits, name_of
from flake8_poolhold.flow.releasing.liveness import still_read
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import PUTS, mentions, root, uses

MOST_CALLS = 3
"""How many calls deep it is looked at what a callee does with what it loads."""

_LISTS = frozenset({"dict", "len", "list", "set", "tuple"})
"""Callees that keep nothing but in what they return."""


def forgets(analysis: Analysis, hold: Hold, around: Surroundings, but: Iterable[str] = ()) -> bool:
    """Whether it is proved that nothing loaded before the wait of `hold` is read behind it, by anybody.

    What is done with the objects in the variables `but` does not count.
    """
    origin = hold.place.origin
    if origin.how != "new" or origin.where != hold.function.id or hold.place.path or hold.provider:
        return False
    if hold.state.carries or hold.escaped or not around.levels:
        return False
    objects = _objects(_since_opened(analysis, hold, around), hold, but)
    if still_read(around, objects) or not all_seen(analysis, hold.function, objects):
        return False
    return stays(analysis, hold, around, but)


def stays(analysis: Analysis, hold: Hold, around: Surroundings, but: Iterable[str] = ()) -> bool:
    """Whether what the session of the function has loaded before the wait is surely in its variables only.

    Where the objects in the variables `but` are is not asked.
    """
    earlier = _since_opened(analysis, hold, around)
    if any(isinstance(one, tree.Yield | tree.Global) for one in walk(hold.function.node.body)):
        return False
    session = _session(hold)
    lazy = habits(analysis).lazy
    return _keeps_inside(earlier, _objects(earlier, hold, but), session, lazy) and all(
        _is_plain(analysis, hold.function, call, MOST_CALLS)
        for call in earlier
        if isinstance(call, tree.Call) and _receives(call, {session}) and name_of(call.function) not in _LISTS
    )


def _session(hold: Hold) -> str:
    return hold.expression.partition(".")[0]


def _objects(earlier: list[tree.Node], hold: Hold, but: Iterable[str] = ()) -> frozenset[str]:
    """The variables that may hold something loaded, without those in `but` and what is made of them alone."""
    session = _session(hold)
    return _made_of(earlier, hold.loaded | hold.carriers | {session}, frozenset(but)) - {session}


def _since_opened(analysis: Analysis, hold: Hold, around: Surroundings) -> list[tree.Node]:
    """What may have run with the session: of a loop around the block that opens it, an earlier turn had another one."""
    block = owning.block(analysis, hold, around)
    return list(around.earlier(None if isinstance(block, str) else block.node))


def _made_of(earlier: list[tree.Node], variables: frozenset[str], but: frozenset[str]) -> frozenset[str]:
    """`variables` without `but`, and all that got a value from an expression with one of them."""
    found = set(variables)
    while True:
        found -= but
        before = len(found)
        for node in earlier:
            match node:
                case tree.Assign(value=value) if value is not None and mentions([value], found):
                    found |= _bound(node)
                case tree.For(iterable=value) | tree.Generator(iterable=value) | tree.Walrus(value=value) if mentions(
                    [value], found
                ):
                    found |= _bound(node)
                case tree.With(items=items) if mentions([item.value for item in items], found):
                    found |= {name for item in items for name in _bound(item)}
                case _:
                    pass
        if len(found - but) == before:
            return frozenset(found - but)


def _receives(call: tree.Call, variables: Iterable[str]) -> bool:
    """Whether one of the variables is an argument of a call."""
    return any(mentions([argument.value], frozenset(variables)) for argument in call.arguments)


def all_seen(analysis: Analysis, function: FunctionInfo, variables: Iterable[str]) -> bool:
    """Whether the facts have every mention of the variables: of arithmetic they keep only what has an effect."""
    first, _, last, _ = function.node.span
    text = analysis.project.bytes_of(function.path).decode(errors="replace")
    lines = "\n".join(text.splitlines()[first - 1 : last])
    known = [_mentioned(node) for node in walk(function.node)]
    return all(len(re.findall(rf"\b{re.escape(name)}\b", lines)) <= known.count(name) for name in variables)


def _mentioned(node: tree.Node) -> str | None:
    match node:
        case tree.Name(id=name) | tree.Parameter(name=name) | tree.Handler(name=name) | tree.Attribute(name=name):
            return name
        case tree.Argument(keyword=keyword):
            return keyword
        case _:
            return None


def _keeps_inside(earlier: list[tree.Node], objects: frozenset[str], session: str, lazy: frozenset[str]) -> bool:
    """Whether what was loaded is in no attribute or item, and was given to nothing that may keep it.

    An attribute of an object is a value; a relationship, or what a row has under the name of a class, is not.
    """
    for node in earlier:
        match node:
            case tree.Assign(targets=targets, value=value) if any(
                isinstance(one, tree.Attribute | tree.Subscript) for one in targets
            ):
                if mentions([value], objects):
                    return False
            case tree.Lambda() | tree.Function() if mentions([node], objects):
                return False
            case tree.Call(function=function) if root(function) != session:
                found = uses([node], objects)
                if found.given or found.changed or any(_leads_on(one, objects, lazy) for one in walk(node.arguments)):
                    return False
            case _:
                pass
    return True


def _leads_on(node: tree.Node, objects: frozenset[str], lazy: frozenset[str]) -> bool:
    """`note.tags`, `row.Note`"""
    if not isinstance(node, tree.Attribute) or root(node) not in objects:
        return False
    return node.name in lazy or node.name[:1].isupper()


def _is_plain(analysis: Analysis, caller: FunctionInfo, call: tree.Call, deep: int) -> bool:
    """Whether a callee of the project surely keeps nothing of what it loads with a session that it is given."""
    if not deep:
        return False
    value = expressions.evaluate(names.module_frame(analysis, caller.path), State(), call.function)
    if not isinstance(value, FunctionOf) or value.function not in analysis.functions:
        return False
    info = analysis.functions[value.function]
    given = {one.name for one in info.node.parameters}
    if info.node.decorators or info.node.is_generator:
        return False
    local = {name for node in walk(info.node.body) for name in _bound(node)}
    for node in walk(info.node.body):
        match node:
            case tree.Global() | tree.Function() | tree.Lambda() | tree.Class():
                return False
            case tree.Assign(targets=targets) if any(isinstance(x, tree.Attribute | tree.Subscript) for x in targets):
                return False
            case tree.Call(function=tree.Attribute(value=owner, name=name)) if (
                name in PUTS and root(owner) not in local
            ):
                return False
            case tree.Call(function=function) if root(function) not in given:
                if _receives(node, given) and not _is_plain(analysis, info, node, deep - 1):
                    return False
                if uses([node], local).given:
                    return False
            case _:
                pass
    return True


def _bound(node: tree.Node) -> set[str]:
    parts: list[tree.Expression]
    match node:
        case tree.Assign(targets=targets):
            parts = [one for one in targets if not isinstance(one, tree.Attribute | tree.Subscript)]
        case tree.For(target=target) | tree.Walrus(target=target) | tree.Generator(target=target):
            parts = [target]
        case tree.WithItem(target=target) if target is not None:
            parts = [target]
        case _:
            return set()
    return {one.id for one in walk(parts) if isinstance(one, tree.Name)}
