"""Finding the nodes that a fix is about, and saying where they are in the text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.facts.tree import Span
from flake8_poolhold.finding import Edit
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._positions import Spans, parse, spans

SMALL: tuple[type, ...] = (
    cst.AnnAssign, cst.Assert, cst.Assign, cst.AugAssign, cst.Del, cst.Expr, cst.Raise, cst.Return, cst.TypeAlias,
)  # fmt: skip
LATER: tuple[type, ...] = (cst.Lambda, cst.GeneratorExp)
_WANTED: frozenset[type] = frozenset(
    {
        cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.With, cst.Try, cst.TryStar, cst.Match, cst.FunctionDef,
        cst.ClassDef, cst.Attribute, cst.SimpleString, cst.FormattedString, cst.Await, cst.Call, cst.Arg, cst.Param,
        *SMALL, *LATER,
    }
)  # fmt: skip
_MARGIN = re.compile(r"[ \t\f]*")

Position = tuple[int, int]


class Waiting(NamedTuple):
    """The smallest statement that waits: the node, and whether it is the first one on its line."""

    node: cst.CSTNode
    leads: bool


@functools.lru_cache(maxsize=1)
def parsed(text: str) -> tuple[cst.Module, Spans]:
    """The tree of a file and where its statements are; a file's findings come one after the other.

    Raises `CannotFixError` where there is no such tree.
    """
    module = parse(text)
    return module, spans(module, _WANTED, text)


def margin(line: str) -> str:
    """The white space that a line begins with."""
    found = _MARGIN.match(line)
    return found.group() if found is not None else ""


def end_row(node: cst.CSTNode, found: Spans, source: Sequence[str]) -> int:
    """The last line of a statement; the span of a block runs on to the next line that is not empty."""
    row, column = found[id(node)][2:]
    if column == 1:
        row -= 1
    while not source[row - 1].strip():
        row -= 1
    return row


def inserted(path: str, line: int, column: int, content: str) -> tuple[Edit, ...]:
    return (Edit(path, line, column, line, column, content),)


def plain(indent: str) -> str:
    """The margin behind its last form feed, where Python begins to count it."""
    return indent.rpartition("\f")[2]


def newline(line: str, module: cst.Module) -> str:
    return line[len(line.rstrip("\r\n")) :] or module.default_newline


def contains(span: Span | None, at: Position) -> bool:
    return span is not None and span[:2] <= at < span[2:]


def find(body: Sequence[cst.CSTNode], at: Position, found: Spans) -> Waiting:
    """The statement of a block, or of a block inside it, that waits."""
    for node in body:
        if not contains(found.get(id(node)), at):
            continue
        if isinstance(node, cst.SimpleStatementLine):
            return small_in(node.body, at, found, leads=True)
        for suite in suites(node):
            if isinstance(suite, cst.SimpleStatementSuite):
                if any(contains(found.get(id(small)), at) for small in suite.body):
                    return small_in(suite.body, at, found, leads=False)
            elif any(contains(found.get(id(inner)), at) for inner in suite.body):
                return find(suite.body, at, found)
        return Waiting(node, True)
    raise CannotFixError("the waiting statement was not found; the file may have changed")


def enclosing(body: Sequence[cst.CSTNode], at: Position, found: Spans) -> Iterator[cst.CSTNode]:
    """The statements around a place, outermost first; of those on one line, the one that has the place."""
    for node in body:
        if not contains(found.get(id(node)), at):
            continue
        if isinstance(node, cst.SimpleStatementLine):
            yield from (small for small in node.body if contains(found.get(id(small)), at))
            return
        yield node
        for suite in suites(node):
            if any(contains(found.get(id(inner)), at) for inner in suite.body):
                yield from enclosing(suite.body, at, found)
        return


def node_at(root: cst.CSTNode, kind: type[cst.CSTNode], start: Position, found: Spans) -> cst.CSTNode:
    """The node of a kind that begins at `start`. Raises `CannotFixError` when there is none."""
    for node in below(root):
        if isinstance(node, kind) and found.get(id(node), (0, 0))[:2] == start:
            return node
    raise CannotFixError("the block to be changed was not found; the file may have changed")


def below(root: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """All nodes of a tree, in no particular order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


def small_in(body: Sequence[cst.CSTNode], at: Position, found: Spans, *, leads: bool) -> Waiting:
    for index, small in enumerate(body):
        if contains(found.get(id(small)), at):
            return Waiting(small, leads and index == 0)
    raise CannotFixError("the wait is in a statement before which nothing can be inserted")


def suites(node: cst.CSTNode) -> list[cst.BaseSuite]:
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
