"""Whether functions that are given loaded objects do no more than read them: they change, keep and return nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects.loaded import CHANGES, READS
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.forgetting import all_seen
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.lazies import met
from flake8_poolhold.flow.releasing.uses import CONTAINERS, HARMLESS, gives, mentions, root, uses

MOST_FUNCTIONS = 30
"""What leads to more functions than this may do anything."""

_READ_ALL = frozenset({"model_validate", "from_orm", "validate_python"})
_READERS = (HARMLESS - _READ_ALL) | CONTAINERS | {"all", "any", "getattr", "hasattr"}


def holding(body: list[tree.Statement], first: Collection[str]) -> frozenset[str]:
    """The variables `first`, and those in some code that get the same objects, one of them, or a container of some.

    What a function of the project returns is none of them: it is proved elsewhere that it returns nothing of them.
    """
    found = set(first)
    nodes = list(walk(body))
    while True:
        before = len(found)
        for node in nodes:
            match node:
                case tree.Assign(targets=targets, value=value) if value is not None and gives(value, found):
                    found.update(_names(targets))
                case (
                    tree.For(target=target, iterable=value)
                    | tree.Generator(target=target, iterable=value)
                    | tree.Walrus(target=target, value=value)
                ) if gives(value, found):
                    found.update(_names([target]))
                case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=name), arguments=arguments):
                    if name in CHANGES and any(gives(one.value, found) for one in arguments):
                        found.add(owner)
                case _:
                    pass
        if len(found) == before:
            return frozenset(found)


def _names(targets: Iterable[tree.Expression]) -> set[str]:
    return {node.id for node in walk(list(targets)) if isinstance(node, tree.Name)}


def receiving(parts: Iterable[tree.Node], variables: Collection[str]) -> list[tree.Call]:
    """The calls that are given one of the variables, or are made on one."""
    return [node for node in parts if isinstance(node, tree.Call) and _is_given(node, variables)]


def only_read(
    analysis: Analysis,
    caller: FunctionInfo,
    calls: Iterable[tree.Call],
    variables: Collection[str],
    lazy: Collection[str],
) -> bool:
    """Whether it is proved that `calls`, in the code of `caller`, only read the objects that the variables hold.

    They read no attribute of them that is in `lazy`.
    """
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(caller, list(calls), frozenset(variables))]
    while waiting:
        info, made, given = waiting.pop()
        for call in made:
            name = name_of(call.function)
            on = root(call.function) if isinstance(call.function, tree.Attribute) else ""
            if on in given:
                if name not in READS:
                    return False
                continue
            if name == "getattr" and not _names_other(call, lazy):
                return False
            if name in _READERS or not any(gives(one.value, given) for one in call.arguments):
                continue
            callees = list(_callees(analysis, info, call))
            if not callees:
                return False
            for callee in callees:
                inside = _parameters(callee.node, call, given, bound=isinstance(call.function, tree.Attribute))
                if inside is None:
                    return False
                if (callee.id, inside) in seen:
                    continue
                seen.add((callee.id, inside))
                held = holding(callee.node.body, inside)
                if len(seen) > MOST_FUNCTIONS or not _is_harmless(analysis, callee, inside, held, lazy):
                    return False
                waiting.append((callee, receiving(walk(callee.node.body), held), held))
    return True


def _is_given(call: tree.Call, variables: Collection[str]) -> bool:
    if isinstance(call.function, tree.Attribute) and root(call.function) in variables:
        return True
    return any(gives(one.value, variables) for one in call.arguments)


def _callees(analysis: Analysis, info: FunctionInfo, call: tree.Call) -> Iterator[FunctionInfo]:
    """The functions of the project that a call leads to."""
    found = met(analysis, info)
    spans = [
        call.span,
        *(one.span for one in walk(info.node.body) if isinstance(one, tree.Await) and one.value is call),
    ]
    known = [one for span in spans for one in found.get(span, [])]
    yield from known
    if not known:
        value = expressions.evaluate(names.module_frame(analysis, info.path), State(), call.function)
        if isinstance(value, FunctionOf) and value.function in analysis.functions:
            yield analysis.functions[value.function]


def _parameters(
    function: tree.Function, call: tree.Call, given: Collection[str], *, bound: bool
) -> frozenset[str] | None:
    """The parameters to which a call gives one of the variables; `None` when that cannot be told."""
    plain = [one.name for one in function.parameters if one.kind == "positional"]
    plain = plain[1:] if bound and plain[:1] in (["self"], ["cls"]) else plain
    named = {one.name for one in function.parameters}
    found: set[str] = set()
    for index, argument in enumerate(call.arguments):
        if not gives(argument.value, given):
            continue
        if argument.star or any(one.star for one in call.arguments[:index]):
            return None
        if argument.keyword is not None and argument.keyword in named:
            found.add(argument.keyword)
        elif argument.keyword is None and index < len(plain):
            found.add(plain[index])
        else:
            return None
    return frozenset(found)


def _is_harmless(
    analysis: Analysis, callee: FunctionInfo, inside: Collection[str], held: frozenset[str], lazy: Collection[str]
) -> bool:
    """Whether a function changes, returns, yields and stores nothing of the objects in its variables `held`."""
    body = callee.node.body
    if callee.node.decorators or callee.node.is_generator or uses(body, held).changed:
        return False
    if any(isinstance(node, tree.Attribute) and node.name in lazy and root(node) in held for node in walk(body)):
        return False
    return all_seen(analysis, callee, inside) and keeps_nothing(body, held)


def _names_other(call: tree.Call, lazy: Collection[str]) -> bool:
    """`getattr(note, "body")`"""
    match call.arguments:
        case [_, tree.Argument(value=tree.Constant(value=str() as name)), *_]:
            return name not in lazy
        case _:
            return False


def compared(parts: Iterable[object], held: Collection[str]) -> bool:
    """Whether one of the objects in `held` is told from another, or looked for: one that is loaded again is not it."""
    for node in walk(list(parts)):
        match node:
            case tree.Compare(left=left, right=right) if gives(left, held) or gives(right, held):
                return True
            case tree.Call(function=tree.Attribute(name="index" | "remove" | "count"), arguments=arguments):
                if any(gives(one.value, held) for one in arguments):
                    return True
            case tree.Subscript(index=index) if gives(index, held):
                return True
            case _:
                pass
    return False


def keeps_nothing(body: list[tree.Statement], held: Collection[str]) -> bool:
    """Whether some code of a function surely returns, yields and stores nothing of the objects in `held`."""
    for node in walk(body):
        match node:
            case tree.Return(value=value) | tree.Yield(value=value) if value is not None and gives(value, held):
                return False
            case tree.Assign(targets=targets, value=value) if value is not None and any(
                isinstance(one, tree.Attribute | tree.Subscript) for one in targets
            ):
                if gives(value, held):
                    return False
            case tree.Lambda() | tree.Function() if mentions([node], held):
                return False
            case tree.Global(names=shared) if set(shared) & set(held):
                return False
            case _:
                pass
    return True
