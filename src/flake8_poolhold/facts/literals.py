"""Strings, found in a text without a parser, by the lexical rules of the newest Python.

In the replacement fields of an f-string anything may stand that is an expression: strings with the same quotes,
backslashes, comments and newlines too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Range = tuple[int, int]
"""Where something begins, and behind its end: offsets in the text."""

STRING = r"(?P<prefix>(?:\b(?:[rR][bBfFtT]?|[bBfFtT][rR]?|[uU]))?)(?P<quote>'''|\"\"\"|'|\")"
"""The beginning of a string."""

_PLAIN = {
    "'": re.compile(r"(?:[^'\\\r\n]|\\(?:\r\n|[\s\S]))*+'"),
    '"': re.compile(r'(?:[^"\\\r\n]|\\(?:\r\n|[\s\S]))*+"'),
    "'''": re.compile(r"(?:[^'\\]|\\[\s\S]|'(?!''))*+'''"),
    '"""': re.compile(r'(?:[^"\\]|\\[\s\S]|"(?!""))*+"""'),
}
_LITERAL = {
    False: re.compile(r"(?:[^\\{}'\"\r\n]|\{\{|\}\}|\\N\{[^{}]*\}|\\[^{}])*+"),
    True: re.compile(r"(?:[^\\{}'\"\r\n]|\{\{|\}\}|\\[^{}])*+"),
}
"""Literal text in an f-string without quotes and newlines of its own; by whether backslashes are plain."""
_SPECIFICATION = re.compile(r"[^{}'\"\r\n]*")
_IN_FIELD = re.compile(
    rf"""
    (?P<blank> \s+ | \\(?:\r\n|\r|\n) | \#[^\r\n]* )
    | {STRING}
    | (?P<open> [(\[{{] ) | (?P<close> [)\]}}] )
    | (?P<sign> [!=<>:]=? )
    | (?P<other> \w+ | [^\w\s] )
    """,
    re.VERBOSE,
)


class LiteralError(Exception):
    """A string that does not end, or a field in it."""


class Literal(NamedTuple):
    """A string, with the expressions in its replacement fields and whether these are as simple as they always were."""

    first: int
    last: int
    fields: list[Range]
    simple: bool


def literal(text: str, found: re.Match[str]) -> Literal:
    """The string that begins with a match of `STRING`. Raises `LiteralError`."""
    prefix, quote = found["prefix"].lower(), found["quote"]
    first, at = found.start("prefix"), found.end("quote")
    if "f" in prefix or "t" in prefix:
        return _formatted(text, first, at, quote, is_raw="r" in prefix)
    end = _PLAIN[quote].match(text, at)
    if end is None:
        raise LiteralError
    return Literal(first, end.end(), [], True)


_PLAINEST = re.compile(r"[^'\"\\#\r\n{}]*")


def _formatted(text: str, first: int, at: int, quote: str, *, is_raw: bool) -> Literal:
    plain = _LITERAL[is_raw]
    fields: list[Range] = []
    simple = True
    while True:
        at = _behind(plain, text, at)
        sign = text[at : at + 1]
        if text.startswith(quote, at):
            return Literal(first, at + len(quote), fields, simple)
        if sign == "{":
            start = at + 1
            at, field = _field(text, start, quote)
            fields.append(field)
            simple = simple and _behind(_PLAINEST, text, start) == at - 1
        elif sign in ("", "}") or (sign in "\r\n" and len(quote) == 1):
            raise LiteralError
        else:
            at += 1


def _field(text: str, at: int, quote: str) -> tuple[int, Range]:
    """What is behind a replacement field, and where its expression stands."""
    first = last = at
    depth = 0
    is_over = False
    while (found := _IN_FIELD.match(text, at)) is not None:
        at = found.end()
        if found["blank"]:
            continue
        sign = found["sign"] or found["close"] or ""
        if depth == 0 and sign[:1] == ":":
            return _specified(text, found.start() + 1, quote), (first, last)
        if depth == 0 and sign in ("}", "!", "="):
            if sign == "}":
                return at, (first, last)
            is_over = True
        depth += bool(found["open"]) - bool(found["close"])
        if found["quote"]:
            at = literal(text, found).last
        if not is_over:
            first, last = (found.start() if first == last else first), at
    raise LiteralError


def _specified(text: str, at: int, quote: str) -> int:
    """What is behind a field whose format specification begins at a place."""
    while True:
        at = _behind(_SPECIFICATION, text, at)
        sign = text[at : at + 1]
        if sign == "}":
            return at + 1
        if sign == "{":
            at, _ = _field(text, at + 1, quote)
        elif not sign or text.startswith(quote, at) or (sign in "\r\n" and len(quote) == 1):
            raise LiteralError
        else:
            at += 1


def _behind(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at
