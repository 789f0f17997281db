# ruff: noqa: E501  # a case stands on a line
"""What `move-call`, `split-block` and `close-before` write: the lines of a block, its comments, strings and newlines."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, fixed

HEAD = """\
import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

maker = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"), expire_on_commit=False)
expiring = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"))
client = httpx.AsyncClient()


"""

CASES = {
    "the end of a block": (
        """
async def run():
    async with maker() as db:
        note = await db.get(Note, 1)
        # ask
        answer = await client.get("/")  # slow
        return answer, note.body
""",
        """
async def run():
    async with maker() as db:
        note = await db.get(Note, 1)
    # ask
    answer = await client.get("/")  # slow
    return answer, note.body
""",
    ),
    "lines of a string": (
        '''
async def run():
    async with maker() as db:
        note = await db.get(Note, 1)
        answer = await client.get(
            f"""
        {note.body}
    end""",
        )

        print("""
        stays""")
        # last
    return answer
''',
        '''
async def run():
    async with maker() as db:
        note = await db.get(Note, 1)
    answer = await client.get(
        f"""
        {note.body}
    end""",
    )

    print("""
        stays""")
    # last
    return answer
''',
    ),
    "what expires": (
        """
async def run():
    async with expiring.begin() as db:
        note = await db.get(Note, 1)
        # ask
        answer = await client.get(note.url, params={"q": note.body})
        return answer, note.body
""",
        """
async def run():
    async with expiring.begin() as db:
        note = await db.get(Note, 1)
        note_body = note.body
        note_url = note.url
    # ask
    answer = await client.get(note_url, params={"q": note_body})
    return answer, note_body
""",
    ),
    "a block in a loop": (
        """
async def run(ids):
    for each in ids:
        async with maker() as db:
            note = await db.get(Note, each)
            if note is None:
                continue
            await client.get(note.url)
            break
""",
        """
async def run(ids):
    for each in ids:
        async with maker() as db:
            note = await db.get(Note, each)
            if note is None:
                continue
        await client.get(note.url)
        break
""",
    ),
    "two blocks": (
        """
async def run():
    async with (
        maker.begin() as db
    ):
        note = await db.get(Note, 1)

        answer = await client.get(note.url)
        print(answer)

        # store
        db.add(Note(of=note.id))
        db.add(Note(of=2))
    return answer
""",
        """
async def run():
    async with (
        maker.begin() as db
    ):
        note = await db.get(Note, 1)

    answer = await client.get(note.url)
    print(answer)

    async with (
        maker.begin() as db
    ):
        # store
        db.add(Note(of=note.id))
        db.add(Note(of=2))
    return answer
""",
    ),
    "a close": (
        """
async def run():
    async with expiring() as db:
        note = await db.get(Note, 1)
        if note is None: answer = await client.get("/")
        answer = await client.get(note.url)
        db.add(Note(of=note.id))
        await db.commit()
    return answer
""",
        """
async def run():
    async with expiring() as db:
        note = await db.get(Note, 1)
        if note is None: await db.close(); answer = await client.get("/")
        await db.close()
        answer = await client.get(note.url)
        db.add(Note(of=note.id))
        await db.commit()
    return answer
""",
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_written(case: str, newline: str, tmp_path: Path) -> None:
    before, after = (HEAD + text.lstrip("\n") for text in CASES[case])
    entry = tmp_path / "service.py"
    entry.write_bytes(before.replace("\n", newline).encode())
    result = fixed(entry, unsafe=False)
    assert [one.undone for one in result.applied] == [""] * len(result.applied)
    assert contents(entry)["service.py"].decode() == after.replace("\n", newline)
    assert not fixed(entry, unsafe=False).diffs


SYNC = """\
import requests
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, relationship, sessionmaker

maker = sessionmaker(create_engine("sqlite://"))


class Note(DeclarativeBase):
    tags = relationship()


def run(number):
    with maker() as db:
        note = db.get(Note, number)
        {before}
        {wait}
        {after}
    return answer
"""
WAIT = "answer = requests.get(note.url)"

SYNC_CASES = {
    "all reads": ("pass", WAIT, "print(note.body, note.url)", ["note_body = note.body", "note_url = note.url"]),
    "a lazy one": ("pass", WAIT, "print(note.tags)", []),
    "perhaps none": ("pass", "answer = requests.get(note.url if note else '/')", "pass", []),
    "none is left out": (
        "if note is None: return None", "answer = requests.get(note.url if number else '/')", "pass", ["note_url = note.url"],
    ),
    "bound again": ("pass", WAIT, "note = object()\n        print(note.url)", []),
    "given away": ("pass", WAIT, "show(note)", []),
    "a name that is taken": ("note_url = 1", WAIT, "print(note_url)", []),
}  # fmt: skip


@pytest.mark.parametrize("case", SYNC_CASES)
def test_a_sync_session_has_its_attributes_read_before(case: str, tmp_path: Path) -> None:
    before, wait, after, reads = SYNC_CASES[case]
    entry = tmp_path / "service.py"
    entry.write_text(SYNC.format(before=before, wait=wait, after=after))
    fixed(entry, unsafe=False)
    text = entry.read_text()
    written = [line.strip() for line in text.splitlines() if line.strip().startswith("note_") and " = note." in line]
    assert written == reads
    assert ("requests.get(note_url" in text) == bool(reads)
