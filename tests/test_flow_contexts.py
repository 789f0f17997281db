"""Blocks, generators, tasks and threads."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, marks

BLOCKS = [
    case(
        "a block closes",
        """
        async def f():
            async with maker() as db:
                await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a wait in the block",
        """
        async def f():
            async with maker() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a block over an existing session",
        """
        async def f():
            db = maker()
            async with db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a context manager function",
        """
        @contextlib.asynccontextmanager
        async def scope():
            async with maker() as db:
                yield db
                await db.commit()

        async def f():
            async with scope() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "one of two context managers, either of which may fail",
        """
        import asyncpg

        pool: asyncpg.Pool

        class Light:
            async def fetch(self, query: str): ...

        def prepare():
            risky()

        @contextlib.asynccontextmanager
        async def light():
            prepare()
            yield Light()
            prepare()

        @contextlib.asynccontextmanager
        async def connection(flag: bool):
            manager = light() if flag else pool.acquire()
            async with manager as conn:
                yield conn

        async def once(flag: bool):
            try:
                async with connection(flag) as conn:
                    rows = await conn.fetch("select 1")
                    await asyncio.sleep(1)  # error: PHL104
                    return rows
            except Exception:
                return []

        async def f(flag: bool):
            await once(flag)
            await asyncio.sleep(3)

        @contextlib.asynccontextmanager
        async def other_connection(flag: bool):
            manager = pool.acquire() if flag else light()
            async with manager as conn:
                yield conn

        async def once_more(flag: bool):
            try:
                async with other_connection(flag) as conn:
                    return await conn.fetch("select 1")
            except Exception:
                return []

        async def g(flag: bool):
            await once_more(flag)
            await asyncio.sleep(3)
    """,
    ),
    case(
        "a context manager function that holds from the start",
        """
        @contextlib.asynccontextmanager
        async def scope():
            async with maker() as db:
                await db.execute(text("SELECT 1"))
                yield db

        async def f():
            async with scope():
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a context manager function with a finally",
        """
        @contextlib.asynccontextmanager
        async def scope():
            db = maker()
            try:
                yield db
                await db.commit()
            except Exception:
                await db.rollback()
                raise
            finally:
                await db.close()

        async def f():
            async with scope() as db:
                await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a context manager around the caller's session",
        """
        @contextlib.asynccontextmanager
        async def transaction(db: AsyncSession):
            try:
                yield db
                await db.commit()
            except Exception:
                await db.rollback()
                raise

        async def f(db: AsyncSession):
            async with transaction(db):
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a context manager that waits when it is left",
        """
        @contextlib.asynccontextmanager
        async def notify():
            yield
            await client.get("/")

        async def f(db: AsyncSession):
            async with notify():  # error: PHL101
                await db.execute(select(1))
    """,
    ),
    case(
        "a context manager that waits when it is entered",
        """
        @contextlib.asynccontextmanager
        async def notify():
            await client.get("/")
            yield

        async def f(db: AsyncSession):
            async with notify():
                await db.execute(select(1))
            async with notify():  # error: PHL101
                await db.commit()
    """,
    ),
    case(
        "several yields",
        """
        @contextlib.asynccontextmanager
        async def scope(x):
            if x:
                async with maker() as db:
                    yield db
            else:
                yield None

        async def f(x):
            async with scope(x) as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a sync context manager function",
        """
        @contextlib.contextmanager
        def scope():
            with sync_maker() as db:
                yield db

        def f():
            with scope() as db:
                db.execute(select(1))
                httpx.get("/")  # error: PHL101
            httpx.get("/")
    """,
    ),
    case(
        "a context manager over another",
        """
        @contextlib.asynccontextmanager
        async def inner():
            async with maker() as db:
                yield db

        @contextlib.asynccontextmanager
        async def outer():
            async with inner() as db:
                async with db.begin():
                    yield db

        async def f():
            async with outer() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a class",
        """
        class UnitOfWork:
            async def __aenter__(self):
                self.db = maker()
                return self
            async def __aexit__(self, *args):
                await self.db.close()

        async def f():
            async with UnitOfWork() as work:
                await work.db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a class that commits in a method",
        """
        class UnitOfWork:
            async def __aenter__(self):
                self.db = maker()
                return self
            async def __aexit__(self, *args):
                await self.db.close()
            async def commit(self):
                await self.db.commit()

        async def f():
            async with UnitOfWork() as work:
                await work.db.execute(select(1))
                await work.commit()
                await client.get("/")
    """,
    ),
    case(
        "a sync class",
        """
        class UnitOfWork:
            def __enter__(self):
                self.db = sync_maker()
                return self.db
            def __exit__(self, *args):
                self.db.close()

        def f():
            with UnitOfWork() as db:
                db.execute(select(1))
                httpx.get("/")  # error: PHL101
            httpx.get("/")
    """,
    ),
    case(
        "a class without __aenter__",
        """
        class Odd: ...
        class Inherited(httpx.AsyncClient): ...

        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with Odd() as odd, Inherited() as own:
                await odd.get("/")
                await own.get("/")  # error: PHL101
    """,
    ),
    case(
        "an exit stack",
        """
        async def f():
            async with contextlib.AsyncExitStack() as stack:
                db = await stack.enter_async_context(maker())
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a sync exit stack",
        """
        def f():
            with contextlib.ExitStack() as stack:
                db = stack.enter_context(sync_maker())
                db.execute(select(1))
                httpx.get("/")  # error: PHL101
            httpx.get("/")
    """,
    ),
    case(
        "a callback on an exit stack",
        """
        async def f():
            async with contextlib.AsyncExitStack() as stack:
                db = maker()
                stack.push_async_callback(db.close)
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a callback on an exit stack runs when it is left",
        """
        async def f():
            async with contextlib.AsyncExitStack() as stack:
                db = maker()
                stack.push_async_callback(db.close)
                await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "nested exit stacks",
        """
        async def f():
            async with contextlib.AsyncExitStack() as outer:
                a = await outer.enter_async_context(maker())
                async with contextlib.AsyncExitStack() as inner:
                    b = await inner.enter_async_context(maker())
                    await b.execute(select(1))
                await client.get("/1")
                await a.execute(select(1))
                await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "closing and nullcontext",
        """
        async def f():
            async with contextlib.aclosing(maker()) as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")

        def g():
            with contextlib.closing(sync_maker()) as db:
                db.execute(select(1))
            httpx.get("/")
    """,
    ),
    case(
        "nullcontext keeps the session open",
        """
        async def f(db: AsyncSession):
            async with contextlib.nullcontext(db) as same:
                await same.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "nullcontext or a transaction",
        """
        async def f(db: AsyncSession, x):
            async with (contextlib.nullcontext() if x else db.begin()):
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a choice of blocks",
        """
        async def f(x):
            one, other = maker(), maker()
            async with (one if x else other) as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "an awaited block",
        """
        async def scope():
            return maker()

        async def f():
            async with await scope() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "the coroutine of an aiohttp client",
        """
        import aiohttp

        async def f(db: AsyncSession):
            async with aiohttp.ClientSession() as session:
                await db.execute(select(1))
                async with session.get("/") as response:  # error: PHL101
                    await db.commit()
                    await response.json()
    """,
    ),
    case(
        "timeouts and semaphores are no waits",
        """
        limit = asyncio.Semaphore(3)

        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with asyncio.timeout(3):
                await db.flush()
    """,
    ),
    case(
        "an unknown block",
        """
        async def f(db: AsyncSession, tracer):
            async with tracer.span("x") as span:
                await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an unknown block that is given the session",
        """
        from elsewhere import tracked

        async def f(db: AsyncSession):
            async with tracked(db):
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an own decorator that makes a context manager",
        """
        from elsewhere import my_asynccontextmanager

        @my_asynccontextmanager
        async def scope():
            async with maker() as db:
                yield db

        async def f():
            async with scope() as db:
                await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a context manager method",
        """
        class Database:
            def __init__(self):
                self.maker = async_sessionmaker(engine)
            @contextlib.asynccontextmanager
            async def session(self):
                async with self.maker() as db:
                    yield db

        database = Database()

        async def f():
            async with database.session() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
]

GENERATORS = [
    case(
        "a loop over a provider is a block",
        """
        async def f():
            async for db in get_db():
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "break out of a loop over a provider",
        """
        async def f():
            async for db in get_db():
                await db.execute(select(1))
                break
            await client.get("/")
    """,
    ),
    case(
        "behind a loop over a provider that is left by break",
        """
        async def f(other: AsyncSession):
            async for db in get_db():
                await db.execute(select(1))
                break
            await other.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a loop over a provider in another loop",
        """
        async def f(other: AsyncSession, xs):
            for x in xs:
                async for db in get_db():
                    await db.execute(select(x))
                    break
                await other.execute(select(1))
                await client.get("/")  # error: PHL101
                await other.commit()
    """,
    ),
    case(
        "a sync provider",
        """
        def get_sync():
            db = sync_maker()
            try:
                yield db
            finally:
                db.close()

        def f():
            for db in get_sync():
                db.execute(select(1))
                httpx.get("/")  # error: PHL101
            httpx.get("/")
    """,
    ),
    case(
        "next of a provider",
        """
        def get_sync():
            db = sync_maker()
            try:
                yield db
            finally:
                db.close()

        def f():
            db = next(get_sync())
            db.execute(select(1))
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "anext of a provider",
        """
        async def f():
            db = await anext(get_db())
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "__anext__ of a provider",
        """
        async def f():
            db = await get_db().__anext__()
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a generator that waits",
        """
        async def lines():
            async with client.stream("GET", "/") as response:
                async for line in response.aiter_lines():
                    yield line

        async def f(db: AsyncSession):
            await db.execute(select(1))
            async for line in lines():  # error: PHL101
                pass
    """,
    ),
    case(
        "a generator that waits at its next turn",
        """
        async def lines():
            async for line in client.stream("GET", "/").aiter_lines():
                yield line

        async def f(db: AsyncSession):
            async for line in lines():  # error: PHL101
                await db.execute(select(line))
    """,
    ),
    case(
        "a generator that queries",
        """
        async def rows(db: AsyncSession):
            async for row in await db.stream(select(1)):
                yield row

        async def f(db: AsyncSession):
            async for row in rows(db):
                await client.get(row)  # error: PHL101
    """,
    ),
    case(
        "a generator that is not iterated does nothing",
        """
        async def rows(db: AsyncSession):
            yield await db.execute(select(1))

        async def f(db: AsyncSession):
            pending = rows(db)
            await client.get("/")
    """,
    ),
    case(
        "a comprehension over a generator",
        """
        async def rows(db: AsyncSession):
            yield await db.execute(select(1))

        async def f(db: AsyncSession):
            all_rows = [row async for row in rows(db)]
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "list of a sync generator",
        """
        def rows(db: Session):
            yield db.execute(select(1))

        def f(db: Session):
            list(rows(db))
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "yield from",
        """
        def inner(db: Session):
            yield db.execute(select(1))

        def outer(db: Session):
            yield from inner(db)

        def f(db: Session):
            for row in outer(db):
                httpx.get(row)  # error: PHL101
    """,
    ),
    case(
        "yield from an unknown thing",
        """
        def f(db: Session, xs):
            db.execute(select(1))
            yield from xs
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "an iterator class",
        """
        class Rows:
            def __init__(self, db: AsyncSession):
                self.db = db
            def __aiter__(self):
                return self
            async def __anext__(self):
                return await self.db.scalar(select(1))

        async def f(db: AsyncSession):
            async for row in Rows(db):
                await client.get(row)  # error: PHL101
    """,
    ),
    case(
        "an iterable class with a generator",
        """
        class Rows:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def __aiter__(self):
                yield await self.db.scalar(select(1))

        async def f(db: AsyncSession):
            async for row in Rows(db):
                await client.get(row)  # error: PHL101
    """,
    ),
    case(
        "a generator driven by hand",
        """
        def rows(db: Session):
            yield db.execute(select(1))

        def f(db: Session):
            turns = rows(db).__iter__()
            next(turns)
            httpx.get("/")  # error: PHL101

        def g(db: Session):
            rows(db).send(None)
            httpx.get("/")  # error: PHL101

        def h(db: Session):
            rows(db).close()
            httpx.get("/")
    """,
    ),
    case(
        "a sync iterable class",
        """
        class Sessions:
            def __init__(self, sessions: list[Session]):
                self.sessions = sessions
            def __iter__(self):
                return self.sessions

        def f(db: Session):
            for one in Sessions([db]):
                one.execute(select(1))
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "a stream of a client",
        """
        from openai import AsyncOpenAI
        llm = AsyncOpenAI()

        async def f(db: AsyncSession):
            stream = await llm.chat.completions.create(stream=True)
            await db.execute(select(1))
            async for chunk in stream:  # error: PHL101
                print(chunk)
    """,
    ),
    case(
        "a choice of streams",
        """
        async def f(db: AsyncSession, x):
            stream = client.stream("GET", "/1").aiter_lines() if x else client.stream("GET", "/2").aiter_bytes()
            await db.execute(select(1))
            async for chunk in stream:  # error: PHL101
                print(chunk)
    """,
    ),
    case(
        "a list of rows",
        """
        async def f(db: AsyncSession):
            for row in [await db.execute(select(1))]:
                await client.get(row)  # error: PHL101
    """,
    ),
    case(
        "an unknown iterable that was given the session",
        """
        from elsewhere import paginate

        async def f(db: AsyncSession):
            async for page in paginate(db):
                await client.get(page)  # error: PHL101
    """,
    ),
    case(
        "a generator that releases while it is consumed",
        """
        async def pages(db: AsyncSession):
            await db.execute(select(1))
            await db.commit()
            yield 1

        async def f(db: AsyncSession):
            async for page in pages(db):
                await client.get(page)
    """,
    ),
    case(
        "a generator that holds while it is consumed",
        """
        async def pages(db: AsyncSession):
            await db.execute(select(1))
            yield 1
            await db.commit()

        async def f(db: AsyncSession):
            async for page in pages(db):
                await client.get(page)  # error: PHL101
    """,
        wrong="a generator is run to its end before the loop's body",
    ),
]

TASKS = [
    case(
        "gather with calls",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await asyncio.gather(client.get("/1"), ask())  # error: PHL101
    """,
    ),
    case(
        "gather with a list",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            jobs = [ask(), ask()]
            await asyncio.gather(*jobs)  # error: PHL101
    """,
    ),
    case(
        "gather with a comprehension",
        """
        async def f(db: AsyncSession, xs):
            await db.execute(select(1))
            await asyncio.gather(*[client.get(x) for x in xs])  # error: PHL101
    """,
    ),
    case(
        "gather with a generator expression",
        """
        async def f(db: AsyncSession, xs):
            await db.execute(select(1))
            await asyncio.gather(*(client.get(x) for x in xs), return_exceptions=True)  # error: PHL101
    """,
    ),
    case(
        "gather of unknown things",
        """
        async def f(db: AsyncSession, xs):
            await db.execute(select(1))
            await asyncio.gather(*xs)
            await asyncio.wait(xs)
    """,
    ),
    case(
        "gather that queries",
        """
        async def load():
            async with maker() as db:
                return await db.scalar(select(1))

        async def f(db: AsyncSession):
            await asyncio.gather(db.execute(select(1)), load())
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "results of gather",
        """
        async def make():
            return client

        async def f(db: AsyncSession):
            await db.execute(select(1))
            a, b = await asyncio.gather(make(), make())
            await a.get("/")  # error: PHL101
    """,
    ),
    case(
        "wait_for and shield",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await asyncio.wait_for(ask(), 3)  # error: PHL101
            await asyncio.shield(ask())  # error: PHL101
            await asyncio.wait_for(asyncio.shield(client.get("/")), timeout=2)  # error: PHL101
    """,
    ),
    case(
        "shield around the release",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await asyncio.shield(db.close())
            await client.get("/")
    """,
    ),
    case(
        "a task that is awaited",
        """
        async def f(db: AsyncSession):
            task = asyncio.create_task(ask())
            await db.execute(select(1))
            await task  # error: PHL101
    """,
    ),
    case(
        "a task that is not awaited",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            task = asyncio.create_task(ask())
            asyncio.ensure_future(client.get("/"))
            asyncio.create_task()
    """,
    ),
    case(
        "a task by the loop",
        """
        async def f(db: AsyncSession):
            task = asyncio.get_running_loop().create_task(ask())
            await db.execute(select(1))
            await asyncio.wait([task])  # error: PHL101
    """,
    ),
    case(
        "a task of an unknown coroutine",
        """
        async def f(db: AsyncSession, job):
            await db.execute(select(1))
            await asyncio.create_task(job())
    """,
    ),
    case(
        "a task group",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with asyncio.TaskGroup() as group:  # error: PHL101
                task = group.create_task(ask())
            await task
    """,
    ),
    case(
        "a task group waits when it is left",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with asyncio.TaskGroup() as group:  # error: PHL101
                group.create_task(ask())

        async def released_inside(db: AsyncSession):
            await db.execute(select(1))
            async with asyncio.TaskGroup() as group:
                group.create_task(ask())
                await db.commit()

        async def g(db: AsyncSession, group: asyncio.TaskGroup):
            await db.execute(select(1))
            group.create_task(ask())
            async with asyncio.TaskGroup() as own:
                own.create_task(db.commit())
            async with asyncio.TaskGroup() as own:
                own.create_task(ask())
    """,
    ),
    case(
        "an anyio task group",
        """
        import anyio

        async def f(db: AsyncSession):
            async with anyio.create_task_group() as group:
                task = group.start_soon(ask)
            await db.execute(select(1))
            async with anyio.create_task_group() as group:  # error: PHL101
                for _ in range(3):
                    group.start_soon(ask)
    """,
    ),
    case(
        "asyncio.run",
        """
        async def work():
            async with maker() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        def main():
            asyncio.run(work())

        async def plain():
            await client.get("/")

        def sync_main(db: Session):
            db.execute(select(1))
            asyncio.run(plain())  # error: PHL101
            asyncio.run()
    """,
    ),
    case(
        "anyio.run and async_to_sync",
        """
        import anyio
        from asgiref.sync import async_to_sync

        def f(db: Session):
            db.execute(select(1))
            anyio.run(ask)  # error: PHL101
            anyio.run()
            anyio.from_thread.run(ask)  # error: PHL101
    """,
    ),
    case(
        "threads",
        """
        import anyio
        from fastapi.concurrency import run_in_threadpool
        from asgiref.sync import sync_to_async

        def fetch():
            return httpx.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await asyncio.to_thread(fetch)  # error: PHL101
            await asyncio.get_running_loop().run_in_executor(None, fetch)  # error: PHL101
            await run_in_threadpool(fetch)  # error: PHL101
            await anyio.to_thread.run_sync(fetch, cancellable=True)  # error: PHL101
            await asyncio.to_thread()
    """,
    ),
    case(
        "an executor of one's own",
        """
        from concurrent.futures import ThreadPoolExecutor

        def fetch(path):
            return httpx.get(path)

        def f(db: Session):
            with ThreadPoolExecutor() as pool:
                db.execute(select(1))
                later = pool.submit(fetch, "/")
                texts = list(pool.map(fetch, ["/"]))  # error: PHL101
                pool.submit(fetch, "/other")
                return later.result()  # error: PHL101

        def g(db: Session, pool: ThreadPoolExecutor):
            db.execute(select(1))
            later = pool.submit(fetch, "/")
            db.commit()
            pool.shutdown(True)
            return later.result()
    """,
    ),
    case(
        "a sync session in a thread",
        """
        def load():
            with sync_maker() as db:
                db.execute(select(1))
                return httpx.get("/")  # error: PHL101

        async def f():
            await asyncio.to_thread(load)
    """,
    ),
    case(
        "a query in a thread",
        """
        def load(db: Session):
            db.execute(select(1))

        async def f(db: Session):
            await asyncio.to_thread(load, db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "sleep is its own rule",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await asyncio.sleep(1)  # error: PHL104
            await asyncio.sleep(0)
            await asyncio.sleep(0.1)  # error: PHL104
            await asyncio.sleep(delay=1)  # error: PHL104
    """,
    ),
    case(
        "as_completed",
        """
        async def f(db: AsyncSession, xs):
            await db.execute(select(1))
            for job in asyncio.as_completed([ask() for x in xs]):
                await job  # error: PHL101
    """,
        wrong="the items of `as_completed` are not known",
    ),
]


@pytest.mark.parametrize(("files", "select"), BLOCKS)
def test_blocks(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), GENERATORS)
def test_generators(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), TASKS)
def test_tasks_and_threads(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)
