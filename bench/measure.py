"""Running a command and what it takes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """Seconds of the processor, of the clock, and the peak of memory in MB; of a process and its children."""

    cpu: float
    wall: float
    memory: float


def run(command: Sequence[str], folder: Path) -> Cost:
    """Run a command in a folder. Raises RuntimeError when it dies; a linter that finds something does not."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode < 0 or b"Traceback" in said:
        raise RuntimeError(f"{' '.join(command[:4])} failed:\n{said.decode(errors='replace')[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024)


def medians(command: Sequence[str], folder: Path, times: int, before: Callable[[], None] = lambda: None) -> Cost:
    """The medians of several runs; `before` each something is made ready."""
    found = []
    for _ in range(times):
        before()
        found.append(run(command, folder))
    return Cost(*(statistics.median(values) for values in zip(*found, strict=True)))
