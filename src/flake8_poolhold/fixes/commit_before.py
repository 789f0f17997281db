"""`commit-before`: end the transaction with a commit right before the statement that waits.

The analysis has decided whether that is harmless; this file finds the place. The new statement stands on a line of its
own before the waiting one and its comment, or in its line where that is shared with what comes before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _imports
from flake8_poolhold.fixes._places import (
    LATER,
    SMALL,
    Position,
    Waiting,
    below,
    contains,
    enclosing,
    find,
    inserted,
    margin,
    newline,
    parsed,
    plain,
)
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits that insert the fix's statement, and import what it names.

    Raises `CannotFixError` where none can stand before the wait.
    """
    if finding.fix is None:
        raise CannotFixError("no fix is offered")
    found = before(finding, text, [finding.fix.statement])
    for part in finding.fix.parts:
        module, spans = parsed(text)
        source, _, symbol = part.text.partition(":")
        found += _imports.added(part.path, text, module, spans, source, symbol, own=True)
    return found


def session_of(finding: Finding) -> str:
    """The variable through which the fix's statement reaches the session."""
    return finding.fix.statement.removeprefix("await ").partition(".")[0] if finding.fix is not None else ""


def before(finding: Finding, text: str, statements: Sequence[str]) -> tuple[Edit, ...]:
    """The edit that inserts some statements before the one that waits. Raises `CannotFixError` where it cannot be."""
    module, found = parsed(text)
    at = (finding.line, finding.column)
    waiting = find(module.body, at, found)
    _check(waiting.node, finding, at, found)
    if waiting.leads:
        waiting = Waiting(_before_try(module, waiting.node, at, found, session_of(finding)), True)
    line, column = found[id(waiting.node)][:2]
    every = lines(text)
    source = every[line - 1]
    indent = margin(source)
    if waiting.leads:
        while every[line - 2].startswith(f"{indent}#"):  # a comment stays with its statement
            line -= 1
        behind = f"{newline(source, module)}{plain(indent)}"
        return inserted(finding.path, line, len(indent) + 1, "".join(f"{one}{behind}" for one in statements))
    return inserted(finding.path, line, column, "".join(f"{one}; " for one in statements))


def _before_try(module: cst.Module, node: cst.CSTNode, at: Position, found: Spans, session: str) -> cst.CSTNode:
    """The `try` that begins with the waiting statement, or that statement.

    What is caught there is meant for the wait. A `try` that looks after the session keeps the new statement inside.
    """
    around = list(enclosing(module.body, at, found))
    while around and around[-1] is not node:
        around.pop()
    for outer in reversed(around[:-1]):
        if not isinstance(outer, cst.Try | cst.TryStar) or outer.finalbody is not None:
            break
        first = outer.body.body[0]
        if first is not node and not (isinstance(first, cst.SimpleStatementLine) and first.body[0] is node):
            break
        if any(isinstance(one, cst.Name) and one.value == session for part in outer.handlers for one in below(part)):
            break
        node = outer
    return node


def _check(node: cst.CSTNode, finding: Finding, at: Position, found: Spans) -> None:
    """Raise when the wait does not follow right after what stands before the statement."""
    for inner in _later(node):
        if contains(found.get(id(inner)), at):
            raise CannotFixError("the wait runs later than the statement that it is written in; make it a function")
    if isinstance(node, SMALL):
        checkouts = [(step.line, step.column) for step in finding.trail if step.role == "checkout"]
        if any(contains(found[id(node)], checkout) for checkout in checkouts):
            raise CannotFixError("the statement checks the connection out itself; query in a statement of its own")
        return
    match node:
        case cst.If() if not _in_elif(node, at, found):
            return
        case cst.If():
            raise CannotFixError("the wait is in an `elif`; take it out into a variable first")
        case cst.With():
            if any(_binds(item, session_of(finding)) for item in node.items):
                raise CannotFixError("the session is opened in the same `with` statement as the wait")
        case cst.For() | cst.Match():
            return
        case _:
            raise CannotFixError("the wait is in the header of a block; take it out into a variable first")


def _later(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The lambdas and generator expressions in a simple statement or in the header of a block."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, LATER):
            yield current
        waiting.extend(child for child in current.children if not isinstance(child, cst.BaseSuite))


def _in_elif(node: cst.If, at: Position, found: Spans) -> bool:
    rest = node.orelse
    while isinstance(rest, cst.If):
        if contains(found.get(id(rest)), at):
            return True
        rest = rest.orelse
    return False


def _binds(item: cst.WithItem, name: str) -> bool:
    return item.asname is not None and isinstance(item.asname.name, cst.Name) and item.asname.name.value == name
