"""Patterns on dotted paths.

A pattern is a dotted path in which `*` stands for one segment (inside a segment: for any characters, `?` for one),
`**` for any number of segments, none included, and `{get,post}` inside a segment for one of these. A wildcard in the
last place never matches a constructor (a last segment that starts with a capital): making an object is not using it.
A constructor that does wait is named in full.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

CALL = "()"

_CHARACTERS = {"*": "[^.]*", "?": "[^.]", "{": "(?:", ",": "|", "}": ")"}


def last_segment(path: str) -> str:
    """The part of a dotted path after its last dot."""
    return path.rpartition(".")[2]


def is_constructor(path: str) -> bool:
    """Whether the path names a class, by the convention that classes start with a capital."""
    return last_segment(path).lstrip("_")[:1].isupper()


class PatternSet:
    """Some patterns, compiled together on first use."""

    __slots__ = ("_every", "_named", "_patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)
        self._every: re.Pattern[str] | None = None
        self._named: re.Pattern[str] | None = None

    def matches(self, path: str) -> bool:
        """Whether one of the patterns matches the whole path."""
        if not self._patterns:
            return False
        if self._every is None or self._named is None:
            self._every = _compile(self._patterns)
            self._named = _compile(p for p in self._patterns if "*" not in last_segment(p))
        compiled = self._named if is_constructor(path) else self._every
        return compiled.fullmatch("." + path) is not None


def _compile(patterns: Iterable[str]) -> re.Pattern[str]:
    expressions = ["".join(_segment(s) for s in pattern.split(".")) for pattern in patterns]
    return re.compile("|".join(expressions) if expressions else r"(?!)")


def _segment(segment: str) -> str:
    if segment == "**":
        return r"(?:\.[^.]+)*"
    if segment == "*":
        return r"\.[^.]+"
    return r"\." + "".join(_CHARACTERS.get(character) or re.escape(character) for character in segment)


def segment_matches(segment: str, pattern: str) -> bool:
    """Whether one path segment, called or not, matches one fnmatch pattern."""
    return fnmatch.fnmatchcase(segment.removesuffix(CALL), pattern)
