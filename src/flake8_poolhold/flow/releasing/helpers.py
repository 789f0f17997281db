"""Helpers that are given a session: whether they leave its transaction alone, and keep and return nothing loaded."""

from __future__ import annotations

from collections.abc import Collection

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.expiry.objects import Naming
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.values import ClassOf
from flake8_poolhold.flow.releasing import borrowing
from flake8_poolhold.flow.releasing.habits import habits, name_of
from flake8_poolhold.flow.releasing.uses import mentions, root

MOST_CALLS = 3
"""How many calls deep helpers are looked at."""

QUERIES = frozenset({"query", "get", "get_one", "scalar", "scalars", "execute", "exec", "add", "add_all", "flush"})
"""Methods of a session behind which all that was loaded is still there."""
ENDS = frozenset(
    {
        "commit", "rollback", "close", "expire", "expire_all", "expunge", "expunge_all", "begin", "begin_nested",
        "reset", "invalidate", "remove", "update", "delete", "merge", "make_transient",
    }
)  # fmt: skip
"""Names of calls behind which what was loaded may have to be loaded again, or has left the session."""
_SELECTING = frozenset({"query", "select"})


def gives_plain(
    analysis: Analysis, caller: FunctionInfo, call: tree.Call, session: Collection[str], deep: int = MOST_CALLS
) -> bool:
    """Whether a call that is given a session surely ends no transaction, and keeps and returns nothing loaded."""
    callees = list(borrowing.callees(analysis, caller, call)) if deep else []
    return bool(callees) and all(_is_plain(analysis, caller, call, session, callee, deep) for callee in callees)


def _is_plain(
    analysis: Analysis, caller: FunctionInfo, call: tree.Call, session: Collection[str], callee: FunctionInfo, deep: int
) -> bool:
    node = callee.node
    inside = borrowing.parameters(node, call, session, bound=isinstance(call.function, tree.Attribute))
    if not inside or node.decorators or node.is_generator:
        return False
    nodes = list(walk(node.body))
    calls = [one for one in nodes if isinstance(one, tree.Call)]
    if any(name_of(one.function) in ENDS for one in calls):
        return False
    if any(isinstance(one, tree.Lambda | tree.Function | tree.Global) for one in nodes):
        return False
    naming = Naming(analysis, callee)
    first = {
        name
        for one in nodes
        if isinstance(one, tree.Assign) and one.value is not None and loads(naming, one.value, inside)
        for name in borrowing.bound(one.targets)
    }
    held = borrowing.holding(node.body, first)
    if not borrowing.keeps_nothing(node.body, held | inside):
        return False
    for one in nodes:
        match one:
            case tree.Return(value=value) | tree.For(iterable=value) if value is not None:
                if loads(naming, value, inside):
                    return False
            case _:
                pass
    lazy = habits(analysis).lazy
    leads = [one for one in nodes if isinstance(one, tree.Attribute) and root(one) in held]
    if any(one.name in lazy or one.name[:1].isupper() for one in leads):
        return False
    if not borrowing.only_read(analysis, callee, borrowing.receiving(nodes, held), held, lazy):
        return False
    given = [one for one in calls if any(mentions([argument.value], inside) for argument in one.arguments)]
    return all(
        name_of(one.function) in QUERIES and root(one.function) in inside
        if root(one.function) in inside
        else gives_plain(analysis, callee, one, inside, deep - 1)
        for one in given
    )


def loads(naming: Naming, value: tree.Expression, session: Collection[str]) -> bool:
    """Whether an expression asks a session for more than columns."""
    asked = [one for one in walk(value) if isinstance(one, tree.Call) and root(one.function) in session]
    if not asked:
        return False
    selected = [one for one in walk(value) if isinstance(one, tree.Call) and name_of(one.function) in _SELECTING]
    arguments = [argument.value for one in selected for argument in one.arguments]
    return not arguments or not all(_is_column(naming, one) for one in arguments)


def _is_column(naming: Naming, node: tree.Expression) -> bool:
    match node:
        case tree.Attribute(value=owner):
            return isinstance(naming.value(owner), ClassOf)
        case tree.Call(arguments=arguments):
            return all(_is_column(naming, one.value) for one in arguments)
        case _:
            return False
