"""A line on the terminal that says how far a long run is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from rich.status import Status

PATIENCE = 1.0
"""Seconds after which somebody who waits wants to know."""


def told(stream: TextIO) -> Callable[[int, int], None]:
    """What shows the progress of a run on a stream, once it has taken long: nothing where it is no terminal."""
    if not stream.isatty():
        return lambda _done, _all: None
    start = time.monotonic()
    shown: list[Status] = []

    def show(done: int, files: int) -> None:
        if time.monotonic() - start < PATIENCE:
            return
        if not shown:
            from rich.console import Console

            shown.append(Console(file=stream).status("", spinner="line"))
            shown[0].start()
        shown[0].update(f"{done} of {files} files analysed")
        if done >= files:
            shown[0].stop()

    return show
