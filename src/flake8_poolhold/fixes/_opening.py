"""Putting statements into a new block: its first line takes the place of an assignment, the rest is indented."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.finding import Edit
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import Position, below, contains, end_row, suites
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


class Opened(NamedTuple):
    """The statement that is to become the first line of a block, and those that may go into it."""

    assign: cst.Assign | cst.AnnAssign
    line: cst.SimpleStatementLine
    rest: Sequence[cst.BaseStatement]


def opened(root: cst.CSTNode, at: Position, found: Spans) -> Opened:
    """The assignment with the call at `at`, in a block of lines. Raises `CannotFixError` when it shares its line."""
    for node in below(root):
        if not isinstance(node, cst.IndentedBlock | cst.Module):
            continue
        for index, line in enumerate(node.body):
            if isinstance(line, cst.SimpleStatementLine) and contains(found.get(id(line.body[0])), at):
                small = line.body[0]
                if not isinstance(small, cst.Assign | cst.AnnAssign) or len(line.body) > 1:
                    raise CannotFixError("the session is made on a line with other statements")
                return Opened(small, line, node.body[index + 1 :])
    raise CannotFixError("the session is not made on a line of its own")


def covered(
    opening: Opened, function: cst.CSTNode, names: Collection[str], session: Collection[str]
) -> list[cst.BaseStatement]:
    """The statements up to the last that names one of `names`.

    Raises `CannotFixError` when one of `session` is named outside of them, or nothing is to be covered.
    """
    last = max((index for index, one in enumerate(opening.rest) if mentions(one, names)), default=-1)
    inside = list(opening.rest[: last + 1])
    known = {id(node) for one in [opening.line, *inside] for node in below(one)}
    if any(id(node) not in known for node in variables(function, session)):
        raise CannotFixError("the session is named outside of the lines that a block could cover")
    if not inside:
        raise CannotFixError("nothing uses the session")
    return inside


def mentions(root: cst.CSTNode, names: Collection[str]) -> bool:
    return any(True for _ in variables(root, names))


def variables(root: cst.CSTNode, names: Collection[str]) -> Iterator[cst.Name]:
    """Where variables of these names are named: `db` in `f(db=1)` and `x.db` is none."""
    nodes = list(below(root))
    others = {id(node.keyword) for node in nodes if isinstance(node, cst.Arg)}
    others |= {id(node.attr) for node in nodes if isinstance(node, cst.Attribute)}
    for node in nodes:
        if isinstance(node, cst.Name) and node.value in names and id(node) not in others:
            yield node


def header(
    path: str, module: cst.Module, opening: Opened, found: Spans, words: tuple[str, str, str]
) -> tuple[Edit, Edit]:
    """The edits that make `name = value` the first line of a block: `words` are `async with`, the value if it is
    another, and the name."""
    keyword, value, name = words
    assign = opening.assign
    if assign.value is None:
        raise CannotFixError("the session is not made where it is declared")
    whole, old = module.code_for_node(assign), module.code_for_node(assign.value)
    before = whole[: -len(old)]
    if "\n" in before or not whole.endswith(old) or isinstance(assign.semicolon, cst.Semicolon):
        raise CannotFixError("the session is made on a line with other statements")
    line, column, last, end = found[id(assign)]
    start = Edit(path, line, column, line, column + len(before), f"{keyword} ")
    if value:
        return start, Edit(path, line, column + len(before), last, end, f"{value} as {name}:")
    return start, Edit(path, last, end, last, end, f" as {name}:")


def indented(
    path: str, text: str, opening: Opened, inside: Sequence[cst.BaseStatement], found: Spans, without: Collection[int]
) -> tuple[Edit, ...]:
    """The edits that indent the lines behind the assignment, to the end of `inside`, by one more level.

    Lines in strings and those in `without` stay as they are; empty lines right behind the assignment go.
    """
    first = found[id(opening.assign)][2] + 1
    outer = margin(lines(text)[found[id(opening.assign)][0] - 1])
    return indented_from(path, text, first, outer, inside, found, without)


def indented_from(
    path: str,
    text: str,
    first: int,
    outer: str,
    inside: Sequence[cst.BaseStatement],
    found: Spans,
    without: Collection[int],
) -> tuple[Edit, ...]:
    """The same for the lines from `first` on, whose margin is `outer`."""
    source = lines(text)
    last = end_row(inside[-1], found, source)
    indent = step(inside, outer, source, found)
    fixed = {
        row
        for statement in inside
        for node in below(statement)
        if isinstance(node, cst.SimpleString | cst.FormattedString)
        for row in range(found[id(node)][0] + 1, found[id(node)][2] + 1)
    }
    made: list[Edit] = []
    leading = True
    for row in range(first, last + 1):
        line = source[row - 1]
        if "\f" in line:
            raise CannotFixError("the lines to be indented have form feeds")
        if not line.strip() and row not in fixed:
            if leading:
                made.append(Edit(path, row, 1, row + 1, 1, ""))
            continue
        leading = False
        if row not in fixed and row not in without:
            if not line.startswith(outer) and not line.lstrip().startswith("#") and _begins(inside, row, found):
                raise CannotFixError("the indentation of the lines to be indented is uneven")
            made.append(Edit(path, row, 1, row, 1, indent))
    return tuple(made)


def _begins(inside: Sequence[cst.BaseStatement], row: int, found: Spans) -> bool:
    return any(found[id(one)][0] == row for one in inside)


def step(inside: Sequence[cst.BaseStatement], outer: str, source: Sequence[str], found: Spans) -> str:
    """One level of indentation, as it is used nearby."""
    for statement in inside:
        for suite in suites(statement):
            if isinstance(suite, cst.IndentedBlock) and suite.body:
                inner = margin(source[found[id(suite.body[0])][0] - 1])
                if inner.startswith(outer) and inner != outer:
                    return inner[len(outer) :]
    if outer and set(outer) == {"\t"}:
        return "\t"
    return "    " if len(outer) % 4 == 0 else "  "


def deleted(path: str, text: str, first: int, last: int) -> Edit:
    """The edit that takes whole lines away, and one empty line where it would leave two."""
    source = lines(text)
    behind = last < len(source) and not source[last].strip()
    before = first > 1 and not source[first - 2].strip()
    if behind and before:
        last += 1
    return Edit(path, first, 1, last + 1, 1, "") if last < len(source) else _at_end(path, source, first, last)


def _at_end(path: str, source: Sequence[str], first: int, last: int) -> Edit:
    """The same where the text ends with these lines."""
    return Edit(path, first, 1, last, len(source[last - 1]) + 1, "")
