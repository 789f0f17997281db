"""Runs a fixture about lifetimes and says of each request what it cost: a connection, an error, a row.

A request is bad when, after it and all that it started have ended, a connection more is out (garbage collection is off:
a pool cannot wait for it), more connections are open than before it was repeated, an exception was lost, it was
answered with a server error, or it tells itself that something was lost: `{"lost": 3}`. Some requests go bad only when
they are cancelled, or when they come several at a time: a fixture asks for these with `CANCELLED = True` and
`BURST = 5`. Threads are given `SETTLE` seconds to end.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import httpx
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import Pool

from oracle.peer import peer
from oracle.runner import SYNC_DRIVERS, _clean, _imported
from oracle.verdict import Marks

PATIENCE = 5.0
CANCEL_AFTER = 0.03


@dataclass
class Outcome:
    """One request, sent once, several times at once, or cancelled.

    `lines` are the lines of the fixture that ran, by file, `imported` those that ran before the first request. What it
    cost, in words: `lost` connections and rows, and `errors`.
    """

    name: str
    lines: set[tuple[str, int]] = field(default_factory=set)
    imported: set[tuple[str, int]] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def run_lifetimes(path: Path, database_url: str, *, cold: bool = False) -> list[Outcome]:
    """Run the fixture at `path` on an empty database; the outcomes of its requests, in order.

    `cold`: each request finds a pool without connections, as the first one does after a start.
    """
    path = path.resolve()
    root, name = (path, "app") if path.is_dir() else (path.parent, path.stem)
    url = make_url(database_url)
    sync_url = url.set(drivername=SYNC_DRIVERS.get(url.drivername, url.drivername))
    asyncio.run(_clean(database_url))
    with peer() as peer_url:
        environment = {
            "DATABASE_URL": database_url,
            "SYNC_DATABASE_URL": sync_url.render_as_string(hide_password=False),
            "PEER_URL": peer_url,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        lines = _Lines(root)
        imported = lines.into
        with (
            mock.patch.dict(os.environ, environment),
            _counting() as opened,
            lines.noted(),
            _imported(root, name) as module,
        ):
            gc.collect()
            gc.disable()
            try:
                outcomes = asyncio.run(_drive(module, lines, opened, cold=cold))
            finally:
                gc.enable()
                gc.collect()
        for outcome in outcomes:
            outcome.imported = imported
        return outcomes


class _Opened:
    """The connections to the database that are open now."""

    def __init__(self) -> None:
        self.count = 0

    def up(self, *_: object) -> None:
        self.count += 1

    def down(self, *_: object) -> None:
        self.count -= 1


@contextmanager
def _counting() -> Iterator[_Opened]:
    opened = _Opened()
    listeners = [(Pool, "connect", opened.up), (Pool, "close", opened.down), (Pool, "close_detached", opened.down)]
    for listener in listeners:
        event.listen(*listener)
    try:
        yield opened
    finally:
        for listener in listeners:
            event.remove(*listener)


class _Lines:
    """Notes every line of the fixture that runs, in every thread that is started meanwhile."""

    def __init__(self, root: Path) -> None:
        self.into: set[tuple[str, int]] = set()
        self._prefix = f"{root}/"

    def _line(self, frame: FrameType, what: str, _arg: object) -> Any:
        if what == "line":
            self.into.add((frame.f_code.co_filename.removeprefix(self._prefix), frame.f_lineno))
        return self._line

    def _call(self, frame: FrameType, _what: str, _arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self._prefix) else None

    @contextmanager
    def noted(self) -> Iterator[None]:
        before = sys.gettrace()
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(before)  # type: ignore[arg-type]


async def _drive(module: Any, lines: _Lines, opened: _Opened, *, cold: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []
    lost: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: lost.append(str(context.get("exception") or context["message"])))
    transport = httpx.ASGITransport(module.app)
    async with (
        module.app.router.lifespan_context(module.app),
        httpx.AsyncClient(transport=transport, base_url="http://fixture") as client,
    ):
        for method, path, *body in module.REQUESTS:
            setup = path == "/setup"

            def send(
                method: str = method, path: str = path, json: Any = body[0] if body else None
            ) -> asyncio.Task[httpx.Response]:
                return loop.create_task(client.request(method, path, json=json))

            if cold:
                await _dispose(module.engine)
            times = 1 if setup else getattr(module, "BURST", 1)
            outcomes.append(
                await _one(module, lines, opened, lost, f"{method} {path}", [send] * times, repeat=not setup)
            )
            if getattr(module, "CANCELLED", False) and not setup:
                outcomes.append(await _cancelled(module, lines, f"{method} {path}, cancelled", send()))
    await _dispose(module.engine)
    return outcomes


async def _dispose(engine: Any) -> None:
    disposing = engine.dispose()
    if disposing is not None:
        await disposing


async def _one(
    module: Any, lines: _Lines, opened: _Opened, lost: list[str], name: str, sends: list[Any], *, repeat: bool
) -> Outcome:
    """Send a request, and once more to see whether each time opens connections that stay open."""
    outcome = Outcome(name)
    lines.into = outcome.lines
    before = module.engine.pool.checkedout()
    counts = []
    lost.clear()
    for _ in range(2 if repeat else 1):
        answers = await asyncio.gather(*[send() for send in sends], return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                outcome.errors.append(f"raised {answer!r}")
            elif answer.status_code >= 500:
                outcome.errors.append(f"answered {answer.status_code}")
            elif told := _told(answer):
                outcome.lost.append(f"lost {told} rows")
        outcome.errors.extend(f"lost an exception: {one!r}" for one in await _leftovers(module))
        counts.append(opened.count)
    outcome.errors.extend(f"lost an exception: {one}" for one in lost)
    leaked = module.engine.pool.checkedout() - before
    if leaked > 0:
        outcome.lost.append(f"{leaked} connections are out")
    if len(counts) > 1 and counts[1] > counts[0] and not leaked and len(sends) == 1:
        outcome.lost.append("each time opens connections that stay open")
    return outcome


async def _cancelled(module: Any, lines: _Lines, name: str, task: asyncio.Task[Any]) -> Outcome:
    """Cancel a request in the middle, and see what it leaves out."""
    outcome = Outcome(name)
    lines.into = outcome.lines
    before = module.engine.pool.checkedout()
    await asyncio.sleep(CANCEL_AFTER)
    if task.done():
        return outcome
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await _leftovers(module)
    leaked = module.engine.pool.checkedout() - before
    if leaked > 0:
        outcome.lost.append(f"{leaked} connections are out")
    return outcome


async def _leftovers(module: Any) -> list[BaseException]:
    """Let the tasks finish that the request left behind; the exceptions that nobody would have seen."""
    await asyncio.sleep(getattr(module, "SETTLE", 0.01))  # exits that the loop has only scheduled, threads
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if not tasks:
        return []
    done, _ = await asyncio.wait(tasks, timeout=PATIENCE)
    failures = [task.exception() for task in done if not task.cancelled()]
    return [failure for failure in failures if failure is not None]


def _told(answer: httpx.Response) -> int:
    try:
        body = answer.json()
    except ValueError:
        return 0
    return int(body.get("lost", 0)) if isinstance(body, dict) else 0


def judge_lifetimes(outcomes: list[Outcome], marks: Marks, code: str) -> list[str]:
    """The disagreements between the outcomes and the marks of a code. Empty: they agree.

    Every bad request must have run a marked line, and every marked line must have run in a bad request. Errors count
    for the rules about sessions in the wrong hands; a leak has to be seen to be believed.
    """
    marked = {place for place, found in marks.items() if code in found}
    costly = [(outcome, outcome.lost + (outcome.errors if code < "PHL4" else [])) for outcome in outcomes]
    disagreements = [
        f"{outcome.name} is bad ({'; '.join(costs)}) and runs no marked line"
        for outcome, costs in costly
        if costs and not (outcome.lines | outcome.imported) & marked
    ]
    bad = {line for outcome, costs in costly if costs for line in outcome.lines | outcome.imported}
    disagreements += [f"{file}:{line} is marked, no run went bad there" for file, line in sorted(marked - bad)]
    return disagreements
