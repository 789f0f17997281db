"""What code elsewhere may do with the session of a hold, or find out about its transaction."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo, Hold
from flake8_poolhold.flow.pools.worlds import dotted
from flake8_poolhold.flow.releasing import lazies, owning
from flake8_poolhold.flow.releasing.habits import LOOKS_AT_TRANSACTION, name_of
from flake8_poolhold.flow.releasing.uses import PUTS, mentions, root

MOST_LEVELS = 2
"""How many calls deep it is looked at whether a function asks for its transaction."""


def looks_at_transaction(analysis: Analysis, hold: Hold) -> bool:
    """Whether the function, one that it calls, or one that gave it the session asks whether there is a transaction."""
    if _looks(hold.function):
        return True
    if not any(analysis.project.naming(name, name) for name in sorted(LOOKS_AT_TRANSACTION)):
        return False
    if any(_looks(one) for one in _givers(analysis, hold)):
        return True
    level, seen = [hold.function], {hold.function.id}
    for _ in range(MOST_LEVELS):
        called = {one.id: one for info in level for several in lazies.met(analysis, info).values() for one in several}
        level = [one for name, one in sorted(called.items()) if name not in seen]
        seen |= called.keys()
        if any(_looks(one) for one in level):
            return True
    return False


def nobody_looks(analysis: Analysis) -> bool:
    """Whether no code of the project asks a session whether it is in a transaction, other than to end that.

    An async session that has nothing to write is the same behind a commit more: `if db.in_transaction():` before a
    commit or a rollback tells nobody anything.
    """
    for path in sorted({path for name in LOOKS_AT_TRANSACTION for path in analysis.project.naming(name, name)}):
        module = analysis.project.module(path)
        if module is None:
            return False
        nodes = list(walk(module.body))
        ending = {id(test) for node in nodes if isinstance(node, tree.If) for test in _tests_of_ends(node)}
        for node in nodes:
            match node:
                case tree.Call(function=tree.Attribute(name=name), arguments=[]) if name in LOOKS_AT_TRANSACTION:
                    if id(node) not in ending:
                        return False
                case _:
                    pass
    return True


def _tests_of_ends(node: tree.If) -> Iterator[tree.Expression]:
    """`db.in_transaction()` before nothing but `await db.rollback()`."""
    for test, body in node.arms:
        match test, body:
            case (
                tree.Call(function=tree.Attribute(value=owner, name="in_transaction")),
                [tree.Evaluate(value=tree.Await(value=tree.Call(function=tree.Attribute(value=ended, name=name))))],
            ) if name in _ENDS and dotted(owner) == dotted(ended) != "":
                yield test
            case _:
                pass


_ENDS = frozenset({"commit", "rollback", "close"})


def is_kept(analysis: Analysis, hold: Hold) -> bool:
    """Whether who gave the session, or the function itself, has put it where other code finds it."""
    if _keeps(hold.function, hold.carriers - hold.loaded):
        return True
    return any(_keeps(one, _handed_out(one)) for one in _givers(analysis, hold))


def _looks(function: FunctionInfo) -> bool:
    return any(name_of(node) in LOOKS_AT_TRANSACTION for node in walk(function.node.body))


def _givers(analysis: Analysis, hold: Hold) -> Iterator[FunctionInfo]:
    """The functions that have made the session, or handed it on."""
    if hold.provider in analysis.functions:
        yield analysis.functions[hold.provider]
    yield from owning.managers(analysis, hold.place.origin)


def _handed_out(function: FunctionInfo) -> frozenset[str]:
    """The variables that a function yields or returns."""
    given = [node.value for node in walk(function.node.body) if isinstance(node, tree.Yield | tree.Return)]
    return frozenset(one.id for one in given if isinstance(one, tree.Name))


def _keeps(function: FunctionInfo, session: frozenset[str]) -> bool:
    """`CURRENT.set(session)`, `request.state.db = session`; what a method keeps in its own object, or what is put into
    one that the function makes, is not meant.
    """
    nodes = list(walk(function.node.body))
    own = _OWN.union(*(_made(node) for node in nodes))
    for node in nodes:
        match node:
            case tree.Call(function=tree.Attribute(name="set"), arguments=arguments):
                if mentions([one.value for one in arguments], session):
                    return True
            case tree.Call(function=tree.Attribute(name=name) as put, arguments=arguments) if name in PUTS:
                if root(put) not in own and any(_is_one(one.value, session) for one in arguments):
                    return True
            case tree.Assign(targets=targets, value=tree.Name(id=name)) if name in session:
                if any(isinstance(one, tree.Attribute | tree.Subscript) and root(one) not in own for one in targets):
                    return True
            case _:
                pass
    return False


_OWN = frozenset({"self", "cls"})


def _is_one(value: tree.Expression, session: frozenset[str]) -> bool:
    return isinstance(value, tree.Name) and value.id in session


def _made(node: tree.Node) -> set[str]:
    """The variables to which a plain assignment gives an object that is made there."""
    match node:
        case tree.Assign(targets=targets, value=tree.Call() | tree.Sequence() | tree.Mapping()):
            return {one.id for one in targets if isinstance(one, tree.Name)}
        case _:
            return set()
