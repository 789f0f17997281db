# ruff: noqa: E501  # a case stands on a line
"""A commit that expires what was loaded is harmless where nothing of it is read behind the wait, by anybody."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from snippets import HEAD, flow_of

SERVICE = """
class Note:
    owner = relationship("User")

KEPT = []
expiring = async_sessionmaker(engine)


async def load(db: AsyncSession) -> Note:
    found = await db.execute(select(Note))
    return found.scalar_one()


async def load_and_keep(db: AsyncSession) -> Note:
    found = await db.get(Note, 1)
    KEPT.append(found)
    return found


async def load_into(db: AsyncSession, found: list) -> None:
    note = await db.get(Note, 1)
    found.append(note.owner)


async def titles(db: AsyncSession) -> dict:
    notes = (await db.scalars(select(Note))).all()
    found = {{}}
    for note in notes:
        found[note.id] = note.body
    return found


async def pairs(db: AsyncSession) -> dict:
    rows = (await db.execute(select(Note.id, Note.body))).all()
    return {{first: second for first, second in rows}}


async def titles_of_all(db: AsyncSession) -> list:
    notes = (await db.scalars(select(Note))).all()
    return bodies_of(notes)


async def by_id(db: AsyncSession) -> dict:
    notes = (await db.scalars(select(Note))).all()
    return {{note.id: note for note in notes}}


async def each_of(db: AsyncSession) -> list:
    rows = (await db.execute(select(Note, Note.id))).all()
    return [row for row in rows]


async def owners(db: AsyncSession) -> dict:
    notes = (await db.scalars(select(Note))).all()
    return {{note.id: note.owner for note in notes}}


async def owners_into(db: AsyncSession) -> dict:
    found = {{}}
    for note in (await db.scalars(select(Note))).all():
        found[note.id] = note.owner
    return found


async def some(db: AsyncSession, wanted: object = None) -> object:
    return (await db.scalars(wanted)).all()


def bodies_of(notes: list) -> list:
    return [note.body for note in notes]


def first_of(notes: list) -> object:
    return notes[0]


class Box:
    def __init__(self, note: Note) -> None:
        self.note = note


async def work(flag: bool) -> object:
    answer = None
    while flag:
        async with expiring() as db:
            note = await db.get(Note, 1)
{body}
            db.add(Note())
            await db.commit()
    {after}
"""
SAFE = {
    "nothing of it is read": "await ask()",
    "read before": "title = note.body\nprint(title)\nawait ask()",
    "read in the other arm": "if note is None:\n    await ask()\nelse:\n    print(note.body)",
    "loaded anew": "await ask()\nnote = await db.get(Note, 2)\nprint(note.body)",
    "loaded anew in a block": "await ask()\nwith contextlib.nullcontext(flag) as note:\n    print(note)",
    "loaded anew on all paths": "await ask()\nif answer:\n    note = await db.get(Note, 2)\nelse:\n    note = await db.get(Note, 3)\nprint(note.body)",
    "loaded by a helper": "other = await load(db)\nprint(other.body)\nawait ask()",
    "read by whoever has left": "if flag:\n    await ask()\n    continue\nprint(note.body)",
    "its values kept": "values = []\nvalues.append((note.body, note.id))\nawait ask()\nprint(values)",
    "own names": "await ask()\nprint([note.body for note in (await db.scalars(select(Note))).all()])",
    "tried": "try:\n    await ask()\nexcept ValueError:\n    print('failed')\nelse:\n    note = 1\nfinally:\n    print('done')",
}
SAFE |= {
    "the values of a helper": "found = await titles(db)\nawait ask()\nprint(found)",
    "the columns of a helper": "found = await pairs(db)\nawait ask()\nprint(found)",
    "the values of a helper's helper": "found = await titles_of_all(db)\nawait ask()\nprint(found)",
}
UNSAFE = {
    "the objects of a helper": "found = await by_id(db)\nawait ask()\nprint(found)",
    "the rows of a helper": "found = await each_of(db)\nawait ask()\nprint(found)",
    "relationships of a helper": "found = await owners(db)\nawait ask()\nprint(found)",
    "relationships that a helper puts together": "found = await owners_into(db)\nawait ask()\nprint(found)",
    "what a helper is asked for": "found = await some(db, select(Note))\nawait ask()\nprint(found)",
    "what a helper picks": "found = first_of([note])\nawait ask()\nprint(found.body)",
    "a box": "found = Box(note)\nawait ask()\nprint(found.note.body)",
    "a list of it": "found = [note]\nawait ask()\nprint(found[0].body)",
    "its relationship": "found = note.owner\nawait ask()\nprint(found)",
    "a helper that is not known": "found = something(db)\nawait ask()\nprint(found)",
    "kept": "KEPT.append(note)\nawait ask()",
    "its relationship kept": "KEPT.append(note.owner)\nawait ask()",
    "a row's object kept": "for row in (await db.execute(select(Note))).all():\n    KEPT.append(row.Note)\nawait ask()",
    "put into what a helper was given": "found = []\nawait load_into(db, found)\nawait ask()",
    "kept by a helper": "await load_and_keep(db)\nawait ask()",
    "kept in an attribute": "ask.note = note\nawait ask()",
    "given away": "keep(note)\nawait ask()",
    "in a closure": "def body():\n    return note.body\nawait ask()",
    "an operand": "both = note + KEPT\nawait ask()",
}
REFUSED = {
    "read in the call": "print(await ask(), note.body)",
    "read behind it": "await ask()\nprint(note.body)",
    "changed behind it": "await ask()\nnote.body = 'x'",
    "read on one path": "await ask()\nif answer:\n    note = await db.get(Note, 2)\nprint(note.body)",
    "read by who handles it": "try:\n    await ask()\nexcept ValueError:\n    print(note.body)",
    "read in the end": "try:\n    await ask()\n    note = 1\nfinally:\n    print(note.body)",
    "read in the next turn": "for turn in range(2):\n    if turn:\n        print(note.body)\n        break\n    await ask()\n    continue",
    "read behind a break": "while True:\n    await ask()\n    if flag:\n        break\n    note = None\nprint(note.body)",
    "the next row": "for note in (await db.scalars(select(Note))).all():\n    print(note.body)\n    await ask()",
    "read while counting": "await ask()\nwhile note.body:\n    note = None",
    "read in a case": "await ask()\nmatch answer:\n    case 1:\n        note = None\n    case _:\n        print(note.body)",
}


def grade(root: Path, body: str, after: str) -> str:
    text = (
        HEAD
        + "from sqlalchemy.orm import relationship\n"
        + SERVICE.format(body=textwrap.indent(body, " " * 12), after=after)
    )
    flow = flow_of(root, {"app.py": text})
    (hold,) = [one for one in flow.holds if one.function.name == "work"]
    (found,) = [one for one in flow.remedies(hold) if one.name == "commit-before"]
    return "refused" if found.refused else "unsafe" if found.doubts else "safe"


@pytest.mark.parametrize("case", SAFE)
def test_what_nobody_reads_may_expire(case: str, tmp_path: Path) -> None:
    assert grade(tmp_path, SAFE[case], "return answer") == "safe"


@pytest.mark.parametrize("case", UNSAFE)
def test_what_somebody_else_may_read_is_doubtful(case: str, tmp_path: Path) -> None:
    assert grade(tmp_path, UNSAFE[case], "return answer") != "safe"


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_read_must_not_expire(case: str, tmp_path: Path) -> None:
    assert grade(tmp_path, REFUSED[case], "return answer") == "refused"


def test_what_is_returned_is_read(tmp_path: Path) -> None:
    assert grade(tmp_path, "await ask()", "return note") == "refused"
