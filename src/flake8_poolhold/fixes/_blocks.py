"""Ending a block earlier: its last lines lose the indentation of the block and stay where they are."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import Code, enclosing, end_row, leads, margin, names

_With = ast.With | ast.AsyncWith


class Block(NamedTuple):
    """A `with` on lines of its own: its statements, and which of them waits."""

    node: _With
    body: Sequence[ast.stmt]
    waiting: int


def block(code: Code, finding: Finding) -> Block:
    """The block that the fix ends earlier. Raises `CannotFixError` where its lines cannot be told apart."""
    start = finding.fix.start if finding.fix is not None else (0, 0)
    node = next((one for one in enclosing(code.tree.body, start, code) if code.span(one)[:2] == start), None)
    if not isinstance(node, _With):
        raise CannotFixError("the block to be changed was not found; the file may have changed")
    if not leads(node.body[0], code):
        raise CannotFixError("the block stands on one line")
    for index, statement in enumerate(node.body):
        if code.has(statement, (finding.line, finding.column)):
            if not stands_alone(node.body, index, code):
                raise CannotFixError("the statement that waits shares its line with others")
            return Block(node, node.body, index)
    raise CannotFixError("the statement that waits was not found in its block; the file may have changed")


def stands_alone(body: Sequence[ast.stmt], index: int, code: Code) -> bool:
    """Whether a statement of a block shares its lines with no other."""
    row = code.span(body[index])[2]
    return leads(body[index], code) and all(code.span(one)[0] > row for one in body[index + 1 : index + 2])


def first_line(statement: ast.stmt, code: Code, indent: str) -> int:
    """The line where a statement begins, with the comments right above it."""
    line = code.span(statement)[0]
    while code.source[line - 2].startswith(f"{indent}#"):
        line -= 1
    return line


def dedented(path: str, code: Code, root: ast.stmt, first: int, last: int, shift: tuple[str, str]) -> tuple[Edit, ...]:
    """The edits that give the lines from `first` to `last` the margin `shift[1]` in place of `shift[0]`.

    Lines inside a string stay as they are.
    """
    inner, outer = shift
    fixed = set(_inside_strings(root, code))
    return tuple(
        Edit(path, line, 1, line, len(inner) + 1, outer)
        for line in range(first, last + 1)
        if line not in fixed and code.source[line - 1].startswith(inner) and code.source[line - 1].strip()
    )


def dedented_text(code: Code, root: ast.stmt, first: int, last: int, shift: tuple[str, str]) -> str:
    """The same lines as a text."""
    inner, outer = shift
    fixed = set(_inside_strings(root, code))
    rows = ((row, code.source[row - 1]) for row in range(first, last + 1))
    return "".join(
        f"{outer}{line[len(inner) :]}" if row not in fixed and line.startswith(inner) and line.strip() else line
        for row, line in rows
    )


def _inside_strings(root: ast.stmt, code: Code) -> Iterator[int]:
    """The lines of a statement that begin inside a string."""
    first, column, last, _ = code.span(root)
    text = "".join(code.source[first - 1 : last])[column - 1 :]
    opened: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = tokenize.tok_name[token.type]
            if kind.endswith("STRING_START"):
                opened.append(token.start[0])
            elif kind == "STRING" or kind.endswith("STRING_END"):
                start = token.start[0] if kind == "STRING" else opened.pop()
                yield from range(first + start, first + token.end[0])
    except (tokenize.TokenError, SyntaxError) as error:
        raise CannotFixError("the strings in the block cannot be told apart") from error


def shift(code: Code, node: _With) -> tuple[str, str]:
    """The margin of the lines in a block, and that of the block itself."""
    inner, outer = (margin(code.source[code.span(one)[0] - 1]) for one in (node.body[0], node))
    if "\f" in inner or not inner.startswith(outer) or inner == outer:
        raise CannotFixError("the indentation of the block is not that of its lines")
    return inner, outer


def last_line(statement: ast.stmt, code: Code, inner: str) -> int:
    """The last line of a statement, with the comments behind it that belong to its block."""
    line = end_row(statement, code)
    while line < len(code.source) and code.source[line].startswith(f"{inner}#"):
        line += 1
    return line


def check_outside(finding: Finding, statements: Sequence[ast.stmt]) -> None:
    """Raise `CannotFixError` when statements that go out of the block name the session.

    The analysis has looked for uses that do something; this finds the others, such as `f"{db}"`.
    """
    session = finding.fix.session if finding.fix is not None else ()
    if any(not names(statement).isdisjoint(session) for statement in statements):
        raise CannotFixError("the session is named behind the call")
