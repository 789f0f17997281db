"""`commit-before`: end the transaction with a commit right before the statement that waits.

The analysis has decided whether that is harmless; this file finds the place. The new statement stands on a line of its
own before the waiting one and its comment, or in its line where that is shared with what comes before it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_poolhold.finding import Edit, Finding, Part
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import (
    Code,
    Position,
    Waiting,
    code_of,
    elif_of,
    enclosing,
    find,
    margin,
    names,
    newline,
    plain,
)

_SMALL = (ast.AnnAssign, ast.Assert, ast.Assign, ast.AugAssign, ast.Delete, ast.Expr, ast.Raise, ast.Return)
_LATER = (ast.Lambda, ast.GeneratorExp)


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits that insert the fix's statement, and import what it names.

    Raises `CannotFixError` where none can stand before the wait.
    """
    if finding.fix is None:
        raise CannotFixError("no fix is offered")
    found = before(finding, text, [finding.fix.statement])
    for part in finding.fix.parts:
        found += _imported(part, text)
    return found


def _imported(part: Part, text: str) -> tuple[Edit, ...]:
    from flake8_poolhold.fixes import _imports, _places  # libcst, which most of these fixes do without

    module, spans = _places.parsed(text)
    source, _, symbol = part.text.partition(":")
    return _imports.added(part.path, text, module, spans, source, symbol, own=True)


def session_of(finding: Finding) -> str:
    """The variable through which the fix's statement reaches the session."""
    return finding.fix.statement.removeprefix("await ").partition(".")[0] if finding.fix is not None else ""


def before(finding: Finding, text: str, statements: Sequence[str]) -> tuple[Edit, ...]:
    """The edit that inserts some statements before the one that waits. Raises `CannotFixError` where it cannot be."""
    code = code_of(text)
    at = (finding.line, finding.column)
    waiting = find(code.tree.body, at, code)
    _check(waiting.node, finding, at, code)
    if waiting.leads:
        waiting = Waiting(_before_try(waiting.node, at, code, session_of(finding)), True)
    line, column = code.span(waiting.node)[:2]
    first = code.source[line - 1]
    indent = margin(first)
    if waiting.leads:
        while code.source[line - 2].startswith(f"{indent}#"):  # a comment stays with its statement
            line -= 1
        behind = f"{newline(first, code)}{plain(indent)}"
        content, column = "".join(f"{one}{behind}" for one in statements), len(indent) + 1
    elif any(one.endswith(":") for one in statements):
        raise CannotFixError("the statement shares its line with another; give it a line of its own")
    else:
        content = "".join(f"{one}; " for one in statements)
    return (Edit(finding.path, line, column, line, column, content),)


def _before_try(node: ast.stmt, at: Position, code: Code, session: str) -> ast.stmt:
    """The `try` that begins with the waiting statement, or that statement.

    What is caught there is meant for the wait. A `try` that looks after the session keeps the new statement inside.
    """
    around = list(enclosing(code.tree.body, at, code))
    while around and around[-1] is not node:
        around.pop()
    for outer in reversed(around[:-1]):
        if not isinstance(outer, ast.Try | ast.TryStar) or outer.finalbody or outer.body[0] is not node:
            break
        if any(session in names(handler) for handler in outer.handlers):
            break
        node = outer
    return node


def _check(node: ast.stmt, finding: Finding, at: Position, code: Code) -> None:
    """Raise when the wait does not follow right after what stands before the statement."""
    if any(code.has(inner, at) for inner in _later(node)):
        raise CannotFixError("the wait runs later than the statement that it is written in; make it a function")
    if isinstance(node, _SMALL):
        checkouts = [(step.line, step.column) for step in finding.trail if step.role == "checkout"]
        if any(code.has(node, checkout) for checkout in checkouts):
            raise CannotFixError("the statement checks the connection out itself; query in a statement of its own")
        return
    match node:
        case ast.If() if not _in_elif(node, at, code):
            return
        case ast.If():
            raise CannotFixError("the wait is in an `elif`; take it out into a variable first")
        case ast.With() | ast.AsyncWith():
            if any(_binds(item, session_of(finding)) for item in node.items):
                raise CannotFixError("the session is opened in the same `with` statement as the wait")
        case ast.For() | ast.AsyncFor() | ast.Match():
            return
        case _:
            raise CannotFixError("the wait is in the header of a block; take it out into a variable first")


def _later(node: ast.stmt) -> Iterator[ast.expr]:
    """The lambdas and generator expressions in a simple statement or in the header of a block."""
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, _LATER):
            yield current
        waiting += [one for one in ast.iter_child_nodes(current) if not isinstance(one, ast.stmt)]


def _in_elif(node: ast.If, at: Position, code: Code) -> bool:
    inner = elif_of(node, code)
    while inner is not None:
        if code.has(inner, at):
            return True
        inner = elif_of(inner, code)
    return False


def _binds(item: ast.withitem, name: str) -> bool:
    return isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name
