"""Runs a fixture: a fresh import, its lifespan, its requests in order, then its rows."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import httpx
from sqlalchemy import MetaData, inspect, select, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from oracle import clients
from oracle.lag import Watch, slowed, watching
from oracle.peer import peer
from oracle.recorder import Recorder, Wait, recording

STANDINS = Path(__file__).parent / "standins"
LEFTOVER_SECONDS = 5.0
SYNC_DRIVERS = {"sqlite+aiosqlite": "sqlite", "postgresql+asyncpg": "postgresql+psycopg"}


@dataclass(frozen=True)
class Response:
    """An answer of the fixture: `body` is decoded JSON, else text."""

    method: str
    path: str
    status: int
    body: object


@dataclass(frozen=True)
class Run:
    """What one run of a fixture showed.

    `root` is the folder that the frames' files are relative to. `left_out` counts the connections still checked out
    after all requests. `rows` maps each table to its rows as dicts, by primary key. `watch` tells where the event loop
    stood still, for a slow run.
    """

    root: Path
    responses: tuple[Response, ...]
    recorder: Recorder
    left_out: int
    rows: dict[str, list[dict[str, Any]]]
    watch: Watch

    @property
    def waits(self) -> list[Wait]:
        """The waits, in order."""
        return self.recorder.waits

    @property
    def holds(self) -> list[Wait]:
        """The waits that started while a connection was out."""
        return [wait for wait in self.waits if wait.checkouts]


def run_fixture(path: Path, database_url: str, slow: float = 0.0) -> Run:
    """Run the fixture at `path` (a module, or a folder with `app.py`) on the database at `database_url` (an async URL).

    All tables of that database are dropped first. With `slow`, each answer of the network and each statement of SQLite
    takes so many seconds. Any error of the fixture outside of a request is raised.
    """
    path = path.resolve()
    root, name = (path, "app") if path.is_dir() else (path.parent, path.stem)
    url = make_url(database_url)
    sync_url = url.set(drivername=SYNC_DRIVERS.get(url.drivername, url.drivername))
    asyncio.run(_clean(database_url))
    with peer(slow) as peer_url:
        environment = {
            "DATABASE_URL": database_url,
            "SYNC_DATABASE_URL": sync_url.render_as_string(hide_password=False),
            "PEER_URL": peer_url,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        with (
            mock.patch.dict(os.environ, environment),
            mock.patch("ssl.create_default_context", _no_certificates),
            recording(root) as recorder,
            slowed(slow) if slow else nullcontext(),
            _imported(root, name) as module,
        ):
            responses, left_out, watch = asyncio.run(_drive(module, root, slow))
        rows = asyncio.run(_rows(database_url))
    if left_out:
        # What was never given back goes now, not in the middle of the next run.
        gc.collect()
    return Run(root, responses, recorder, left_out, rows, watch)


def same_behaviour(before: Run, after: Run) -> list[str]:
    """The differences between two runs of one fixture, in words: responses and rows. Empty: the same behaviour."""
    differences = []
    if len(before.responses) != len(after.responses):
        differences.append(f"{len(before.responses)} responses, then {len(after.responses)}")
    for old, new in zip(before.responses, after.responses, strict=False):
        if old != new:
            differences.append(f"{old.method} {old.path}: {old.status} {old.body!r}, then {new.status} {new.body!r}")
    differences.extend(
        f"table {table}: {before.rows.get(table)!r}, then {after.rows.get(table)!r}"
        for table in sorted(before.rows.keys() | after.rows.keys())
        if before.rows.get(table) != after.rows.get(table)
    )
    return differences


@contextmanager
def _imported(root: Path, name: str) -> Iterator[ModuleType]:
    """Import a module of `root` afresh, and put `sys.path` and `sys.modules` back afterwards."""
    folders = (STANDINS, root)
    own = {entry.stem for folder in folders for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()}
    hidden = {key: sys.modules.pop(key) for key in list(sys.modules) if key.partition(".")[0] in own}
    write_bytecode = sys.dont_write_bytecode
    # A stale .pyc would hide a fix that keeps the size of a file within the same second.
    sys.dont_write_bytecode = True
    sys.path[:0] = map(str, reversed(folders))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        for folder in folders:
            sys.path.remove(str(folder))
        sys.dont_write_bytecode = write_bytecode
        for key, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(tuple(f"{folder}/" for folder in folders)):
                del sys.modules[key]
        sys.modules.update(hidden)
        _forget_sqlmodel_tables()


def _no_certificates(*_args: object, **_kwargs: object) -> ssl.SSLContext:
    """Loading certificates takes 20 ms for each client, and nothing on loopback speaks TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _forget_sqlmodel_tables() -> None:
    """All SQLModel classes of a process share one registry, where the next fixture's tables would collide."""
    sqlmodel = sys.modules.get("sqlmodel")
    if sqlmodel is not None:
        sqlmodel.SQLModel.metadata.clear()
        sqlmodel.SQLModel._sa_registry.dispose()


async def _drive(module: Any, root: Path, slow: float) -> tuple[tuple[Response, ...], int, Watch]:
    transport = httpx.ASGITransport(module.app, raise_app_exceptions=False)
    responses = []
    async with (
        watching(root) if slow else nullcontext(Watch()) as watch,
        module.app.router.lifespan_context(module.app),
        httpx.AsyncClient(transport=transport, base_url="http://fixture") as client,
    ):
        for method, path, *body in module.REQUESTS:
            if method == clients.METHOD:
                responses.append(Response(method, path, *await clients.talk(module.app, path, *body)))
            else:
                answer = await client.request(method, path, json=body[0] if body else None)
                responses.append(Response(method, path, answer.status_code, _body(answer)))
            await _leftovers()
        left_out = getattr(module.engine.pool, "checkedout", int)()  # a NullPool does not count
    disposing = module.engine.dispose()
    if disposing is not None:
        await disposing
    return tuple(responses), left_out, watch


async def _leftovers() -> None:
    """Let the tasks finish that the request left behind."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=LEFTOVER_SECONDS)


def _body(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return answer.text


_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
"""Connections that an earlier run has leaked keep their locks."""


async def _clean(database_url: str) -> None:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").unlink(missing_ok=True)
        return
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text(_END_OTHERS))
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


async def _rows(database_url: str) -> dict[str, list[dict[str, Any]]]:
    engine: AsyncEngine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        rows = await connection.run_sync(_read_tables)
    await engine.dispose()
    return rows


def _read_tables(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    metadata = MetaData()
    metadata.reflect(connection)
    rows = {}
    for name in sorted(inspect(connection).get_table_names()):
        table = metadata.tables[name]
        ordered = select(table).order_by(*(table.primary_key.columns or table.columns))
        rows[name] = [dict(row) for row in connection.execute(ordered).mappings()]
    return rows
