"""How deep the brackets of a text nest, counted before a parser that would die of it sees the text.

A linear scan that knows comments, strings and f-strings (nested as PEP 701 allows), and nothing else of the grammar.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

LIMIT = 200
"""Brackets may nest this deep. CPython's own parser has the same limit."""

_OPEN = "([{"
# A comment, a pair of brackets around nothing of interest (most of them), a quote, or a bracket.
_CODE = re.compile(r"#[^\r\n]*+|\([^()\[\]{}\"'#]*+\)|\[[^()\[\]{}\"'#]*+\]|\"\"\"|'''|\"|'|[()\[\]{}]")
# In a replacement field a colon matters too: at the field's own level it ends the expression.
_FIELD = re.compile(_CODE.pattern + "|:")
# From behind the opening quote to behind the closing one, or to where an unterminated string stops.
_STRING = {
    '"': re.compile(r'[^"\\\r\n]*+(?:\\(?:\r\n|.)[^"\\\r\n]*+)*+"?', re.DOTALL),
    "'": re.compile(r"[^'\\\r\n]*+(?:\\(?:\r\n|.)[^'\\\r\n]*+)*+'?", re.DOTALL),
    '"""': re.compile(r'[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+(?:""")?', re.DOTALL),
    "'''": re.compile(r"[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+(?:''')?", re.DOTALL),
}
# In the literal part of an f-string: an escape (skipped), a brace or two, the closing quote, the end of the line.
_LITERAL = {
    quote: re.compile(r"\\N\{[\w -]*+\}|\\(?:\r\n|[^{}])|\{\{|\}\}|[{}]|" + quote + line, re.DOTALL)
    for quote, line in (('"', r"|[\r\n]"), ("'", r"|[\r\n]"), ('"""', ""), ("'''", ""))
}
# In a format specification, which knows no doubled braces.
_SPEC = {quote: re.compile(rf"[{{}}\r\n]|{quote}") for quote in _STRING}


class _Frame(NamedTuple):
    """Where in an f-string the scan is. `level` is the depth inside the braces of a field."""

    kind: Literal["literal", "field", "spec"]
    quote: str
    level: int


def too_deep(text: str) -> int | None:
    """Return the line on which the brackets of `text` first nest more than `LIMIT` deep, or None when they never do."""
    if sum(map(text.count, _OPEN)) <= LIMIT:
        return None
    depth = position = 0
    frames: list[_Frame] = []
    while match := _next(text, position, frames[-1] if frames else None):
        token, position = match.group(), match.end()
        frame = frames[-1] if frames else None
        if frame and frame.kind != "field":
            if token == "{":
                depth += 1
                frames.append(_Frame("field", frame.quote, depth))
            elif frame.kind == "spec":
                depth = _leave_spec(frames, token, depth)
            elif token == frame.quote or token in "\r\n":
                frames.pop()
        elif token[0] in _OPEN:
            if depth >= LIMIT:
                depth += 1
            else:
                depth += len(token) == 1
        elif token in ")]}":
            if frame and depth == frame.level:
                if token == "}":
                    frames.pop()
                    depth -= 1
            else:
                depth = max(depth - 1, 0)
        elif token == ":":
            if frame and depth == frame.level:
                frames.append(_Frame("spec", frame.quote, depth))
        elif token[0] != "#":
            if _is_template(text, match.start()):
                frames.append(_Frame("literal", token, depth))
            elif rest := _STRING[token].match(text, position):
                position = rest.end()
        if depth > LIMIT:
            return len(re.findall(r"\r\n|\n|\r", text[: match.start()])) + 1
    return None


def _next(text: str, position: int, frame: _Frame | None) -> re.Match[str] | None:
    if frame is None:
        return _CODE.search(text, position)
    if frame.kind == "field":
        return _FIELD.search(text, position)
    return (_SPEC if frame.kind == "spec" else _LITERAL)[frame.quote].search(text, position)


def _leave_spec(frames: list[_Frame], token: str, depth: int) -> int:
    """End a format specification: at `}` its field ends with it, at a quote or a newline the whole string does."""
    if token in "\r\n" and len(frames[-1].quote) == 3:
        return depth
    frames.pop()
    frames.pop()
    if token != "}":
        frames.pop()
    return depth - 1


def _is_template(text: str, quote: int) -> bool:
    """Tell whether the quote at this offset opens an f-string or t-string, by the letters before it."""
    start = quote
    while start and quote - start < 3 and text[start - 1].isidentifier():
        start -= 1
    prefix = text[start:quote].lower()
    return prefix in {"f", "t", "fr", "rf", "tr", "rt"}
