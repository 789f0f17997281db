"""`commit-before`: end the transaction with a commit right before the statement that waits.

The analysis has decided whether that is harmless; this file finds the place. The new statement stands on a line of its
own before the waiting one, or in its line where that is shared.
"""

from __future__ import annotations

import libcst as cst

from flake8_poolhold.facts.positions import Spans, spans
from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError

_SMALL = (cst.Expr, cst.Assign, cst.AnnAssign, cst.AugAssign, cst.Return, cst.Raise, cst.Assert, cst.Del)
_WANTED: frozenset[type] = frozenset(
    {
        cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.With, cst.Try, cst.TryStar, cst.Match, cst.FunctionDef,
        cst.ClassDef, cst.ExceptHandler, cst.ExceptStarHandler, cst.Else, cst.Finally, cst.MatchCase, cst.IndentedBlock,
        cst.SimpleStatementSuite, *_SMALL,
    }
)  # fmt: skip

_Position = tuple[int, int]


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edit that inserts the fix's statement. Raises `CannotFixError` where no statement can stand before the wait."""
    if finding.fix is None:
        raise CannotFixError("no fix is offered")
    module = cst.parse_module(text)
    found = spans(module, _WANTED)
    at = (finding.line, finding.column)
    line, column, own_line = _place(module.body, at, found, text, finding.fix.statement)
    if not own_line:
        return (Edit(finding.path, line, column, line, column, f"{finding.fix.statement}; "),)
    source = text.splitlines(keepends=True) if "\r" not in text else _lines(text)
    indent = source[line - 1][: column - 1]
    newline = _newline(source[line - 1], module.default_newline)
    return (Edit(finding.path, line, column, line, column, f"{finding.fix.statement}{newline}{indent}"),)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True)


def _newline(line: str, default: str) -> str:
    return default if not line.endswith("\n") or default != "\n" else "\n"


def _contains(span: tuple[int, int, int, int] | None, at: _Position) -> bool:
    return span is not None and span[:2] <= at < span[2:]


def _place(body: object, at: _Position, found: Spans, text: str, statement: str) -> tuple[int, int, bool]:
    """Line and column of the insertion, and whether the new statement gets a line of its own."""
    for node in body if isinstance(body, tuple | list) else ():
        if not _contains(found.get(id(node)), at):
            continue
        if isinstance(node, cst.SimpleStatementLine):
            return _in_line(node.body, at, found, text)
        return _in_block(node, at, found, text, statement)
    raise CannotFixError("the waiting statement was not found; the file may have changed")


def _in_line(body: object, at: _Position, found: Spans, text: str) -> tuple[int, int, bool]:
    for small in body if isinstance(body, tuple | list) else ():
        span = found.get(id(small))
        if span is not None and _contains(span, at):
            line = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[span[0] - 1]
            return span[0], span[1], not line[: span[1] - 1].strip(" \t\f")
    raise CannotFixError("the wait is in a statement before which nothing can be inserted")


def _in_block(node: cst.CSTNode, at: _Position, found: Spans, text: str, statement: str) -> tuple[int, int, bool]:
    """Look into the blocks of a compound statement; a wait in none of them is in its header."""
    for suite in _suites(node):
        body = suite.body
        if isinstance(suite, cst.SimpleStatementSuite):
            if any(_contains(found.get(id(small)), at) for small in body):
                return _in_line(body, at, found, text)
        elif any(_contains(found.get(id(inner)), at) for inner in body):
            return _place(body, at, found, text, statement)
    header = found[id(node)]
    match node:
        case cst.If():
            if _in_elif(node, at, found):
                raise CannotFixError("the wait is in an `elif`; take it out into a variable first")
        case cst.With():
            name = statement.removeprefix("await ").partition(".")[0]
            if any(_binds(item, name) for item in node.items):
                raise CannotFixError("the session is opened in the same `with` statement as the wait")
        case cst.For() | cst.Match():
            pass
        case _:
            raise CannotFixError("the wait is in the header of a block; take it out into a variable first")
    return header[0], header[1], True


def _suites(node: cst.CSTNode) -> list[cst.BaseSuite]:
    """All blocks of a compound statement, those of its `elif`s, handlers and cases included."""
    match node:
        case cst.If():
            suites, rest = [node.body], node.orelse
            while isinstance(rest, cst.If):
                suites.append(rest.body)
                rest = rest.orelse
            return [*suites, rest.body] if rest is not None else suites
        case cst.For() | cst.While():
            return [node.body, *([node.orelse.body] if node.orelse else [])]
        case cst.Try() | cst.TryStar():
            suites = [node.body, *(handler.body for handler in node.handlers)]
            suites += [part.body for part in (node.orelse, node.finalbody) if part is not None]
            return suites
        case cst.Match():
            return [case.body for case in node.cases]
        case cst.With() | cst.FunctionDef() | cst.ClassDef():
            return [node.body]
        case _:
            return []


def _in_elif(node: cst.If, at: _Position, found: Spans) -> bool:
    rest = node.orelse
    while isinstance(rest, cst.If):
        if _contains(found.get(id(rest)), at):
            return True
        rest = rest.orelse
    return False


def _binds(item: cst.WithItem, name: str) -> bool:
    return item.asname is not None and isinstance(item.asname.name, cst.Name) and item.asname.name.value == name
