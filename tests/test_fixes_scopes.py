"""`function-scope` and `own-session`: streams that no longer hold the request's session, on a real pool."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.runner import run_fixture, same_behaviour
from services import contents, findings, fixed

SERVICE = '''\
"""A service that streams."""

import os
from collections.abc import AsyncIterator

from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["DATABASE_URL"])
maker = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


@app.post("/setup")
async def setup() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Note).values(body="buy milk"))


async def get_db() -> AsyncIterator[AsyncSession]:
    async with maker() as db:
        yield db


async def spell(count: int) -> AsyncIterator[str]:
    for each in range(count):
        yield f"{each}"


async def bodies(db: AsyncSession, prefix: str) -> AsyncIterator[str]:
    yield prefix
    found = (await db.scalars(select(Note.body))).all()
    for body in found:
        yield body


async def bodies_as_they_come(db: AsyncSession) -> AsyncIterator[str]:
    for body in await db.scalars(select(Note.body)):
        yield body


HANDLER
REQUESTS = [("POST", "/setup"), ("GET", "/stream"), ("GET", "/stream")]
'''

COUNTED = """\
@app.get("/stream")
async def stream(db: AsyncSession = Depends(get_db)) -> StreamingResponse:
    await db.scalars(select(Note.id))
    return StreamingResponse(spell(3))


"""


READING = """\
@app.get("/stream")
async def stream(db: AsyncSession = Depends(get_db)) -> StreamingResponse:
    note = await db.get(Note, 1)
    response = StreamingResponse(bodies(db, note.body))
    return response


"""

REFUSED = {
    "a dependency beside": (
        COUNTED.replace(
            "@app.get",
            "async def check(db: AsyncSession = Depends(get_db)) -> None:\n    await db.get(Note, 1)\n\n\n@app.get",
        ).replace("Depends(get_db)) -> Stre", "Depends(get_db), _: None = Depends(check)) -> Stre"),
        ">=0.121",
        "other dependencies of the request may share the session",
    ),
    "an old version": (COUNTED, ">=0.118", "FastAPI may be older than 0.121"),
    "a body that yields while it reads": (
        READING.replace("bodies(db, note.body)", "bodies_as_they_come(db)"),
        ">=0.121",
        "it yields while it reads",
    ),
    "a function inside": (
        COUNTED.replace(
            "    return StreamingResponse(spell(3))",
            "\n    async def body():\n        yield str(await db.get(Note, 1))\n\n    return StreamingResponse(body())",
        ),
        ">=0.121",
        "the task is no function of a module",
    ),
}


def written(tmp_path: Path, handler: str, version: str = ">=0.121") -> Path:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    (entry.parent / "requirements.txt").write_text(f"fastapi{version}\n")
    entry.write_text(SERVICE.replace("HANDLER\n", handler))
    return entry


def test_the_scope_ends_before_the_response(tmp_path: Path) -> None:
    entry = written(tmp_path, COUNTED)
    database_url = f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"
    before = run_fixture(entry, database_url)
    result = fixed(entry, unsafe=False, select=("PHL103",))
    assert [one.undone for one in result.applied] == [""]
    assert 'Depends(get_db, scope="function")' in contents(entry)["service.py"].decode()
    after = run_fixture(entry, database_url)
    assert len(before.holds) > len(after.holds) == 0
    assert same_behaviour(before, after) == []


def test_parameters_that_share_a_line_get_lines_of_their_own(tmp_path: Path) -> None:
    before = "    number: int, title: str, request: Request, db: AsyncSession = Depends(get_db)\n"
    after = """\
    number: int,
    title: str,
    request: Request,
    db: AsyncSession = Depends(get_db, scope="function"),
"""
    handler = COUNTED.replace("stream(db: AsyncSession = Depends(get_db))", f"stream(\n{before})")
    assert before in handler
    entry = written(tmp_path, handler)
    fixed(entry, unsafe=True, select=("PHL103",))
    assert after in entry.read_text()


def test_a_body_opens_its_own_session(tmp_path: Path) -> None:
    entry = written(tmp_path, READING)
    database_url = f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"
    before = run_fixture(entry, database_url)
    assert not fixed(entry, unsafe=False, select=("PHL206",)).diffs
    text = entry.read_text().replace("Depends(get_db)", 'Depends(get_db, scope="function")')
    entry.write_text(text)
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL206"]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert "it reads in another transaction than the handler" in fix.message
    result = fixed(entry, unsafe=True, select=("PHL206",))
    assert [one.undone for one in result.applied] == [""]
    after = text.replace("bodies(db: AsyncSession, prefix", "bodies(prefix").replace("bodies(db, note", "bodies(note")
    read = "    found = (await db.scalars(select(Note.body))).all()\n"
    assert entry.read_text() == after.replace(read, f"    async with maker() as db:\n    {read}")
    run = run_fixture(entry, database_url)
    assert same_behaviour(before, run) == []
    assert run.left_out == 0


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    handler, version, reason = REFUSED[case]
    entry = written(tmp_path, handler, version)
    found = [one for one in findings(entry) if one.code in ("PHL103", "PHL206")]
    assert found
    assert all(one.fix is None for one in found)
    assert any(reason in note for one in found for note in one.notes)
    assert not fixed(entry, unsafe=True, select=("PHL103", "PHL206")).diffs
