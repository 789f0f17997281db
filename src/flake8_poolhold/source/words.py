"""Words in files: a search of bytes."""

from __future__ import annotations

import functools
import re


def contains(data: bytes, word: str, name: str) -> bool:
    """Whether the bytes of a file contain `word`, and `name`, if there is one, as a whole identifier."""
    return word.encode() in data and (not name or _identifier(name).search(data) is not None)


_SPACED = bytes(byte if (chr(byte).isalnum() and byte < 128) or byte == 95 else 32 for byte in range(256))


def words(data: bytes) -> list[bytes]:
    """All words in the bytes of a file: names, and what looks like one in texts and comments."""
    return data.translate(_SPACED).split()


@functools.lru_cache(maxsize=1024)
def _identifier(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![A-Za-z0-9_])%b(?![A-Za-z0-9_])" % re.escape(name).encode())
