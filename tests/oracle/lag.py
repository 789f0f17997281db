"""Where the event loop stood still: a heartbeat on the loop, and a thread that looks at the loop when it stops.

The calls that fixtures make are slowed down (`slowed`): each statement of SQLite, each connection to it, and each
answer of the local peer. What takes that long on the loop's own thread stops the heartbeat; what runs in another
thread, or is awaited, does not.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import sqlite3.dbapi2
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from sqlalchemy.ext.asyncio import engine, session
from sqlalchemy.util.concurrency import greenlet_spawn

from oracle.frames import Frame, place

BEAT_SECONDS = 0.002
SAMPLE_SECONDS = 0.004
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
SLOWED = ("SELECT", "INSERT", "UPDATE", "DELETE", "COMMIT")


@dataclass(frozen=True)
class Lag:
    """A stretch of time in which the loop stood still at one place.

    `frames` are the fixture's frames on the loop's stack, innermost first; those of coroutines are in `coroutines`.
    `code` is the rule that speaks of what was called.
    """

    frames: tuple[Frame, ...]
    coroutines: tuple[Frame, ...]
    code: str


@dataclass
class Watch:
    """Samples of the loop's stack, taken while its heartbeat stood still: how long it was seen at each place."""

    seconds: dict[Lag, float] = field(default_factory=dict)

    def lags(self, at_least: float) -> list[Lag]:
        """The places at which the loop stood still for that many seconds."""
        return [lag for lag, seconds in self.seconds.items() if seconds >= at_least]


@asynccontextmanager
async def watching(root: Path) -> AsyncIterator[Watch]:
    """Watch the running loop until the block ends; `root` is the fixture's folder."""
    loop, sampler = asyncio.get_running_loop(), _Sampler(root, threading.get_ident())

    def beat() -> None:
        sampler.beats += 1
        if not sampler.done.is_set():
            loop.call_later(BEAT_SECONDS, beat)

    async def spawn(*args: Any, **kwargs: Any) -> Any:
        sampler.spawned_by = sys._getframe(1)
        return await greenlet_spawn(*args, **kwargs)

    beat()
    thread = threading.Thread(target=sampler.run, daemon=True)
    thread.start()
    with mock.patch.object(session, "greenlet_spawn", spawn), mock.patch.object(engine, "greenlet_spawn", spawn):
        try:
            yield sampler.watch
        finally:
            sampler.done.set()
            thread.join()


class _Sampler:
    """Looks at the stack of one thread, again and again, and notes what it sees while the beats stand still.

    `spawned_by` is the frame that spawned the last greenlet: what runs in that has a stack of its own.
    """

    def __init__(self, root: Path, thread: int) -> None:
        self.beats = 0
        self.spawned_by: FrameType | None = None
        self.done = threading.Event()
        self.watch = Watch()
        self._root, self._thread = root, thread

    def run(self) -> None:
        """Look until `done` is set."""
        seen, then = self.beats, time.monotonic()
        while not self.done.wait(SAMPLE_SECONDS):
            now = time.monotonic()
            if self.beats == seen:
                lag = self._look(sys._current_frames().get(self._thread))
                if lag is not None:
                    self.watch.seconds[lag] = self.watch.seconds.get(lag, 0.0) + now - then
            seen, then = self.beats, now

    def _look(self, innermost: FrameType | None) -> Lag | None:
        frames: list[Frame] = []
        coroutines: list[Frame] = []
        files: list[str] = []
        inside: Frame | None = None
        for frame in self._stack(innermost):
            here = place(frame, self._root)
            if here is None:
                if not frames:
                    files.append(frame.f_code.co_filename)
                continue
            frames.append(here)
            if frame.f_code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
                # A comprehension has a frame of its own on some versions, and its lines are the function's.
                coroutines.append(here if inside is None else inside._replace(function=here.function))
                inside = None
            elif frame.f_code.co_name in COMPREHENSIONS:
                inside = inside or here
            else:
                inside = None
        return Lag(tuple(frames), tuple(coroutines), _code(files)) if frames else None

    def _stack(self, innermost: FrameType | None) -> Iterator[FrameType]:
        frame, ends_in_loop = innermost, False
        while frame is not None:
            yield frame
            ends_in_loop = ends_in_loop or frame.f_code.co_name == "run_until_complete"
            frame = frame.f_back
        frame = None if ends_in_loop else self.spawned_by
        while frame is not None:
            yield frame
            frame = frame.f_back


def _code(files: list[str]) -> str:
    """The rule that speaks of a call, by the libraries that it is inside of; sqlite3 itself has no frames."""
    if any("/sqlalchemy/" in file for file in files):
        return "PHL302"
    return "PHL303" if any(f"/{name}" in file for file in files for name in ("http", "socket.py")) else "PHL301"


@contextmanager
def slowed(seconds: float) -> Iterator[None]:
    """Let each statement of SQLite, and each new connection to it, take so long."""
    original = sqlite3.connect

    def slow(statement: str) -> None:
        if statement.lstrip().upper().startswith(SLOWED):
            time.sleep(seconds)

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        time.sleep(seconds)
        connection = original(*args, **kwargs)
        connection.set_trace_callback(slow)
        return connection

    with mock.patch.object(sqlite3, "connect", connect), mock.patch.object(sqlite3.dbapi2, "connect", connect):
        yield


Marks = dict[tuple[str, int], set[str]]
CODES = frozenset({"PHL301", "PHL302", "PHL303"})
TOGETHER = frozenset({"PHL301", "PHL302"})
"""Codes whose finding speaks for other lines of the function, too."""


def judge_lags(lags: list[Lag], marks: Marks, elsewhere: set[tuple[str, int]]) -> list[str]:
    """The disagreements between where a loop stood still and the marks, one sentence each. Empty: they agree.

    A lag is the affair of the innermost coroutine on the stack: its line is marked, or another line of the same
    function is that speaks for it too. `elsewhere` are lines that another linter reports.
    """
    disagreements = []
    proved: set[tuple[str, int, str]] = set()
    speaking: set[tuple[str, ...]] = set()
    for lag in lags:
        for entry in lag.coroutines[:1]:
            if lag.code in marks.get((entry.file, entry.line), set()):
                proved.add((entry.file, entry.line, lag.code))
                speaking.add((entry.file, entry.function, lag.code) if lag.code in TOGETHER else ())
    for lag in lags:
        stack = " < ".join(f"{frame.file}:{frame.line}" for frame in lag.frames)
        if not lag.coroutines:
            disagreements.append(f"the loop stood still outside of any coroutine: {stack}")
            continue
        entry = lag.coroutines[0]
        known = (entry.file, entry.line, lag.code) in proved or (entry.file, entry.function, lag.code) in speaking
        if not known and (entry.file, entry.line) not in elsewhere:
            disagreements.append(f"the loop stood still and {lag.code} is not marked: {stack}")
    for (file, line), codes in sorted(marks.items()):
        disagreements.extend(
            f"{file}:{line} is marked {code}, the loop never stood still there"
            for code in sorted(codes & CODES)
            if (file, line, code) not in proved
        )
    return disagreements
