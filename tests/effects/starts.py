"""The states that a method is tried from: for each class, ways to make an object of it with a known pool behind it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.ext.asyncio.exc import AsyncContextNotStarted
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from effects.database import Child, Database, Parent


@dataclass
class Start:
    """An object in a known state. `loaded` are persistent objects of its session (a Parent and a Child), if any."""

    subject: Any
    pool: Any
    loaded: tuple[Parent, Child] | None = None
    in_transaction: Callable[[], bool] = field(default=lambda: False)


Maker = Callable[[Database, AsyncExitStack], Awaitable[Start]]
Build = Callable[[Database], tuple[Any, Any]]  # the holder and its pool


async def settle(value: Any) -> Any:
    """Await what is awaitable, take one item of a generator: the sync and the async classes share their drivers."""
    if inspect.isgenerator(value):
        return next(value, None)
    if inspect.isasyncgen(value):
        return await anext(value, None)
    return await value if inspect.isawaitable(value) else value


def session_states(build: Callable[..., tuple[Any, Any]]) -> dict[str, Maker]:
    """The states of a session: `build(db, **options)` makes it. Held are `read` and `written`."""

    async def opened(db: Database, stack: AsyncExitStack, **options: Any) -> tuple[Any, Any]:
        session, pool = build(db, **options)

        async def close() -> None:
            await settle(session.close())

        stack.push_async_callback(close)
        return session, pool

    async def load(session: Any) -> tuple[Parent, Child]:
        parent = await settle(session.get(Parent, 1))
        return parent, await settle(session.get(Child, 1))

    async def fresh(db: Database, stack: AsyncExitStack) -> Start:
        return Start(*await opened(db, stack))

    async def pending(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = await opened(db, stack)
        session.add(Parent())
        return Start(session, pool)

    async def read(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = await opened(db, stack)
        return Start(session, pool, await load(session))

    async def written(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = await opened(db, stack)
        loaded = await load(session)
        session.add(Parent())
        await settle(session.flush())
        return Start(session, pool, loaded)

    async def committed(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = await opened(db, stack)
        loaded = await load(session)
        await settle(session.commit())
        return Start(session, pool, loaded)

    async def expired(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = await opened(db, stack, expire_on_commit=True)
        loaded = await load(session)
        await settle(session.commit())
        return Start(session, pool, loaded)

    states = (fresh, pending, read, written, committed, expired)
    return {state.__name__: state for state in states}


def async_session(kind: type[AsyncSession]) -> Callable[..., tuple[Any, Any]]:
    """Build sessions of a class of AsyncSession."""

    def build(db: Database, expire_on_commit: bool = False) -> tuple[Any, Any]:
        return kind(db.async_engine, expire_on_commit=expire_on_commit), db.async_engine.pool

    return build


def sync_session(kind: type[Session]) -> Callable[..., tuple[Any, Any]]:
    """Build sessions of a class of Session."""

    def build(db: Database, expire_on_commit: bool = False) -> tuple[Any, Any]:
        return kind(db.engine, expire_on_commit=expire_on_commit), db.engine.pool

    return build


def scoped(db: Database, expire_on_commit: bool = False) -> tuple[Any, Any]:
    """Build a scoped_session."""
    return scoped_session(sessionmaker(db.engine, expire_on_commit=expire_on_commit)), db.engine.pool


def async_scoped(db: Database, expire_on_commit: bool = False) -> tuple[Any, Any]:
    """Build an async_scoped_session, scoped to the running task."""
    maker = async_sessionmaker(db.async_engine, expire_on_commit=expire_on_commit)
    return async_scoped_session(maker, scopefunc=asyncio.current_task), db.async_engine.pool


def two_phase_states() -> dict[str, Maker]:
    """A session for two-phase commits: fresh, and with a pending object. SQLite's part of the protocol is stubbed."""

    async def fresh(db: Database, stack: AsyncExitStack) -> Start:
        engine = create_engine(db.engine.url)
        for step in ("begin", "prepare", "rollback"):
            setattr(engine.dialect, f"do_{step}_twophase", lambda *_args, **_kwargs: None)
        stack.callback(engine.dispose)
        return Start(stack.enter_context(Session(engine, twophase=True)), engine.pool)

    async def pending(db: Database, stack: AsyncExitStack) -> Start:
        start = await fresh(db, stack)
        start.subject.add(Parent())
        return start

    return {"fresh": fresh, "pending": pending}


async def query_fresh(db: Database, stack: AsyncExitStack) -> Start:
    """A query of a session that has not checked out."""
    session = stack.enter_context(Session(db.engine))
    return Start(session.query(Parent), db.engine.pool)


async def query_read(db: Database, stack: AsyncExitStack) -> Start:
    """A query of a session that holds."""
    session = stack.enter_context(Session(db.engine))
    return Start(session.query(Parent), db.engine.pool, (session.get_one(Parent, 1), session.get_one(Child, 1)))


async def query_committed(db: Database, stack: AsyncExitStack) -> Start:
    """A query of a session that released and still knows its objects."""
    session = stack.enter_context(Session(db.engine, expire_on_commit=False))
    loaded = (session.get_one(Parent, 1), session.get_one(Child, 1))
    session.commit()
    return Start(session.query(Parent), db.engine.pool, loaded)


def _engine(db: Database, is_async: bool) -> Any:
    return db.async_engine if is_async else db.engine


async def _connection(db: Database, stack: AsyncExitStack, is_async: bool) -> Any:
    connection = await settle(_engine(db, is_async).connect())

    async def close() -> None:
        await settle(connection.close())

    stack.push_async_callback(close)
    return connection


def engine_states(is_async: bool) -> dict[str, Maker]:
    """An engine with nothing checked out."""

    async def idle(db: Database, _stack: AsyncExitStack) -> Start:
        engine = _engine(db, is_async)
        return Start(engine, engine.pool)

    return {"idle": idle}


def connection_states(is_async: bool) -> dict[str, Maker]:
    """A connection: idle, in a transaction, and (async) not yet started."""

    async def idle(db: Database, stack: AsyncExitStack) -> Start:
        connection = await _connection(db, stack, is_async)
        return Start(connection, _engine(db, is_async).pool, in_transaction=connection.in_transaction)

    async def read(db: Database, stack: AsyncExitStack) -> Start:
        start = await idle(db, stack)
        await settle(start.subject.execute(text("SELECT 1")))
        return start

    return {"idle": idle, "read": read}


async def unstarted_connection(db: Database, stack: AsyncExitStack) -> Start:
    """An AsyncConnection that was made and not awaited."""
    connection = db.async_engine.connect()

    async def close() -> None:
        with suppress(AsyncContextNotStarted):
            await connection.close()

    stack.push_async_callback(close)
    return Start(connection, db.async_engine.pool)


def transaction_states(is_async: bool) -> dict[str, Maker]:
    """The root transaction of a connection, with a statement done in it."""

    async def begun(db: Database, stack: AsyncExitStack) -> Start:
        connection = await _connection(db, stack, is_async)
        transaction = await settle(connection.begin())
        await settle(connection.execute(text("SELECT 1")))
        return Start(transaction, _engine(db, is_async).pool, in_transaction=connection.in_transaction)

    return {"begun": begun}


def session_transaction_states(is_async: bool) -> dict[str, Maker]:
    """The root transaction of a session: just begun, and with a statement done in it."""
    build = async_session(AsyncSession) if is_async else sync_session(Session)

    async def begun(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = build(db)

        async def close() -> None:
            await settle(session.close())

        stack.push_async_callback(close)
        return Start(await settle(session.begin()), pool)

    async def read(db: Database, stack: AsyncExitStack) -> Start:
        start = await begun(db, stack)
        owner = start.subject.session
        await settle(owner.execute(text("SELECT 1")))
        return start

    return {"begun": begun, "read": read}


def result_states(is_async: bool, view: str = "", cursor: bool = False) -> dict[str, Maker]:
    """A result with unread rows, or a view of it (`scalars`, `mappings`); of a session, or the cursor's own."""
    build = async_session(AsyncSession) if is_async else sync_session(Session)

    async def unread(db: Database, stack: AsyncExitStack) -> Start:
        session, pool = build(db)

        async def close() -> None:
            await settle(session.close())

        stack.push_async_callback(close)
        if cursor:
            return Start(session.connection().execute(text("SELECT 1")), pool)
        run = session.stream if is_async else session.execute
        result = await settle(run(select(Parent.id, Parent.name)))
        return Start(getattr(result, view)() if view else result, pool)

    return {"unread": unread}


def factory_states(is_async: bool) -> dict[str, Maker]:
    """A sessionmaker."""

    async def idle(db: Database, _stack: AsyncExitStack) -> Start:
        engine: Any = _engine(db, is_async)
        make: Any = async_sessionmaker if is_async else sessionmaker
        return Start(make(engine), engine.pool)

    return {"idle": idle}


class Attributes:
    """Stands for AsyncAttrs: reads one relationship of an object through `awaitable_attrs`."""

    def __init__(self, owner: Parent) -> None:
        self._owner = owner

    async def awaitable_attrs(self) -> None:
        """Read it."""
        await self._owner.awaitable_attrs.children


def attribute_states() -> dict[str, Maker]:
    """An object of a session that released: its relationship unloaded, and loaded."""
    committed = session_states(async_session(AsyncSession))["committed"]

    async def unloaded(db: Database, stack: AsyncExitStack) -> Start:
        start = await committed(db, stack)
        assert start.loaded is not None
        return Start(Attributes(start.loaded[0]), start.pool)

    async def loaded(db: Database, stack: AsyncExitStack) -> Start:
        start = await committed(db, stack)
        assert start.loaded is not None
        await start.loaded[0].awaitable_attrs.children
        await start.subject.commit()
        return Start(Attributes(start.loaded[0]), start.pool)

    return {"unloaded": unloaded, "loaded": loaded}
