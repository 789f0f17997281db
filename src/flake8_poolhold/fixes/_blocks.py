"""Ending a block earlier: its last lines lose the indentation of the block and stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._places import Position, below, contains, end_row, margin, node_at
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


class Block(NamedTuple):
    """A `with` on lines of its own: its statements, and which of them waits."""

    node: cst.With
    body: Sequence[cst.BaseStatement]
    waiting: int


def block(module: cst.Module, finding: Finding, found: Spans) -> Block:
    """The block that the fix ends earlier. Raises `CannotFixError` where its lines cannot be told apart."""
    start = finding.fix.start if finding.fix is not None else (0, 0)
    node = node_at(module, cst.With, start, found)
    at: Position = (finding.line, finding.column)
    if not isinstance(node, cst.With) or not isinstance(node.body, cst.IndentedBlock):
        raise CannotFixError("the block stands on one line")
    body = node.body.body
    for index, statement in enumerate(body):
        if contains(found.get(id(statement)), at):
            if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) > 1:
                raise CannotFixError("the statement that waits shares its line with others")
            return Block(node, body, index)
    raise CannotFixError("the statement that waits was not found in its block; the file may have changed")


def first_line(statement: cst.BaseStatement, found: Spans, source: Sequence[str], indent: str) -> int:
    """The line where a statement begins, with the comments right above it."""
    line = found[id(statement)][0]
    while source[line - 2].startswith(f"{indent}#"):
        line -= 1
    return line


def dedented(
    path: str, text: str, root: cst.CSTNode, found: Spans, first: int, last: int, shift: tuple[str, str]
) -> tuple[Edit, ...]:
    """The edits that give the lines from `first` to `last` the margin `shift[1]` in place of `shift[0]`.

    Lines inside a string stay as they are.
    """
    source = lines(text)
    inner, outer = shift
    fixed: set[int] = set()
    for node in below(root):
        if isinstance(node, cst.SimpleString | cst.FormattedString):
            start, end = found[id(node)][0], found[id(node)][2]
            fixed.update(range(start + 1, end + 1))
    return tuple(
        Edit(path, line, 1, line, len(inner) + 1, outer)
        for line in range(first, last + 1)
        if line not in fixed and source[line - 1].startswith(inner) and source[line - 1].strip()
    )


def shift(source: Sequence[str], node: cst.With, statement: cst.BaseStatement, found: Spans) -> tuple[str, str]:
    """The margin of the lines in the block, and that of the block itself."""
    inner = margin(source[found[id(statement)][0] - 1])
    outer = margin(source[found[id(node)][0] - 1])
    if "\f" in inner or not inner.startswith(outer) or inner == outer:
        raise CannotFixError("the indentation of the block is not that of its lines")
    return inner, outer


def last_line(statement: cst.BaseStatement, found: Spans, source: Sequence[str], inner: str) -> int:
    """The last line of a statement, with the comments behind it that belong to its block."""
    line = end_row(statement, found, source)
    while line < len(source) and source[line].startswith(f"{inner}#"):
        line += 1
    return line


def check_outside(finding: Finding, statements: Sequence[cst.BaseStatement]) -> None:
    """Raise `CannotFixError` when statements that go out of the block name the session.

    The analysis has looked for uses that do something; this finds the others, such as `f"{db}"`.
    """
    session = finding.fix.session if finding.fix is not None else ()
    for statement in statements:
        if any(isinstance(node, cst.Name) and node.value in session for node in below(statement)):
            raise CannotFixError("the session is named behind the call")
