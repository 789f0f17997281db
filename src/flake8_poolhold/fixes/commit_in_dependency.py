"""`commit-in-dependency`: end the transaction of a dependency before it returns.

Every `return` behind the first use of the session gets a commit before it, those of error handlers excepted. What a
`return` queries itself is put into a variable first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._places import below, end_row, inserted, margin, newline, node_at, parsed, suites
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines

_RESULTS = ("result", "found", "returned")


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
    taken = {node.value for node in below(function) if isinstance(node, cst.Name)}
    result = next((name for name in _RESULTS if name not in taken), "")
    source = lines(text)
    made: list[Edit] = []
    ends, used = _walk(function.body, session, used=False, failed=False)
    for line in ends:
        made += _before(line, offer.path, source, found, module, (offer.statement, session, result))
    if used and not _ends(function.body.body):
        made += _behind(function.body.body[-1], offer.path, source, found, module, offer.statement)
    if not made:
        raise CannotFixError("the dependency has no end before which a commit can stand")
    return tuple(made)


def _walk(
    suite: cst.BaseSuite, session: str, *, used: bool, failed: bool
) -> tuple[list[cst.SimpleStatementLine], bool]:
    """The `return`s of a block that may come after a use of the session, and whether one may come after its end.

    Raises `CannotFixError` where such a `return` stands where no commit can stand.
    """
    ends: list[cst.SimpleStatementLine] = []
    for statement in suite.body:
        if isinstance(statement, cst.SimpleStatementLine):
            used = used or _names(statement, session)
            if used and any(isinstance(one, cst.Return) for one in statement.body):
                if failed:
                    raise CannotFixError("the dependency returns from an error handler, where a commit may fail too")
                ends.append(statement)
        elif isinstance(suite, cst.SimpleStatementSuite):
            used = used or _names(statement, session)
            if used and isinstance(statement, cst.Return):
                raise CannotFixError("a `return` of the dependency shares its line")
        elif isinstance(statement, cst.If):
            inside, used = _walk_if(statement, session, used=used, failed=failed)
            ends += inside
        elif not isinstance(statement, cst.FunctionDef | cst.ClassDef):
            used = used or _names(statement, session)
            for inner in suites(statement):
                aside = isinstance(statement, cst.Try | cst.TryStar) and inner is not statement.body
                ends += _walk(inner, session, used=used, failed=failed or aside)[0]
    return ends, used


def _walk_if(
    statement: cst.If, session: str, *, used: bool, failed: bool
) -> tuple[list[cst.SimpleStatementLine], bool]:
    """The same of an `if`: what an arm that leaves the function has used does not matter behind it."""
    ends: list[cst.SimpleStatementLine] = []
    behind = False
    rest: cst.If | cst.Else | None = statement
    while rest is not None:
        if isinstance(rest, cst.If):
            used = used or _names(rest.test, session)
        inside, after = _walk(rest.body, session, used=used, failed=failed)
        ends += inside
        behind = behind or (after and not _ends(rest.body.body))
        rest = rest.orelse if isinstance(rest, cst.If) else None
    return ends, used or behind


def _names(node: cst.CSTNode, session: str) -> bool:
    return any(isinstance(one, cst.Name) and one.value == session for one in below(node))


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
    if _names(small, session):
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
