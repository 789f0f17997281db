"""Patterns as in .gitignore, judged entry by entry as git does while it walks."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_PLAIN = re.compile(r"[\w.+@-]+")


@functools.cache
def matcher(patterns: tuple[str, ...]) -> Callable[[str, bool], bool]:
    """Return a function that tells whether patterns match a file or folder itself, not what it lies in.

    It takes a path relative to the folder that the patterns are about, with forward slashes, and whether it is a
    folder. Later patterns win over earlier ones, `!` takes back.
    """
    if all(_PLAIN.fullmatch(pattern) for pattern in patterns):
        names = frozenset(patterns)
        return lambda path, _folder: path.rpartition("/")[2] in names
    spec = compiled(patterns)
    return lambda path, folder: bool(verdict(spec, path, folder))


def matches_within(patterns: tuple[str, ...], path: str) -> bool:
    """Tell whether patterns match a file or one of the folders it lies in."""
    matches = matcher(patterns)
    parts = path.split("/")
    return any(matches("/".join(parts[:count]), count < len(parts)) for count in range(1, len(parts) + 1))


def compiled(lines: Iterable[str]) -> GitIgnoreSpec:
    """Compile patterns; lines that are none are ignored, as git does."""
    from pathspec import GitIgnoreSpec

    lines = list(lines)
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def verdict(spec: GitIgnoreSpec, path: str, folder: bool) -> bool | None:
    """Return what the last pattern that matches a file or folder itself says: True ignored, False taken back, or None.

    pathspec judges a whole path at once, and cannot tell a pattern that matches `a/b` from one that matches `a`; so
    `*` beats a later `!*/`. git, which never looks into an ignored folder, knows no such case.
    """
    asked = f"{path}/" if folder else path
    for pattern in reversed(spec.patterns):
        regex: re.Pattern[str] | None = getattr(pattern, "regex", None)
        if pattern.include is None or not regex or not regex.search(asked):
            continue
        if any(_is_entry(match) for match in regex.finditer(asked)):
            return pattern.include
    return None


def _is_entry(match: re.Match[str]) -> bool:
    """Tell whether a match is about the entry: pathspec's group `ps_d` is the slash behind what a pattern names."""
    end = len(match.string)
    if match.re.groupindex.get("ps_d") and match["ps_d"]:
        return match.end("ps_d") == end
    return not (match.end() == end and match.group().endswith("/"))


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
