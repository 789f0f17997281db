# ruff: noqa: E501  # a case stands on a line
"""What `background-own-session` writes, in several files, where it is not proved, and where it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, findings, fixed
from snippets import write

DB = """\
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

maker = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"), expire_on_commit=False)


async def get_db():
    async with maker() as session:
        yield session
"""

COMMITTING = DB.replace("yield session\n", "yield session\n        await session.commit()\n")

HEAD = """\
from fastapi import APIRouter, BackgroundTasks, Depends
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import get_db
from app.tasks import count

router = APIRouter()


"""

TASKS = """\
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def count(db: AsyncSession, limit: int, *, name: str = "all") -> None:
    \"""Count.\"""
    # first
    await db.scalar(select(limit))

    await db.commit()
"""

TASKS_AFTER = """\
from sqlalchemy import select

from app.db import maker


async def count(limit: int, *, name: str = "all") -> None:
    \"""Count.\"""
    async with maker() as db:
        # first
        await db.scalar(select(limit))

        await db.commit()
"""

HANDLER = """\
@router.post("/count")
async def start(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
    await db.scalar(select(1))
    tasks.add_task(count, db, 3)
"""

LINES = """\
@router.post("/count")
async def start(
    tasks: BackgroundTasks,
    db: AsyncSession = Depends(get_db),
):
    tasks.add_task(
        count,
        db,
        limit=3,
    )
"""

LINES_AFTER = """\
from fastapi import APIRouter, BackgroundTasks
from sqlalchemy import select

from app.tasks import count

router = APIRouter()


@router.post("/count")
async def start(
    tasks: BackgroundTasks,
):
    tasks.add_task(
        count,
        limit=3,
    )
"""

LOCAL_HEAD = HEAD.replace("from app.tasks import count\n", "")

LOCAL = HANDLER.replace("    await db", "    from app import tasks as work\n\n    await db").replace(
    "(count,", "(work.count,"
)

CASES = {
    "a handler that goes on": (DB, TASKS, HEAD + HANDLER, TASKS_AFTER, HEAD + HANDLER.replace("count, db, 3", "count, 3")),
    "a handler that needs no session any more": (DB, TASKS, HEAD + LINES, TASKS_AFTER, LINES_AFTER),
    "a session made by hand": (
        DB.replace("    async with maker() as session:\n        yield session\n", "    session = maker()\n    try:\n        yield session\n    finally:\n        await session.close()\n"),
        TASKS,
        HEAD + HANDLER,
        TASKS_AFTER,
        HEAD + HANDLER.replace("count, db, 3", "count, 3"),
    ),
    "a task that the handler imports": (
        DB,
        TASKS,
        LOCAL_HEAD + LOCAL,
        TASKS_AFTER,
        LOCAL_HEAD + LOCAL.replace("count, db, 3", "count, 3"),
    ),
    "a provider that commits": (
        COMMITTING,
        TASKS,
        HEAD + HANDLER,
        TASKS_AFTER.replace("maker() as", "asynccontextmanager(get_db)() as").replace("import maker", "import get_db").replace("from sqlalchemy import", "from contextlib import asynccontextmanager\n\nfrom sqlalchemy import", 1),
        HEAD + HANDLER.replace("count, db, 3", "count, 3"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_written(case: str, tmp_path: Path) -> None:
    db, tasks, routes, tasks_after, routes_after = CASES[case]
    write(tmp_path, {"app/__init__.py": "", "app/db.py": db, "app/tasks.py": tasks, "app/routes.py": routes})
    result = fixed(tmp_path, unsafe=False, select=("PHL201", "PHL206"))
    assert [one.undone for one in result.applied] == [""]
    after = {path: text.decode() for path, text in contents(tmp_path).items()}
    assert after["app/tasks.py"] == tasks_after
    assert after["app/routes.py"] == routes_after
    assert after["app/db.py"] == db
    assert not fixed(tmp_path, unsafe=True, select=("PHL201", "PHL206")).diffs


UNSAFE = {
    "uncommitted writes": (
        HEAD + HANDLER.replace("    await db.scalar(select(1))\n", "    db.add(select(1))\n"),
        "what the caller writes may not be committed",
    ),
    "writes behind it": (HEAD + HANDLER + "    await db.execute(1)\n", "what the caller writes may not be committed"),
    "an override": (
        HEAD + HANDLER + "\n\ndef override(app):\n    app.dependency_overrides[get_db] = None\n",
        "`get_db` is overridden in tests",
    ),
}

REFUSED = {
    "called directly": (
        TASKS,
        HEAD + HANDLER + "\n\nasync def now(db: AsyncSession):\n    await count(db, 3)\n",
        "`count` is called, or used otherwise, in app/routes.py",
    ),
    "called directly, by a name that a function imports": (
        TASKS,
        HEAD + HANDLER + "\n\nasync def now(db: AsyncSession):\n    from app import tasks\n\n    await tasks.count(db, 3)\n",
        "`count` is called, or used otherwise, in app/routes.py",
    ),
    "an object": (
        TASKS,
        HEAD + HANDLER.replace("await db.scalar(select(1))", "note = await db.get(Note, 1)").replace("db, 3", "db, note"),
        "an object that the session has loaded goes to the task too",
    ),
    "another value": (
        TASKS + "    db = None\n",
        HEAD + HANDLER,
        "the task gives its parameter another value",
    ),
    "arguments in a list": (
        TASKS,
        HEAD + HANDLER.replace("count, db, 3", "count, db, *range(1)"),
        "it is not clear which parameter",
    ),
    "a method": (
        TASKS,
        HEAD + HANDLER.replace("count, db, 3", "Counter(db).count") + "\n\nclass Counter:\n    def __init__(self, db: AsyncSession):\n        self.db = db\n\n    async def count(self):\n        await self.db.scalar(1)\n",
        "the task is no function of a module",
    ),
}  # fmt: skip


MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
"""

WITH_OBJECT = """\
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Note


async def shout(db: AsyncSession, note: Note, *, times: int = 1) -> None:
    print(times)
    note.body = note.body.upper()
    await db.commit()
    print("done")
"""

WITH_ID = """\
from app.db import maker
from app.models import Note


async def shout(note_id: int, *, times: int = 1) -> None:
    print(times)
    async with maker() as db:
        note = await db.get(Note, note_id)
        note.body = note.body.upper()
        await db.commit()
    print("done")
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [("shout, db, note", "shout, note.id"), ("shout, note=note, db=db, times=2", "shout, note_id=note.id, times=2")],
)
def test_an_object_becomes_an_id(before: str, after: str, tmp_path: Path) -> None:
    routes = HEAD.replace("import count", "import shout").replace(
        "from app.db", "from app.models import Note\nfrom app.db"
    )
    routes += HANDLER.replace("await db.scalar(select(1))", "note = await db.get(Note, 1)").replace(
        "count, db, 3", before
    )
    files = {"app/__init__.py": "", "app/db.py": DB, "app/models.py": MODELS, "app/tasks.py": WITH_OBJECT}
    write(tmp_path, {**files, "app/routes.py": routes})
    assert not fixed(tmp_path, unsafe=False, select=("PHL201", "PHL206")).diffs
    result = fixed(tmp_path, unsafe=True, select=("PHL201", "PHL206"))
    (applied,) = result.applied
    assert applied.undone == ""
    assert applied.finding.fix is not None
    assert "it reads `note` again, by its id, as it is then" in applied.finding.fix.message
    written = {path: text.decode() for path, text in contents(tmp_path).items()}
    assert written["app/tasks.py"] == WITH_ID
    assert written["app/routes.py"] == routes.replace(before, after)


def test_a_sync_session_in_an_async_task_is_not_awaited(tmp_path: Path) -> None:
    db = DB.replace("async ", "").replace(
        "sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine",
        "sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker",
    )
    db = db.replace("async_sessionmaker(create_async_engine", "sessionmaker(create_engine").replace("+aiosqlite", "")
    tasks = WITH_OBJECT.replace("sqlalchemy.ext.asyncio import AsyncSession", "sqlalchemy.orm import Session")
    tasks = tasks.replace("AsyncSession", "Session").replace("await db", "db")
    routes = HEAD.replace("import count", "import shout").replace(
        "sqlalchemy.ext.asyncio import AsyncSession", "sqlalchemy.orm import Session"
    )
    routes += HANDLER.replace("await db.scalar(select(1))", "note = db.get(Note, 1)").replace(
        "count, db, 3", "shout, db, note"
    )
    routes = routes.replace("from app.db", "from app.models import Note\nfrom app.db").replace(
        "AsyncSession", "Session"
    )
    files = {"app/__init__.py": "", "app/db.py": db, "app/models.py": MODELS, "app/tasks.py": tasks}
    write(tmp_path, {**files, "app/routes.py": routes})
    fixed(tmp_path, unsafe=True, select=("PHL201", "PHL206"))
    expected = WITH_ID.replace("async with", "with").replace("await ", "")
    assert contents(tmp_path)["app/tasks.py"].decode() == expected


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_not_proved(case: str, tmp_path: Path) -> None:
    routes, doubt = UNSAFE[case]
    write(tmp_path, {"app/__init__.py": "", "app/db.py": DB, "app/tasks.py": TASKS, "app/routes.py": routes})
    (fix,) = [one.fix for one in findings(tmp_path) if one.code in ("PHL201", "PHL206")]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert doubt in fix.message


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    tasks, routes, reason = REFUSED[case]
    write(tmp_path, {"app/__init__.py": "", "app/db.py": DB, "app/tasks.py": tasks, "app/routes.py": routes})
    found = [one for one in findings(tmp_path) if one.code in ("PHL201", "PHL206")]
    assert found
    assert all(one.fix is None for one in found)
    assert any(reason in note for one in found for note in one.notes)
    assert not fixed(tmp_path, unsafe=True, select=("PHL201", "PHL206")).diffs
