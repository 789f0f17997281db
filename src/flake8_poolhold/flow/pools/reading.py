"""Reading an expression: the settings that it may stand for, each with the world in which it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.values import (
    UNKNOWN,
    ClassOf,
    FunctionOf,
    Library,
    Literally,
    Unknown,
)
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.pools import deciding, lookups, making, running, texts
from flake8_poolhold.flow.pools.bodies import Arguments, Body
from flake8_poolhold.flow.pools.values import (
    Items,
    Options,
    Record,
    Setting,
    assume,
    certain,
    concatenated,
    lift,
    literal,
    pieces,
)
from flake8_poolhold.flow.pools.worlds import World, dotted

Read = list[tuple[World, Setting]]


def evaluate(body: Body, world: World, node: tree.Expression) -> Read:
    """What `node` may be. A world is handed on as it is unless the expression splits it or binds a name."""
    handler = _HANDLERS.get(type(node))
    return handler(body, world, node) if handler is not None else [(world, UNKNOWN)]


def all_of(body: Body, world: World, nodes: list[tree.Expression]) -> list[tuple[World, list[Setting]]]:
    """The values of several expressions, read in order."""
    ways: list[tuple[World, list[Setting]]] = [(world, [])]
    for node in nodes:
        ways = [(after, [*known, value]) for there, known in ways for after, value in evaluate(body, there, node)]
    return ways


def _constant(body: Body, world: World, node: tree.Constant) -> Read:
    return [(world, Literally(node.value))]


def _name(body: Body, world: World, node: tree.Name) -> Read:
    known = world.env.get(node.id)
    if known is not None:
        return [(world, known)]
    return _chosen(world, node.id, lookups.variable(body, node.id))


def _chosen(world: World, name: str, found: list[Setting]) -> Read:
    """One world for each value, which keeps it: the next reading gives the same one."""
    if len(found) == 1:
        return [(world, world.known(found[0]))]
    ways: Read = []
    for value in found:
        there = world.copy()
        there.env[name] = there.known(value)
        ways.append((there, there.env[name]))
    return ways


def _attribute(body: Body, world: World, node: tree.Attribute) -> Read:
    name = dotted(node)
    known = world.env.get(name) if name else None
    if known is not None:
        return [(world, known)]
    ways: Read = []
    for there, owner in evaluate(body, world, node.value):
        found = lookups.attribute(body, owner, node.name)
        ways += _chosen(there, name, found) if name else [(there, value) for value in found]
    return ways


def _text(body: Body, world: World, node: tree.Text) -> Read:
    """Where the scheme of an address is literal, a host that is a default does not make a default of the whole."""
    ways: Read = []
    for there, values in all_of(body, world, node.parts):
        first = values[0] if values else UNKNOWN
        if isinstance(first, Literally) and "://" in str(first.value):
            values = [certain(value) for value in values]
        ways.append((there, lift(concatenated, *values)))
    return ways


def _sequence(body: Body, world: World, node: tree.Sequence) -> Read:
    if any(isinstance(item, tree.Starred) for item in node.items):
        return [(world, UNKNOWN)]
    return [(there, Items(tuple(values))) for there, values in all_of(body, world, node.items)]


def _mapping(body: Body, world: World, node: tree.Mapping) -> Read:
    keys = [key if key is not None else tree.Constant(None) for key in node.keys]
    ways: Read = []
    for there, found in all_of(body, world, [*keys, *node.values]):
        table = Options()
        for key, is_spread, value in zip(
            found[: len(keys)], (key is None for key in node.keys), found[len(keys) :], strict=True
        ):
            name = literal(key)
            if is_spread:
                table = table.update(certain(value))
            else:
                table = table.put(name, value) if isinstance(name, str) else Options(table.items, open=True)
        ways.append((there, table))
    return ways


def _subscript(body: Body, world: World, node: tree.Subscript) -> Read:
    ways: Read = []
    for there, (owner, index) in all_of(body, world, [node.value, node.index]):
        key = literal(index)
        match certain(owner):
            case Options() as table if isinstance(key, str):
                value = table.get(key) or UNKNOWN
            case Items(items=items) if isinstance(key, int) and -len(items) <= key < len(items):
                value = items[key]
            case _:
                value = UNKNOWN
        ways.append((there, value))
    return ways


def _conditional(body: Body, world: World, node: tree.Conditional) -> Read:
    return [
        one
        for there, truth in deciding.decide(body, world, node.test)
        for one in evaluate(body, there, node.body if truth else node.otherwise)
    ]


def _either(body: Body, world: World, node: tree.Either) -> Read:
    """`os.environ.get("URL") or "…"`: what comes last is a default."""
    if deciding.is_test(node):
        return [(there, Literally(truth)) for there, truth in deciding.decide(body, world, node)]
    if node.operator == "and":
        return [(there, UNKNOWN) for there, _ in all_of(body, world, node.parts)]
    ways: Read = []
    for there, values in all_of(body, world, node.parts):
        known = [value for value in values if literal(value) is not None or not isinstance(certain(value), Literally)]
        first = known[0] if known else values[-1]
        later = next((value for value in known if not isinstance(value, Unknown)), UNKNOWN)
        ways.append((there, first if not isinstance(first, Unknown) else assume(later)))
    return ways


def _await(body: Body, world: World, node: tree.Await) -> Read:
    return evaluate(body, world, node.value)


def _walrus(body: Body, world: World, node: tree.Walrus) -> Read:
    ways = [(there.copy(), value) for there, value in evaluate(body, world, node.value)]
    for there, value in ways:
        running.assign(body, there, node.target, value)
    return ways


def arguments(body: Body, world: World, node: tree.Call) -> list[tuple[World, Arguments]]:
    """The arguments of a call, on each way to it."""
    ways: list[tuple[World, Arguments]] = []
    for there, values in all_of(body, world, [argument.value for argument in node.arguments]):
        positional: list[Setting] = []
        keywords = Options()
        for argument, value in zip(node.arguments, values, strict=True):
            if argument.star == "**":
                spread = certain(value)
                is_known = isinstance(spread, Options) and not spread.open
                keywords = keywords.update(spread) if is_known else Options(keywords.items, open=True)
            elif argument.star:
                keywords = Options(keywords.items, open=True)
            elif argument.keyword is None:
                positional.append(value)
            else:
                keywords = keywords.put(argument.keyword, value)
        ways.append((there, Arguments(tuple(positional), keywords)))
    return ways


def _call(body: Body, world: World, node: tree.Call) -> Read:
    ways: Read = []
    for there, given in arguments(body, world, node):
        if isinstance(node.function, tree.Attribute):
            for inside, owner in evaluate(body, there, node.function.value):
                ways += _method(body, inside, node, node.function, owner, given)
        else:
            for inside, callee in evaluate(body, there, node.function):
                ways += [(inside, value) for value in _called(body, node, callee, given)]
    return ways


def _method(
    body: Body, world: World, node: tree.Call, function: tree.Attribute, owner: Setting, given: Arguments
) -> Read:
    table = certain(owner)
    if isinstance(table, Options):
        return _of_options(body, world, function, table, given)
    if function.name in texts.METHODS and (pieces(owner) is not None or isinstance(owner, Unknown)):
        keywords = dict(given.keywords.items)
        return [(world, texts.method(owner, function.name, list(given.positional), keywords))]
    found: Read = []
    for callee in lookups.attribute(body, owner, function.name):
        found += [(world, value) for value in _called(body, node, callee, given)]
    return found


def _of_options(body: Body, world: World, function: tree.Attribute, table: Options, given: Arguments) -> Read:
    """A method of a dict; where it changes the dict, its variable gets the changed one."""
    key = literal(given.positional[0]) if given.positional else None
    default = given.positional[1] if len(given.positional) > 1 else Literally(None)
    known = table.get(key) if isinstance(key, str) else None
    found: Setting = known if known is not None else UNKNOWN if table.open else default
    after: Options | None = None
    match function.name:
        case "get" | "__getitem__":
            return [(world, found if isinstance(key, str) else UNKNOWN)]
        case "copy":
            return [(world, table)]
        case "pop" if isinstance(key, str):
            after = table.drop(key)
        case "setdefault" if isinstance(key, str):
            after = table if known is not None or table.open else table.put(key, default)
        case "update":
            after, found = table, UNKNOWN
            for value in given.positional:
                after = after.update(certain(value))
            after = after.update(given.keywords)
        case "clear":
            after = Options()
        case "items" | "keys" | "values":
            return [(world, UNKNOWN)]
        case _:
            after = Options(open=True)
    there = world.copy()
    running.assign(body, there, function.value, after if after is not None else Options(open=True))
    return [(there, found)]


def _called(body: Body, node: tree.Call, callee: Setting, given: Arguments) -> list[Setting]:
    if body.record is not None and id(node) in body.course.wanted:
        body.record(node, callee, given)
    match callee:
        case Library(path=path):
            return [making.made(body, node, path, given)]
        case FunctionOf():
            return lookups.result(body, callee, given)
        case ClassOf(cls=cls):
            if names.holder_base(body.reader.analysis, cls) is not None:
                return [UNKNOWN]
            return [Record(cls, given.keywords.items)]
        case _:
            return [UNKNOWN]


_HANDLERS: dict[type, Callable[[Body, World, Any], Read]] = {
    tree.Constant: _constant,
    tree.Name: _name,
    tree.Attribute: _attribute,
    tree.Text: _text,
    tree.Sequence: _sequence,
    tree.Mapping: _mapping,
    tree.Subscript: _subscript,
    tree.Conditional: _conditional,
    tree.Either: _either,
    tree.Await: _await,
    tree.Walrus: _walrus,
    tree.Call: _call,
}
