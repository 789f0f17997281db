"""A deep stack for deep trees: parsers and descents recurse as far as the source nests."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

STACK_BYTES = 512 * 1024 * 1024
"""Reserved, not used: the pages of a stack are taken when they are touched."""

RECURSION_LIMIT = 60_000

Result = TypeVar("Result")


def run(work: Callable[[], Result]) -> Result:
    """Return `work()`, run in a thread with a deep stack. Its exceptions are raised here."""
    if threading.current_thread().name == _NAME:
        return work()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # handed over to the caller's thread, whatever it is
            failure.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(STACK_BYTES)
    sys.setrecursionlimit(RECURSION_LIMIT)
    try:
        thread = threading.Thread(target=target, name=_NAME, daemon=True)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]
    return outcome[0]


_NAME = "poolhold-deep"
