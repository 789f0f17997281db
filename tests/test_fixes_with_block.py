"""What `with-block` writes, where it is refused, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, findings, fixed

HEAD = """\
import asyncio

from sqlalchemy import create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import scoped_session, sessionmaker

engine = create_async_engine("sqlite+aiosqlite://")
maker = async_sessionmaker(engine, expire_on_commit=False)
sync_maker = sessionmaker(create_engine("sqlite://"))
registry = scoped_session(sync_maker)


"""

CASES = {
    "a close at the end": (
        """
async def run():
    db = maker()  # one
    # two
    rows = await db.execute(select(1))

    await db.close()

    return rows
""",
        """
async def run():
    async with maker() as db:  # one
        # two
        rows = await db.execute(select(1))

    return rows
""",
    ),
    "never closed": (
        """
async def run(ask):
    total = 1
    db: AsyncSession = AsyncSession(
        engine,
        expire_on_commit=False,
    )

    rows = await db.execute(
        select(1)
    )
    return ask(rows)
""",
        """
async def run(ask):
    total = 1
    async with AsyncSession(
        engine,
        expire_on_commit=False,
    ) as db:
        rows = await db.execute(
            select(1)
        )
    return ask(rows)
""",
    ),
    "what a sync session has loaded": (
        """
def run(ask):
    db = sync_maker()
    note = db.get(Note, 1)
    ask(1)
    tags = [tag.name for tag in note.tags]
    return ask(2)
""",
        """
def run(ask):
    with sync_maker() as db:
        note = db.get(Note, 1)
        ask(1)
        tags = [tag.name for tag in note.tags]
    return ask(2)
""",
    ),
    "closes on the way": (
        """
def run():
    if True:
        db = sync_maker()
        note = db.get(Note, 1)
        if note is None:
            print("nothing")
            db.close()
            return None
        if note.body:
            db.close()
        for each in range(3):
            db.add(Note(body=str(each)))
        db.commit()
        db.close()
        print("done")
    return note
""",
        """
def run():
    if True:
        with sync_maker() as db:
            note = db.get(Note, 1)
            if note is None:
                print("nothing")
                return None
            if note.body:
                db.close()
            for each in range(3):
                db.add(Note(body=str(each)))
            db.commit()
        print("done")
    return note
""",
    ),
    "a keyword of the same name": (
        """
async def run(ask):
    db = maker()
    rows = await db.execute(select(1))
    await db.close()
    for row in rows:
        ask.db(db=row)
""",
        """
async def run(ask):
    async with maker() as db:
        rows = await db.execute(select(1))
    for row in rows:
        ask.db(db=row)
""",
    ),
    "a string over lines": (
        '''
async def run():
\tdb = maker()
\tawait db.execute("""
  a
\tb""")
\tawait db.close()
''',
        '''
async def run():
\tasync with maker() as db:
\t\tawait db.execute("""
  a
\tb""")
''',
    ),
    "a try that only closes": (
        """
async def run():
    db = maker()
    try:
        note = await db.get(Note, 1)
        await asyncio.to_thread(print, note)
    except Exception:
        await db.close()
        raise
    await db.close()
    return note
""",
        """
async def run():
    async with maker() as db:
        note = await db.get(Note, 1)
        await asyncio.to_thread(print, note)
    return note
""",
    ),
    "a connection": (
        """
async def run():
    connection = await engine.connect()
    try:
        await connection.execute(select(1))
    except ValueError:
        await connection.rollback()
    await connection.close()
""",
        """
async def run():
    async with engine.connect() as connection:
        try:
            await connection.execute(select(1))
        except ValueError:
            await connection.rollback()
""",
    ),
}

REFUSED = {
    "an unread result": """
def run():
    db = sync_maker()
    rows = db.execute(select(1))
    found = []
    found.append((row for row in rows))
    return found
""",
    "an unread result that is returned": """
async def run():
    db = maker()
    return await db.stream(select(1))
""",
    "outside": """
async def run(flag):
    if flag:
        db = maker()
        await db.execute(select(1))
    else:
        return 1
    return await db.scalar(select(1))
""",
    "again": """
async def run(flag):
    db = maker()
    await db.execute(select(1))
    db = maker()
    await db.execute(select(1))
    await db.close()
""",
    "scoped": """
def run():
    db = registry()
    db.execute(select(1))
""",
    "borrowed or its own": """
class Operations:
    def __init__(self, session=None):
        self._session = session

    def _get(self):
        if self._session:
            return self._session
        return sync_maker()

    def run(self):
        db = self._get()
        return db.execute(select(1)).all()
""",
    "inline": """
async def run():
    await maker().execute(select(1))
""",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_written(case: str, newline: str, tmp_path: Path) -> None:
    before, after = (HEAD + text.lstrip("\n") for text in CASES[case])
    entry = tmp_path / "service.py"
    entry.write_bytes(before.replace("\n", newline).encode())
    result = fixed(entry, unsafe=False, select=("PHL4",))
    assert [one.undone for one in result.applied] == [""] * len(result.applied)
    assert contents(entry)["service.py"].decode() == after.replace("\n", newline)
    assert not fixed(entry, unsafe=False, select=("PHL4",)).diffs


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + REFUSED[case].lstrip("\n"))
    found = [one for one in findings(entry) if one.code in ("PHL401", "PHL405")]
    assert all(one.fix is None and any(note.startswith("no fix: ") for note in one.notes) for one in found)
    assert bool(found) != (case == "scoped")
    assert not fixed(entry, unsafe=True, select=("PHL4",)).diffs


def test_sessions_of_old_versions_cannot_be_entered(tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + CASES["what a sync session has loaded"][0].lstrip("\n"))
    (tmp_path / "requirements.txt").write_text("sqlalchemy==1.3.24\n")
    (finding,) = [one for one in findings(entry) if one.code == "PHL401"]
    assert finding.fix is None
    assert any("sessions of this SQLAlchemy cannot be entered" in note for note in finding.notes)


def test_what_a_sync_session_has_loaded_may_need_it(tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + "def run():\n    db = sync_maker()\n    note = db.get(Note, 1)\n    return note\n")
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL401"]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert "what it has loaded leaves the function" in fix.message


def test_a_function_inside_makes_it_unsafe(tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(
        HEAD
        + """\
async def run():
    db = maker()

    async def one():
        return await db.scalar(select(1))

    return await one()
"""
    )
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL401"]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert "a function inside uses it" in fix.message
