"""Attributes of loaded objects that can be read into variables before a connection is given back."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.releasing.surroundings import Surroundings

_PERHAPS = (tree.Conditional, tree.Either, tree.Comprehension, tree.Lambda, tree.Function, tree.Class)
_SIMPLE = (tree.Assign, tree.AugmentedAssign, tree.Evaluate, tree.Return, tree.Raise)


def named(
    function: tree.Function, around: Surroundings, reads: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str, str], ...] | None:
    """A variable for each attribute, `note_body` for `note.body`; `None` when some cannot be read beforehand.

    An attribute can be read where its object is not `None` on any path: something was read of it before, or is sure to
    be read by the statement that waits, or the function has left otherwise.
    """
    taken = {node.id for node in walk(function.body) if isinstance(node, tree.Name)}
    taken |= {parameter.name for parameter in function.parameters}
    found = []
    for variable, attribute in sorted(set(reads)):
        name = f"{variable}_{attribute.lstrip('_')}"
        if name in taken or not surely_there(around, variable):
            return None
        found.append((variable, attribute, name))
    return tuple(found)


def surely_there(around: Surroundings, variable: str) -> bool:
    """Whether a variable is not `None` when the waiting statement is done."""
    for level in around.levels:
        for statement in level.before:
            if isinstance(statement, _SIMPLE) and _reads(statement, variable):
                return True
            if isinstance(statement, tree.If) and _leaves_without(statement, variable):
                return True
    return isinstance(around.statement, _SIMPLE) and _reads(around.statement, variable)


def _reads(part: object, variable: str) -> bool:
    """Whether an attribute of the variable is read in any case."""
    waiting: list[object] = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, tree.Attribute) and isinstance(one.value, tree.Name) and one.value.id == variable:
            return True
        elif isinstance(one, tree.Conditional):
            waiting.append(one.test)
        elif isinstance(one, tree.Either):
            waiting.append(one.parts[0])
        elif isinstance(one, tree.Node) and not isinstance(one, _PERHAPS):
            waiting.extend(getattr(one, field) for field in one.__struct_fields__)
    return False


def _leaves_without(statement: tree.If, variable: str) -> bool:
    """`if note is None: return`, `if not note: raise ...`"""
    test, body = statement.arms[0]
    ends = bool(body) and isinstance(body[-1], tree.Return | tree.Raise | tree.Continue | tree.Break)
    match test:
        case tree.NoneTest(value=tree.Name(id=name), negated=False) | tree.Not(value=tree.Name(id=name)):
            return ends and name == variable
        case _:
            return False


def region(around: Surroundings) -> list[tree.Statement]:
    """What may run once the waiting statement has begun, in the order in which it does; of a loop, all of it."""
    found: list[tree.Statement] = [around.statement] if around.statement is not None else []
    for level in reversed(around.levels):
        found += level.after
    for level in around.levels:
        match level.statement:
            case tree.For() | tree.While() as loop:
                found.append(loop)
            case tree.Try(handlers=handlers, otherwise=otherwise, final=final):
                found += [*(one for handler in handlers for one in handler.body), *otherwise, *final]
    return found


def binds(statements: Iterable[tree.Statement], variables: Collection[str]) -> bool:
    """Whether some code gives one of the variables a new value."""
    for node in walk(list(statements)):
        match node:
            case tree.Assign(targets=targets) if any(_is(target, variables) for target in targets):
                return True
            case tree.For(target=target) | tree.Walrus(target=target) | tree.Generator(target=target) if _is(
                target, variables
            ):
                return True
            case _:
                pass
    return False


def _is(target: tree.Expression, variables: Collection[str]) -> bool:
    parts = target.items if isinstance(target, tree.Sequence) else [target]
    return any(isinstance(part, tree.Name) and part.id in variables for part in parts)
