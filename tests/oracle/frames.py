"""Which lines of the fixture are on the stack: of the running task or thread, and of what started it."""

from __future__ import annotations

import ast
import asyncio
import sys
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple


class Frame(NamedTuple):
    """A place on the stack. `file` is relative to the fixture's folder; `line` is that of the whole wait expression."""

    file: str
    line: int
    function: str


# What started the running task, thread, response or background task: its own stack no longer shows it.
started_by: ContextVar[tuple[Frame, ...]] = ContextVar("started_by", default=())
# The task that started the running one: while it is suspended, it may be waiting for it.
started_in: ContextVar[asyncio.Task[Any] | None] = ContextVar("started_in", default=None)


def current_frames(root: Path) -> tuple[Frame, ...]:
    """The fixture's frames, innermost first: of this stack, across greenlets, then of what started it and waits."""
    found = _own(_stack(sys._getframe(1)), root)
    found += [frame for frame in started_by.get() if frame not in found]
    waiting = started_in.get()
    if found and waiting is not None and waiting is not current_task():
        found += [frame for frame in _own(_suspended(waiting), root) if frame not in found]
    return tuple(found)


def _own(stack: list[FrameType], root: Path) -> list[Frame]:
    """Those frames of a stack that are the fixture's."""
    return [here for frame in stack if (here := place(frame, root)) is not None]


def _suspended(task: asyncio.Task[Any]) -> list[FrameType]:
    """The stack of a task that does not run now, innermost first."""
    frames: list[FrameType] = []
    coroutine: Any = task.get_coro()
    while getattr(coroutine, "cr_frame", None) is not None:
        frames.insert(0, coroutine.cr_frame)
        coroutine = coroutine.cr_await
    return frames


def current_task() -> asyncio.Task[Any] | None:
    """The task that runs now, if one does."""
    try:
        return asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return None


def place(frame: FrameType, root: Path) -> Frame | None:
    """The place of a stack frame, `None` for code that does not lie in the fixture's folder."""
    name, prefix = frame.f_code.co_filename, f"{root}/"
    if not name.startswith(prefix):
        return None
    number = frame.f_lineno or frame.f_code.co_firstlineno
    line = min(number, _expression_line(frame.f_code, frame.f_lasti) or number)
    return Frame(name.removeprefix(prefix), line, frame.f_code.co_qualname)


def _stack(innermost: FrameType) -> list[FrameType]:
    frames = []
    frame: FrameType | None = innermost
    greenlet = _current_greenlet()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
        if frame is None and greenlet is not None:
            # SQLAlchemy runs its sync half in a greenlet; whoever awaits it is on the parent's stack.
            greenlet = greenlet.parent
            frame = None if greenlet is None else greenlet.gr_frame
    return frames


def _current_greenlet():  # type: ignore[no-untyped-def]
    module = sys.modules.get("greenlet")
    return None if module is None else module.getcurrent()


@lru_cache(maxsize=4096)
def _expression_line(code: CodeType, instruction: int) -> int | None:
    """The first line of the call, `await`, `async with` or `async for` that the instruction belongs to."""
    position = next(islice(code.co_positions(), instruction // 2, None), None)
    if position is None or None in position:
        return None
    return _starts(code.co_filename).get((position[1], position[3]))


@lru_cache(maxsize=64)
def _starts(filename: str) -> dict[tuple[int | None, int | None], int]:
    """The first line of each waiting expression of a file, by the place where it ends."""
    starts: dict[tuple[int | None, int | None], int] = {}

    def note(node: ast.expr, line: int) -> None:
        key = (node.end_lineno, node.end_col_offset)
        starts[key] = min(line, starts.get(key, line))

    for node in ast.walk(ast.parse(Path(filename).read_bytes())):
        if isinstance(node, ast.Await | ast.Call):
            note(node, node.lineno)
        elif isinstance(node, ast.AsyncFor):
            note(node.iter, node.lineno)
        elif isinstance(node, ast.AsyncWith):
            for item in node.items:
                note(item.context_expr, node.lineno)
    return starts


def forget_sources() -> None:
    """Drop what was remembered of source files: a fixture may be rewritten between two runs."""
    _starts.cache_clear()
    _expression_line.cache_clear()
