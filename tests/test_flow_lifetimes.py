"""Lifetimes where a runnable service cannot show them: versions, libraries, look-alikes, corners."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import case, check, found, marks

from flake8_poolhold.config import Settings
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.versions import exact

ALL = (
    "PHL201", "PHL202", "PHL203", "PHL204", "PHL205", "PHL206",
    "PHL401", "PHL402", "PHL403", "PHL404", "PHL405", "PHL406",
)  # fmt: skip

TASK = """
async def count(db: AsyncSession):
    await db.execute(select(1))

@app.post("/")
async def handler(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
    tasks.add_task(count, db)
"""

STREAM = """
from fastapi.responses import StreamingResponse

async def rows(db: AsyncSession):
    for row in await db.scalars(select(1)):
        yield row

@app.get("/")
async def handler(db: AsyncSession = Depends(get_db)):
    return StreamingResponse(rows(db))
"""


@pytest.mark.parametrize(
    ("version", "code", "words"),
    [
        ("", "PHL201", "or on one that leaks"),
        ("fastapi==0.105.0", "PHL201", "keeps its connection until the task ends"),
        ("fastapi==0.106.0", "PHL206", "is closed before the background task"),
        ("fastapi==0.117.1", "PHL206", "is closed before the background task"),
        ("fastapi==0.118.0", "PHL201", "keeps its connection until the task ends"),
    ],
)
def test_the_version_says_what_a_background_task_finds(tmp_path: Path, version: str, code: str, words: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{version}\n")
    (finding,) = check(tmp_path, TASK, ALL).findings
    assert finding.code == code
    assert words in finding.message


@pytest.mark.parametrize(
    ("version", "codes"), [("", set()), ("fastapi==0.105.0", set()), ("fastapi==0.110.0", {"PHL206"})]
)
def test_the_version_says_what_a_response_body_finds(tmp_path: Path, version: str, codes: set[str]) -> None:
    (tmp_path / "requirements.txt").write_text(f"{version}\n")
    assert {code for _, _, code in found(tmp_path, STREAM, ALL)} == codes


CLOSE = """
async def count():
    db = maker()
    try:
        return await db.scalar(select(1))
    finally:
        await db.close()

async def shielded():
    db = maker()
    try:
        return await db.scalar(select(1))
    finally:
        await asyncio.shield(db.close())

async def block():
    async with maker() as db:
        try:
            return await db.scalar(select(1))
        finally:
            await db.close()
"""


@pytest.mark.parametrize(("version", "count"), [("", 0), ("sqlalchemy==2.0.31", 1), ("SQLAlchemy[asyncio]==2.0.33", 0)])
def test_an_old_sqlalchemy_lets_a_close_be_cancelled(tmp_path: Path, version: str, count: int) -> None:
    (tmp_path / "requirements.txt").write_text(f"{version}\n")
    assert [code for _, _, code in found(tmp_path, CLOSE, ALL)] == ["PHL405"] * count


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("uv.lock", 'name = "sqlalchemy"\nversion = "2.0.31"\n', (2, 0, 31)),
        ("requirements.txt", "sqlalchemy[asyncio]==2.0.30\n", (2, 0, 30)),
        ("requirements.txt", "sqlalchemy>=2.0.30\n", None),
        ("requirements.txt", "sqlalchemy-utils==0.41.2\n", None),
    ],
)
def test_the_version_of_sqlalchemy(file: str, text: str, version: tuple[int, int, int] | None) -> None:
    def read(path: str) -> bytes:
        return text.encode() if path == file else b""

    assert exact(Project(["app.py"], [], lambda _: None, read, Settings()), "app.py", "sqlalchemy") == version


@pytest.mark.parametrize(
    ("files", "select"),
    [
        case(
            "a queue",
            """
            queue = asyncio.Queue()

            @app.get("/")
            async def handler(db: AsyncSession = Depends(get_db)):
                queue.put_nowait((db, 1))  # error: PHL202
        """,
            select=ALL,
        ),
        case(
            "tools of an agent",
            """
            from pydantic_ai import Tool

            class Registry:
                def __init__(self, db: AsyncSession):
                    self.db = db

            async def make(registry: Registry):
                async def look_up(name: str):
                    return await registry.db.scalar(select(1))  # error: PHL203
                return Tool(look_up)

            async def make_own():
                async def look_up(name: str):
                    async with maker() as db:
                        return await db.scalar(select(1))
                return Tool(look_up)
        """,
            select=ALL,
        ),
        case(
            "a GraphQL context",
            """
            from strawberry.fastapi import GraphQLRouter

            async def get_context(request, db: AsyncSession = Depends(get_db)):
                return {"request": request, "db": db}  # error: PHL203

            router = GraphQLRouter(schema, context_getter=get_context)
        """,
            select=ALL,
        ),
        case(
            "a context that child tasks inherit",
            """
            from contextvars import ContextVar

            current: ContextVar[AsyncSession | None] = ContextVar("current", default=None)

            @contextlib.asynccontextmanager
            async def session():
                known = current.get()
                if known is not None:
                    yield known
                    return
                async with maker() as db:
                    token = current.set(db)  # error: PHL203
                    try:
                        yield db
                    finally:
                        current.reset(token)

            async def both():
                await asyncio.gather(ask(), ask())
        """,
            select=ALL,
        ),
        case(
            "a context whose session belongs to one task",
            """
            from contextvars import ContextVar

            current = ContextVar("current", default=None)

            @contextlib.asynccontextmanager
            async def session():
                known = current.get()
                if known is not None and known.task is asyncio.current_task():
                    yield known.db
                    return
                async with maker() as db:
                    token = current.set(db)
                    try:
                        yield db
                    finally:
                        current.reset(token)

            async def both():
                await asyncio.gather(ask(), ask())
        """,
            select=ALL,
        ),
        case(
            "a release in a generator that is thrown away",
            """
            def rows(db: Session):
                try:
                    yield 1
                except GeneratorExit:
                    db.rollback()  # error: PHL405
                    raise
        """,
            select=ALL,
        ),
        case(
            "a context manager that is used as a session",
            """
            @contextlib.contextmanager
            def session():
                with sync_maker() as db:
                    yield db

            def load(db: Session):
                return db.scalar(select(1))

            def main():
                load(session())  # error: PHL403
                with session() as db:
                    load(db)
        """,
            select=ALL,
        ),
        case(
            "a branch that may use another session",
            """
            class Writer:
                def __init__(self, shared: AsyncSession | None = None):
                    self.shared = shared

                @contextlib.asynccontextmanager
                async def session(self):
                    if self.shared is not None:
                        yield self.shared
                    else:
                        async with maker() as own:
                            yield own

                async def write(self, number: int):
                    async with self.session() as db:
                        await db.execute(select(number))

                async def write_all(self):
                    await asyncio.gather(*[self.write(number) for number in range(3)])
        """,
            select=ALL,
        ),
        case(
            "a sync session in coroutines and in threads",
            """
            async def read(db: Session, number: int):
                return db.scalar(select(number))

            def load(db: Session, number: int):
                return db.scalar(select(number))

            async def both(db: Session):
                await asyncio.gather(read(db, 1), read(db, 2))
                await asyncio.gather(asyncio.to_thread(load, db, 1), asyncio.to_thread(load, db, 2))  # error: PHL203
        """,
            select=ALL,
        ),
        case(
            "a connection with options is the same connection",
            """
            async def create():
                connection = await engine.connect()
                try:
                    connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await connection.execute(text("CREATE DATABASE shop"))
                finally:
                    await connection.close()
        """,
            select=ALL,
        ),
        case(
            "a facade of a registry",
            """
            from sqlalchemy.ext.asyncio import async_scoped_session

            class Database:
                def __init__(self) -> None:
                    self._registry: async_scoped_session[AsyncSession] | None = None

                @property
                def session(self) -> AsyncSession:
                    assert self._registry is not None
                    return self._registry()

            database = Database()

            async def count():
                return await database.session.scalar(select(1))

            async def provide():
                yield database.session
        """,
            select=ALL,
        ),
        case(
            "an interface that is named like a session",
            """
            class Interface:
                def session(self):
                    return maker()

            async def work(db: Interface):
                async with db.session() as session:
                    await session.execute(select(1))

            @app.get("/")
            async def handler(tasks: BackgroundTasks, db: Interface = Depends(Interface)):
                tasks.add_task(work, db)
                asyncio.create_task(work(db))
        """,
            select=ALL,
        ),
    ],
)
def test_lifetimes(tmp_path: Path, files: str, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_tests_and_migrations_are_left_alone(tmp_path: Path) -> None:
    leak = """
        from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

        maker = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

        async def count(statement):
            db = maker()
            return await db.scalar(statement)
    """
    names = ["tests/fill.py", "conftest.py", "test_count.py", "alembic/env.py", "app/env.py"]
    assert {path for path, _, _ in found(tmp_path, dict.fromkeys(names, leak), ALL)} == {"app/env.py"}
