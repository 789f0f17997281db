"""Syntax that is newer than the running interpreter, put into words that it reads, in the same places.

What the analysis does not need is blanked: type parameters, the word `type` of an alias, the literal text of f-strings
that nest quotes, of which the expressions stay as a tuple. The commas of `except A, B:` become bars. Lines and columns
of everything else are as they were, so that facts and codemods mean the same places. It is found by its words, without
a parser; whether all is Python then is for the interpreter to say.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from flake8_poolhold.facts.literals import STRING, Literal, LiteralError, Range, literal

_WORD = re.compile(
    rf"(?P<comment>#[^\r\n]*)|{STRING}|(?P<generic>\b(?:def|class)\s+\w+\s*\[)|(?P<open>[(\[{{])|(?P<close>[)\]}}])"
    r"|(?<=[\r\n])[ \t\f]*except\b[ \t]*\*?(?P<types>[ \t]+[\w.]+(?:[ \t]*,[ \t]*[\w.]+)+[ \t]*,?)(?=[ \t]*:)"
    r"|(?:(?<=[\r\n;:])|\A)[ \t\f]*(?P<alias>type)[ \t]+(?P<name>\w+)[ \t]*(?:\[|(?==))"
)
_QUOTED = re.compile(r"[ \t]*=[ \t]*(?P<value>'[^'\\\r\n]*'|\"[^\"\\\r\n]*\")[ \t]*(?=[#\r\n;]|\Z)")
_APART = re.compile(r"(?:[ \t\f]|\\(?:\r\n|\r|\n))*+")
_APART_IN_BRACKETS = re.compile(r"(?:\s|\\(?:\r\n|\r|\n)|#[^\r\n]*)*+")
_NEWLINE = re.compile(r"[\r\n]")
_BLANKS = re.compile(r"[ \t]*")
_TEXT = re.compile(r"[^\r\n]")


class _Found(NamedTuple):
    """What may be newer: type parameters; aliases as the word `type`, the name, the value if it is in quotes; the types
    of a handler without brackets; strings with fields that are not simple, those together that are joined."""

    parameters: list[Range]
    types: list[Range]
    aliases: list[tuple[Range, Range, Range | None]]
    strings: list[list[Literal]]


def older(text: str) -> str | None:
    """The same text for the running interpreter; `None` when nothing in it is newer, or something does not end.

    What comes out may still be none that the interpreter reads.
    """
    try:
        found = _scan(text, (0, len(text)), is_field=False)
    except LiteralError:
        return None
    letters = list(text)
    for (first, _), (begin, end), value in found.aliases:
        letters[first:end] = [*text[begin:end], *" " * (begin - first)]
        if value is not None:  # a type in quotes; what is assigned would be a text
            letters[value[0]] = letters[value[1] - 1] = " "
    for first, last in found.parameters:
        _erase_parameters(letters, text, first, last)
    for first, last in found.types:
        listed = text[first:last].rstrip()
        bars = listed.rstrip(",").replace(",", "|")
        letters[first:last] = bars.ljust(last - first)
    waiting = found.strings
    while waiting:
        strings = waiting.pop()
        first, last = strings[0].first, strings[-1].last
        if not _is_read(text[first:last]):
            fields = [field for one in strings for field in one.fields]
            letters[first:last] = _tuple(text[first:last], [(begin - first, end - first) for begin, end in fields])
            waiting += [inner for field in fields for inner in _scan(text, field, is_field=True).strings]
    result = "".join(letters)
    return result if result != text else None


def _scan(text: str, part: Range, *, is_field: bool) -> _Found:
    """What may be newer in a part of a text: all of it, or an expression in a field. Raises `LiteralError`."""
    parameters: list[Range] = []
    types: list[Range] = []
    aliases: list[tuple[Range, Range, Range | None]] = []
    strings: list[list[Literal]] = []
    opened: list[tuple[int, re.Match[str]]] = []
    at, end = part
    while (word := _WORD.search(text, at, end)) is not None:
        at = word.end()
        if word["quote"]:
            one = literal(text, word)
            at = one.last
            apart = _APART_IN_BRACKETS if is_field or opened else _APART
            if strings and apart.fullmatch(text, strings[-1][-1].last, one.first):
                strings[-1].append(one)
            else:
                strings.append([one])
        elif word["close"]:
            if not opened:
                raise LiteralError
            first, before = opened.pop()
            if before["generic"] or before["alias"]:
                parameters.append((first, at))
            if before["alias"]:
                aliases.append((before.span("alias"), before.span("name"), _quoted(text, at)))
        elif word["alias"] and text[at - 1] != "[":
            aliases.append((word.span("alias"), word.span("name"), _quoted(text, at)))
        elif word["types"]:
            types.append(word.span("types"))
        elif not word["comment"]:
            opened.append((at - 1, word))
    if opened:
        raise LiteralError
    return _Found(parameters, types, aliases, [joined for joined in strings if not all(one.simple for one in joined)])


def _quoted(text: str, at: int) -> Range | None:
    """The value of an alias behind its name and parameters, when it is a string."""
    found = _QUOTED.match(text, at)
    return found.span("value") if found is not None else None


def _erase_parameters(letters: list[str], text: str, first: int, last: int) -> None:
    """Blank type parameters. On several lines, round brackets keep these together."""
    letters[first:last] = _blank(text[first:last])
    if _NEWLINE.search(text, first, last):
        behind = _BLANKS.match(text, last)
        opening = behind.end() if behind is not None else last
        letters[first] = "("
        if text[opening : opening + 1] == "(":
            letters[opening] = " "
        else:
            letters[last - 1] = ")"


def _is_read(literal: str) -> bool:
    try:
        ast.parse(f"({literal})")
    except (SyntaxError, ValueError):
        return False
    return True


def _tuple(literal: str, fields: list[Range]) -> list[str]:
    """The expressions of a string as a tuple, each where it was; a brace is behind each of them for its comma."""
    letters = ["(", *_blank(literal[1:-1]), ")"]
    for first, last in fields:
        letters[first:last] = literal[first:last]
        letters[last] = ","
    return letters


def _blank(text: str) -> list[str]:
    return list(_TEXT.sub(" ", text))
