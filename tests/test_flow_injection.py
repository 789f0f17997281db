"""Sessions handed in from elsewhere, by states, containers, accessors and abstract bases; and which are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, marks

REPO = """
class Repo:
    def __init__(self, session: AsyncSession):
        self.session = session
    async def read(self):
        return await self.session.scalar(select(1))

class Committer:
    def __init__(self, session: AsyncSession):
        self.session = session
    async def commit(self):
        await self.session.commit()
"""

CASES = [
    case(
        "a maker in the state of the application",
        """
        from fastapi import Request
        app.state.maker = maker

        @app.get("/")
        async def f(request: Request):
            async with request.app.state.maker.begin() as db:
                await db.get(str, 1)
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a session in the state of the request",
        """
        from fastapi import Request

        @app.middleware("http")
        async def give(request: Request, call_next):
            async with maker() as db:
                request.state.db = db
                return await call_next(request)

        def get(request: Request):
            return request.state.db

        @app.get("/")
        async def by_dependency(db=Depends(get)):
            await db.get(str, 1)
            await client.get("/")  # error: PHL101

        @app.get("/")
        async def directly(request: Request):
            await request.state.db.get(str, 1)
            await client.get("/")  # error: PHL101

        @app.get("/")
        async def released(request: Request, db=Depends(get)):
            await db.get(str, 1)
            await request.state.db.commit()
            await client.get("/")
    """,
    ),
    case(
        "the state that a lifespan gives",
        """
        from fastapi import Request

        @contextlib.asynccontextmanager
        async def lifespan(app):
            async with httpx.AsyncClient() as http:
                yield {"sessions": maker, "http": http}

        @app.get("/")
        async def f(request: Request):
            async with request.state.sessions() as db:
                await db.get(str, 1)
                await request.state.http.get("/")  # error: PHL101
    """,
    ),
    case(
        "the state that a lifespan gives as a typed dict",
        """
        from typing import TypedDict
        from fastapi import Request

        class State(TypedDict):
            http: httpx.AsyncClient

        @contextlib.asynccontextmanager
        async def lifespan(app):
            async with httpx.AsyncClient() as http:
                yield State(http=http)

        @app.get("/")
        async def f(request: Request, db: AsyncSession = Depends(get_db)):
            await db.get(str, 1)
            await request.state.http.get("/")  # error: PHL101
    """,
    ),
    case(
        "what a function inside a function puts into the state",
        """
        from fastapi import Request

        def create():
            @app.on_event("startup")
            async def start():
                app.state.maker = maker

        @app.get("/")
        async def f(request: Request):
            async with request.app.state.maker() as db:
                await db.get(str, 1)
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a class inside a function puts something into the state",
        """
        from fastapi import Request

        def create():
            class Start:
                def __init__(self, maker):
                    app.state.maker = maker
            return Start

        @app.get("/")
        async def f(request: Request):
            async with request.app.state.maker() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a state that is something else",
        """
        from fastapi import Request

        class Machine:
            def __init__(self):
                self.state = self
            def run(self):
                self.state.db = maker()

        app.state.http = httpx.AsyncClient()

        @app.get("/")
        async def f(request: Request):
            await request.app.state.http.get("/")
            await request.app.state.http.get("/")

        @app.get("/")
        async def g(machine: Machine):
            await machine.state.missing.get("/")
            await client.get("/")
    """,
    ),
    case(
        "a state that is None at first",
        """
        from fastapi import Request
        app.state.db = None

        @app.get("/")
        async def f(request: Request):
            db: AsyncSession = request.app.state.db
            await db.get(str, 1)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an accessor gives the same session each time",
        """
        from contextvars import ContextVar
        current: ContextVar[AsyncSession] = ContextVar("current")

        def session() -> AsyncSession:
            return current.get()

        async def read():
            await session().execute(select(1))

        async def held():
            await read()
            await client.get("/")  # error: PHL101

        async def free():
            await read()
            await session().commit()
            await client.get("/")
    """,
    ),
    case(
        "an annotation speaks for a library that nothing is known of",
        """
        from elsewhere import registry

        async def provide():
            async with registry.session() as db:
                yield db

        @app.get("/")
        async def f(db: AsyncSession = Depends(provide)):
            await db.get(str, 1)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "the block of an abstract class is that of its implementations",
        """
        import abc

        class Work(abc.ABC):
            db: AsyncSession
            @abc.abstractmethod
            async def __aenter__(self): ...
            @abc.abstractmethod
            async def __aexit__(self, *exc): ...

        class SqlWork(Work):
            async def __aenter__(self):
                self.db = maker()
                return self
            async def __aexit__(self, *exc):
                await self.db.close()

        async def held(work: Work):
            async with work as it:
                await it.db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def free(work: Work):
            async with work as it:
                await it.db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "what is injected beside a repository carries the same session",
        REPO
        + """
class Service:
    def __init__(self, repo: Repo, committer: Committer):
        self.repo = repo
        self.committer = committer
    async def free(self):
        await self.repo.read()
        await self.committer.commit()
        await client.get("/")
    async def held(self):
        await self.committer.commit()
        await self.repo.read()
        await client.get("/")  # error: PHL101
    async def perhaps(self, flag):
        await self.repo.read()
        if flag:
            await self.committer.commit()
        await client.get("/")  # error: PHL101

async def free(repo: Repo, db: AsyncSession):
    await repo.read()
    await db.commit()
    await client.get("/")
    """,
    ),
    case(
        "two parameters and two fields are two sessions",
        REPO
        + """
class Copy:
    def __init__(self, source: AsyncSession, target: AsyncSession):
        self.source = source
        self.target = target
    async def run(self):
        await self.source.execute(select(1))
        await self.target.commit()
        await client.get("/")  # error: PHL101

async def copy(source: AsyncSession, target: AsyncSession):
    await source.execute(select(1))
    await target.commit()
    await client.get("/")  # error: PHL101

async def mixed(repo: Repo, db: Session):
    await repo.read()
    db.commit()
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "dishka's marker stands for what it marks",
        """
        from dishka.integrations.fastapi import FromDishka, inject

        @app.get("/")
        @inject
        async def f(db: FromDishka[AsyncSession], number: FromDishka[int]):
            await db.get(str, number)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a task that is bound to a class",
        """
        from celery import Celery, Task
        celery = Celery("app")

        class DatabaseTask(Task):
            @property
            def session(self) -> Session:
                return sync_maker()

        @celery.task(base=DatabaseTask, bind=True)
        def held(self, number):
            db = self.session
            db.get(str, number)
            httpx.get("/")  # error: PHL101

        @celery.task(base=Task)
        def other(self):
            self.session.get(str, 1)
            httpx.get("/")
    """,
        select=("PHL101",),
    ),
    case(
        "stubs that the protocol compiler writes, in the project or not",
        """
        import grpc
        from pricing.v1 import prices_pb2, prices_pb2_grpc

        class EchoStub:
            def __init__(self, channel):
                self.Say = channel.unary_unary("/echo")

        echo = EchoStub(grpc.aio.insecure_channel("echo"))

        class Prices:
            def __init__(self):
                self.stub = prices_pb2_grpc.PricesStub(grpc.aio.insecure_channel("prices"))
            async def quote(self, db: AsyncSession):
                await db.execute(select(1))
                await self.stub.Quote(prices_pb2.Request())  # error: PHL101
                await echo.Say("a")  # error: PHL101
    """,
    ),
    case(
        "a connection that runs a statement is checked out, whoever acquired it",
        """
        from asyncpg import Connection as Raw

        async def core(connection: AsyncConnection):
            await client.get("/")
            await connection.execute(select(1))
            await client.get("/")  # error: PHL101

        async def raw(connection: Raw):
            await connection.fetchrow("SELECT 1")
            await client.get("/")  # error: PHL101

        async def closed(connection: AsyncConnection):
            await connection.execute(select(1))
            await connection.close()
            await client.get("/")
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), CASES)
def test_injection(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)
