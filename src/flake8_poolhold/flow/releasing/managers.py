"""What a context manager of the project does when its block is left, beyond ending the transaction and the session.

A block that ends earlier is left before the wait, and an exception of the wait does not pass through it any more: what
counts, translates or resets something on its way out would do so at another time, or not at all.
"""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import FunctionInfo
from flake8_poolhold.flow.releasing.uses import root

_ENDS = frozenset({"commit", "rollback", "close", "aclose", "remove", "flush", "expunge_all"})
_LOGS = frozenset({"debug", "info", "warning", "error", "exception"})


def does_more(manager: FunctionInfo) -> bool:
    """Whether leaving the block of a context manager function does more than to end what it has handed out.

    Of what runs before its `yield` nothing is asked.
    """
    handed = _handed(manager)
    return not handed or _block(manager.node.body, handed) is None


def enters_more(manager: FunctionInfo) -> bool:
    """Whether entering the block of a context manager function does more than to open what it hands out."""
    handed = _handed(manager)
    at = next((node.span[:2] for node in walk(manager.node.body) if isinstance(node, tree.Yield)), (0, 0))
    made: set[int] = set()
    for node in walk(manager.node.body):
        match node:
            case tree.Assign(targets=[tree.Name(id=name)], value=value) if name in handed:
                made.update(id(one) for one in walk([value]))
            case tree.WithItem(value=value) if _is_session(node, handed):
                made.update(id(one) for one in walk([value]))
            case tree.Call(arguments=arguments) if root(node.function) in handed:
                made.update(id(one) for one in walk(arguments))  # a statement is built
            case tree.Assign() | tree.AugmentedAssign() | tree.Global():
                return True
            case _:
                pass
    calls = [node for node in walk(manager.node.body) if isinstance(node, tree.Call) and node.span[:2] < at]
    return not handed or any(id(one) not in made and root(one.function) not in handed for one in calls)


def _handed(manager: FunctionInfo) -> set[str]:
    """The variables that a context manager function hands out, or makes what it hands out of."""
    given = [node.value for node in walk(manager.node.body) if isinstance(node, tree.Yield)]
    return {node.id for node in walk(given) if isinstance(node, tree.Name)}


def _yields(part: object) -> bool:
    return any(isinstance(node, tree.Yield) for node in walk(part))


def _block(body: list[tree.Statement], handed: set[str]) -> bool | None:
    """Whether a block has yielded at its end; `None` when it does more behind, or around, its `yield`."""
    yielded = False
    for statement in body:
        if yielded:
            if not _ends(statement, handed):
                return None
        elif _yields(statement):
            if not _around(statement, handed):
                return None
            yielded = True
    return yielded


def _around(statement: tree.Statement, handed: set[str]) -> bool:
    """Whether a statement that yields does nothing else when it goes on."""
    match statement:
        case tree.Evaluate(value=tree.Yield(delegates=False)):
            return True
        case tree.With(items=items, body=body):
            return all(_is_session(item, handed) for item in items) and _block(body, handed) is not None
        case tree.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
            again = all(
                one.body
                and isinstance(one.body[-1], tree.Raise)
                and one.body[-1].value is None
                and all(_ends(inner, handed) for inner in one.body[:-1])
                for one in handlers
            )
            return (
                again and _block(body, handed) is not None and all(_ends(one, handed) for one in [*otherwise, *final])
            )
        case _:
            return False


def _is_session(item: tree.WithItem, handed: set[str]) -> bool:
    """`maker() as session`, or `session.begin()` of what is handed out; `engine.begin() as connection`."""
    match item:
        case tree.WithItem(target=tree.Name(id=name)) if name in handed:
            return True
        case tree.WithItem(value=tree.Call(function=tree.Attribute(name="begin" | "connect")), target=tree.Name()):
            return True
        case tree.WithItem(value=tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=name))):
            return owner in handed and name in ("begin", "begin_nested")
        case _:
            return False


def _ends(statement: tree.Statement, handed: set[str]) -> bool:
    """Whether a statement only ends the transaction or the session, or writes to a log."""
    match statement:
        case tree.Evaluate(value=tree.Constant()):
            return True
        case tree.Evaluate(value=value):
            calls = [node.function for node in walk(value) if isinstance(node, tree.Call)]
            return bool(calls) and all(_is_ending(one, handed) for one in calls)
        case tree.If(arms=arms, otherwise=otherwise):
            return all(_ends(one, handed) for block in [*(inner for _, inner in arms), otherwise] for one in block)
        case tree.Return(value=None):
            return True
        case tree.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
            inner_handlers = [one for handler in handlers for one in handler.body]
            return all(_ends(one, handed) for one in [*body, *inner_handlers, *otherwise, *final])
        case _:
            return False


def _is_ending(function: tree.Expression, handed: set[str]) -> bool:
    """`session.close`, `asyncio.shield`, `logger.exception`"""
    if not isinstance(function, tree.Attribute):
        return False
    return function.name in _LOGS | {"shield"} or (function.name in _ENDS and root(function) in handed)
