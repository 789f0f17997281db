"""Whose a session is: what closes it only where it made it, and what only borrows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, Files, case, check, found, marks


@pytest.mark.parametrize(
    ("files", "select"),
    [
        case(
            "a connection out of a cache is everybody's",
            """
            import streamlit as st
            from cachetools import TTLCache, cached

            @st.cache_resource(ttl=600)
            def shared():
                return sync_engine.connect()

            @cached(TTLCache(1, 60))
            def kept():
                return sync_engine.connect()

            def passed_on():
                return kept()

            @functools.wraps(print)
            def fresh():
                return sync_engine.connect()

            def first():
                connection = shared()
                return connection.execute(select(1)).all()

            def second():
                connection = passed_on()
                return connection.execute(select(1)).all()

            def third():
                connection = fresh()  # error: PHL401
                return connection.execute(select(1)).all()

            @app.get("/")
            def handler():
                return [first(), second(), third()]
        """,
            select=("PHL401", "PHL405"),
        ),
        case(
            "a finally that closes under a condition which only the reader understands",
            """
            async def guarded(*given):
                db = maker()
                try:
                    await db.execute(select(1))
                finally:
                    if "db" not in [type(one).__name__ for one in given]:
                        await db.close()

            async def never(*given):
                db = maker()  # error: PHL401
                try:
                    await db.execute(select(1))
                finally:
                    if False:
                        await db.close()

            async def only_without():
                db = maker()  # error: PHL401
                try:
                    await db.execute(select(1))
                finally:
                    if db is None:
                        await db.close()

            async def on_success():
                db = maker()  # error: PHL401
                done = False
                try:
                    await db.execute(select(1))
                    done = True
                finally:
                    if done:
                        await db.close()

            async def another(other):
                db = maker()  # error: PHL401
                try:
                    await db.execute(select(1))
                finally:
                    if other.is_open():
                        await other.close()

            async def early(given):
                db = maker()
                try:
                    await db.execute(select(1))
                    if given.is_last():
                        await db.close()
                finally:
                    if not given.is_last():
                        await db.close()
        """,
            select=("PHL401", "PHL405"),
        ),
        case(
            "a helper that closes what it made, called in a finally or as a block",
            """
            class Work:
                def __init__(self, session: AsyncSession | None = None):
                    self._session = session
                    self._owns = session is None

                async def start(self) -> AsyncSession:
                    if self._session is None:
                        self._session = maker()
                        self._owns = True
                    return self._session

                async def close(self):
                    if self._owns and self._session is not None:
                        await self._session.close()

                async def forget(self):
                    if self._owns:
                        await self._session.rollback()

                async def __aenter__(self):
                    return await self.start()

                async def __aexit__(self, *failure):
                    await self.close()

            @contextlib.asynccontextmanager
            async def work(session: AsyncSession | None = None):
                one = Work(session)
                try:
                    yield await one.start()
                    await one._session.commit()
                except Exception:
                    await one._session.rollback()
                    raise
                finally:
                    await one.close()

            async def as_block():
                async with Work() as db:
                    await db.execute(select(1))

            async def forgetful():
                one = maker()  # error: PHL401
                try:
                    await one.execute(select(1))
                finally:
                    await ask()

            @app.get("/")
            async def handler():
                async with work() as db:
                    await db.execute(select(1))
        """,
            select=("PHL401", "PHL402", "PHL405"),
        ),
        case(
            "a provider driven by hand on each round of a loop that never ends",
            """
            def get_sync():
                session = sync_maker()
                try:
                    yield session
                finally:
                    session.close()

            async def closes():
                while True:
                    try:
                        if await ask():
                            db = next(get_sync())
                            db.scalar(select(1))
                            db.close()
                        await asyncio.sleep(60)
                    except Exception as failure:
                        print(failure)
                        await asyncio.sleep(60)

            async def forgets():
                while True:
                    try:
                        db = next(get_sync())  # error: PHL403
                        db.scalar(select(1))
                        await asyncio.sleep(60)
                    except Exception as failure:
                        print(failure)

            async def closes_at_times():
                while True:
                    db = next(get_sync())  # error: PHL403
                    if db.scalar(select(1)):
                        continue
                    db.close()
        """,
            select=("PHL403",),
        ),
        case(
            "a provider that yields its caller's session, or one of its own",
            """
            @contextlib.asynccontextmanager
            async def given_or_own(given: AsyncSession | None = None):
                if given is not None:
                    yield given
                    return
                own = maker()
                yield own  # error: PHL402
                await own.commit()

            @contextlib.asynccontextmanager
            async def given_or_closed(given: AsyncSession | None = None):
                if given is not None:
                    yield given
                    return
                async with maker() as own:
                    yield own
                    await own.commit()

            @app.get("/")
            async def handler():
                async with given_or_own() as db, given_or_closed() as other:
                    await db.execute(select(1))
                    await other.execute(select(1))
        """,
            select=("PHL402",),
        ),
        case(
            "a provider driven by hand whose session is closed under such a condition",
            """
            def get_sync():
                with sync_maker() as session:
                    yield session

            async def guarded(*given):
                db = None
                for one in given:
                    if isinstance(one, Session):
                        db = one
                        break
                if not db:
                    db = next(get_sync())
                try:
                    return db.scalar(select(1))
                finally:
                    if "db" not in [type(one).__name__ for one in given]:
                        db.close()

            async def unguarded(*given):
                db = next(get_sync())  # error: PHL403
                try:
                    return db.scalar(select(1))
                finally:
                    if "db" not in [type(one).__name__ for one in given]:
                        db.expunge_all()
        """,
            select=("PHL401", "PHL403"),
        ),
        case(
            "an exception that is told before the session is closed",
            """
            def told():
                db = sync_maker()
                try:
                    db.execute(insert(text))
                    db.commit()
                    db.close()
                except Exception as error:
                    print("failed:", type(error), str(error), repr(error))
                    if db:
                        db.rollback()
                        db.close()

            def sent():
                db = sync_maker()  # error: PHL401
                try:
                    db.execute(insert(text))
                    db.commit()
                    db.close()
                except Exception as error:
                    client.post("/failed", json={"error": str(error)})
                    db.close()

            @app.get("/")
            def handler():
                return [told(), sent()]
        """,
            select=("PHL401", "PHL403"),
        ),
    ],
)
def test_both_ways(tmp_path: Path, files: Files, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(
    ("drives", "way_out"), [("next(", "`with contextmanager"), ("await anext(", "`async with async")]
)
def test_the_way_out_is_of_the_providers_kind(tmp_path: Path, drives: str, way_out: str) -> None:
    provider = "get_sync" if drives == "next(" else "get_db"
    text = f"""{HEAD}

def get_sync():
    with sync_maker() as session:
        yield session

async def f():
    provider = {provider}()
    db = {drives}provider)
    {"await " if provider == "get_db" else ""}db.execute(select(1))
"""
    (finding,) = check(tmp_path, {"app.py": text}, ("PHL403",)).findings
    assert f"; use {way_out}" in finding.message
