"""Calls: what a function does to its caller's connections, however it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, holds, marks

from flake8_poolhold.flow.interpreting import recursion

ARGUMENTS = [
    case(
        "a positional argument",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(1))

        async def f(db: AsyncSession):
            await work(1, db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a keyword argument",
        """
        async def work(*, x=1, db: AsyncSession):
            await db.execute(select(1))

        async def f(db: AsyncSession):
            await work(db=db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a starred list",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(1))

        async def f(db: AsyncSession):
            rest = [1, db]
            await work(*rest)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a starred dict",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(1))

        async def f(db: AsyncSession):
            rest = {"db": db}
            await work(1, **rest)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "*args passes through",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(1))

        async def through(*args):
            await work(*args)

        async def f(db: AsyncSession):
            await through(1, db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "**kwargs passes through",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(1))

        async def through(**kwargs):
            await work(1, **kwargs)

        async def f(db: AsyncSession):
            await through(db=db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a dict with the session is passed on",
        """
        async def work(box):
            await box["db"].execute(select(1))

        async def f(db: AsyncSession):
            await work({"db": db})
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a list with the session is passed on",
        """
        async def work(box):
            await box[0].execute(select(1))

        async def f(db: AsyncSession):
            await work([db])
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "typed *args",
        """
        async def work(*sessions: AsyncSession, **others: AsyncSession):
            for one in sessions:
                await one.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a list of unknown items gives no argument",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(1))

        async def f(db: AsyncSession, xs):
            await work(*xs, **xs)
            await client.get("/")
    """,
    ),
    case(
        "a default that is a factory",
        """
        async def work(make=maker):
            async with make() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a release in the callee",
        """
        async def done(db: AsyncSession):
            await db.commit()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await done(db)
            await client.get("/")
    """,
    ),
    case(
        "the wait in the callee meets the hold of the caller",
        """
        async def work(db: AsyncSession):
            await client.get("/")
            await db.execute(select(1))

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await work(db)  # error: PHL101
    """,
    ),
    case(
        "the callee releases before it waits",
        """
        async def work(db: AsyncSession):
            await db.commit()
            await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await work(db)
    """,
    ),
    case(
        "the callee releases on one path before it waits",
        """
        async def work(db: AsyncSession, x):
            if x > 1:
                await db.commit()
            await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await work(db, 2)  # error: PHL101
    """,
    ),
    case(
        "the callee releases another session than the one that is held",
        """
        async def work(db: AsyncSession):
            await db.commit()
            await client.get("/")

        async def f(a: AsyncSession, b: AsyncSession):
            await a.execute(select(1))
            await work(b)  # error: PHL101
    """,
    ),
    case(
        "a hold is reported where it is seen first",
        """
        async def work(db: AsyncSession):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def f(db: AsyncSession):
            await work(db)

        async def g(db: AsyncSession):
            await work(db)
            await work(db)  # error: PHL101

        async def h(db: AsyncSession):
            for _ in range(3):
                await work(db)
    """,
    ),
    case(
        "a caller's own checkout is a hold of its own",
        """
        async def work(db: AsyncSession):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await work(db)  # error: PHL101

        async def g(db: AsyncSession):
            await db.execute(select(1))
            await db.commit()
            await work(db)

        async def h(db: AsyncSession):
            await f(db)
    """,
    ),
    case(
        "a callee that gives the connection back before it checks out again",
        """
        async def work(db: AsyncSession):
            await db.commit()
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await work(db)
    """,
    ),
    case(
        "two sessions in one call",
        """
        async def work(a: AsyncSession, b: AsyncSession):
            await a.execute(select(1))
            await a.commit()
            await b.execute(select(1))

        async def f(a: AsyncSession, b: AsyncSession):
            await work(a, b)
            await b.commit()
            await client.get("/1")
            await work(b=a, a=b)
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "the same session twice",
        """
        async def work(a: AsyncSession, b: AsyncSession):
            await a.execute(select(1))
            await b.commit()

        async def f(a: AsyncSession):
            await work(a, a)
            await client.get("/1")
    """,
        wrong="two parameters that are one session are joined instead of run in order",
    ),
    case(
        "a library call that gets the session may query",
        """
        from elsewhere import audit

        async def f(db: AsyncSession):
            await audit(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an unknown callable that gets the session may query",
        """
        async def f(db: AsyncSession, audit):
            await audit(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an unknown method that is not awaited does nothing to an async session",
        """
        async def f(db: AsyncSession, audit):
            audit.register(db)
            await client.get("/")
    """,
    ),
    case(
        "a session that is logged or inspected is not queried",
        """
        import logging
        log = logging.getLogger(__name__)

        async def f(db: AsyncSession):
            log.info("session %s", db)
            print(db, isinstance(db, AsyncSession), id(db))
            await client.get("/")
    """,
    ),
    case(
        "an awaited method that a session does not have",
        """
        async def f(db: AsyncSession):
            await db.whatever(1)
            await client.get("/")
    """,
    ),
]

CALLABLES = [
    case(
        "partial",
        """
        async def work(db: AsyncSession, x):
            await db.execute(select(x))

        async def f(db: AsyncSession):
            go = functools.partial(work, db)
            await go(1)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "partial with a keyword",
        """
        async def work(x, db: AsyncSession):
            await db.execute(select(x))

        async def f(db: AsyncSession):
            await functools.partial(work, db=db)(1)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "partial of a class, a factory and an unknown thing",
        """
        class Box:
            def __init__(self, db: AsyncSession):
                self.db = db

        async def f(x):
            async with functools.partial(maker, autoflush=False)() as db:
                await functools.partial(Box)(db).db.execute(select(1))
                functools.partial(x)()
                await functools.partial(client.get, "/")()  # error: PHL101
    """,
    ),
    case(
        "a bound method",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                return await self.db.scalar(select(1))

        async def f(db: AsyncSession):
            load = Repo(db).load
            await load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a bound method of the session",
        """
        async def f(db: AsyncSession):
            run, stop = db.execute, db.commit
            await run(select(1))
            await client.get("/1")  # error: PHL101
            await stop()
            await client.get("/2")
    """,
    ),
    case(
        "classmethod, staticmethod, property",
        """
        class Repo:
            @classmethod
            def of(cls, db: AsyncSession):
                repo = cls()
                repo.db = db
                return repo
            @staticmethod
            async def touch(db: AsyncSession):
                await db.execute(select(1))
            @property
            def session(self):
                return self.db

        async def a(db: AsyncSession):
            repo = Repo.of(db)
            await repo.session.execute(select(1))
            await client.get("/")  # error: PHL101

        async def b(db: AsyncSession):
            await Repo.touch(db)
            await client.get("/")  # error: PHL101

        async def c(db: AsyncSession):
            await Repo().touch(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a classmethod called on an instance",
        """
        class Repo:
            @classmethod
            async def touch(cls, db: AsyncSession):
                await db.execute(select(1))

        async def f(db: AsyncSession):
            await Repo().touch(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a method called through its class",
        """
        class Repo:
            async def touch(self, db: AsyncSession):
                await db.execute(select(1))

        async def f(db: AsyncSession):
            await Repo.touch(Repo(), db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "super",
        """
        class Base:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                await self.db.execute(select(1))
            @classmethod
            async def make(cls, db: AsyncSession):
                await db.execute(select(1))

        class Repo(Base):
            def __init__(self, db: AsyncSession):
                super().__init__(db)
            async def load(self):
                await super().load()
                await client.get("/")  # error: PHL101
            @classmethod
            async def make(cls, db: AsyncSession):
                await super().make(db)
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "super of a class without project bases",
        """
        class Repo(dict):
            async def load(self):
                await super().load()
                super().missing

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Repo().load()
    """,
    ),
    case(
        "__call__",
        """
        class Load:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def __call__(self):
                await self.db.execute(select(1))

        async def f(db: AsyncSession):
            await Load(db)()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an instance without __call__",
        """
        class Nothing: ...

        async def f(db: AsyncSession):
            await db.execute(select(1))
            Nothing()(db)
            await Nothing()
    """,
    ),
    case(
        "a callback",
        """
        async def twice(job):
            await job()
            await job()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await twice(ask)  # error: PHL101
    """,
    ),
    case(
        "a constructor and a factory in a thread or as a coroutine",
        """
        class Job:
            def __init__(self):
                httpx.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await asyncio.to_thread(Job)  # error: PHL101
    """,
    ),
    case(
        "a session inside an opening is passed on",
        """
        from elsewhere import enter

        async def f(db: AsyncSession):
            await enter(db.begin())
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a deep pile of values",
        """
        async def f(db: AsyncSession):
            await unknown([[[[[db]]]]])
            await client.get("/")
    """,
    ),
    case(
        "a helper returns a query or a block",
        """
        def block(db: AsyncSession):
            return db.begin()

        def connection():
            return engine.connect()

        async def f(db: AsyncSession):
            async with block(db):
                await db.execute(select(1))
            await client.get("/1")
            async with connection():
                await client.get("/2")  # error: PHL101

        def wrapped(db: AsyncSession):
            return functools.partial(db.execute, select(1)), Wrapper(db)
    """,
    ),
    case(
        "a library object that carries the session",
        """
        from elsewhere import Repository

        def make(db: AsyncSession):
            return Repository(db)

        async def f(db: AsyncSession):
            await make(db).load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "options in a dict",
        """
        OPTIONS = {"expire_on_commit": False, "class_": AsyncSession}
        made = sessionmaker(engine, **OPTIONS)
        other = sessionmaker(engine, **{"x": 1})

        async def f():
            async with made() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a callback that queries",
        """
        async def run(job, db: AsyncSession):
            await job(db)

        async def load(db: AsyncSession):
            await db.execute(select(1))

        async def f(db: AsyncSession):
            await run(load, db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a callback with the session captured",
        """
        async def run(job):
            return await job()

        async def f(db: AsyncSession):
            await run(lambda: db.execute(select(1)))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a closure that is returned",
        """
        def loader(db: AsyncSession):
            async def load():
                await db.execute(select(1))
            return load

        async def f(db: AsyncSession):
            await loader(db)()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a closure sees the variable as it is when it runs",
        """
        async def f(db: AsyncSession):
            current = None
            async def load():
                await current.execute(select(1))
            current = db
            await load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a choice of functions",
        """
        async def one(db: AsyncSession):
            await db.execute(select(1))

        async def two(db: AsyncSession):
            pass

        async def f(db: AsyncSession, x):
            go = one if x else two
            await go(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "each of a choice of functions releases",
        """
        async def one(db: AsyncSession):
            await db.commit()

        async def two(db: AsyncSession):
            await db.rollback()

        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            await (one if x else two)(db)
            await client.get("/")
    """,
    ),
    case(
        "one of a choice of functions releases",
        """
        async def one(db: AsyncSession):
            await db.commit()

        async def two(db: AsyncSession):
            pass

        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            await (two if x else one)(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a dispatch table",
        """
        async def one(db: AsyncSession):
            await db.execute(select(1))

        async def two(db: AsyncSession):
            pass

        JOBS = {"one": one, "two": two}

        async def f(db: AsyncSession, x):
            await JOBS[x](db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a decorator of the project",
        """
        def with_session(function):
            @functools.wraps(function)
            async def wrapper(*args, **kwargs):
                async with maker() as db:
                    return await function(*args, db=db, **kwargs)
            return wrapper

        @with_session
        async def load(x, db: AsyncSession):
            await db.execute(select(x))

        @with_session
        async def slow(x, db: AsyncSession):
            await db.execute(select(x))
            await client.get("/")  # error: PHL101

        async def f():
            await load(1)
            await client.get("/")
    """,
    ),
    case(
        "a decorator that holds around the function",
        """
        def audited(function):
            async def wrapper(*args):
                async with maker() as db:
                    await db.execute(select(1))
                    return await function(*args)  # error: PHL101
            return wrapper

        @audited
        async def call():
            await client.get("/")

        async def f():
            await call()
    """,
    ),
    case(
        "a decorator with arguments",
        """
        def retry(times):
            def decorate(function):
                async def wrapper(*args):
                    for _ in range(times):
                        return await function(*args)
                return wrapper
            return decorate

        @retry(3)
        async def call():
            await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await call()  # error: PHL101
    """,
    ),
    case(
        "a decorator of a library is looked through",
        """
        from tenacity import retry

        @retry(stop=3)
        async def call():
            await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await call()  # error: PHL101
    """,
    ),
    case(
        "a decorated nested function",
        """
        def plain(function):
            return function

        async def f(db: AsyncSession):
            @plain
            async def load():
                await db.execute(select(1))
            await load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a decorated method",
        """
        def logged(function):
            async def wrapper(*args):
                return await function(*args)
            return wrapper

        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            @logged
            async def load(self):
                await self.db.execute(select(1))

        async def f(db: AsyncSession):
            await Repo(db).load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a decorated method that waits",
        """
        def logged(function):
            async def wrapper(self, *args):
                return await function(self, *args)
            return wrapper

        class Api:
            @logged
            async def call(self, path):
                await client.get(path)

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Api().call("/")  # error: PHL101
    """,
    ),
    case(
        "a decorated method that is given the session",
        """
        def logged(function):
            async def wrapper(self, *args):
                return await function(self, *args)
            return wrapper

        class Repo:
            @logged
            async def done(self, db: AsyncSession):
                await db.commit()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Repo().done(db)
            await client.get("/")
    """,
    ),
    case(
        "a query that is passed on",
        """
        async def timed(job):
            return await job

        async def f(db: AsyncSession):
            await timed(db.execute(select(1)))
            await client.get("/1")  # error: PHL101
    """,
    ),
    case(
        "a release that is passed on",
        """
        async def timed(job):
            return await job

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await timed(db.commit())
            await client.get("/")
    """,
    ),
    case(
        "a coroutine of the project that is passed on",
        """
        async def timed(job):
            return await job

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await timed(ask())  # error: PHL101
    """,
    ),
    case(
        "a request that is passed on",
        """
        async def timed(job):
            return await job

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await timed(client.get("/2"))  # error: PHL101
    """,
    ),
    case(
        "a helper returns a coroutine",
        """
        def load(db: AsyncSession):
            return db.execute(select(1))

        def call():
            return client.get("/")

        async def f(db: AsyncSession):
            await load(db)
            await call()  # error: PHL101
    """,
    ),
    case(
        "a helper returns a coroutine of the project",
        """
        def call():
            return ask()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await call()  # error: PHL101
    """,
    ),
    case(
        "a helper returns the session",
        """
        async def opened(db: AsyncSession):
            await db.execute(select(1))
            return db

        async def f(db: AsyncSession):
            same = await opened(db)
            await same.commit()
            await client.get("/")
    """,
    ),
    case(
        "a helper makes the session",
        """
        async def opened():
            db = maker()
            await db.execute(select(1))
            return db

        async def f():
            db = await opened()
            try:
                await client.get("/")  # error: PHL101
            finally:
                await db.close()
    """,
    ),
]

RECURSION = [
    case(
        "direct recursion",
        """
        async def walk(db: AsyncSession, n: int):
            if n:
                await walk(db, n - 1)
            await db.execute(select(n))

        async def f(db: AsyncSession):
            await walk(db, 3)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "mutual recursion",
        """
        async def even(db: AsyncSession, n: int):
            if n:
                return await odd(db, n - 1)
            await db.execute(select(n))

        async def odd(db: AsyncSession, n: int):
            if n:
                return await even(db, n - 1)
            await db.commit()

        async def f(db: AsyncSession):
            await even(db, 3)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "recursion that waits",
        """
        async def walk(db: AsyncSession, n: int):
            if n:
                await walk(db, n - 1)
                return
            await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await walk(db, 3)  # error: PHL101
    """,
    ),
    case(
        "a recursive provider",
        """
        async def provider(db=Depends(lambda: provider())):
            yield db

        @app.get("/")
        async def f(db: AsyncSession = Depends(provider)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a name defined by itself",
        """
        again = again or client
        loop = lambda: loop()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await again.get("/")  # error: PHL101
            loop()
            await again.get("/")
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), ARGUMENTS)
def test_arguments(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), CALLABLES)
def test_callables(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), RECURSION)
def test_recursion(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def chain(length: int) -> str:
    """A chain of functions, the last of which calls the network."""
    links = "".join(f"async def f{n}():\n    await f{n + 1}()\n\n\n" for n in range(length))
    return f"{links}async def f{length}():\n    await client.get('/')\n\n\n"


START = "async def start(db: AsyncSession):\n    await db.execute(select(1))\n    await f0()\n"


def test_a_chain_of_fifty_calls_is_followed(tmp_path: Path) -> None:
    (hold,) = holds(tmp_path, chain(50) + START)
    assert hold.function.name == "start"
    assert len(hold.waiting.steps) == 52


def test_calls_deeper_than_the_limit_are_taken_to_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recursion, "DEEPEST", 60)
    assert holds(tmp_path, START + chain(80)) == []


def test_a_chain_that_is_met_from_its_end_has_no_limit(tmp_path: Path) -> None:
    backwards = "".join(f"async def f{n}():\n    await f{n + 1}()\n\n\n" for n in reversed(range(80)))
    source = f"async def f80():\n    await client.get('/')\n\n\n{backwards}{START}"
    (hold,) = holds(tmp_path, source)
    assert len(hold.waiting.steps) == 82


def test_more_contexts_than_the_limit_fall_back_to_the_general_one(tmp_path: Path) -> None:
    classes = "".join(f"class C{n}:\n    pass\n\n\n" for n in range(40))
    calls = "".join(f"    await work(db, C{n}())\n" for n in range(40))
    source = (
        f"{classes}async def work(db: AsyncSession, x):\n    await db.execute(select(1))\n\n\n"
        f"async def start(db: AsyncSession):\n{calls}    await client.get('/')\n"
    )
    (hold,) = holds(tmp_path, source)
    assert hold.function.name == "start"


def test_of_many_implementations_the_first_speak_for_all(tmp_path: Path) -> None:
    classes = "".join(f"class C{n}:\n    async def go(self):\n        await client.get('/')\n\n\n" for n in range(12))
    table = ", ".join(f"'{n}': C{n}()" for n in range(12))
    source = (
        f"{classes}TABLE = {{{table}}}\n\n\n"
        "async def start(db: AsyncSession, x):\n    await db.execute(select(1))\n    await TABLE[x].go()\n"
    )
    assert len(holds(tmp_path, source)) == 1


def test_one_finding_for_each_wait_and_holder(tmp_path: Path) -> None:
    source = """
        async def f(a: AsyncSession, b: AsyncSession):
            await a.execute(select(1))
            await b.execute(select(1))
            await client.get("/")
            await asyncio.gather(client.get("/1"), client.get("/2"))
    """
    found_holds = holds(tmp_path, source)
    assert [(hold.name, hold.span[0] - found_holds[0].span[0]) for hold in found_holds] == [
        ("a", 0), ("b", 0), ("a", 1), ("b", 1),
    ]  # fmt: skip


def test_what_a_callee_opens_is_no_hold_of_the_loop_that_calls_it_again(tmp_path: Path) -> None:
    source = """
        async def once():
            async with maker() as session:
                row = await session.scalar(select(1))
                await client.get("/")
                return row

        async def worker():
            while True:
                await once()
                await asyncio.sleep(3)
    """
    assert [(hold.function.name, hold.waiting.wait.kind) for hold in holds(tmp_path, source)] == [("once", "http")]


def test_the_trail_leads_through_three_files(tmp_path: Path) -> None:
    files = {
        "app.py": """
            from sqlalchemy.ext.asyncio import AsyncSession
            from service import reply
            from users import load

            async def handler(session: AsyncSession):
                await load(session)
                await reply("hi")
        """,
        "service.py": """
            from llm import complete

            async def reply(prompt):
                return await complete(prompt)
        """,
        "llm.py": """
            import httpx

            async def complete(prompt):
                async with httpx.AsyncClient() as client:
                    return await client.post("/")
        """,
        "users.py": """
            from sqlalchemy import select

            async def load(db):
                return await db.scalar(select(1))
        """,
    }
    (hold,) = holds(tmp_path, files)
    assert [(step.path, step.line, step.role) for step in hold.waiting.steps] == [
        ("app.py", 8, "call"), ("service.py", 5, "call"), ("llm.py", 6, "wait"),
    ]  # fmt: skip
    assert hold.waiting.steps[-1].text == "waits: httpx.AsyncClient.post"
    assert [(step.path, step.line, step.role) for step in hold.state.since] == [
        ("app.py", 7, "call"), ("users.py", 5, "checkout"),
    ]  # fmt: skip
    assert (hold.name, hold.expression, hold.kind) == ("session", "session", "AsyncSession")
    assert hold.state.kinds == {"held"}


def test_the_shortest_way_to_the_same_wait_is_the_trail(tmp_path: Path) -> None:
    source = """
        async def long():
            return await ask()

        async def either(x):
            if x > 1:
                await long()
            else:
                await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await either(1)
    """
    (hold,) = holds(tmp_path, source)
    assert [step.text for step in hold.waiting.steps] == ["calls either", "waits: httpx.AsyncClient.get"]


def test_a_holder_that_the_function_cannot_spell_is_named_by_where_it_is(tmp_path: Path) -> None:
    source = """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                await self.db.execute(select(1))

        class Service:
            def __init__(self, repo: Repo):
                self.repo = repo
            async def work(self):
                await self.repo.load()
                await client.get("/")

        async def f():
            async with maker() as session:
                return await Repo(session).load()

        async def deep(service: Service):
            await service.repo.load()
            await client.get("/")
    """
    assert [(hold.function.name, hold.expression) for hold in holds(tmp_path, source)] == [
        ("Service.work", "self.repo.db"), ("deep", "service.repo.db"),
    ]  # fmt: skip
