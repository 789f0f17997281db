"""Code that looks like abuse and is none, beside its twin that is."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, Files, case, check, found, marks, write

LIFETIMES = (
    "PHL201", "PHL202", "PHL203", "PHL204", "PHL205", "PHL206",
    "PHL401", "PHL402", "PHL403", "PHL404", "PHL405", "PHL406",
)  # fmt: skip


@pytest.mark.parametrize(
    ("files", "select"),
    [
        case(
            "an object that carries the session to a task, which asks it for something else",
            """
            class Importer:
                def __init__(self, db: AsyncSession):
                    self.db = db

                async def parse(self, text):
                    return (await client.post("/parse", content=text)).json()

                async def store(self, text):
                    await self.db.execute(insert(text))

                async def pass_on(self):
                    await somebody(self.db)

            class Either:
                def __init__(self, db: AsyncSession, other: AsyncSession):
                    self.db = db
                    self.other = other

                async def read(self, first):
                    db = self.db if first else self.other
                    await db.execute(select(1))

            async def parse_later(importer, text):
                print(await importer.parse(text))

            async def store_later(importer, text):
                await importer.store(text)

            async def give_away(importer):
                await somebody(importer)

            @app.post("/")
            async def f(
                tasks: BackgroundTasks,
                text: str,
                db: AsyncSession = Depends(get_db),
                other: AsyncSession = Depends(get_db, use_cache=False),
            ):
                tasks.add_task(Either(db, other).read, text)  # error: PHL201
                importer = Importer(db)
                tasks.add_task(parse_later, importer, text)
                tasks.add_task(store_later, importer, text)  # error: PHL201
                tasks.add_task(give_away, importer)  # error: PHL201
                tasks.add_task(importer.pass_on)  # error: PHL201
        """,
            select=("PHL201",),
        ),
        case(
            "a plain function as a task: the coroutine that it returns is dropped",
            """
            class Outreach:
                def __init__(self, db: AsyncSession):
                    self.db = db

                async def run(self):
                    await self.db.execute(select(1))

            @app.post("/")
            async def f(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                def dropped():
                    return Outreach(db).run()

                async def awaited():
                    return await Outreach(db).run()

                tasks.add_task(dropped)
                tasks.add_task(awaited)  # error: PHL201
        """,
            select=("PHL201",),
        ),
        case(
            "a method that the class does not have",
            """
            class Loops:
                def __init__(self):
                    self.tasks = {}

                def start(self, db: AsyncSession):
                    self.tasks["a"] = asyncio.create_task(self._work(db))  # error: PHL202
                    self.tasks["b"] = asyncio.create_task(self._nowhere(db))
                    self.tasks["c"] = asyncio.create_task(self._work(db))

                async def _work(self, db):
                    await db.execute(select(1))

            class Open:
                def __getattr__(self, name):
                    return getattr(inner, name)

                async def start(self, db: AsyncSession):
                    asyncio.create_task(self._elsewhere(db))  # error: PHL202
        """,
            select=("PHL202",),
        ),
        case(
            "a method that the class of an heir has, or that is set from outside",
            """
            class Base:
                async def start(self, db: AsyncSession):
                    asyncio.create_task(self._mine(db))  # error: PHL202

            class Heir(Base):
                async def _mine(self, db):
                    await db.execute(select(1))

            class Hooks:
                async def start(self, db: AsyncSession):
                    asyncio.create_task(self.hook(db))  # error: PHL202

            def install(hooks: Hooks, function):
                hooks.hook = function
        """,
            select=("PHL202",),
        ),
        case(
            "a sessionmaker that is configured later keeps the engine, or a connection",
            """
            from sqlalchemy import MetaData
            from sqlalchemy.orm import scoped_session

            metadata = MetaData()

            def init(url):
                global session
                engine = create_engine(url)
                Local = sessionmaker()
                Local.configure(bind=engine)
                session = Local()
                metadata.create_all(engine)

            def init_registry(url):
                global session
                engine = create_engine(url)
                registry = scoped_session(sessionmaker())
                registry.configure(bind=engine)
                session = registry()
                metadata.create_all(engine)

            def forget(url):
                engine = create_engine(url)  # error: PHL406
                with engine.connect() as connection:
                    connection.execute(select(1))

            @contextlib.contextmanager
            def bound():
                with sync_engine.connect() as connection:
                    Local = sessionmaker()
                    Local.configure(bind=connection)
                    db = Local()
                    yield db
                    db.commit()

            @contextlib.contextmanager
            def free():
                Local = sessionmaker()
                Local.configure(bind=sync_engine)
                db = Local()
                yield db  # error: PHL402
                db.commit()

            def use():
                with bound() as db, free() as other:
                    db.execute(select(1))
                    other.execute(select(1))
        """,
            select=("PHL402", "PHL406"),
        ),
        case(
            "of several objects of one session, the one that is given",
            """
            from sqlalchemy.orm import DeclarativeBase, Mapped, relationship

            class Base(DeclarativeBase): ...

            class Batch(Base):
                __tablename__ = "batch"
                size: Mapped[int]
                items: Mapped[list["Item"]] = relationship()

            class Item(Base):
                __tablename__ = "item"

            async def tell(row):
                print(row.size, described("row", row=row))

            def described(title, row):
                return title + str(row.size)

            async def count(row):
                print(row.size, counted(row))

            def counted(row):
                return len(row.items)

            @app.post("/")
            async def f(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                owner = await db.scalar(select(Batch))
                batch = await db.scalar(select(Batch))
                tasks.add_task(tell, row=batch)
                tasks.add_task(count, row=batch)  # error: PHL205

            async def get_expiring():
                async with async_sessionmaker(engine)() as session:
                    yield session

            @app.post("/expired")
            async def g(tasks: BackgroundTasks, db: AsyncSession = Depends(get_expiring)):
                owner = await db.scalar(select(Batch))
                batch = await db.scalar(select(Batch))
                await db.commit()
                await db.refresh(owner)
                tasks.add_task(tell, row=owner)
                tasks.add_task(tell, row=batch)  # error: PHL205
        """,
            select=("PHL205",),
        ),
        case(
            "a DBAPI connection goes back with its last reference, a connection with a transaction does not",
            """
            def backup(path):
                connection = sync_engine.raw_connection()
                connection.cursor().execute(path)
                connection.close()

            async def dump(path):
                connection = await engine.raw_connection()  # error: PHL401
                connection.cursor().execute(path)
                connection.close()

            def count(path):
                connection = sync_engine.connect()  # error: PHL401
                connection.execute(select(1))
                connection.execute(select(path))
                connection.close()
        """,
            select=("PHL401",),
        ),
        case(
            "a context variable that is set for a block, and reset",
            """
            from contextvars import ContextVar

            quiet = ContextVar("quiet", default=None)
            loud = ContextVar("loud", default=None)

            @contextlib.asynccontextmanager
            async def alone():
                if (db := quiet.get()) is not None:
                    yield db
                    return
                async with maker() as db:
                    token = quiet.set(db)
                    try:
                        yield db
                    finally:
                        quiet.reset(token)

            @contextlib.asynccontextmanager
            async def together():
                if (db := loud.get()) is not None:
                    yield db
                    return
                async with maker() as db:
                    token = loud.set(db)  # error: PHL203
                    try:
                        yield db
                    finally:
                        loud.reset(token)

            async def count():
                async with alone() as db:
                    await db.execute(select(1))

            async def both():
                async with together() as db:
                    await asyncio.gather(ask(), ask())

            handed = ContextVar("handed", default=None)

            @contextlib.asynccontextmanager
            async def inner():
                if (db := handed.get()) is not None:
                    yield db
                    return
                async with maker() as db:
                    token = handed.set(db)  # error: PHL203
                    try:
                        yield db
                    finally:
                        handed.reset(token)

            def outer():
                return inner()
        """,
            select=("PHL203",),
        ),
        case(
            "a stand-in for a session, which connects to nothing",
            """
            class Nowhere(AsyncSession):
                def __init__(self):
                    self.said = []

                async def execute(self, statement, *args, **kwargs):
                    self.said.append(statement)

            class Noted(AsyncSession):
                def __init__(self, bind):
                    self.said = []
                    super().__init__(bind)

                async def execute(self, statement, *args, **kwargs):
                    self.said.append(statement)
                    return await super().execute(statement, *args, **kwargs)

            async def f():
                db = Nowhere()
                await db.scalar(select(1))

            async def g():
                db = Noted(engine)  # error: PHL401
                await db.scalar(select(1))
        """,
            select=("PHL401",),
        ),
        case(
            "what a provider gives is told by its methods",
            """
            provider = get_db if client else None

            async def either():
                found = provider()
                if hasattr(found, "__aiter__"):
                    async for db in found:  # error: PHL403
                        yield db
                    return
                db = maker()
                await db.execute(select(1))
                yield db

            async def unknown():
                found = somewhere()
                if hasattr(found, "__aiter__"):
                    return
                db = maker()
                await db.execute(select(1))
                yield db  # error: PHL402

            @app.get("/")
            async def f(db: AsyncSession = Depends(either), other: AsyncSession = Depends(unknown)):
                await db.execute(select(1))
        """,
            select=("PHL402", "PHL403"),
        ),
        case(
            "a task that has done all it does with a sync session before it waits",
            """
            def get_sync():
                with sync_maker() as session:
                    yield session

            async def get_sync_on_the_loop():
                with sync_maker() as session:
                    yield session

            async def first(db: Session):
                rows = db.execute(select(1)).all()
                more = counted(db)
                await client.post("/", json=[len(rows), more])

            async def later(db: Session):
                await client.get("/")
                return counted(db)

            async def in_turns(db: Session):
                for number in range(3):
                    counted(db)
                    await client.get("/")

            async def never_waits(db: Session):
                for number in range(3):
                    counted(db)

            def counted(db):
                return len(db.execute(select(1)).all())

            @app.post("/")
            async def f(db: Session = Depends(get_sync), other: Session = Depends(get_sync_on_the_loop)):
                asyncio.create_task(first(db))
                asyncio.create_task(never_waits(db))
                asyncio.create_task(later(db))  # error: PHL202
                asyncio.create_task(in_turns(db))  # error: PHL202
                asyncio.create_task(first(other))  # error: PHL202
        """,
            select=("PHL202",),
        ),
        case(
            "a protocol is implemented by what takes its arguments",
            """
            from typing import Protocol

            class Search(Protocol):
                async def search(self, query: str, *, results: int) -> list: ...

            class Web:
                async def search(self, query: str, *, results: int) -> list:
                    return (await client.get(query)).json()[:results]

            class Outlets:
                def __init__(self, db: AsyncSession):
                    self.db = db

                async def search(self, query: str, *, limit: int) -> list:
                    return (await self.db.execute(select(limit))).all()

            class Lookup(Protocol):
                async def look(self, query: str, *, limit: int) -> list: ...

            class Sources:
                def __init__(self, db: AsyncSession):
                    self.db = db

                async def look(self, text: str, *, limit: int, deep: bool = False) -> list:
                    return (await self.db.execute(select(limit))).all()

            class Fetch(Protocol):
                async def fetch(self, first: str, second: str) -> list: ...

            class OnlyOne:
                def __init__(self, db: AsyncSession):
                    self.db = db

                async def fetch(self, first: str) -> list:
                    return (await self.db.execute(select(first))).all()

            class Collector:
                def __init__(self, web: Search, sources: Lookup, pages: Fetch):
                    self.web = web
                    self.sources = sources
                    self.pages = pages

                async def collect(self, words: list[str]):
                    await asyncio.gather(*[self.web.search(word, results=3) for word in words])
                    await asyncio.gather(*[self.pages.fetch(word, word) for word in words])
                    await asyncio.gather(*[self.sources.look(word, limit=3) for word in words])  # error: PHL203
        """,
            select=("PHL203",),
        ),
        case(
            "a session of one's own, made and closed under one flag",
            """
            def get_sync():
                db = sync_maker()
                try:
                    yield db
                finally:
                    db.close()

            def read(db=None):
                own = db is None
                if own:
                    db = next(get_sync())
                try:
                    return db.scalar(select(1))
                finally:
                    if own:
                        db.close()

            def read_if_there(db=None):
                own = db is None
                if own:
                    db = next(get_sync())
                try:
                    return db.scalar(select(1))
                finally:
                    if own and db:
                        db.close()

            def read_kept():
                provider = get_sync()
                db = next(provider)
                try:
                    return db.scalar(select(1))
                finally:
                    db.commit()
                    db.close()

            def leak():
                db = next(get_sync())  # error: PHL403
                return db.scalar(select(1))
        """,
            select=("PHL403",),
        ),
        case(
            "an object of a session that has ended, read behind a wait",
            """
            from sqlalchemy.orm import DeclarativeBase, Mapped, relationship

            class Base(DeclarativeBase): ...

            class Note(Base):
                __tablename__ = "note"
                body: Mapped[str]
                tags: Mapped[list["Tag"]] = relationship(lazy="selectin")
                links: Mapped[list["Link"]] = relationship(lazy="select")

            expiring = async_sessionmaker(engine)

            async def shout_later(note: Note):
                await asyncio.sleep(1)
                print(note.body, note.tags)

            async def show_links(note: Note):
                print(note.links)

            async def ended():
                async with expiring() as db:
                    note = await db.get_one(Note, 1)
                asyncio.create_task(shout_later(note))
                asyncio.create_task(show_links(note))  # error: PHL205

            async def open_still():
                async with expiring() as db:
                    note = await db.get_one(Note, 1)
                    asyncio.create_task(shout_later(note))  # error: PHL205
                    await db.commit()
        """,
            select=("PHL205",),
        ),
        case(
            "a sync session in a context variable",
            """
            from contextvars import ContextVar

            current = ContextVar("current", default=None)

            @contextlib.contextmanager
            def shared():
                if (db := current.get()) is not None:
                    yield db
                    return
                with sync_maker() as db:
                    current.set(db)
                    yield db

            async def both():
                with shared():
                    await asyncio.gather(ask(), ask())
        """,
            select=("PHL203",),
        ),
        case(
            "a session that no caller gives",
            """
            async def work(db):
                await db.execute(select(1))

            async def lock(tasks: BackgroundTasks, user: int, db: AsyncSession | None = None):
                tasks.add_task(work, db)

            async def unlock(tasks: BackgroundTasks, user: int, db: AsyncSession | None = None):
                tasks.add_task(work, db)  # error: PHL201

            async def starred(tasks: BackgroundTasks, user: int, db: AsyncSession | None = None):
                tasks.add_task(work, db)  # error: PHL201

            async def handed_on(tasks: BackgroundTasks, user: int, db: AsyncSession | None = None):
                tasks.add_task(work, db)  # error: PHL201

            @app.post("/")
            async def f(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
                await lock(tasks, 1)
                await unlock(tasks, 1)
                await unlock(tasks, 1, db)
                await starred(tasks, *everything())
                await handed_on(tasks, 1)
                print(handed_on)
        """,
            select=("PHL201",),
        ),
        case(
            "what goes wrong when a service starts ends it",
            """
            def warm_up():
                db = sync_maker()
                db.execute(select(1))
                db.execute(select(2))
                db.close()

            def read():
                db = sync_maker()  # error: PHL401
                db.execute(select(1))
                db.execute(select(2))
                db.close()

            def warm_up_for_good():
                db = sync_maker()  # error: PHL401
                db.execute(select(1))

            @app.on_event("startup")
            def start():
                warm_up()
                warm_up_for_good()

            @app.get("/")
            def handler():
                read()
        """,
            select=("PHL401",),
        ),
        case(
            "a task of a development tool runs once",
            """
            import nox
            from invoke import task

            @nox.session(name="migrate")
            def migrate(session):
                prepare(session.url)

            @task
            def fill(context):
                with create_engine(context.url).begin() as connection:
                    connection.execute(select(1))

            def prepare(url):
                with create_engine(url).begin() as connection:
                    connection.execute(select(1))

            @app.post("/")
            def handler(url: str):
                with create_engine(url).begin() as connection:  # error: PHL406
                    connection.execute(select(1))
        """,
            select=("PHL406",),
        ),
    ],
)
def test_both_ways(tmp_path: Path, files: Files, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


POOL = """
from sqlalchemy import create_engine, select

def main(url):
    with create_engine(url).connect() as connection:
        connection.execute(select(1))
"""


@pytest.mark.parametrize(
    ("scripts", "count"),
    [
        ('[project.scripts]\nload = "tools.load:main"\n', 0),
        ('[project.gui-scripts]\nload = "load:main [fast]"\n', 0),
        ('[tool.poetry.scripts]\nload = { reference = "src.tools.load:main", type = "console" }\n', 0),
        ('[project.scripts]\nload = "tools.load:run"\n', 1),
        ('[project.scripts]\nload = "tools.upload:main"\n', 1),
        ('[project.entry-points."host.plugins"]\nload = "tools.load:main"\n', 1),
        ("[project.scripts\n", 1),
        ("", 1),
    ],
)
def test_an_installed_command_runs_once(tmp_path: Path, scripts: str, count: int) -> None:
    (tmp_path / "pyproject.toml").write_text(scripts)
    write(tmp_path, {"src/tools/load.py": POOL})
    findings = [one.code for one in check(tmp_path, {"src/tools/load.py": POOL}, ("PHL406",)).findings]
    assert findings == ["PHL406"] * count


@pytest.mark.parametrize(("encoding", "code"), [("utf-8", "PHL206"), ("utf-16", "PHL206"), ("ascii", "PHL206")])
def test_requirements_that_powershell_has_written(tmp_path: Path, encoding: str, code: str) -> None:
    (tmp_path / "requirements.txt").write_bytes("uvicorn==0.30\r\nfastapi==0.110.0\r\n".encode(encoding))
    task = """
async def work(db: AsyncSession):
    await db.execute(select(1))

@app.post("/")
async def f(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
    tasks.add_task(work, db)
"""
    assert [one.code for one in check(tmp_path, {"app.py": HEAD + task}, LIFETIMES).findings] == [code]


KEPT = """
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped
import asyncio

engine = create_async_engine("postgresql+asyncpg://localhost/app")
maker = async_sessionmaker(engine{options})

class Base(DeclarativeBase): ...

class Note(Base):
    __tablename__ = "notes"
    body: Mapped[str]

async def shout_later(note: Note):
    await asyncio.sleep(1)
    print(note.body)

async def tell(db: AsyncSession):
    note = await db.scalar(select(Note))
    asyncio.create_task(shout_later(note))
    await db.commit()
"""


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ("", ["PHL205"]),
        (", expire_on_commit=False", []),
        (", expire_on_commit=True", ["PHL205"]),
        (", expire_on_commit=False)\nother = async_sessionmaker(engine", ["PHL205"]),
    ],
)
def test_the_sessionmakers_tell_what_a_session_from_elsewhere_keeps(
    tmp_path: Path, options: str, codes: list[str]
) -> None:
    findings = check(tmp_path, {"app.py": KEPT.format(options=options)}, ("PHL205",)).findings
    assert [one.code for one in findings] == codes


def test_nothing_expires_what_a_session_from_elsewhere_has_loaded_but_a_commit(tmp_path: Path) -> None:
    read = KEPT.format(options="").replace("    await db.commit()\n", "")
    assert not check(tmp_path, {"app.py": read}, ("PHL205",)).findings
