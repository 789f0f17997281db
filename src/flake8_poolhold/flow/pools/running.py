"""Running a body: the worlds behind each statement, and what is returned on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.values import NONE, UNKNOWN, FunctionOf, Literally
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.pools import deciding, reading
from flake8_poolhold.flow.pools.bodies import Body
from flake8_poolhold.flow.pools.values import Items, Options, Setting, certain, concatenated, lift, pieces
from flake8_poolhold.flow.pools.worlds import World, distinct, dotted


def run(body: Body, worlds: list[World], block: list[tree.Statement]) -> list[World]:
    """The worlds in which a block falls off its end. Raises `TooManyWorldsError`."""
    for statement in block:
        if not worlds:
            return []
        if body.course.matters(statement, body.names):
            worlds = distinct(_HANDLERS[type(statement)](body, worlds, statement))
    return worlds


def _assign(body: Body, worlds: list[World], node: tree.Assign) -> list[World]:
    if node.value is None:
        return worlds
    after = []
    for world in worlds:
        for there, value in _assigned(body, world, node.value):
            for target in node.targets:
                assign(body, there, target, value)
            after.append(there)
    return after


def _assigned(body: Body, world: World, value: tree.Expression) -> list[tuple[World, Setting]]:
    """A test that is kept in a variable is decided here, so that what it says of its operands is not lost."""
    if deciding.is_test(value):
        return [(there, Literally(truth)) for there, truth in deciding.decide(body, world, value)]
    return [(there.copy(), found) for there, found in reading.evaluate(body, world, value)]


def assign(body: Body, world: World, target: tree.Expression, value: Setting) -> None:
    """Bind `target` to `value` in this world."""
    match target:
        case tree.Name() | tree.Attribute():
            name = dotted(target)
            if name:
                world.bind(name, value)
        case tree.Subscript(value=owner, index=index):
            name = dotted(owner)
            if name:
                _put(body, world, name, owner, index, value)
            elif isinstance(owner, tree.Subscript):  # `d["connect_args"]["ssl"] = …`
                inner = _only(body, world, owner)
                if isinstance(inner, Options):
                    assign(body, world, owner, _with(body, world, inner, index, value))
        case tree.Sequence(items=items):
            known = value.items if isinstance(value, Items) and len(value.items) == len(items) else None
            for position, item in enumerate(items):
                assign(body, world, item, known[position] if known is not None else UNKNOWN)


def _only(body: Body, world: World, node: tree.Expression) -> Setting:
    found = reading.evaluate(body, world, node)
    return found[0][1] if len(found) == 1 else UNKNOWN


def _put(body: Body, world: World, name: str, owner: tree.Expression, index: tree.Expression, value: Setting) -> None:
    known = _only(body, world, owner)
    world.bind(name, _with(body, world, known, index, value) if isinstance(known, Options) else UNKNOWN)


def _with(body: Body, world: World, known: Options, index: tree.Expression, value: Setting) -> Options:
    key = certain(_only(body, world, index))
    if isinstance(key, Literally) and isinstance(key.value, str):
        return known.put(key.value, value)
    return Options(open=True)


def _augmented(body: Body, worlds: list[World], node: tree.AugmentedAssign) -> list[World]:
    after = []
    for world in worlds:
        before = _only(body, world, node.target)
        for found, added in reading.evaluate(body, world, node.value):
            there = found.copy()
            if isinstance(before, Options):
                assign(body, there, node.target, before.update(added))
            else:
                is_text = pieces(before) is not None
                assign(body, there, node.target, lift(concatenated, before, added) if is_text else UNKNOWN)
            after.append(there)
    return after


def _evaluate(body: Body, worlds: list[World], node: tree.Evaluate) -> list[World]:
    return [there for world in worlds for there, _ in reading.evaluate(body, world.copy(), node.value)]


def _return(body: Body, worlds: list[World], node: tree.Return) -> list[World]:
    for world in worlds:
        found = reading.evaluate(body, world, node.value) if node.value is not None else [(world, NONE)]
        body.returned += found
    return []


def _raise(body: Body, worlds: list[World], node: tree.Raise) -> list[World]:
    return []


def _leave(body: Body, worlds: list[World], node: tree.Break | tree.Continue) -> list[World]:
    body.left += worlds
    return []


def _if(body: Body, worlds: list[World], node: tree.If) -> list[World]:
    after: list[World] = []
    rest = worlds
    for test, block in node.arms:
        decided = [one for world in rest for one in deciding.decide(body, world, test)]
        after += run(body, distinct(world for world, truth in decided if truth), block)
        rest = distinct(world for world, truth in decided if not truth)
    return [*after, *run(body, rest, node.otherwise)]


def _for(body: Body, worlds: list[World], node: tree.For) -> list[World]:
    """A loop over a display takes its turns one after the other, any other none or one."""
    after: list[World] = []
    for world in worlds:
        for found, value in reading.evaluate(body, world, node.iterable):
            if not isinstance(value, Items):
                after += _loop(body, [found], node)
                continue
            turning = [found.copy()]
            outer, body.left = body.left, []
            for item in value.items:
                for there in turning:
                    assign(body, there, node.target, item)
                turning = [*run(body, turning, node.body), *body.left]
                body.left = []
            body.left = outer
            after += turning
    return after


def _loop(body: Body, worlds: list[World], node: tree.While | tree.For) -> list[World]:
    """No turn, or one: what a second one changes is not asked."""
    entered = [world.copy() for world in worlds]
    if isinstance(node, tree.For):
        for world in entered:
            assign(body, world, node.target, UNKNOWN)
    outer, body.left = body.left, []
    ended = [*run(body, entered, node.body), *body.left]
    body.left = outer
    return [*worlds, *ended]


def _try(body: Body, worlds: list[World], node: tree.Try) -> list[World]:
    start = [world.copy() for world in worlds]
    after = run(body, run(body, worlds, node.body), node.otherwise)
    for handler in node.handlers:
        after += run(body, [world.copy() for world in start], handler.body)
    return run(body, distinct(after), node.final)


def _with_block(body: Body, worlds: list[World], node: tree.With) -> list[World]:
    for item in node.items:
        entered = []
        for world in worlds:
            for found, value in reading.evaluate(body, world, item.value):
                there = found.copy()
                if item.target is not None:
                    assign(body, there, item.target, value)
                entered.append(there)
        worlds = distinct(entered)
    return run(body, worlds, node.body)


def _match(body: Body, worlds: list[World], node: tree.Match) -> list[World]:
    after: list[World] = []
    for case in node.cases:
        start = [world.copy() for world in worlds]
        for world in start:
            for name in case.names:
                world.bind(name, UNKNOWN)
        after += run(body, start, case.body)
    return after if any(case.irrefutable for case in node.cases) else [*after, *worlds]


def _import(body: Body, worlds: list[World], node: tree.Import | tree.ImportFrom) -> list[World]:
    if body.is_module or node.name == "*":
        return worlds
    for world in worlds:
        world.bind(node.name, names.imported(body.reader.analysis, body.path, node))
    return worlds


def _definition(body: Body, worlds: list[World], node: tree.Function | tree.Class) -> list[World]:
    if body.is_module:
        return worlds
    value: Setting = UNKNOWN
    if isinstance(node, tree.Function):
        value = FunctionOf(names.function_info(body.reader.analysis, body.path, node.name, node, "").id)
    for world in worlds:
        world.bind(node.name, value)
    return worlds


def _delete(body: Body, worlds: list[World], node: tree.Delete) -> list[World]:
    for world in worlds:
        for target in node.targets:
            if isinstance(target, tree.Subscript) and isinstance(target.index, tree.Constant):
                known = _only(body, world, target.value)
                if isinstance(known, Options):
                    assign(body, world, target.value, known.drop(str(target.index.value)))
            else:
                assign(body, world, target, UNKNOWN)
    return worlds


def _nothing(body: Body, worlds: list[World], node: tree.Global) -> list[World]:
    return worlds


_HANDLERS: dict[type, Callable[[Body, list[World], Any], list[World]]] = {
    tree.Assign: _assign,
    tree.AugmentedAssign: _augmented,
    tree.Evaluate: _evaluate,
    tree.Return: _return,
    tree.Raise: _raise,
    tree.Break: _leave,
    tree.Continue: _leave,
    tree.If: _if,
    tree.While: _loop,
    tree.For: _for,
    tree.Try: _try,
    tree.With: _with_block,
    tree.Match: _match,
    tree.Import: _import,
    tree.ImportFrom: _import,
    tree.Global: _nothing,
    tree.Delete: _delete,
    tree.Function: _definition,
    tree.Class: _definition,
}
