"""What the methods of holders do, and what stays open when a function ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, check, flow_of, found, holds, marks

EFFECTS = [
    *(
        case(
            f"AsyncSession.{name} acquires",
            f"""
            async def f(db: AsyncSession, x):
                await db.{name}
                await client.get("/")  # error: PHL101
        """,
        )
        for name in (
            "execute(x)",
            "scalar(x)",
            "scalars(x)",
            "stream(x)",
            "stream_scalars(x)",
            "get(x, 1)",
            "get_one(x, 1)",
            "refresh(x)",
            "merge(x)",
            "connection()",
        )
    ),
    *(
        case(
            f"AsyncSession.{name} releases",
            f"""
            async def f(db: AsyncSession, x):
                await db.execute(x)
                await db.{name}
                await client.get("/")
        """,
        )
        for name in ("commit()", "rollback()", "close()", "aclose()", "reset()", "invalidate()")
    ),
    *(
        case(
            f"AsyncSession.{name} alone does nothing",
            f"""
            async def f(db: AsyncSession, x):
                {name}
                await client.get("/")
        """,
        )
        for name in (
            "db.add(x)",
            "db.expunge(x)",
            "db.add_all([x])",
            "await db.flush()",
            "await db.delete(x)",
            "x = db.new",
            "db.expire_all()",
            "db.no_autoflush",
            "db.begin()",
            "db.begin_nested()",
            "x in db",
        )
    ),
    case(
        "flush of something pending acquires",
        """
        async def f(db: AsyncSession, x):
            db.add(x)
            await db.flush()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a savepoint of something pending acquires",
        """
        async def f(db: AsyncSession, x):
            await db.execute(x)
            async with db.begin_nested():
                await client.get("/1")  # error: PHL101
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "begin checks nothing out",
        """
        async def f(db: AsyncSession):
            async with db.begin():
                await client.get("/")
                await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a query in begin holds to its end",
        """
        async def f(db: AsyncSession):
            async with db.begin():
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "begin awaited by hand",
        """
        async def f(db: AsyncSession):
            transaction = await db.begin()
            await client.get("/1")
            await db.execute(select(1))
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "the factory's begin",
        """
        async def f():
            async with maker.begin() as db:
                await client.get("/1")
                await db.execute(select(1))
                await client.get("/2")  # error: PHL101
            await client.get("/3")
    """,
    ),
    case(
        "a connection holds from its start",
        """
        async def f():
            async with engine.connect() as connection:
                await client.get("/1")  # error: PHL101
                await connection.commit()
                await client.get("/2")  # error: PHL101
                await connection.rollback()
                await client.get("/3")  # error: PHL101
            await client.get("/4")
    """,
    ),
    case(
        "engine.begin",
        """
        async def f():
            async with engine.begin() as connection:
                await connection.execute(text("SELECT 1"))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "a connection that is awaited and closed",
        """
        async def f():
            connection = await engine.connect()
            try:
                await client.get("/1")  # error: PHL101
            finally:
                await connection.close()
            await client.get("/2")
    """,
    ),
    case(
        "a connection that is started",
        """
        async def f():
            connection = engine.connect()
            await client.get("/0")
            await connection.start()
            try:
                await client.get("/1")  # error: PHL101
            finally:
                await connection.close()
    """,
    ),
    case(
        "a sync connection",
        """
        def f():
            connection = sync_engine.connect()
            try:
                httpx.get("/1")  # error: PHL101
            finally:
                connection.close()
            httpx.get("/2")
            with sync_engine.begin() as other:
                httpx.get("/3")  # error: PHL101
            httpx.get("/4")
    """,
    ),
    case(
        "other methods of an engine",
        """
        async def f():
            await engine.dispose()
            engine.sync_engine
            await client.get("/")
    """,
    ),
    case(
        "a connection parameter",
        """
        async def f(connection: AsyncConnection):
            await client.get("/")

        async def g():
            async with engine.connect() as connection:
                await f(connection)  # error: PHL101
    """,
    ),
    case(
        "a session bound to a connection releases nothing",
        """
        async def f():
            async with engine.connect() as connection:
                db = AsyncSession(connection)
                await db.execute(select(1))
                await db.commit()
                await db.close()
                await client.get("/")  # error: PHL101
    """,
        select=("PHL101",),
    ),
    case(
        "a factory bound to a connection",
        """
        async def f():
            async with engine.connect() as connection:
                async with async_sessionmaker(bind=connection)() as db:
                    await db.execute(select(1))
                    await db.commit()
                    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a factory whose call binds a connection",
        """
        async def f():
            async with engine.connect() as connection:
                async with maker(bind=connection) as db:
                    await db.execute(select(1))
                    await db.commit()
                    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a query is lazy",
        """
        def f(db: Session):
            query = db.query(int).filter(1).order_by(2)
            httpx.get("/1")
            query.all()
            httpx.get("/2")  # error: PHL101
            db.commit()
            for row in query:
                httpx.get("/3")  # error: PHL101
    """,
    ),
    case(
        "a query that writes",
        """
        def f(db: Session):
            db.query(int).filter(1).update({})
            httpx.get("/2")  # error: PHL101
    """,
    ),
    case(
        "a query that locks",
        """
        def f(db: Session):
            db.query(int).with_for_update().first()
            httpx.get("/2")  # error: PHL101
    """,
    ),
    case(
        "a query that is returned",
        """
        def users(db: Session):
            return db.query(int)

        def f(db: Session):
            query = users(db)
            httpx.get("/1")
            query.count()
            httpx.get("/2")  # error: PHL101
    """,
    ),
    case(
        "run_sync",
        """
        def load(session, x):
            session.execute(select(x))

        async def f(db: AsyncSession):
            await db.run_sync(load, 1)
            await client.get("/")  # error: PHL101

        async def g(db: AsyncSession):
            await db.run_sync(lambda session: session.query(int).all())
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "the sync session of an async one",
        """
        async def f(db: AsyncSession):
            db.sync_session.add(1)
            await db.sync_session.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a sync session in a sync function",
        """
        def f(db: Session):
            db.execute(select(1))
            httpx.get("/1")  # error: PHL101
            db.commit()
            httpx.get("/2")

        def g():
            with sync_maker() as db, db.begin():
                db.add(1)
                db.flush()
                httpx.get("/1")  # error: PHL101
            httpx.get("/2")
    """,
    ),
    case(
        "scoped sessions by their class",
        """
        from sqlalchemy.orm import scoped_session as make_scoped
        from sqlalchemy.ext.asyncio import async_scoped_session as make_async_scoped
        import sqlalchemy.orm.scoping

        sync_scoped = sqlalchemy.orm.scoping.scoped_session(sync_maker)
        async_scoped = make_async_scoped(maker, scopefunc=asyncio.current_task)

        async def f():
            await async_scoped.execute(select(1))
            await async_scoped.remove()
            await client.get("/")
    """,
    ),
    case(
        "the execution options of a connection",
        """
        async def f(db: AsyncSession):
            await db.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "text from a variable",
        """
        async def f(db: AsyncSession, words):
            await db.execute(text(words))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a stream",
        """
        async def f(db: AsyncSession):
            result = await db.stream(select(1))
            async for row in result:
                await client.get(row)  # error: PHL101
    """,
    ),
    case(
        "commit then refresh holds again",
        """
        async def f(db: AsyncSession, x):
            await db.commit()
            await client.get("/1")
            await db.refresh(x)
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "a failed statement keeps the connection",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            except Exception:
                pass
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an attribute of what was loaded",
        """
        async def f(db: AsyncSession, other: AsyncSession):
            user = await other.get(int, 1)
            await other.commit()
            user.name = "x"
            user.tags["a"] = 1
            user.tags.append(1)
            user.rename("x")
            await client.get(user.url)
    """,
    ),
    case(
        "a connection is passed where use suggests a session",
        """
        async def lock(conn, key: str) -> bool:
            got = conn.execute(text("SELECT pg_try_advisory_lock(1)"))
            conn.commit()
            return bool(got)

        async def refresh(key: str):
            conn = sync_engine.connect()
            try:
                if await lock(conn, key):
                    await client.get("/")  # error: PHL101
            finally:
                conn.close()
    """,
        select=("PHL101",),
    ),
]

OPEN = [
    case(
        "PHL102 an open session that is used later",
        """
        async def f():
            async with maker() as db:
                await client.get("/")  # error: PHL102
                await db.execute(select(1))
    """,
        select=("PHL102",),
    ),
    case(
        "PHL102 not when it is never used",
        """
        async def f():
            async with maker() as db:
                await client.get("/")
    """,
        select=("PHL102",),
    ),
    case(
        "PHL102 not after a release",
        """
        async def f():
            async with maker() as db:
                await db.execute(select(1))
                await db.commit()
                await client.get("/")
                await db.execute(select(1))
    """,
        select=("PHL102",),
    ),
    case(
        "PHL102 not in a caller's session",
        """
        async def f(db: AsyncSession):
            await client.get("/")
            await db.execute(select(1))
    """,
        select=("PHL102",),
    ),
    case(
        "PHL102 used in a helper",
        """
        async def store(db: AsyncSession):
            db.add(1)

        async def f():
            async with maker() as db:
                await ask()  # error: PHL102
                await store(db)
    """,
        select=("PHL102",),
    ),
    case(
        "PHL401 no path closes",
        """
        async def f():
            db = maker()  # error: PHL401
            await db.execute(select(1))
    """,
    ),
    case(
        "PHL401 one path does not close",
        """
        async def f(x):
            db = maker()  # error: PHL401
            await db.execute(select(1))
            if x:
                await db.close()
    """,
    ),
    case(
        "PHL401 an exception leaves it open",
        """
        async def f(x):
            db = maker()  # error: PHL401
            await db.execute(select(1))
            await db.close()
    """,
    ),
    case(
        "PHL401 closed in a finally",
        """
        async def f(x):
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                await db.close()
    """,
    ),
    case(
        "PHL401 closed in both arms",
        """
        async def f(x):
            db = maker()
            try:
                await db.execute(select(1))
                await db.close()
            except BaseException:
                await db.close()
                raise
    """,
    ),
    case(
        "PHL401 closed by a helper",
        """
        async def done(db: AsyncSession):
            await db.close()

        async def f(x):
            db = maker()
            try:
                await db.execute(select(1))
            finally:
                await done(db)
    """,
    ),
    case(
        "PHL401 returned",
        """
        async def f(x):
            db = maker()
            await db.execute(select(1))
            return db
    """,
    ),
    case(
        "PHL401 returned in a tuple",
        """
        async def f(x):
            db = maker()
            await db.execute(select(1))
            return {"db": [db, x]}
    """,
    ),
    case(
        "PHL401 stored in an object that lives on",
        """
        class Job:
            async def open(self):
                db = maker()
                await db.execute(select(1))
                self.db = db
    """,
    ),
    case(
        "PHL401 stored in a list that lives on",
        """
        async def f(sessions: list):
            db = maker()
            await db.execute(select(1))
            sessions.append(db)
    """,
    ),
    case(
        "PHL401 put into a global",
        """
        current = None

        async def f():
            global current
            current = maker()
            await current.execute(select(1))
    """,
    ),
    case(
        "PHL401 yielded",
        """
        async def f():
            db = maker()
            await db.execute(select(1))
            yield db
    """,
    ),
    case(
        "PHL401 never used",
        """
        async def f():
            db = maker()
    """,
    ),
    case(
        "PHL401 wrapped in a library's object",
        """
        from elsewhere import Wrapper

        async def f():
            db = maker()
            await db.execute(select(1))
            return Wrapper(db)
    """,
    ),
    case(
        "PHL401 wrapped in an own object that is returned",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db

        async def f():
            db = maker()
            await db.execute(select(1))
            return Repo(db)
    """,
    ),
    case(
        "PHL401 closed through a container",
        """
        async def f():
            db = maker()
            stack = contextlib.AsyncExitStack()
            await stack.enter_async_context(db)
            await db.execute(select(1))
    """,
    ),
    case(
        "PHL401 a closure closes",
        """
        async def f():
            db = maker()
            async def done():
                await db.close()
            try:
                await db.execute(select(1))
            finally:
                await done()
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), EFFECTS)
def test_effects(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), OPEN)
def test_open_sessions(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


ESCAPES = [
    case(
        "every way to carry the request's session",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                await self.db.execute(select(1))
            async def log(self):
                print("started")

        class Typed:
            db: AsyncSession

        async def work(*args):
            await use(args)

        def touch(db):
            use(db)

        def sync_db():
            with sync_maker() as session:
                yield session

        async def ignore(db, name):
            print(name)

        @app.get("/")
        async def f(
            tasks: BackgroundTasks,
            typed: Typed,
            db: AsyncSession = Depends(get_db),
            sync: Session = Depends(sync_db),
        ):
            tasks.add_task(work, db)  # error: PHL201
            tasks.add_task(work, Repo(db))  # error: PHL201
            tasks.add_task(Repo(db).load)  # error: PHL201
            tasks.add_task(Repo(db).log)
            tasks.add_task(work, [db])  # error: PHL201
            tasks.add_task(work, {"db": db})  # error: PHL201
            tasks.add_task(lambda: work(db))
            tasks.add_task(lambda: touch(sync))  # error: PHL201
            tasks.add_task(functools.partial(work, db))  # error: PHL201
            tasks.add_task(work(db))  # error: PHL201
            tasks.add_task(work, typed)  # error: PHL201
            tasks.add_task(work, db if typed else None)  # error: PHL201
            tasks.add_task(work, 1)
            tasks.add_task(ignore, db, "name")
            tasks.add_task(ignore, name="name", db=Repo(db))
            tasks.add_task(work, maker)
            tasks.add_task(work, [[[[db]]]])
    """,
    ),
    case(
        "an own session that nobody closes early is the task's",
        """
        async def work(db): ...

        @app.get("/")
        async def f(tasks: BackgroundTasks):
            db = maker()
            tasks.add_task(work, db)
            tasks.add_task(tasks, 1)
    """,
    ),
    case(
        "a block closes before the task runs",
        """
        async def work(db):
            await db.execute(select(1))

        @app.get("/")
        async def f(tasks: BackgroundTasks):
            async with maker() as db:
                tasks.add_task(work, db)  # error: PHL201
    """,
    ),
    case(
        "a service that somebody else has made carries its session",
        """
        class Service:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def run(self):
                await self.db.execute(select(1))

        async def f(tasks: BackgroundTasks, service: Service):
            tasks.add_task(service.run)  # error: PHL201
    """,
    ),
    case(
        "a task at import",
        """
        from starlette.background import BackgroundTask
        later = BackgroundTask(print, maker())
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), ESCAPES)
def test_escapes(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_the_state_tells_of_writes_locks_streams_and_blocks(tmp_path: Path) -> None:
    source = """
        async def clean(db: AsyncSession):
            await db.execute(select(1))
            await client.get("/")

        async def dirty(db: AsyncSession):
            db.add(1)
            await db.flush()
            await client.get("/")

        async def inserts(db: AsyncSession):
            await db.execute(insert(1))
            await client.get("/")

        async def locks(db: AsyncSession):
            await db.execute(select(1).with_for_update())
            await client.get("/")

        async def locks_by_text(db: AsyncSession):
            await db.execute(text("SELECT pg_advisory_xact_lock(1)"))
            await client.get("/")

        async def locks_by_refresh(db: AsyncSession, x):
            await db.refresh(x, with_for_update=True)
            await client.get("/")

        async def streams(db: AsyncSession):
            await db.stream(select(1))
            await client.get("/")

        async def begins(db: AsyncSession):
            async with db.begin():
                await db.execute(select(1))
                await client.get("/")
    """
    states = {hold.function.name: hold.state for hold in holds(tmp_path, source)}
    assert not states["clean"].dirty
    assert not states["clean"].lock
    assert states["dirty"].dirty
    assert states["inserts"].dirty
    for name in ("locks", "locks_by_text", "locks_by_refresh"):
        assert [step.role for step in states[name].lock] == ["lock"]
    assert states["streams"].streaming
    assert states["begins"].begun


def test_blocking_drivers_are_found_once_in_async_code(tmp_path: Path) -> None:
    source = """
        import psycopg2

        def load():
            return psycopg2.connect("")

        async def f():
            load()  # error: PHL301
            await asyncio.to_thread(load)

        def g():
            load()
    """
    assert found(tmp_path, source, ("PHL301",)) == marks(tmp_path)


def test_what_was_recognised_is_counted(tmp_path: Path) -> None:
    source = """
        async def f():
            async with maker() as db:
                await db.execute(select(1))
                await client.get("/")

        async def g(db: AsyncSession, name: str):
            await db.execute(select(1))

        @app.get("/")
        async def h(given: AsyncSession = Depends(get_db)): ...
    """
    flow = flow_of(tmp_path, source)
    # the sessions of `get_db` and `f`, those that `g` and `h` are given; the calls of `ask` and `f`
    assert flow.recognised == (4, 2)
    flow.analyse("app.py")
    assert flow.recognised == (4, 2)
    with flow.about("other.py"):
        assert flow.recognised == (0, 0)
        assert flow.holds == []
    assert flow.function("nothing") is None


def test_the_counts_of_a_check_are_those_of_the_flow(tmp_path: Path) -> None:
    result = check(tmp_path, "async def f(db: AsyncSession):\n    await db.execute(select(1))\n")
    assert (result.counts.files, result.counts.holders, result.counts.waits) == (1, 2, 1)
