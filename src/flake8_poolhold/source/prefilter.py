"""The byte-level question that decides whether a file is worth parsing."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Prefilter:
    """Tells whether a file names one of some words, without decoding it.

    A word counts when no identifier character touches it: `httpx` is found in `import httpx` and `httpx.post`, not in
    `my_httpx2`. Bytes of non-ASCII letters do not count as identifier characters: the answer may be a needless yes,
    never a wrong no.
    """

    def __init__(self, words: Iterable[bytes]) -> None:
        """Compile the words. Raises ValueError for one that does not begin with an identifier character."""
        unique = sorted(set(words))
        for word in unique:
            if not re.match(rb"\w", word):
                raise ValueError(f"pre-filter word {word!r} must begin with an ASCII letter, digit or underscore")
        self._search = re.compile(_pattern(unique)).search

    def passes(self, data: bytes) -> bool:
        """Return True when `data` holds at least one of the words."""
        return self._search(data) is not None


def _pattern(words: list[bytes]) -> bytes:
    if not words:
        return rb"(?!)"
    return rb"\b" + _trie(words) + rb"(?!\w)"  # `\b` is the fastest of the ways to say it


def _trie(words: list[bytes]) -> bytes:
    """Factor common beginnings out of sorted words, so that a failed start costs one character, not one per word."""
    groups: dict[bytes, list[bytes]] = {}
    for word in words:
        if word:
            groups.setdefault(word[:1], []).append(word[1:])
    branches = [re.escape(head) + (_trie(tails) if tails != [b""] else b"") for head, tails in groups.items()]
    body = branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"
    return b"(?:" + body + b")?" if b"" in words else body
