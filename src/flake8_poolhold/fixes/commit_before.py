"""`commit-before`: end the transaction with a commit right before the statement that waits.

The analysis has decided whether that is harmless; this file finds the place. The new statement stands on a line of its
own before the waiting one, or in its line where that is shared with what comes before it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.facts.positions import Spans, spans
from flake8_poolhold.facts.tree import Span
from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.source.text import lines

_SMALL: tuple[type, ...] = (
    cst.AnnAssign, cst.Assert, cst.Assign, cst.AugAssign, cst.Del, cst.Expr, cst.Raise, cst.Return, cst.TypeAlias,
)  # fmt: skip
_LATER: tuple[type, ...] = (cst.Lambda, cst.GeneratorExp)
_WANTED: frozenset[type] = frozenset(
    {
        cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.With, cst.Try, cst.TryStar, cst.Match, cst.FunctionDef,
        cst.ClassDef, *_SMALL, *_LATER,
    }
)  # fmt: skip
_MARGIN = re.compile(r"[ \t\f]*")

_Position = tuple[int, int]


class _Waiting(NamedTuple):
    """The smallest statement that waits: the node, and whether it is the first one on its line."""

    node: cst.CSTNode
    leads: bool


@functools.lru_cache(maxsize=1)
def _parsed(text: str) -> tuple[cst.Module, Spans]:
    """The tree of a file and where its statements are; a file's findings come one after the other."""
    module = cst.parse_module(text)
    return module, spans(module, _WANTED)


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edit that inserts the fix's statement. Raises `CannotFixError` where none can stand before the wait."""
    if finding.fix is None:
        raise CannotFixError("no fix is offered")
    module, found = _parsed(text)
    at = (finding.line, finding.column)
    waiting = _find(module.body, at, found)
    _check(waiting.node, finding, at, found)
    line, column = found[id(waiting.node)][:2]
    source = lines(text)[line - 1]
    margin = _MARGIN.match(source)
    indent = margin.group() if margin is not None else ""
    if waiting.leads:
        behind = f"{_newline(source, module)}{_plain(indent)}"
        return _inserted(finding.path, line, len(indent) + 1, f"{finding.fix.statement}{behind}")
    column = _column(source, column, indent, module.code_for_node(waiting.node))
    return _inserted(finding.path, line, column, f"{finding.fix.statement}; ")


def _column(source: str, column: int, indent: str, code: str) -> int:
    """The column in the text: libcst drops some of the form feeds in a margin."""
    start = lines(code)[0].rstrip("\r\n; \t")
    for candidate in (column, column + indent.count("\f")):
        if source.startswith(start, candidate - 1):
            return candidate
    raise CannotFixError("the waiting statement was not found on its line")


def _inserted(path: str, line: int, column: int, content: str) -> tuple[Edit, ...]:
    return (Edit(path, line, column, line, column, content),)


def _plain(indent: str) -> str:
    """The margin behind its last form feed, where Python begins to count it."""
    return indent.rpartition("\f")[2]


def _newline(line: str, module: cst.Module) -> str:
    return line[len(line.rstrip("\r\n")) :] or module.default_newline


def _contains(span: Span | None, at: _Position) -> bool:
    return span is not None and span[:2] <= at < span[2:]


def _find(body: Sequence[cst.CSTNode], at: _Position, found: Spans) -> _Waiting:
    """The statement of a block, or of a block inside it, that waits."""
    for node in body:
        if not _contains(found.get(id(node)), at):
            continue
        if isinstance(node, cst.SimpleStatementLine):
            return _small(node.body, at, found, leads=True)
        for suite in _suites(node):
            if isinstance(suite, cst.SimpleStatementSuite):
                if any(_contains(found.get(id(small)), at) for small in suite.body):
                    return _small(suite.body, at, found, leads=False)
            elif any(_contains(found.get(id(inner)), at) for inner in suite.body):
                return _find(suite.body, at, found)
        return _Waiting(node, True)
    raise CannotFixError("the waiting statement was not found; the file may have changed")


def _small(body: Sequence[cst.CSTNode], at: _Position, found: Spans, *, leads: bool) -> _Waiting:
    for index, small in enumerate(body):
        if _contains(found.get(id(small)), at):
            return _Waiting(small, leads and index == 0)
    raise CannotFixError("the wait is in a statement before which nothing can be inserted")


def _check(node: cst.CSTNode, finding: Finding, at: _Position, found: Spans) -> None:
    """Raise when the wait does not follow right after what stands before the statement."""
    for inner in _later(node):
        if _contains(found.get(id(inner)), at):
            raise CannotFixError("the wait runs later than the statement that it is written in; make it a function")
    if isinstance(node, _SMALL):
        checkouts = [(step.line, step.column) for step in finding.trail if step.role == "checkout"]
        if any(_contains(found[id(node)], checkout) for checkout in checkouts):
            raise CannotFixError("the statement checks the connection out itself; query in a statement of its own")
        return
    match node:
        case cst.If() if not _in_elif(node, at, found):
            return
        case cst.If():
            raise CannotFixError("the wait is in an `elif`; take it out into a variable first")
        case cst.With():
            name = finding.fix.statement.removeprefix("await ").partition(".")[0] if finding.fix is not None else ""
            if any(_binds(item, name) for item in node.items):
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
        if isinstance(current, _LATER):
            yield current
        waiting.extend(child for child in current.children if not isinstance(child, cst.BaseSuite))


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
