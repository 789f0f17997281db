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
    ("last", "words"),
    [
        ("await db.commit()", "checks out again and an exception in it leaks that connection"),
        ("await db.flush()", "checks out again and leaks that connection; "),
        (
            "if await db.scalar(select(1)):\n        await db.commit()",
            "checks out again and leaks that connection unless a commit or rollback comes last",
        ),
        ("await db.commit()\n    await db.execute(select(1))", "checks out again and leaks that connection; "),
    ],
)
def test_the_end_of_a_task_says_what_it_leaks(tmp_path: Path, last: str, words: str) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi==0.110.0\n")
    start = f"async def count(db: AsyncSession):\n    await db.execute(select(1))\n    {last}\n"
    (finding,) = check(tmp_path, start + TASK[TASK.index("@app") :], ALL).findings
    assert words in finding.message


@pytest.mark.parametrize(
    ("version", "codes"), [("", set()), ("fastapi==0.105.0", set()), ("fastapi==0.110.0", {"PHL206"})]
)
def test_the_version_says_what_a_response_body_finds(tmp_path: Path, version: str, codes: set[str]) -> None:
    (tmp_path / "requirements.txt").write_text(f"{version}\n")
    assert {code for _, _, code in found(tmp_path, STREAM, ALL)} == codes


BRANCHES = """
async def both(db: AsyncSession):
    {before}
    await asyncio.gather(db.execute(select(1)), db.execute(select(2)))
"""


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("pass", "unless its connection is out already, the second is refused"),
        ("await db.commit()", "the second is refused while the first connects, which a warm pool hides from tests"),
        ("await db.execute(select(3))", "reads wait for each other"),
    ],
)
def test_what_branches_find_hangs_on_what_the_session_holds(tmp_path: Path, before: str, words: str) -> None:
    (finding,) = check(tmp_path, BRANCHES.format(before=before), ALL).findings
    assert words in finding.message


PINGED = """
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
import asyncio

{engines}

async def both(db: AsyncSession):
    await db.commit()
    await asyncio.gather(db.execute(select(1)), db.execute(select(2)))
"""

PLAIN = 'plain = create_async_engine("postgresql+asyncpg://localhost/plain")'
TESTED = 'tested = create_async_engine("postgresql+asyncpg://localhost/tested", pool_pre_ping=True)'


@pytest.mark.parametrize(
    ("engines", "hides"),
    [(TESTED, False), (TESTED.replace("True", "False"), True), (f"{TESTED}\n{PLAIN}", True), (PLAIN, True), ("", True)],
)
def test_a_warm_pool_hides_no_collision_where_connections_are_tested(tmp_path: Path, engines: str, hides: bool) -> None:
    (finding,) = check(tmp_path, {"app.py": PINGED.format(engines=engines)}, ("PHL203",)).findings
    assert "the second is refused while the first" in finding.message
    assert ("warm pool" in finding.message) == hides


CALLED = """
async def both(db: AsyncSession):
    await asyncio.gather(db.execute(select(1)), db.execute(select(2)))

@app.get("/a")
async def one(db: AsyncSession = Depends(get_db)):
    await db.execute(select(3))
    await both(db)

@app.get("/b")
async def other(db: AsyncSession = Depends(get_db)):
    {before}
    await both(db)
"""


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("pass", "unless its connection is out already"),
        ("await db.execute(select(3))", "(gather): reads wait for each other"),
    ],
)
def test_what_all_callers_have_done_tells_what_branches_find(tmp_path: Path, before: str, words: str) -> None:
    (finding,) = check(tmp_path, CALLED.format(before=before), ALL).findings
    assert words in finding.message


DRIVEN = """
async def sessions():
    async with maker() as db:
        yield db
        {behind}

async def read():
    async for db in sessions():
        await db.execute(select(1))
        break
"""


@pytest.mark.parametrize(
    ("behind", "words"),
    [
        ("pass", "runs later, when the loop gets to it"),
        ("await db.commit()", "later, without what follows its `yield`"),
    ],
)
def test_a_loop_that_is_left_skips_what_follows_the_yield(tmp_path: Path, behind: str, words: str) -> None:
    (finding,) = check(tmp_path, DRIVEN.format(behind=behind), ("PHL403",)).findings
    assert words in finding.message


NEXT = """
def sessions():
    with sync_maker() as db:
        yield db

def read(flag):
    db = next(sessions())
    db.execute(select(1))
    {last}
"""


@pytest.mark.parametrize(
    ("last", "words"),
    [("pass", "is never given back"), ("if flag:\n        db.close()", "is not given back on every path")],
)
def test_a_provider_that_is_dropped_says_whether_it_is_closed(tmp_path: Path, last: str, words: str) -> None:
    (finding,) = check(tmp_path, NEXT.format(last=last), ("PHL403",)).findings
    assert words in finding.message


GIVES_BACK = """
async def save(db: AsyncSession):
    try:
        await db.execute(select(1))
        await db.commit()
    except Exception:
        await db.rollback()

@app.post("/")
async def handler(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
    tasks.add_task(save, db)
"""


@pytest.mark.parametrize(("version", "codes"), [("0.110.0", set()), ("0.118.0", {"PHL201"})])
def test_a_closed_session_that_the_task_gives_back_does_no_harm(tmp_path: Path, version: str, codes: set[str]) -> None:
    (tmp_path / "requirements.txt").write_text(f"fastapi=={version}\n")
    assert {code for _, _, code in found(tmp_path, GIVES_BACK, ALL)} == codes


LISTED = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase): ...

class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    tags: Mapped[list["Note"]] = relationship()

async def list_tags(note: Note):
    print(note.tags)

async def handler(tasks: BackgroundTasks, db: AsyncSession):
    note = await db.get_one(Note, 1)
    tasks.add_task(list_tags, note)
"""


@pytest.mark.parametrize(("version", "codes"), [("0.110.0", {"PHL205"}), ("0.118.0", set())])
def test_a_task_that_runs_before_the_close_finds_its_object(tmp_path: Path, version: str, codes: set[str]) -> None:
    (tmp_path / "requirements.txt").write_text(f"fastapi=={version}\n")
    assert {code for _, _, code in found(tmp_path, LISTED, ("PHL205",))} == codes


PLAIN = """
async def probe():
    db = maker()
    await db.execute("select 1")
    await db.close()
"""


@pytest.mark.parametrize(("version", "count"), [("", 1), ("sqlalchemy>=1.4", 1), ("sqlalchemy>=2.0", 0)])
def test_sqlalchemy_2_refuses_a_plain_string(tmp_path: Path, version: str, count: int) -> None:
    (tmp_path / "requirements.txt").write_text(f"{version}\n")
    assert [code for _, _, code in found(tmp_path, PLAIN, ALL)] == ["PHL401"] * count
    queried = PLAIN.replace('"select 1"', 'text("select 1")')
    assert [code for _, _, code in found(tmp_path, queried, ALL)] == ["PHL401"]


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


CANCEL = """
@app.middleware("http")
async def log(request, call_next):
    return await call_next(request)
"""

SCOPE = """
async def late(task):
    with anyio.move_on_after(3):
        await task
"""


@pytest.mark.parametrize(
    ("version", "cancels", "count"),
    [
        ("", CANCEL, 0),
        ("sqlalchemy==2.0.31", SCOPE, 1),
        ("sqlalchemy==2.0.31", CANCEL, 0),
        ("sqlalchemy==2.0.31\nfastapi==0.86.0", CANCEL, 1),
        ("sqlalchemy==2.0.31\nfastapi==0.87.0", CANCEL, 0),
        ("sqlalchemy==2.0.31\nstarlette==0.20.4", CANCEL, 1),
        ("sqlalchemy==2.0.31", "", 0),
        ("sqlalchemy==2.0.31", "\nasync def late(task):\n    await asyncio.wait_for(task, 3)\n", 0),
        ("sqlalchemy==1.4.40", SCOPE, 1),
        ("sqlalchemy==1.4.39", SCOPE, 0),
        ("SQLAlchemy[asyncio]==2.0.33", SCOPE, 0),
    ],
)
def test_an_old_sqlalchemy_lets_a_close_be_cancelled(tmp_path: Path, version: str, cancels: str, count: int) -> None:
    (tmp_path / "requirements.txt").write_text(f"{version}\n")
    assert [code for _, _, code in found(tmp_path, CLOSE + cancels, ALL)] == ["PHL405"] * count


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
            "an object that serves requests",
            """
            from fastapi import APIRouter, FastAPI
            from sqlalchemy.orm import scoped_session, sessionmaker
            from traitlets import Type
            from traitlets.config import Application

            registry = scoped_session(sessionmaker(engine))

            class Access:
                pass

            class Counter:
                def __init__(self, db):
                    self.db = db

            class Server(Application):
                access_class = Type(default_value=Access)

                def __init__(self):
                    self.registry = Counter(registry)
                    self.own = Counter(registry())  # error: PHL204
                    self.unread = Counter(maker())
                    self.opening = maker

                def initialize(self):
                    self.access = self.access_class(parent=self, db=registry())  # error: PHL204

                def make(self, given):
                    app = FastAPI()
                    self.given = given

                    @app.get("/")
                    async def read():
                        return self.registry, self.own, self.opening, self.given

                    @app.middleware("http")
                    async def prepare(request, call_next):
                        request.state.access = self.access
                        return await call_next(request)

                    @given.get("/")
                    async def of_something_else():
                        return self.unread

                    return app

            class Views:
                def __init__(self):
                    self.db = maker()  # error: PHL204
                    self.unread = maker()
                    self.router = APIRouter()
                    self.router.add_api_route("/", self.read)

                async def read(self):
                    return await self.db.scalar(select(1))
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
            "a context that is reused in two ways, and one that refuses to be entered twice",
            """
            from contextvars import ContextVar

            current = ContextVar("current", default=None)
            alone = ContextVar("alone", default=None)

            @contextlib.asynccontextmanager
            async def session(given: AsyncSession | None = None):
                if given is not None:
                    token = current.set(given)  # error: PHL203
                    yield given
                    current.reset(token)
                elif (known := current.get()) is not None:
                    yield known
                else:
                    async with maker() as db:
                        token = current.set(db)
                        yield db
                        current.reset(token)

            class Unit:
                async def __aenter__(self):
                    assert alone.get() is None
                    alone.set(await engine.connect().__aenter__())
                    return self

                async def __aexit__(self, *error):
                    await alone.get().__aexit__(*error)

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
        case(
            "a cached function makes one engine for all its callers",
            """
            @functools.lru_cache(maxsize=1)
            def sessions():
                return sessionmaker(create_engine("postgresql://localhost/app"))

            def sessions_anew():
                return sessionmaker(create_engine("postgresql://localhost/app"))

            def count():
                with sessions()() as db:
                    return db.scalar(select(1))

            def count_anew():
                with sessions_anew()() as db:  # error: PHL406
                    return db.scalar(select(1))
        """,
            select=ALL,
        ),
        case(
            "an engine of which only the dialect is asked for",
            """
            def dialect(url: str):
                return create_engine(url).dialect.name

            def tables(url: str):
                own = create_engine(url)  # error: PHL406
                with own.connect() as connection:
                    return connection.execute(text("select 1")).all()
        """,
            select=ALL,
        ),
        case(
            "a log line before the close",
            """
            import logging
            from app.logs import report

            log = logging.getLogger(__name__)

            def count():
                db = sync_maker()
                try:
                    return db.scalar(select(1))
                finally:
                    try:
                        report("counted")
                    except Exception:
                        log.exception("not reported")
                    log.info("counted")
                    db.close()

            def count_and_report():
                db = sync_maker()  # error: PHL401
                try:
                    return db.scalar(select(1))
                finally:
                    report("counted")
                    db.close()
        """,
            select=ALL,
        ),
        case(
            "a project's own logger",
            {
                "notes.py": """
                    import logging

                    from json import dump

                    class Logger:
                        def __init__(self, name: str):
                            self.logger = logging.getLogger(name)
                            self.file = open(name)

                        def info(self, message: str, *values):
                            "Tell."
                            if values:
                                self.logger.info(message, *values)
                            self.logger.info(message)

                        def write(self, message: str):
                            self.logger.info(message)
                            dump(message, self.file)

                    log = Logger("app")
                """,
                "app.py": """
                    from notes import log
                    from sqlalchemy import create_engine

                    engine = create_engine("sqlite://")

                    def probe(url: str):
                        connection = engine.connect()
                        log.info("connected to %s", url)
                        connection.close()

                    def record(url: str):
                        connection = engine.connect()  # error: PHL401
                        log.write(url)
                        connection.close()
                """,
            },
            select=ALL,
        ),
        case(
            "a default method that those which have the rest of it do not run",
            """
            from abc import ABC, abstractmethod

            class Items(ABC):
                @abstractmethod
                async def one(self, key: int): ...

                async def all(self, keys: list[int]):
                    return await asyncio.gather(*[self.one(key) for key in keys])

            class StoredItems(Items):
                def __init__(self, db: AsyncSession) -> None:
                    self.db = db

                async def one(self, key: int):
                    return await self.db.scalar(select(key))

                async def all(self, keys: list[int]):
                    return [await self.one(key) for key in keys]

            class Parts(ABC):
                @abstractmethod
                async def one(self, key: int): ...

                async def all(self, keys: list[int]):
                    return await asyncio.gather(*[self.one(key) for key in keys])  # error: PHL203

            class StoredParts(Parts):
                def __init__(self, db: AsyncSession) -> None:
                    self.db = db

                async def one(self, key: int):
                    return await self.db.scalar(select(key))
        """,
            select=ALL,
        ),
        case(
            "branches that only add",
            """
            async def note(db: AsyncSession, text: str):
                await asyncio.sleep(0)
                db.add(text)

            async def store(db: AsyncSession, text: str):
                db.add(text)
                await db.flush()

            async def both(db: AsyncSession):
                await asyncio.gather(note(db, "a"), note(db, "b"))
                await asyncio.gather(store(db, "a"), store(db, "b"))  # error: PHL203
        """,
            select=("PHL203",),
        ),
        case(
            "a provider that may leave its session to a task",
            """
            from fastapi import Request

            async def get_session(request: Request):
                db = maker()
                try:
                    yield db
                finally:
                    if not getattr(request.state, "keep_open", False):
                        await db.close()

            async def work(db: AsyncSession):
                await db.execute(select(1))

            @app.post("/")
            async def start(request: Request, db: AsyncSession = Depends(get_session)):
                request.state.keep_open = True
                asyncio.create_task(work(db))

            @app.post("/closed")
            async def start_on_closed(db: AsyncSession = Depends(get_db)):
                asyncio.create_task(work(db))  # error: PHL202
        """,
            select=ALL,
        ),
        case(
            "a field that is filled under the condition that the task is not started under",
            """
            class Agent:
                def __init__(self, db: AsyncSession, inline: bool) -> None:
                    self.db = db
                    self.inline = inline
                    self.shared: AsyncSession | None = None

                def is_inline(self) -> bool:
                    return self.inline

                @contextlib.asynccontextmanager
                async def session(self):
                    if self.shared is not None:
                        yield self.shared
                    else:
                        async with maker() as db:
                            yield db

                async def store(self):
                    async with self.session() as db:
                        await db.execute(select(1))

                async def store_shared(self):
                    if self.shared is not None:
                        await self.shared.execute(select(1))

                async def run(self):
                    if self.is_inline():
                        self.shared = self.db
                    if self.is_inline():
                        await self.store()
                        await self.store_shared()
                    else:
                        asyncio.create_task(self.store())
                        asyncio.create_task(self.store_shared())

                async def run_beside(self):
                    if self.is_inline():
                        self.shared = self.db
                    asyncio.create_task(self.store_shared())  # error: PHL202
        """,
            select=("PHL202",),
        ),
        case(
            "next of an async generator is a TypeError",
            """
            async def get_session():
                async with maker() as session:
                    yield session

            def count():
                db = next(get_session())
                db.commit()

            async def count_async():
                db = await anext(get_session())  # error: PHL403
                return await db.scalar(select(1))
        """,
            select=ALL,
        ),
        case(
            "tools that a loop runs one after the other",
            """
            from langchain_core.tools import StructuredTool

            def make(db: AsyncSession):
                async def count():
                    return await db.scalar(select(1))

                return StructuredTool.from_function(coroutine=count)
        """,
            select=ALL,
        ),
        case(
            "tools that a node runs at once",
            """
            from langchain_core.tools import StructuredTool
            from langgraph.prebuilt import ToolNode

            def make(db: AsyncSession):
                async def count():
                    return await db.scalar(select(1))  # error: PHL203

                return ToolNode([StructuredTool.from_function(coroutine=count)])
        """,
            select=ALL,
        ),
        case(
            "a command of a command line ends with its process",
            """
            import click
            import typer

            shell = typer.Typer()

            @click.group()
            def cli(): ...

            @cli.group("notes")
            def notes(): ...

            @notes.command("count")
            def count():
                db = sync_maker()
                print(db.scalar(select(1)))

            @shell.command()
            def count_too():
                db = sync_maker()
                print(db.scalar(select(1)))

            def total():
                db = sync_maker()
                return db.scalar(select(1))

            @notes.command("total")
            def print_total():
                print(total())

            def total_too():
                db = sync_maker()  # error: PHL401
                return db.scalar(select(1))

            @shell.command()
            def print_total_too():
                print(total_too())

            @app.get("/total")
            def get_total():
                return total_too()

            @notes.command("watch")
            def watch():
                db = sync_maker()  # error: PHL401
                db.scalar(select(1))
                while True:
                    pass

            @notes.result_callback()
            def after(result):
                db = sync_maker()  # error: PHL401
                print(db.scalar(select(1)))
        """,
            select=ALL,
        ),
        case(
            "a pool of which a process makes one",
            """
            import multiprocessing as mp

            import cappa
            import click

            @click.group()
            def one(): ...

            @one.group()
            def two(): ...

            @two.group()
            def three(): ...

            @three.command()
            def count_at_the_prompt():
                with create_engine(URL).connect() as connection:
                    print(connection.scalar(select(1)))

            @cappa.command()
            class Fill:
                def __call__(self):
                    fill()

            def fill():
                with create_engine(URL).connect() as connection:
                    connection.execute(select(1))

            def count_part(number: int):
                with create_engine(URL).connect() as connection:
                    return connection.scalar(select(number))

            def count_all():
                with mp.Pool(4) as pool:
                    return pool.starmap_async(count_part, [(1,), (2,)]).get()

            def count_in_thread(number: int):
                with create_engine(URL).connect() as connection:  # error: PHL406
                    return connection.scalar(select(number))

            def count_in_threads(pool):
                return pool.map(lambda number: count_in_thread(number), [1, 2])

            class Migrator:
                def attach(self):
                    with create_engine(URL).connect() as connection:
                        connection.execute(select(1))

                def examine(self):
                    with create_engine(URL).connect() as connection:  # error: PHL406
                        connection.execute(select(1))

            @app.on_event("startup")
            def start():
                Migrator().attach()
                Migrator().examine()

            @app.get("/check")
            def look():
                Migrator().examine()

            @contextlib.asynccontextmanager
            async def lifespan(app):
                with create_engine(URL).connect() as connection:
                    connection.execute(select(1))
                yield

            service = FastAPI(lifespan=lifespan)
        """,
            select=("PHL406",),
        ),
        case(
            "pools of handlers that a factory makes, and of functions inside a function",
            """
            import asyncio
            from functools import partial

            def index(app):
                with create_engine(URL).connect() as connection:
                    connection.execute(select(1))

            def count(app):
                with create_engine(URL).connect() as connection:
                    connection.execute(select(1))

            def warm(app):
                with create_engine(URL).connect() as connection:
                    connection.execute(select(1))

            def look(app):
                with create_engine(URL).connect() as connection:  # error: PHL406
                    connection.execute(select(1))

            def prune(app):
                with create_engine(URL).connect() as connection:  # error: PHL406
                    connection.execute(select(1))

            def on_start(app):
                async def starting():
                    index(app)
                    prune(app)

                return starting

            def looking(app):
                async def read():
                    look(app)

                return read

            def pruning(app):
                async def remove():
                    prune(app)

                return remove

            def create(app):
                async def counting():
                    count(app)

                app.add_event_handler("startup", on_start(app))
                app.add_event_handler("shutdown", counting)
                app.on_startup.append(partial(warm, app))
                app.add_api_route("/look", looking(app))
                app.add_api_route("/prune", pruning(app))

            service = FastAPI()
            create(service)
        """,
            select=("PHL406",),
        ),
        case(
            "a script whose work is in a function of its main function",
            """
            async def sessions():
                async with maker() as session:
                    yield session

            def main():
                async def first():
                    async for db in sessions():
                        await db.execute(select(1))
                        break

                asyncio.run(first())

            def serve(app):
                async def first():
                    async for db in sessions():  # error: PHL403
                        await db.execute(select(1))
                        break

                app.add_api_route("/first", first)

            if __name__ == "__main__":
                main()
                serve(app)
        """,
            select=("PHL403",),
        ),
        case(
            "connections in a list that is emptied at the end",
            """
            async def warm(size: int):
                held = []
                try:
                    for _ in range(size):
                        connection = await engine.connect()
                        held.append(connection)
                finally:
                    for connection in held:
                        await connection.close()

            async def warm_one(size: int):
                for _ in range(size):
                    connection = await engine.connect()  # error: PHL401
                    await connection.execute(select(1))
        """,
            select=("PHL401",),
        ),
        case(
            "closes behind what raises nothing",
            """
            import contextlib
            import time

            async def f(x):
                db = maker()
                started = time.perf_counter()
                try:
                    await db.execute(select(1))
                    x.run()
                except BaseException:
                    x.stop()
                finally:
                    took = time.perf_counter() - started
                    with contextlib.suppress(Exception):
                        await db.close()
                return took

            async def g(x):
                db = maker()
                with contextlib.suppress(Exception):
                    await db.execute(select(1))
                    x.run()
                await db.close()

            async def h(x):
                db = maker()  # error: PHL401
                with contextlib.suppress(Exception):
                    await db.execute(select(1))
                    x.run()
                    await db.close()

            async def i(x):
                db = maker()  # error: PHL401
                with contextlib.suppress(ValueError):
                    await db.execute(select(1))
                    x.run()
                await db.close()
        """,
            select=("PHL401",),
        ),
        case(
            "a task that is waited for, with a limit",
            """
            async def look(db: AsyncSession):
                await db.execute(select(1))

            async def handler(db: AsyncSession):
                task = asyncio.create_task(look(db))

                async def body():
                    while not task.done():
                        await asyncio.wait_for(asyncio.shield(task), 1)
                        yield b""

                return StreamingResponse(body())

            async def other(db: AsyncSession):
                task = asyncio.create_task(look(db))  # error: PHL202
                task.add_done_callback(print)
        """,
            select=("PHL202",),
        ),
        case(
            "a session that is of one of two kinds",
            """
            async def f(db: AsyncSession | Session):
                if isinstance(db, AsyncSession):
                    await db.execute(select(1))
                    return
                db.close()

            async def g(db: Session):
                if isinstance(db, AsyncSession):
                    db = maker()
                    db.close()
        """,
            select=("PHL404",),
        ),
        case(
            "a close that is awaited where there is something to await",
            """
            async def f(db: AsyncSession | Session | None):
                if isinstance(db, AsyncSession):
                    await db.close()
                elif isinstance(db, Session):
                    db.close()

            async def g():
                db = None
                try:
                    async with maker() as db:
                        await db.execute(select(1))
                finally:
                    if isinstance(db, Session):
                        db.close()
                    if not isinstance(db, AsyncSession):
                        db.close()
                    if isinstance(db, AsyncSession):
                        db.close()  # error: PHL404
        """,
            select=("PHL404",),
        ),
        case(
            "a module's session that only the shutdown touches",
            """
            idle = sync_maker()
            busy = sync_maker()  # error: PHL204

            @app.on_event("shutdown")
            def stop():
                idle.close()
                busy.close()

            @app.get("/")
            def read():
                return busy.scalar(select(1))
        """,
            select=("PHL204",),
        ),
        case(
            "a connection that goes with the session that is bound to it",
            """
            def session_of(tenant: str):
                connection = engine_of(tenant).connect()
                connection.execute(select(1))
                return Session(bind=connection)

            def engine_of(tenant: str):
                return create_engine(tenant)

            def touch(tenant: str):
                connection = engine_of(tenant).connect()  # error: PHL401
                connection.execute(select(1))
        """,
            select=("PHL401",),
        ),
        case(
            "a provider that falls back on nothing",
            """
            @contextmanager
            def scope():
                db = sync_maker()
                try:
                    yield db
                    db.commit()
                except Exception:
                    db.rollback()
                    raise
                finally:
                    db.close()

            def safely():
                try:
                    with scope() as db:
                        yield db
                except Exception:
                    print("no database")
                    yield None

            def carelessly():
                try:
                    db = sync_maker()
                    yield db  # error: PHL402
                except ValueError:
                    yield None
                db.close()
        """,
            select=("PHL402",),
        ),
        case(
            "tasks of a loop over coroutines, each of another kind",
            """
            async def look(db: AsyncSession):
                await db.execute(select(1))

            async def wait():
                await asyncio.sleep(1)

            class Monitor:
                def __init__(self, db: AsyncSession):
                    self.db = db
                    self.tasks = []

                async def run(self):
                    jobs = [wait(), look(self.db)]
                    for job in jobs:
                        task = asyncio.create_task(job)
                        self.tasks.append(task)

                async def run_often(self, many: list[int]):
                    for _ in many:
                        asyncio.create_task(look(self.db))  # error: PHL203
        """,
            select=("PHL203",),
        ),
        case(
            "an async session in a function that cannot await",
            """
            class Repository:
                def __init__(self, session: AsyncSession):
                    self.session = session

                def touch(self):
                    self.session.execute(select(1))
                    self.session.commit()

                def close(self):
                    self.session.close()  # error: PHL404

                async def touch_later(self):
                    self.session.execute(select(1))  # error: PHL404
                    await self.session.commit()
        """,
            select=("PHL404",),
        ),
        case(
            "engines that go on in an object with a session on them",
            """
            class Parser:
                def __init__(self, db: AsyncSession):
                    self.db = db

                async def parse(self):
                    await self.db.execute(select(1))

            class Wrapper:
                def __init__(self, parser: Parser):
                    self.parser = parser

            class Job:
                def __init__(self):
                    self.parser = None

                async def run(self):
                    if self.parser is None:
                        engine = create_async_engine(URL)
                        self.parser = Parser(async_sessionmaker(engine)())
                    await self.parser.parse()

                async def run_anew(self):
                    engine = create_async_engine(URL)  # error: PHL406
                    db = async_sessionmaker(engine)()
                    wrapped = Wrapper(Parser(db))
                    await wrapped.parser.parse()
                    await db.close()

            async def make():
                engine = create_async_engine(URL)
                parser = Parser(async_sessionmaker(engine)())
                await parser.parse()
                return parser
        """,
            select=("PHL406",),
        ),
        case(
            "commands of a Flask application",
            """
            from flask import Flask

            def register(flask: Flask):
                @flask.cli.group()
                def console():
                    pass

                @console.command(name="status")
                def status():
                    with create_engine(URL).connect() as connection:
                        connection.execute(select(1))

                @flask.cli.command("fill")
                def fill():
                    with create_engine(URL).connect() as connection:
                        connection.execute(select(1))

                @flask.get("/")
                def read():
                    with create_engine(URL).connect() as connection:  # error: PHL406
                        connection.execute(select(1))
        """,
            select=("PHL406",),
        ),
        case(
            "an application that is launched",
            """
            from traitlets.config import Application

            def upgrade(url: str):
                with create_engine(url).connect() as connection:
                    connection.execute(select(1))

            class Server(Application):
                def initialize(self, *arguments):
                    upgrade(self.url)

                def reload(self):
                    with create_engine(self.url).connect() as connection:  # error: PHL406
                        connection.execute(select(1))

            main = Server.launch_instance
        """,
            select=("PHL406",),
        ),
        case(
            "a container that sends what went wrong",
            """
            from dishka import Provider, Scope, provide

            class Sessions(Provider):
                @provide(scope=Scope.REQUEST)
                async def session(self) -> AsyncIterator[AsyncSession]:
                    db = maker()
                    yield db
                    await db.close()

                @provide(scope=Scope.REQUEST)
                async def open_session(self) -> AsyncIterator[AsyncSession]:
                    db = maker()
                    yield db  # error: PHL402

            async def get_session():
                db = maker()
                yield db  # error: PHL402
                await db.close()
        """,
            select=("PHL402",),
        ),
        case(
            "a task that gives back what it checks out",
            """
            async def save(db: Session):
                try:
                    db.add(object())
                    db.commit()
                except Exception:
                    db.rollback()

            async def save_or_fail(db: Session):
                db.execute(select(1))
                risky()
                db.commit()

            async def save_async(db: AsyncSession):
                try:
                    db.add(object())
                    await db.commit()
                except Exception:
                    await db.rollback()

            async def answer(db: Session, beside: AsyncSession):
                asyncio.create_task(save(db))
                asyncio.create_task(save_or_fail(db))  # error: PHL202
                asyncio.create_task(save_async(beside))

            @app.post("/")
            async def handler(db: AsyncSession = Depends(get_db)):
                asyncio.create_task(save_async(db))  # error: PHL202
        """,
            select=("PHL202",),
        ),
        case(
            "a task under the condition under which the shared session does not exist",
            """
            import os

            class Agent:
                def __init__(self, db: AsyncSession, sessions):
                    self.db = db
                    self._sessions = sessions
                    self._shared: AsyncSession | None = None

                def _shares(self) -> bool:
                    return bool(os.environ.get("SHARED"))

                @asynccontextmanager
                async def _session(self):
                    if self._shares() and self._shared is not None:
                        yield self._shared
                    else:
                        async with self._sessions() as db:
                            yield db

                async def run(self):
                    if self._shares():
                        self._shared = self.db

                    async def save():
                        async with self._session() as db:
                            await db.execute(select(1))

                    if self._shares():
                        await save()
                    else:
                        asyncio.create_task(save())

                async def run_always(self):
                    if self._shares():
                        self._shared = self.db

                    async def save():
                        async with self._session() as db:
                            await db.execute(select(1))

                    asyncio.create_task(save())  # error: PHL202
        """,
            select=("PHL202",),
        ),
        case(
            "a pool that only tests make",
            {
                "app.py": """
                    from fastapi import FastAPI
                    from sqlalchemy import create_engine, select

                    app = FastAPI()

                    def drop():
                        with create_engine(app.title).connect() as connection:
                            connection.execute(select(1))

                    def fill():
                        with create_engine(app.title).connect() as connection:  # error: PHL406
                            connection.execute(select(1))
                """,
                "views.py": """
                    from app import app, fill

                    @app.post("/fill")
                    def refill():
                        fill()
                """,
                "conftest.py": """
                    from app import drop, fill

                    def prepare():
                        drop()
                        fill()
                """,
            },
            select=("PHL406",),
        ),
        case(
            "holders that somebody else gives back",
            """
            from typing import Any

            from sqlalchemy import Connection, event

            known: dict[int, Any] = {}

            class Connections:
                def __init__(self):
                    self.engine = create_engine(URL)
                    self.known: dict[int, Any] = {}

                def take(self) -> int:
                    connection = self.engine.connect()
                    self.known[id(connection)] = connection
                    return id(connection)

            def take() -> int:
                connection = engine_of().connect()
                known[1] = connection
                return 1

            def engine_of():
                return create_engine(URL)

            def prepare(context: dict[str, Any]):
                session = sync_maker()  # error: PHL401
                session.execute(select(1))
                context["session"] = session

            @event.listens_for(object, "after_update")
            def after_update(mapper, connection: Connection, target):
                session = Session(bind=connection)
                if session.scalar(select(1)):
                    return
                session.commit()
        """,
            select=("PHL401",),
        ),
        case(
            "a provider that delegates to another",
            """
            from typing import cast

            class Database:
                def sessions(self):
                    with Session(engine) as db:
                        yield db

                def careless(self):
                    db = Session(engine)
                    yield db  # error: PHL402

            def get_one():
                yield from Database().sessions()

            def get_other():
                yield from cast(Database, services.get("database")).sessions()

            def get_careless():
                yield from Database().careless()

            @app.get("/")
            def read(one=Depends(get_one), other=Depends(get_other), third=Depends(get_careless)):
                return one.scalar(select(1)), other.scalar(select(1)), third.scalar(select(1))
        """,
            select=("PHL402", "PHL405"),
        ),
        case(
            "a provider of an object that knows whether it closes",
            """
            class Unit:
                def __init__(self, db: AsyncSession | None = None):
                    self.db = db or maker()
                    self.is_own = db is None

                async def __aenter__(self):
                    return self.db

                async def __aexit__(self, kind, error, trace):
                    if kind is not None and not issubclass(kind, KeyError):
                        await self.db.rollback()
                    if self.is_own:
                        await self.db.close()

            async def get_unit():
                async with Unit() as db:
                    yield db

            @app.get("/")
            async def read(db: AsyncSession = Depends(get_unit)):
                return await db.scalar(select(1))
        """,
            select=("PHL402",),
        ),
        case(
            "a close that asks whether its variable is there",
            """
            def get_sync():
                with sync_maker() as db:
                    yield db

            def fill():
                try:
                    db = next(get_sync())
                    db.execute(select(1))
                finally:
                    if "db" in locals():
                        db.close()

            def fill_otherwise():
                try:
                    db = next(get_sync())  # error: PHL403
                    db.execute(select(1))
                finally:
                    if "db" not in locals():
                        db.close()
        """,
            select=("PHL401", "PHL403"),
        ),
        case(
            "a provider that a script drives by hand",
            """
            def get_sync():
                with sync_maker() as db:
                    yield db

            def fill():
                db = next(get_sync())
                db.execute(select(1))

            async def show():
                async for db in get_db():
                    print(await db.scalar(select(1)))
                    break

            if __name__ == "__main__":
                fill()
                asyncio.run(show())
        """,
            select=("PHL401", "PHL403"),
        ),
        case(
            "what gives back fails nowhere",
            """
            def load():
                db = sync_maker()
                try:
                    rows = db.execute(select(1))
                    return rows.all()
                finally:
                    rows.close()
                    db.close()

            def report():
                db = sync_maker()
                try:
                    db.execute(select(1))
                except Exception:
                    db.rollback()
                finally:
                    db.close()
        """,
            select=("PHL401",),
        ),
        case(
            "objects that a helper takes out of their session",
            """
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

            class Base(DeclarativeBase): ...

            class Note(Base):
                __tablename__ = "notes"
                id: Mapped[int] = mapped_column(primary_key=True)
                tags: Mapped[list["Tag"]] = relationship()

            class Tag(Base):
                __tablename__ = "tags"
                id: Mapped[int] = mapped_column(primary_key=True)

            async def shout(first: Note, second: Note):
                print(first.tags, second.tags)

            async def kept(db: AsyncSession):
                return await db.get(Note, 1)

            async def free(db: AsyncSession):
                note = await db.get(Note, 1)
                db.expunge(note)
                return note

            @app.post("/free")
            async def start(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                tasks.add_task(shout, await free(db), await free(db))

            @app.post("/kept")
            async def start_kept(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                first = await free(db)
                second = await kept(db)
                tasks.add_task(shout, first=first, second=second)  # error: PHL205
        """,
            select=ALL,
        ),
        case(
            "objects that stay readable",
            """
            from sqlalchemy.orm import (
                DeclarativeBase, Mapped, make_transient, mapped_column, relationship, selectinload
            )

            class Base(DeclarativeBase): ...

            class Note(Base):
                __tablename__ = "notes"
                id: Mapped[int] = mapped_column(primary_key=True)
                body: Mapped[str]
                tags: Mapped[list["Tag"]] = relationship()

            class Tag(Base):
                __tablename__ = "tags"
                id: Mapped[int] = mapped_column(primary_key=True)

            async def shout(note: Note):
                print(note.body)

            async def shout_later(note: Note):
                await asyncio.sleep(1)
                print(note.body)

            async def list_tags(note: Note):
                print(note.tags)

            @app.post("/refreshed")
            async def refreshed(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                await db.commit()
                await db.refresh(note)
                tasks.add_task(shout, note)
                tasks.add_task(list_tags, note)  # error: PHL205

            async def get_expiring():
                async with async_sessionmaker(engine)() as session:
                    yield session

            @app.post("/eager")
            async def eager(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                note = await db.scalar(select(Note).options(selectinload(Note.tags)))
                tasks.add_task(list_tags, note)

            @app.post("/kept")
            async def kept(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                await db.commit()
                tasks.add_task(shout, note)

            @app.post("/rolled-back")
            async def rolled_back(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                await db.rollback()
                tasks.add_task(shout, note)  # error: PHL205

            @app.post("/expired")
            async def expired(tasks: BackgroundTasks, db: AsyncSession = Depends(get_expiring)):
                note = await db.get_one(Note, 1)
                await db.refresh(note)
                await db.commit()
                tasks.add_task(shout, note)  # error: PHL205

            @app.post("/refreshed-again")
            async def refreshed_again(tasks: BackgroundTasks, db: AsyncSession = Depends(get_expiring)):
                note = await db.get_one(Note, 1)
                await db.commit()
                await db.refresh(note)
                tasks.add_task(shout, note)

            @app.post("/transient")
            async def transient(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                make_transient(note)
                tasks.add_task(list_tags, note)

            @app.post("/gives-up")
            async def gives_up(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                try:
                    await db.commit()
                except ValueError:
                    await db.rollback()
                    raise
                tasks.add_task(shout, note)

            @app.post("/beside")
            async def beside(db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                asyncio.create_task(shout(note))
                asyncio.create_task(shout_later(note))
                asyncio.create_task(list_tags(note))  # error: PHL205

            @app.post("/beside-expiring")
            async def beside_expiring(db: AsyncSession = Depends(get_expiring)):
                note = await db.get_one(Note, 1)
                asyncio.create_task(shout(note))
                asyncio.create_task(shout_later(note))  # error: PHL205
        """,
            select=("PHL205",),
        ),
    ],
)
def test_lifetimes(tmp_path: Path, files: str, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_a_session_of_one_of_two_makers_goes_by_the_name_of_its_variable(tmp_path: Path) -> None:
    (finding,) = check(
        tmp_path,
        """
        def opened():
            if engine.name == "sqlite":
                return sync_maker()
            return Session(engine)

        def count():
            session = opened()
            total = session.scalar(select(1))
            session.close()
            return total
        """,
        select=("PHL401",),
    ).findings
    assert finding.message.startswith("`session` keeps its connection")


def test_the_trail_says_where_resolvers_get_the_session_of_the_context(tmp_path: Path) -> None:
    (finding,) = check(
        tmp_path,
        """
        from strawberry.fastapi import GraphQLRouter

        def taken(request):
            return request.state.db

        async def resolve(info):
            return await taken(info.context["request"]).scalar(select(1))

        async def get_context(request, db: AsyncSession = Depends(get_db)):
            request.state.db = db
            return {"request": request}

        router = GraphQLRouter(schema, context_getter=get_context)
        """,
        select=ALL,
    ).findings
    assert finding.code == "PHL203"
    assert [step.text for step in finding.trail] == [
        "`taken` takes the same session out",
        "`resolve` gets it here",
    ]


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
