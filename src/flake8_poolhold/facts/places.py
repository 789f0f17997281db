"""Where the nodes of the interpreter's syntax tree are, as the event tree counts it.

The interpreter counts columns in bytes of UTF-8, from 0; the event tree counts characters, from 1. It says nothing
about parentheses around an expression, which belong to the item of a `with` statement.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate

from flake8_poolhold.facts.tree import Span
from flake8_poolhold.source.text import lines

Positioned = ast.expr | ast.stmt | ast.keyword
Locate = Callable[[Positioned], Span]

_NOWHERE: Span = (1, 1, 1, 1)
_CONTINUATION = re.compile(rb"[\x80-\xbf]")
_COMMENT = re.compile(r"#[^\r\n]*")
_CLOSING = re.compile(r"(?:[\s\\]|#[^\r\n]*|\))*")


class Places:
    """What the descent asks about one text. `span` tells where a node is.

    The descent also counts here the `yield`s it has met, which tells a generator function from a plain one.
    """

    def __init__(self, text: str, span: Locate | None = None) -> None:
        self.text = text
        self.span = span or (_ascii if text.isascii() else _wide(text))
        self.yields = 0

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(line) for line in lines(self.text))]

    def offset(self, line: int, column: int) -> int:
        """The offset in the text of a line and column."""
        return self._starts[line - 1] + column - 1

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset in the text."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def nowhere(node: Positioned) -> Span:
    """The place of everything in a text that is not in the file as it stands, such as an annotation in a string."""
    return _NOWHERE


def _ascii(node: Positioned) -> Span:
    return node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1  # type: ignore[return-value,operator]  # a parser knows the ends


def _wide(text: str) -> Locate:
    source = lines(text)
    inside: dict[int, list[int]] = {}
    """By line, the offsets of the bytes that begin no character."""

    def column(line: int, offset: int) -> int:
        skipped = inside.get(line)
        if skipped is None:
            here = source[line - 1]
            found = () if here.isascii() else _CONTINUATION.finditer(here.encode())
            skipped = inside[line] = [one.start() for one in found]
        return offset + 1 - bisect_left(skipped, offset)

    def span(node: Positioned) -> Span:
        line, last = node.lineno, node.end_lineno or node.lineno
        return line, column(line, node.col_offset), last, column(last, node.end_col_offset or 0)

    return span


def with_items(node: ast.With | ast.AsyncWith, places: Places) -> list[Span]:
    """The span of each item of a `with`, with the parentheses around its expression and its target."""
    found: list[Span] = []
    owned = 0
    previous = places.span(node)[:2]
    for item in node.items:
        value = places.span(item.context_expr)
        start, end = value[:2], value[2:]
        opened = _opened(places, previous, start)
        closed = _closed(places, end) if opened else []
        if not found:
            owned = _owned(node, len(opened), len(closed))
        inner = len(closed)
        if item.optional_vars is None:
            inner = min(inner, len(opened) - (owned if not found else 0))
            end = places.position(closed[inner - 1]) if inner > 0 else end
        else:
            target = places.span(item.optional_vars)
            around = len(_opened(places, end, target[:2]))
            end = places.position(_closed(places, target[2:])[around - 1]) if around else target[2:]
        if inner > 0:
            start = places.position(opened[-inner])
        found.append((*start, *end))
        previous = end
    return found


def _owned(node: ast.With | ast.AsyncWith, opened: int, closed: int) -> int:
    """How many of the parentheses before its first expression belong to the `with` itself: one or none."""
    if opened > closed:
        return 1
    first = node.items[0]
    alone = len(node.items) == 1 and first.optional_vars is None
    return int(alone and opened > 0 and not isinstance(first.context_expr, ast.NamedExpr | ast.Yield | ast.YieldFrom))


def _opened(places: Places, start: tuple[int, int], end: tuple[int, int]) -> list[int]:
    """The offsets of the opening parentheses between two places that nothing else stands between."""
    first = places.offset(*start)
    between = places.text[first : places.offset(*end)]
    if "(" not in between:
        return []
    plain = _COMMENT.sub(lambda found: " " * len(found.group()), between)
    return [first + index for index, sign in enumerate(plain) if sign == "("]


def _closed(places: Places, start: tuple[int, int]) -> list[int]:
    """The offsets behind the closing parentheses that follow on a place."""
    first = places.offset(*start)
    found = _CLOSING.match(places.text, first)
    run = _COMMENT.sub(lambda comment: " " * len(comment.group()), found.group()) if found else ""
    return [first + index + 1 for index, sign in enumerate(run) if sign == ")"]
