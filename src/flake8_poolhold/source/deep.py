"""A deep stack for deep trees: parsers and descents recurse as far as the source nests."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

STACK_BYTES = 512 * 1024 * 1024
"""Reserved, not used: the pages of a stack are taken when they are touched."""

RECURSION_LIMIT = 60_000

FRAME_SLOTS = 512 * 1024
"""Python keeps the frames of calls in pieces of 16 KB, and gives a piece back as soon as the last call in it returns. A
descent that goes up and down around the end of a piece asks the system for memory all the time: up to a tenth of a run.
The first frame claims half of one piece of 8 MB, so that the other half is there for all others. What is not touched
takes no memory.
"""

_NAME = "poolhold-deep"
_LOOK_UP = 0.5

Result = TypeVar("Result")


def run(work: Callable[[], Result]) -> Result:
    """Return `work()`, run in a thread with a deep stack. Its exceptions are raised here.

    An interrupt is raised here at once, and leaves the thread to end with the process; so `work` must not write files.
    """
    if threading.current_thread().name == _NAME:
        return work()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # handed over to the caller's thread, whatever it is
            failure.append(error)

    target.__code__ = target.__code__.replace(co_stacksize=FRAME_SLOTS)
    # Trees and values make few cycles; to look for them again and again would cost a quarter of the time.
    collects = gc.isenabled()
    gc.disable()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        thread = _started(target)
        while thread.is_alive():
            thread.join(_LOOK_UP)  # without a timeout an interrupt would wait for the thread on some systems
    finally:
        sys.setrecursionlimit(limit)
        if collects:
            gc.enable()
    if failure:
        raise failure[0]
    return outcome[0]


def _started(target: Callable[[], None]) -> threading.Thread:
    size = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=target, name=_NAME, daemon=True)
        thread.start()
    finally:
        threading.stack_size(size)
    return thread
