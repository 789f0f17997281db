"""What code does with variables that hold something loaded: reads a column, changes an object, gives it away."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects.loaded import CHANGES, READS
from flake8_poolhold.flow.releasing.habits import name_of

HARMLESS = frozenset(
    {
        "model_validate", "from_orm", "validate_python", "len", "str", "repr", "bool", "int", "float", "isinstance",
        "debug", "info", "warning", "error", "exception", "print",
    }
)  # fmt: skip
"""Callees that read what they are given."""
CONTAINERS = frozenset(
    {"dict", "enumerate", "filter", "iter", "list", "max", "min", "next", "reversed", "set", "sorted", "tuple", "zip"}
)
"""Callees that give what they are given, or part of it."""

PUTS = frozenset({"append", "add", "extend", "insert", "setdefault", "update", "put", "put_nowait", "appendleft"})
"""Methods of containers and queues that keep what they are given."""

_CHAIN = (tree.Attribute, tree.Subscript, tree.Call, tree.Await)


class Uses(msgspec.Struct):
    """What was seen, by variable: `reads` are plain reads of an attribute, `whole` uses that may read anything of it.

    `changed` variables get an attribute set or are told to change, `given` ones are arguments of a call or the receiver
    of a method that is not known.
    """

    reads: set[tuple[str, str]] = set()
    whole: set[str] = set()
    changed: set[str] = set()
    given: set[str] = set()

    @property
    def names(self) -> set[str]:
        """All variables that are used."""
        return {name for name, _ in self.reads} | self.whole | self.changed | self.given


def uses(parts: Iterable[object], variables: Collection[str], lazy: Collection[str] = ()) -> Uses:
    """The uses of `variables` in some code. To read an attribute in `lazy` is a use of the whole."""
    found = Uses()
    waiting: list[object] = list(parts)
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting.extend(part)
        elif isinstance(part, tree.Node):
            waiting.extend(_one(part, variables, lazy, found))
    return found


def _one(node: tree.Node, variables: Collection[str], lazy: Collection[str], found: Uses) -> list[object]:
    """Note what a node does itself; its parts that are still to be looked at."""
    match node:
        case tree.Name(id=name):
            if name in variables:
                found.whole.add(name)
            return []
        case tree.Attribute(value=tree.Name(id=name), name=attribute) if name in variables:
            if attribute in lazy:
                found.whole.add(name)
            else:
                found.reads.add((name, attribute))
            return []
        case tree.Assign(targets=targets) | tree.Delete(targets=targets):
            _targets(targets, variables, found)
        case tree.AugmentedAssign(target=target):
            _targets([target], variables, found)
        case tree.Call():
            return _call(node, variables, found)
        case _:
            pass
    return [getattr(node, field) for field in node.__struct_fields__]


def _targets(targets: list[tree.Expression], variables: Collection[str], found: Uses) -> None:
    for target in targets:
        for node in target.items if isinstance(target, tree.Sequence) else [target]:
            if isinstance(node, tree.Attribute | tree.Subscript) and (name := root(node)) in variables:
                found.changed.add(name)


def _call(node: tree.Call, variables: Collection[str], found: Uses) -> list[object]:
    function = node.function
    callee = function.name if isinstance(function, tree.Attribute) else root(function)
    rest: list[object] = []
    for argument in node.arguments:
        if callee not in HARMLESS:
            found.given |= {name for name in variables if gives(argument.value, {name})}
        rest += [] if isinstance(argument.value, tree.Name) and argument.value.id in found.given else [argument]
    if isinstance(function, tree.Attribute) and (name := root(function)) in variables:
        if callee in CHANGES:
            found.changed.add(name)
        elif callee not in READS:
            found.given.add(name)
        return [*rest, function.value]
    return [*rest, function]


def gives(value: tree.Expression | None, held: Collection[str]) -> bool:
    """Whether an expression is one of the objects that variables hold, or something that has them inside."""
    match value:
        case tree.Name(id=name):
            return name in held
        case tree.Subscript(value=inner) | tree.Await(value=inner) | tree.Starred(value=inner):
            return gives(inner, held)
        case tree.Walrus(value=inner) | tree.Comprehension(element=inner):
            return gives(inner, held)
        case tree.Call(function=tree.Attribute(value=owner, name=name)) if root(owner) in held:
            return gives(owner, held) and name in READS
        case tree.Call(function=function, arguments=arguments):
            return name_of(function) in CONTAINERS and any(gives(one.value, held) for one in arguments)
        case tree.Sequence(items=parts) | tree.Either(parts=parts) | tree.Compute(parts=parts):
            return any(gives(part, held) for part in parts)
        case tree.Mapping(values=parts):
            return any(gives(part, held) for part in parts)
        case tree.Conditional(body=body, otherwise=otherwise):
            return gives(body, held) or gives(otherwise, held)
        case _:
            return False


def handed_on(value: tree.Expression) -> set[str]:
    """The variables that an argument is, or has as items."""
    match value:
        case tree.Name(id=name):
            return {name}
        case tree.Sequence(items=parts) | tree.Mapping(values=parts) | tree.Either(parts=parts):
            return {name for part in parts for name in handed_on(part)}
        case tree.Starred(value=inner) | tree.Comprehension(element=inner):
            return handed_on(inner)
        case tree.Conditional(body=body, otherwise=otherwise):
            return handed_on(body) | handed_on(otherwise)
        case _:
            return set()


def root(node: tree.Node) -> str:
    """The variable that a chain of attributes, items and calls starts at; empty for anything else."""
    while isinstance(node, _CHAIN):
        node = node.function if isinstance(node, tree.Call) else node.value
    return node.id if isinstance(node, tree.Name) else ""


def mentions(parts: Iterable[object], names: Collection[str]) -> bool:
    """Whether some code names one of the variables."""
    return any(isinstance(node, tree.Name) and node.id in names for node in walk(list(parts)))


def kept(statements: Iterable[tree.Statement], variables: Collection[str]) -> frozenset[str]:
    """`variables`, and those that are assigned an attribute of one that is not called, or a lambda with one."""
    found = set(variables)
    for node in walk(list(statements)):
        if isinstance(node, tree.Assign) and node.value is not None and _keeps(node.value, variables):
            found.update(_bound(node.targets))
    return frozenset(found)


def _keeps(value: tree.Expression, variables: Collection[str]) -> bool:
    nodes = list(walk(value))
    called = {id(node.function) for node in nodes if isinstance(node, tree.Call)}
    return any(
        (isinstance(node, tree.Attribute) and id(node) not in called and root(node.value) in variables)
        or (isinstance(node, tree.Lambda) and mentions([node.function.body], variables))
        for node in nodes
        if not isinstance(node, tree.Attribute) or isinstance(node.value, tree.Name)
    )


def derived(statements: Iterable[tree.Statement], variables: Collection[str], lazy: Collection[str]) -> frozenset[str]:
    """`variables`, and those that are assigned from one of them as a whole, or run over one, in these statements."""
    found = set(variables)
    nodes = list(walk(list(statements)))
    while True:
        before = len(found)
        for node in nodes:
            match node:
                case tree.Assign(targets=targets, value=value) if value is not None and _is_part(value, found, lazy):
                    found.update(_bound(targets))
                case (
                    tree.For(target=target, iterable=value)
                    | tree.Generator(target=target, iterable=value)
                    | tree.Walrus(target=target, value=value)
                ) if _is_part(value, found, lazy):
                    found.update(_bound([target]))
                case _:
                    pass
        if len(found) == before:
            return frozenset(found)


def _is_part(value: tree.Expression, variables: Collection[str], lazy: Collection[str]) -> bool:
    """Whether an expression is one of the objects, or something that has them inside."""
    return bool(uses([value], variables, lazy).whole)


def _bound(targets: Iterable[tree.Expression]) -> set[str]:
    return {node.id for target in targets for node in walk([target]) if isinstance(node, tree.Name)}


def rebinds(statement: tree.Statement) -> frozenset[str]:
    """The variables to which a simple statement gives a new value."""
    if isinstance(statement, tree.Assign) and statement.value is not None:
        plain = [target for target in statement.targets if isinstance(target, tree.Name | tree.Sequence)]
        return frozenset(_bound(plain))
    return frozenset()
