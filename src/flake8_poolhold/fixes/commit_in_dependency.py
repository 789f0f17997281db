"""`commit-in-dependency`: end the transaction of a dependency before it returns.

Every `return` behind the first use of the session gets a commit before it, those of error handlers excepted. What a
`return` queries itself is put into a variable first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from flake8_poolhold.facts.positions import Spans
from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._places import Position, below, end_row, inserted, margin, newline, node_at, parsed, suites
from flake8_poolhold.source.text import lines

_ASIDE = (cst.FunctionDef, cst.ClassDef, cst.ExceptHandler, cst.ExceptStarHandler, cst.Finally)
_NAMES = ("result", "found", "returned")


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix, on the text of the dependency's file. Raises `CannotFixError` where it has no place."""
    offer = finding.fix
    if offer is None:
        raise CannotFixError("no fix is offered")
    module, found = parsed(text)
    function = node_at(module, cst.FunctionDef, offer.start, found)
    if not isinstance(function, cst.FunctionDef) or not isinstance(function.body, cst.IndentedBlock):
        raise CannotFixError("the dependency stands on one line")
    session = offer.statement.removeprefix("await ").partition(".")[0]
    names = [node for node in below(function) if isinstance(node, cst.Name)]
    taken = {node.value for node in names}
    result = next((name for name in _NAMES if name not in taken), "")
    source = lines(text)
    first = _first_use(function, session, found)
    made: list[Edit] = []
    _check(function.body, first, found)
    for line in _returns(function.body):
        if found[id(line)][:2] < first:
            continue
        made += _before(line, offer.path, source, found, module, (offer.statement, session, result))
    if not _ends(function.body.body):
        made += _behind(function.body.body[-1], offer.path, source, found, module, offer.statement)
    if not made:
        raise CannotFixError("the dependency has no end before which a commit can stand")
    return tuple(made)


def _first_use(function: cst.FunctionDef, session: str, found: Spans) -> Position:
    """Where the first statement of the function begins that names the session."""
    uses = [
        found[id(node)][:2]
        for node in below(function.body)
        if isinstance(node, cst.SimpleStatementLine | cst.If | cst.For | cst.With | cst.Try | cst.Match | cst.While)
        and any(isinstance(one, cst.Name) and one.value == session for one in below(node))
    ]
    if not uses:
        raise CannotFixError("the dependency does not name the session")
    return min(uses)


def _check(suite: cst.CSTNode, first: Position, found: Spans, *, failed: bool = False) -> None:
    """Raise `CannotFixError` where the function returns from a place that no commit can stand in."""
    for node in suite.children:
        if isinstance(node, cst.Return) and found[id(node)][:2] >= first:
            if failed:
                raise CannotFixError("the dependency returns from an error handler, where a commit may fail too")
            if isinstance(suite, cst.SimpleStatementSuite):
                raise CannotFixError("a `return` of the dependency shares its line")
        elif not isinstance(node, cst.FunctionDef | cst.ClassDef):
            _check(node, first, found, failed=failed or isinstance(node, _ASIDE))


def _returns(suite: cst.CSTNode) -> Iterator[cst.SimpleStatementLine]:
    """The lines that are a `return`, outside of error handlers and inner functions."""
    for node in suite.children:
        if isinstance(node, cst.SimpleStatementLine):
            if any(isinstance(one, cst.Return) for one in node.body):
                yield node
        elif not isinstance(node, _ASIDE):
            yield from _returns(node)


def _before(
    line: cst.SimpleStatementLine,
    path: str,
    source: list[str],
    found: Spans,
    module: cst.Module,
    words: tuple[str, str, str],
) -> Iterator[Edit]:
    statement, session, result = words
    small = line.body[0]
    if len(line.body) > 1 or not isinstance(small, cst.Return):
        raise CannotFixError("a `return` of the dependency shares its line")
    row, column, last, end = found[id(small)]
    indent = margin(source[row - 1])
    behind = f"{newline(source[row - 1], module)}{indent}"
    names = [node for node in below(small) if isinstance(node, cst.Name)]
    if any(node.value == session for node in names):
        if not result:
            raise CannotFixError("there is no name left for what the dependency returns")
        yield Edit(path, row, column, row, column + len("return"), f"{result} =")
        yield Edit(path, last, end, last, end, f"{behind}{statement}{behind}return {result}")
    else:
        yield from inserted(path, row, len(indent) + 1, f"{statement}{behind}")


def _ends(body: Sequence[cst.CSTNode]) -> bool:
    """Whether a block never ends by running off its end."""
    match body[-1]:
        case cst.SimpleStatementLine(body=small):
            return isinstance(small[-1], cst.Return | cst.Raise)
        case cst.If(orelse=None):
            return False
        case cst.If() | cst.With() as node:
            return all(_ends(suite.body) for suite in suites(node))
        case cst.Try(finalbody=None, orelse=None) as node:
            return all(_ends(suite.body) for suite in suites(node))
        case _:
            return False


def _behind(
    last: cst.BaseStatement, path: str, source: list[str], found: Spans, module: cst.Module, statement: str
) -> Iterator[Edit]:
    row, last_row = found[id(last)][0], end_row(last, found, source)
    indent = margin(source[row - 1])
    text = source[last_row - 1].rstrip("\r\n")
    behind = newline(source[last_row - 1], module)
    yield from inserted(path, last_row, len(text) + 1, f"{behind}{indent}{statement}")
