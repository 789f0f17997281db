"""Text as a terminal shows it: how wide it is, and what must not reach it."""

from __future__ import annotations

import unicodedata

TAB = 4


def printable(text: str) -> str:
    """Return the text with tabs as spaces and with what would steer a terminal or cannot be encoded made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text.expandtabs(TAB))


def width(text: str) -> int:
    """Return the number of terminal columns that the text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def clip(text: str, columns: int, focus: int = 0) -> str:
    """Shorten the text to so many columns, each cut marked by `…`, keeping the character at offset `focus` in view."""
    if width(text) <= columns:
        return text
    if columns <= 2:
        return "…"[:columns]
    start = 0
    while width(text[start : focus + 1]) + (start > 0) > max(columns * 2 // 3, 1):
        start += 1
    while start > 1 and width(text[start - 1 :]) < columns:
        start -= 1
    head = "…" if start else ""
    kept: list[str] = []
    room = columns - len(head)
    rest = text[start:]
    for index, char in enumerate(rest):
        last = index == len(rest) - 1
        if _columns(char) > room - (not last):
            return head + "".join(kept) + "…"
        kept.append(char)
        room -= _columns(char)
    return head + "".join(kept)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Cs"}:
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    if category in {"Cf", "Zl", "Zp"} and char != "\N{ZERO WIDTH JOINER}":
        return f"\\u{ord(char):04x}"  # among them the marks that turn the reading direction round
    return char
