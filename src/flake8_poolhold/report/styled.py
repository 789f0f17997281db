"""Lines of text in named styles, and how they reach a stream: coloured on a terminal, else plain, the same text."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import Literal, TextIO

Style = Literal["", "path", "code", "advisory", "gutter", "hold", "label", "note"]
Line = list[tuple[str, Style]]

_COLOURS: dict[Style, str] = {
    "": "none",
    "path": "bold",
    "code": "bold red",
    "advisory": "bold yellow",
    "gutter": "blue",
    "hold": "red",
    "label": "cyan",
    "note": "dim",
}


def plain(lines: Iterable[Line]) -> str:
    """Return the lines without styles, each ended by a newline."""
    return "".join("".join(text for text, _ in line) + "\n" for line in lines)


def write(lines: Iterable[Line], stream: TextIO) -> None:
    """Write the lines, coloured when the stream is a terminal that wants it."""
    if not _wants_colour(stream):
        stream.write(plain(lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, markup=False, emoji=False, legacy_windows=False)
    for line in lines:
        console.print(Text.assemble(*((text, _COLOURS[style]) for text, style in line)), soft_wrap=True)


def columns(stream: TextIO) -> int | None:
    """Return the width of the terminal that the stream is, None when it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
