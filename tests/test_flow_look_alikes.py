"""Code that looks like a hold and is none: what people really write, and each thing must stay silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found

SILENT = [
    case(
        "every implementation has what is asked for first",
        """
        import abc

        class Base(abc.ABC):
            @abc.abstractmethod
            async def sleep(self) -> str: ...

            async def load(self):
                return await self.sleep()

        class One(Base):
            async def sleep(self) -> str:
                return await ask()

            async def load_and_save(self):
                return 1

        class Two(Base):
            async def sleep(self) -> str:
                return await ask()

            async def load_and_save(self):
                return 2

        async def f(db: AsyncSession, source: Base):
            await db.execute(select(1))
            if hasattr(source, "load_and_save"):
                await source.load_and_save()
            else:
                await source.load()
    """,
        select=("PHL101",),
    ),
    case(
        "a session of one's own only when none is passed, closed under the same flag",
        """
        def provision(db: object | None = None):
            own = db is None
            if own:
                db = sync_maker()
            assert isinstance(db, Session)
            try:
                db.execute(select(1))
                db.commit()
                db.refresh(1)
            finally:
                if own:
                    db.close()

        def passed(db: Session):
            provision(db)
            db.commit()
            httpx.get("/")

        def not_passed():
            provision()
            httpx.get("/")
    """,
        select=("PHL101",),
    ),
    case(
        "an implementation that leaves a method abstract is never made",
        """
        import abc

        class Storage(abc.ABC):
            @abc.abstractmethod
            def path(self) -> str: ...

            @abc.abstractmethod
            async def read(self) -> str: ...

        class Far(Storage):
            async def read(self) -> str:
                return await ask()

        class Near(Storage):
            def path(self) -> str:
                return ""

            async def read(self) -> str:
                return self.path()

        async def f(db: AsyncSession, storage: Storage):
            await db.execute(select(1))
            await storage.read()
    """,
        select=("PHL101",),
    ),
    case(
        "a cast says which implementation it is",
        """
        from typing import cast

        class Base:
            async def load(self):
                await ask()

        class Quiet(Base):
            async def load(self):
                return 1

        async def f(db: AsyncSession, base: Base):
            await db.execute(select(1))
            await cast(Quiet, base).load()
    """,
        select=("PHL101",),
    ),
    case(
        "a closure commits the session of its function",
        """
        async def f():
            async with maker() as db:
                async def done():
                    await db.commit()
                await db.execute(select(1))
                await done()
                await client.get("/")
    """,
    ),
    case(
        "a closure commits the session of a handler",
        """
        @app.get("/")
        async def f(db: AsyncSession = Depends(get_db)):
            async def done():
                await db.commit()
            await db.execute(select(1))
            await done()
            await client.get("/")
    """,
    ),
    case(
        "a lambda commits the session of a handler",
        """
        @app.get("/")
        async def f(db: AsyncSession = Depends(get_db)):
            done = lambda: db.commit()
            await db.execute(select(1))
            await done()
            await client.get("/")
    """,
    ),
    case(
        "a closure commits a parameter",
        """
        async def f(db: AsyncSession):
            async def done():
                await db.commit()
            await db.execute(select(1))
            await done()
            await client.get("/")
    """,
    ),
    case(
        "a decorated function releases what it was given",
        """
        def timed(function):
            @functools.wraps(function)
            async def wrapper(*args, **kwargs):
                return await function(*args, **kwargs)
            return wrapper

        @timed
        async def done(db: AsyncSession):
            await db.commit()

        @app.get("/")
        async def f(db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            await done(db)
            await client.get("/")
    """,
    ),
    case(
        "a decorated function releases what it was given by keyword",
        """
        def timed(function):
            @functools.wraps(function)
            async def wrapper(*args, **kwargs):
                return await function(*args, **kwargs)
            return wrapper

        @timed
        async def done(db: AsyncSession):
            await db.commit()

        @app.get("/")
        async def f(db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            await done(db=db)
            await client.get("/")
    """,
    ),
    case(
        "a decorated method releases its own session",
        """
        def timed(function):
            @functools.wraps(function)
            async def wrapper(self, *args, **kwargs):
                return await function(self, *args, **kwargs)
            return wrapper

        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            @timed
            async def done(self):
                await self.db.commit()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Repo(db).done()
            await client.get("/")
    """,
    ),
    case(
        "a base class keeps the session, a mixin commits",
        """
        class Base:
            def __init__(self, db: AsyncSession):
                self.db = db

        class Commits:
            async def done(self):
                await self.db.commit()

        class Repo(Commits, Base):
            async def work(self):
                await self.db.execute(select(1))
                await self.done()
                await client.get("/")
    """,
    ),
    case(
        "a unit of work commits at its end",
        """
        class UnitOfWork:
            def __init__(self, make=maker):
                self.make = make
            async def __aenter__(self):
                self.db = self.make()
                return self
            async def __aexit__(self, kind, error, trace):
                if kind:
                    await self.db.rollback()
                else:
                    await self.db.commit()
                await self.db.close()

        async def f():
            async with UnitOfWork() as work:
                await work.db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a retry loop releases on each failure",
        """
        async def f(db: AsyncSession):
            for attempt in range(3):
                try:
                    await db.execute(select(1))
                    await db.commit()
                    break
                except ValueError:
                    await db.rollback()
            await client.get("/")
    """,
    ),
    case(
        "a loop that always commits before the call of the next turn",
        """
        async def f(db: AsyncSession):
            while True:
                job = await db.scalar(select(1))
                if job is None:
                    await db.rollback()
                    await client.get("/idle")
                    continue
                await db.commit()
                await client.get("/work")
    """,
    ),
    case(
        "a flag tells whether it was queried",
        """
        async def f(db: AsyncSession, x):
            queried = False
            if x:
                await db.execute(select(1))
                queried = True
            if queried:
                await db.commit()
            await client.get("/")
    """,
        wrong="FALSE ALARM: a variable that tells which path was taken is not followed",
    ),
    case(
        "the same condition twice",
        """
        async def f(db: AsyncSession, x):
            if x:
                await db.execute(select(1))
            if x:
                await db.commit()
            await client.get("/")
    """,
        wrong="FALSE ALARM: the same condition asked twice is not known to give the same answer",
    ),
    case(
        "in_transaction guards the commit",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            if db.in_transaction():
                await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "suppress around the release",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            with contextlib.suppress(ValueError):
                await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "a timeout around the release",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with asyncio.timeout(3):
                await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "gather releases two sessions",
        """
        async def f(a: AsyncSession, b: AsyncSession):
            await a.execute(select(1))
            await b.execute(select(1))
            await asyncio.gather(a.commit(), b.commit())
            await client.get("/")
    """,
    ),
    case(
        "gather over sessions in a comprehension",
        """
        async def f(sessions: list[AsyncSession]):
            for one in sessions:
                await one.execute(select(1))
            await asyncio.gather(*[one.commit() for one in sessions])
            await client.get("/")
    """,
    ),
    case(
        "release for each session in a loop",
        """
        async def f(a: AsyncSession, b: AsyncSession):
            await a.execute(select(1))
            for one in (a, b):
                await one.commit()
            await client.get("/")
    """,
    ),
    case(
        "two sessions, one of them is committed",
        """
        async def f(x):
            async with maker() as a:
                user = await a.scalar(select(1))
            async with maker() as b:
                await b.execute(select(1))
                await b.commit()
                await client.get(user)
    """,
    ),
    case(
        "a rebound variable",
        """
        async def f():
            async with maker() as db:
                await db.execute(select(1))
            db = maker()
            await client.get("/")
            await db.close()
    """,
    ),
    case(
        "a conditional session of its own",
        """
        async def f(db: AsyncSession | None = None):
            own = db is None
            session = db or maker()
            try:
                await session.execute(select(1))
            finally:
                if own:
                    await session.close()

        async def g():
            await f()
            await client.get("/")
    """,
    ),
    case(
        "a background job opens its own session",
        """
        async def job():
            async with maker() as db:
                await db.execute(select(1))

        async def f():
            asyncio.create_task(job())
            await client.get("/")
    """,
    ),
    case(
        "a task that is cancelled and awaited",
        """
        async def f(db: AsyncSession):
            task = asyncio.create_task(asyncio.Event().wait())
            await db.execute(select(1))
            await db.commit()
            task.cancel()
            await task
    """,
    ),
    case(
        "a query in a nested function that is only defined",
        """
        async def f(db: AsyncSession):
            async def load():
                await db.execute(select(1))
            await client.get("/")
            return load
    """,
    ),
    case(
        "a dict or object with a method of the same name",
        """
        class Http:
            async def execute(self, x): ...

        async def f(http: Http):
            await http.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "an httpx client named session or db",
        """
        async def f(db: httpx.AsyncClient, session: httpx.AsyncClient):
            await db.get("/")
            await session.post("/")
    """,
    ),
    case(
        "a mock in a test",
        """
        from unittest.mock import AsyncMock

        async def test_f():
            db = AsyncMock(spec=AsyncSession)
            await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "statements are built without a session",
        """
        async def f():
            query = select(1).where(func.now() > 1)
            await client.get(str(query))
    """,
    ),
    case(
        "a provider of another kind",
        """
        async def get_client():
            async with httpx.AsyncClient() as http:
                yield http

        @app.get("/")
        async def f(http: httpx.AsyncClient = Depends(get_client)):
            await http.get("/")
    """,
    ),
    case(
        "a dependency that closes before the handler",
        """
        async def user():
            async with maker() as db:
                return await db.scalar(select(1))

        @app.get("/")
        async def f(me=Depends(user), db: AsyncSession = Depends(get_db)):
            await client.get("/")
            await db.execute(select(1))
    """,
    ),
    case(
        "a session made and closed by hand",
        """
        async def f():
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                await db.close()
            await client.get("/")
    """,
    ),
    case(
        "close in a helper of the module behind a wrapper class",
        """
        class Closer:
            async def close(self, db: AsyncSession):
                await db.close()

        closer = Closer()

        async def f():
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                await closer.close(db)
            await client.get("/")
    """,
    ),
    case(
        "a lock object and a queue are no network",
        """
        async def f(db: AsyncSession, queue: asyncio.Queue):
            await db.execute(select(1))
            async with asyncio.Lock():
                queue.put_nowait(1)
    """,
    ),
    case(
        "a stream is read after the release",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await db.commit()
            async with client.stream("GET", "/") as response:
                async for line in response.aiter_lines():
                    print(line)
    """,
    ),
    case(
        "a request is built while held, sent after",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            request = client.build_request("GET", "/")
            await db.commit()
            await client.send(request)
    """,
    ),
    case(
        "reading the response while held",
        """
        async def f(db: AsyncSession):
            response = await client.get("/")
            await db.execute(select(1))
            print(response.json(), response.text, response.status_code)
            await response.aread()
    """,
    ),
    case(
        "closing a client while held",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await client.aclose()
    """,
    ),
    case(
        "a release in the else of a try",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            except ValueError:
                await db.rollback()
            else:
                await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "sys.exit and a typed NoReturn end the path",
        """
        import sys
        from typing import NoReturn
        from elsewhere import stop

        def fail(x) -> NoReturn:
            stop(x)

        async def f(db: AsyncSession, x):
            if x == 1:
                await db.execute(select(1))
                fail(x)
            if x == 2:
                await db.execute(select(1))
                sys.exit(1)
            await client.get("/")
    """,
    ),
    case(
        "an assertion that never holds",
        """
        async def f(db: AsyncSession, x):
            if x:
                await db.execute(select(1))
                assert False, "unreachable"
            await client.get("/")
    """,
    ),
    case(
        "assert_never ends the path",
        """
        from typing import assert_never

        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            match x:
                case 1:
                    await db.commit()
                case 2:
                    await db.rollback()
                case _:
                    assert_never(x)
            await client.get("/")
    """,
    ),
    case(
        "an enum is matched completely",
        """
        async def f(db: AsyncSession, x: bool):
            await db.execute(select(1))
            match x:
                case True | False:
                    await db.commit()
                case _:
                    raise ValueError
            await client.get("/")
    """,
    ),
    case(
        "a match on a known name",
        """
        async def f(db: AsyncSession, x):
            match x:
                case [first, *_] | {"a": first}:
                    await db.execute(select(first))
                    await db.commit()
                case object(y=z) as whole:
                    await client.get(z)
    """,
    ),
    case(
        "while with else",
        """
        async def f(db: AsyncSession, n):
            while n:
                n -= 1
                await db.execute(select(1))
                if n == 3:
                    await db.commit()
                    break
            else:
                await db.rollback()
            await client.get("/")
    """,
    ),
    case(
        "a session of sqlalchemy's own streaming result is left by its block",
        """
        async def f():
            async with maker() as db:
                async with db.begin():
                    result = await db.stream(select(1))
                    rows = [row async for row in result]
            for row in rows:
                await client.get(row)
    """,
    ),
    case(
        "a commit by keyword dispatch",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            def __getattr__(self, name):
                return getattr(self.db, name)

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Repo(db).commit()
            await client.get("/")
    """,
        wrong="FALSE ALARM: `__getattr__` that forwards to the session is not followed",
    ),
    case(
        "a release through getattr",
        """
        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            await getattr(db, "commit" if x else "rollback")()
            await client.get("/")
    """,
        wrong="FALSE ALARM: `getattr` with a computed name is not followed",
    ),
    case(
        "an exit stack is closed by hand",
        """
        async def f():
            stack = contextlib.AsyncExitStack()
            db = await stack.enter_async_context(maker())
            await db.execute(select(1))
            await stack.aclose()
            await client.get("/")
    """,
        wrong="FALSE ALARM: `aclose()` of an exit stack does not leave what was entered",
    ),
    case(
        "a session is made in a dict of options",
        """
        async def f():
            options = dict(db=maker())
            async with options["db"] as db:
                await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "remove of a scoped session in a finally",
        """
        from sqlalchemy.orm import scoped_session
        scoped = scoped_session(sync_maker)

        def f():
            try:
                scoped().execute(select(1))
            finally:
                scoped.remove()
            httpx.get("/")
    """,
    ),
    case(
        "a context variable gives the session",
        """
        from contextvars import ContextVar
        current: ContextVar[AsyncSession] = ContextVar("current")

        async def f():
            await current.get().execute(select(1))
            await current.get().commit()
            await client.get("/")
    """,
    ),
    case(
        "a property that makes a session each time",
        """
        class Db:
            @property
            def session(self):
                return maker()

        async def f(db: Db):
            async with db.session as one:
                await one.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a helper that opens, queries and closes",
        """
        class Store:
            def __init__(self, make: async_sessionmaker[AsyncSession]):
                self.make = make
            async def load(self):
                async with self.make() as db:
                    return (await db.execute(select(1))).all()

        async def f(store: Store):
            await store.load()
            await client.get("/")
    """,
    ),
    case(
        "a recursive function that always releases",
        """
        async def f(db: AsyncSession, n):
            await db.execute(select(1))
            await db.commit()
            if n:
                await f(db, n - 1)
            await client.get("/")
    """,
    ),
    case(
        "mutual recursion that always releases",
        """
        async def f(db: AsyncSession, n):
            await db.execute(select(1))
            await db.commit()
            if n:
                await g(db, n - 1)
            await client.get("/")

        async def g(db: AsyncSession, n):
            await client.get("/")
            await f(db, n)
    """,
    ),
    case(
        "a block class closes what it has opened",
        """
        class Scope:
            session: AsyncSession | None = None
            async def __aenter__(self):
                self.session = maker()
                return self
            async def __aexit__(self, *args):
                if self.session:
                    await self.session.close()
            async def load(self):
                await self.session.execute(select(1))

        async def f():
            async with Scope() as scope:
                await scope.load()
            await client.get("/")
    """,
    ),
    case(
        "a method closes what is not None",
        """
        class Scope:
            def __init__(self, db: AsyncSession | None = None):
                self.db = db
            async def done(self):
                if self.db is not None:
                    await self.db.close()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Scope(db).done()
            await client.get("/")
    """,
    ),
    case(
        "a commit that is tried several times",
        """
        async def commit(db: AsyncSession):
            for attempt in range(3):
                try:
                    await db.commit()
                    return
                except ValueError:
                    await db.rollback()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await commit(db)
            await client.get("/")
    """,
    ),
    case(
        "a flag that is compared with False",
        """
        async def save(db: AsyncSession, commit: bool = True):
            await db.execute(select(1))
            if commit is False:
                return
            await db.commit()

        async def f(db: AsyncSession):
            await save(db)
            await client.get("/")
    """,
        wrong="FALSE ALARM: `flag is False` is not decided for a known flag",
    ),
    case(
        "a mode that is a string",
        """
        async def save(db: AsyncSession, mode: str = "commit"):
            await db.execute(select(1))
            if mode == "commit":
                await db.commit()

        async def f(db: AsyncSession):
            await save(db)
            await client.get("/")
    """,
        wrong="FALSE ALARM: a comparison with a literal is not decided for a known string",
    ),
    case(
        "every session of a list is closed",
        """
        async def f():
            sessions = [maker() for _ in range(3)]
            try:
                for one in sessions:
                    await one.execute(select(1))
            finally:
                for one in sessions:
                    await one.close()
            await client.get("/")
    """,
    ),
    case(
        "a flag with an early return",
        """
        async def save(db: AsyncSession, *, commit=True):
            await db.execute(select(1))
            if not commit:
                return
            await db.commit()

        async def f(db: AsyncSession):
            await save(db)
            await client.get("/")
    """,
    ),
    case(
        "a lazily made session of an object",
        """
        class Unit:
            def __init__(self):
                self._db = None
            @property
            def db(self) -> AsyncSession:
                if self._db is None:
                    self._db = maker()
                return self._db
            async def run(self):
                await self.db.execute(select(1))
                await self.db.commit()
                await client.get("/")
    """,
    ),
    case(
        "a session that a property, or a method, makes when it is first asked for",
        """
        class Task:
            _db: Session | None = None
            @property
            def db(self) -> Session:
                if self._db is None:
                    self._db = sync_maker()
                return self._db

        class Job:
            _db: Session | None = None
            def get(self) -> Session:
                if not self._db:
                    self._db = sync_maker()
                return self._db

        def by_property(self: Task):
            self.db.execute(select(1))
            self.db.commit()
            httpx.get("/")

        def by_method(self: Job):
            self.get().execute(select(1))
            self.get().commit()
            httpx.get("/")
    """,
        select=("PHL101",),
    ),
    case(
        "a table of ways to end a transaction",
        """
        ENDS = {"ok": lambda db: db.commit(), "no": lambda db: db.rollback()}

        async def f(db: AsyncSession, key):
            await db.execute(select(1))
            await ENDS[key](db)
            await client.get("/")
    """,
    ),
    case(
        "a loop that tries until it has committed",
        """
        async def f(db: AsyncSession):
            while True:
                try:
                    await db.execute(select(1))
                    await db.commit()
                except ValueError:
                    await db.rollback()
                    continue
                break
            await client.get("/")
    """,
    ),
    case(
        "a close in a task, a timeout or a set of tasks",
        """
        async def f():
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                await asyncio.shield(asyncio.create_task(db.close()))
            await client.get("/1")

        async def g():
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                task = asyncio.create_task(db.close())
                await asyncio.wait({task})
            await client.get("/2")

        async def h():
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                await asyncio.wait_for(db.close(), timeout=3)
            await client.get("/3")
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), SILENT)
def test_silent(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == set()
