"""Syntax that is newer than the running interpreter, put into words that it reads, in the same places.

libcst reads what newer interpreters do. What the analysis does not need is blanked: type parameters, the word `type` of
an alias, the literal text of f-strings that nest quotes, of which the expressions stay as a tuple. Lines and columns of
everything else are as they were, so that facts and codemods mean the same places.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import accumulate

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

DEEPEST = 100
"""Brackets that nest deeper than this are not given to libcst, which has no limit of its own and dies of them."""

_BRACKET = re.compile(r"[()\[\]{}]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_NEWLINE = re.compile(r"[\r\n]")
_BLANKS = re.compile(r"[ \t]*")
_TEXT = re.compile(r"[^\r\n]")


def older(text: str) -> str | None:
    """The same text for the running interpreter; `None` when it is no Python for libcst either, or nests too deep.

    What comes out may still be none that the interpreter reads.
    """
    depths = accumulate(1 if match[0] in "([{" else -1 for match in _BRACKET.finditer(text))
    if max(depths, default=0) > DEEPEST:
        return None
    try:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        places = wrapper.resolve(PositionProvider)
    except Exception:  # libcst raises several types on what is no Python
        return None
    starts = [0, *accumulate(len(line[0]) for line in _LINE.finditer(text))]
    letters = list(text)

    def span(node: cst.CSTNode) -> tuple[int, int]:
        place = places[node]
        if not isinstance(place, CodeRange):
            raise TypeError("a place is a range")
        return starts[place.start.line - 1] + place.start.column, starts[place.end.line - 1] + place.end.column

    for node in _newer(wrapper.module):
        first, last = span(node)
        match node:
            case cst.TypeParameters():
                letters[first:last] = _blank(text[first:last])
                if _NEWLINE.search(text, first, last):  # on several lines: round brackets keep these together
                    behind = _BLANKS.match(text, last)
                    opening = behind.end() if behind is not None else last
                    letters[first] = "("
                    if text[opening] == "(":
                        letters[opening] = " "
                    else:
                        letters[last - 1] = ")"
            case cst.TypeAlias(name=name, value=value):
                begin, end = span(name)
                letters[first:end] = [*text[begin:end], *_blank(text[first:begin])]
                if isinstance(value, cst.SimpleString):  # a type in quotes; what is assigned would be a text
                    begin, end = span(value)
                    letters[begin] = letters[end - 1] = " "
            case _:
                if not _is_read(text[first:last]):
                    letters[first:last] = _tuple(text[first:last], [_moved(span(one), first) for one in _fields(node)])
    return "".join(letters)


def _newer(root: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes that may be newer syntax, inner ones last; of joined strings the whole, not its parts."""
    waiting = [root]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, cst.TypeParameters | cst.TypeAlias | cst.FormattedString | cst.ConcatenatedString):
            yield node
        waiting.extend(_fields(node) if isinstance(node, cst.ConcatenatedString) else node.children)


def _fields(node: cst.CSTNode) -> list[cst.BaseExpression]:
    """The expressions in the replacement fields of a string, not those of strings inside them."""
    match node:
        case cst.FormattedString(parts=parts):
            return [part.expression for part in parts if isinstance(part, cst.FormattedStringExpression)]
        case cst.ConcatenatedString(left=left, right=right):
            return [*_fields(left), *_fields(right)]
        case _:
            return []


def _is_read(literal: str) -> bool:
    try:
        ast.parse(f"({literal})")
    except (SyntaxError, ValueError):
        return False
    return True


def _moved(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] - by, span[1] - by


def _tuple(literal: str, fields: list[tuple[int, int]]) -> list[str]:
    """The expressions of a string as a tuple, each where it was; a brace is behind each of them for its comma."""
    letters = ["(", *_blank(literal[1:-1]), ")"]
    for first, last in fields:
        letters[first:last] = literal[first:last]
        letters[last] = ","
    return letters


def _blank(text: str) -> list[str]:
    return list(_TEXT.sub(" ", text))
