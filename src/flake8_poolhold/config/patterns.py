"""Patterns as in .gitignore, with the plain names among them looked up instead of matched."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

_PLAIN = re.compile(r"[\w.+@-]+(?: [\w.+@-]+)*/?")


@functools.cache
def matcher(patterns: tuple[str, ...]) -> Callable[[str, bool], bool]:
    """Return a function that tells whether a path matches the patterns.

    It takes a path relative to the folder that the patterns are about, with forward slashes, and whether it is a
    folder. A path inside a folder that matches also matches. Later patterns win over earlier ones, `!` takes back.
    """
    plain = all(_PLAIN.fullmatch(pattern) for pattern in patterns)
    if plain and not any(pattern.endswith("/") for pattern in patterns):
        names = frozenset(patterns)
        return lambda path, _folder: not names.isdisjoint(path.split("/"))
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(patterns)
    return lambda path, folder: spec.match_file(f"{path}/" if folder else path)
