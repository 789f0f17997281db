"""Tasks that an object keeps in a container of its own, and cancels before whoever uses the object goes on."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.naming import names

_EXITS = frozenset({"__aexit__", "__exit__"})
_VIEWS = frozenset({"values", "items", "copy"})
_COPIES = frozenset({"list", "tuple", "set", "enumerate", "sorted"})


def is_cancelled(analysis: Analysis, info: FunctionInfo, span: tree.Span) -> bool:
    """Whether the task that a method starts at `span` goes to a container of its object, all of whose tasks a `finally`
    around the method, or the exit of the object, cancels."""
    if not info.owner or not info.node.parameters:
        return False
    kept = set(_containers(info.node, span))
    return bool(kept) and _is_emptied(analysis, info, kept)


def _containers(node: tree.Function, span: tree.Span) -> Iterator[str]:
    """The fields of a method's receiver that get the task which is started at `span`, as an item."""
    receiver = node.parameters[0].name
    variables = {
        target.id
        for assigned in walk(node.body)
        if isinstance(assigned, tree.Assign) and _is_start(assigned.value, span)
        for target in assigned.targets
        if isinstance(target, tree.Name)
    }
    for part in walk(node.body):
        if not isinstance(part, tree.Assign):
            continue
        is_named = isinstance(part.value, tree.Name) and part.value.id in variables
        for target in part.targets if is_named or _is_start(part.value, span) else ():
            if isinstance(target, tree.Subscript) and (field := _field(target.value, receiver)):
                yield field


def _is_start(value: tree.Expression | None, span: tree.Span) -> bool:
    return isinstance(value, tree.Call) and value.span == span


def _field(value: tree.Expression, receiver: str) -> str:
    match value:
        case tree.Attribute(value=tree.Name(id=owner), name=name) if owner == receiver:
            return name
        case _:
            return ""


def _is_emptied(analysis: Analysis, info: FunctionInfo, kept: set[str]) -> bool:
    """Whether an exit of the class, or a `finally` around what leads to this method, cancels what a field keeps."""
    methods = _methods(analysis, info.owner)
    receivers = {name: node.parameters[0].name for name, node in methods.items()}
    cancelling = {name for name, node in methods.items() if _cancels(receivers[name], node.body, kept)}
    for name, node in methods.items():
        if name in _EXITS and (name in cancelling or _called(receivers[name], node.body) & cancelling):
            return True
    found = [
        (receivers[name], block, _cancels(receivers[name], block.final, kept))
        for name, node in methods.items()
        for block in _tries(node)
    ]
    found += [(name, block, False) for name, block in _outside(analysis, info.owner, cancelling)]
    return any(
        (ends or _called(name, block.final) & cancelling)
        and info.node.name in _reached(methods, _mentioned(name, block.body))
        for name, block, ends in found
    )


def _tries(node: tree.Function) -> list[tree.Try]:
    return [part for part in walk(node.body) if isinstance(part, tree.Try) and part.final]


def _outside(analysis: Analysis, cls: str, cancelling: set[str]) -> Iterator[tuple[str, tree.Try]]:
    """Where functions that make an object of a class call one of these methods of it in a `finally`, with the name of
    the variable."""
    name = analysis.classes[cls].name
    for path in sorted({path for method in cancelling for path in analysis.project.naming(f".{method}(", method)}):
        for _, node, _ in analysis.project.scope(path).functions if path.endswith(".py") else ():
            for part in walk(node.body):
                match part:
                    case tree.Assign(
                        targets=[tree.Name(id=variable)], value=tree.Call(function=tree.Name(id=made))
                    ) if made == name:
                        yield from ((variable, block) for block in _tries(node))
                    case _:
                        pass


def _methods(analysis: Analysis, cls: str) -> dict[str, tree.Function]:
    found: dict[str, tree.Function] = {}
    for key in names.mro(analysis, cls)[0]:
        for name, bindings in analysis.classes[key].scope.names.items():
            if isinstance(bindings[-1], tree.Function) and bindings[-1].parameters:
                found.setdefault(name, bindings[-1])
    return found


def _cancels(receiver: str, body: list[tree.Statement], kept: set[str]) -> bool:
    """Whether a body cancels each task in a field of the object that is called `receiver` there."""
    for node in walk(body):
        match node:
            case tree.For(target=target, iterable=iterable, body=inner):
                pass
            case tree.Comprehension(element=inner, clauses=[tree.Generator(target=target, iterable=iterable)]):
                pass
            case _:
                continue
        named = {part.id for part in walk(target) if isinstance(part, tree.Name)}
        if _is_all_of(iterable, receiver, kept) and any(_is_cancelled(part, named) for part in walk(inner)):
            return True
    return False


def _is_all_of(iterable: tree.Expression, receiver: str, kept: set[str]) -> bool:
    """Whether an expression gives all that a field keeps: the field, a view, a copy."""
    match iterable:
        case tree.Call(function=tree.Attribute(value=inner, name=name), arguments=[]) if name in _VIEWS:
            return _is_all_of(inner, receiver, kept)
        case tree.Call(function=tree.Name(id=name), arguments=[tree.Argument(value=inner)]) if name in _COPIES:
            return _is_all_of(inner, receiver, kept)
        case _:
            return _field(iterable, receiver) in kept


def _is_cancelled(node: tree.Node, named: set[str]) -> bool:
    match node:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=name), name="cancel")):
            return name in named
        case _:
            return False


def _called(receiver: str, body: list[tree.Statement]) -> set[str]:
    """The methods of an object that a body calls."""
    return {
        name for node in walk(body) if isinstance(node, tree.Call) and (name := _field(node.function, receiver)) != ""
    }


def _mentioned(receiver: str, body: object) -> set[str]:
    """The attributes of an object that a body mentions."""
    return {name for node in walk(body) if isinstance(node, tree.Attribute) and (name := _field(node, receiver)) != ""}


def _reached(methods: dict[str, tree.Function], found: set[str]) -> set[str]:
    """What these attributes lead to: methods that are called or handed on, tables of methods that a field keeps."""
    leads: dict[str, set[str]] = {}
    for name, node in methods.items():
        receiver = node.parameters[0].name
        leads.setdefault(name, set()).update(_mentioned(receiver, node.body))
        for part in walk(node.body):
            if isinstance(part, tree.Assign) and part.value is not None:
                for field in filter(None, (_field(target, receiver) for target in part.targets)):
                    leads.setdefault(field, set()).update(_mentioned(receiver, part.value))
    reached: set[str] = set()
    waiting = set(found)
    while waiting:
        reached |= waiting
        waiting = {one for name in waiting for one in leads.get(name, ())} - reached
    return reached
