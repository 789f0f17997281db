"""The layout of brackets that get longer or shorter, as formatters want it.

A bracket whose content stands on one line of its own, without a comma at its end, is closed up when it fits; one whose
line gets too long is written with one item on a line.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Sequence

from flake8_poolhold.finding import Edit
from flake8_poolhold.fixes._code import margin

_PRAGMA = re.compile(r"\s*#\s*(noqa|type:|pyright:|pylint:|fmt:).*$")


def limit(source: Sequence[str]) -> int:
    """How long a file lets its lines get, as far as its own code tells: 88, 100, or more."""
    code = [len(line.rstrip()) for line in source if not any(mark in line for mark in "\"'#")]
    most = max(code, default=0)
    return 88 if most <= 88 else 100 if most <= 100 else max(most, 120)


def fits(line: str, source: Sequence[str]) -> bool:
    """Whether a line is not too long for a file; a comment that is an instruction does not count."""
    return len(_PRAGMA.sub("", line.rstrip("\r\n"))) <= limit(source)


def closed_up(path: str, source: Sequence[str], row: int, content: str) -> Edit | None:
    """The edit that closes a bracket up whose only line, at `row`, becomes `content`; `None` if it cannot be."""
    if not _stands_alone(source, row) or content.endswith(","):
        return None
    before, behind = source[row - 2].rstrip(), source[row].lstrip().rstrip("\r\n")
    if not fits(f"{before}{content.strip()}{behind}", source):
        return None
    column = len(source[row]) - len(source[row].lstrip()) + 1
    return Edit(path, row - 1, len(before) + 1, row + 1, column, content.strip())


def closed_up_all(rows: list[str], source: Sequence[str]) -> list[str]:
    """Lines that lost some of their margin: a bracket with one line in it is closed up where it fits now."""
    row = 2
    while row < len(rows):
        before, middle, behind = rows[row - 2].rstrip(), rows[row - 1].strip(), rows[row].lstrip()
        joined = f"{before}{middle}{behind}"
        if _stands_alone(rows, row) and middle[-1:] != "," and "#" not in joined and fits(joined, source):
            rows = [*rows[: row - 2], joined, *rows[row + 1 :]]
            row = 2
        else:
            row += 1
    return rows


def spread(path: str, source: Sequence[str], row: int, items: Sequence[str], newline: str) -> Edit | None:
    """The edit that gives each item a line, where the only line of a bracket, at `row`, gets too long; else `None`."""
    indent = margin(source[row - 1])
    if not _stands_alone(source, row) or fits(f"{indent}{', '.join(items)}", source):
        return None
    content = "".join(f"{indent}{one},{newline}" for one in items)
    return Edit(path, row, 1, row + 1, 1, content)


def items_of(line: str) -> list[str]:
    """The items on a line between brackets: what its commas divide, those inside of other brackets excepted."""
    items, depth, start = [], 0, 0
    text = line.strip()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
            if token.string == "," and not depth:
                items.append(text[start : token.start[1]].strip())
                start = token.end[1]
    except tokenize.TokenError:
        return []
    return [*items, text[start:].strip()]


def _stands_alone(source: Sequence[str], row: int) -> bool:
    """Whether a line is all that stands between an opening bracket at a line's end and the closing one."""
    if not 1 < row < len(source):
        return False
    return source[row - 2].rstrip()[-1:] in ("(", "[", "{") and source[row].lstrip()[:1] in (")", "]", "}")
