# ruff: noqa: E501  # a case stands on a line
"""Each condition of `expunge-before`: a service for which it is safe, changed in one point."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import fixed
from snippets import flow_of

SERVICE = """
import os
import httpx
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column, relationship, sessionmaker
engine = create_engine(os.environ["DATABASE_URL"])
maker = sessionmaker(engine)
KEPT = []
class Base(DeclarativeBase):
    pass
class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    tags: Mapped[list["Tag"]] = relationship()
    # columns
class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
def ask(prompt: str) -> str:
    return httpx.post("http://peer", json={"prompt": prompt}).text
def tell(notes: list[Note]) -> str:
    lines = [note.body for note in notes]
    # reads
    return ask(str(lines))
def store(db) -> None:
    db.add(Tag())
    db.commit()
# module
def run(flag: bool) -> str:
    with maker() as db:
        notes = db.scalars(select(Note)).all()
        # between
        answer = tell(notes)
        # after
        db.add(Tag())
        db.commit()
    return answer
"""
BETWEEN, AFTER, READS, COLUMNS = "        # between\n", "        # after\n", "    # reads\n", "    # columns\n"
LOAD = "notes = db.scalars(select(Note)).all()"
CALL = "answer = tell(notes)"


def verdict(tmp_path: Path, *changes: tuple[str, str], name: str = "expunge-before") -> tuple[str, str]:
    """The grade of a fix at the wait in `run`, or in `helper`, and what is doubtful or wrong about it."""
    text = SERVICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    flow = flow_of(tmp_path, {"service.py": text})
    waits = [hold for hold in flow.holds if hold.waiting.wait.kind != "checkout"]
    verdicts = [one for hold in waits for one in flow.remedies(hold) if one.name == name]
    found = sorted(verdicts, key=lambda one: bool(one.refused))[0]
    grade = "refused" if found.refused else "unsafe" if found.doubts else "safe"
    return grade, found.refused or "; ".join(found.doubts)


SAFE = {
    "as it is": (),
    "a list": ((LOAD, "notes = list(db.scalars(select(Note)).all())"),),
    "a dict": ((LOAD, "notes = {note.id: note for note in db.query(Note).all()}"), ("in notes]", "in notes.values()]"), ("list[Note]", "dict[int, Note]")),
    "of another list": ((BETWEEN, "        mine = [note for note in notes if note.body]\n"), (CALL, "answer = tell(mine)")),
    "one": ((LOAD, "note = db.get_one(Note, 1)"), (CALL, "answer = tell([note])")),
    "through another": (("# module", "def tell_all(found):\n    return tell(sorted(found))"), (CALL, "answer = tell_all(notes)")),
    "by keyword": ((CALL, "answer = tell(notes=list(notes))"),),
    "a column by its name": ((READS, "    print([getattr(note, 'id') for note in notes])\n"),),
    "read later": ((AFTER, "        print([note.body for note in notes])\n"),),
    "read before": ((BETWEEN, "        print([note.body for note in notes])\n"),),
    "queried between": ((BETWEEN, "        total = db.scalar(select(Tag.id))\n"),),
    "another class changed later": ((BETWEEN, "        tags = db.scalars(select(Tag)).all()\n"),),
}  # fmt: skip
UNSAFE = {
    "writes before": ("rest fails", ((BETWEEN, "        db.add(Tag())\n"),)),
    "another variable": ("`one` may hold", (("# module", "def find(db):\n    return db.get(Note, 1)"), (LOAD, f"one = find(db)\n        {LOAD}"), (AFTER, "        one.body = answer\n"))),
    "given to a helper": ("may have expired", ((BETWEEN, "        something(db)\n"),)),
    "in an attribute": ("may have the same", (("def run(flag: bool) -> str:\n    with maker() as db:\n", "def run(flag: bool) -> str:\n    with maker() as db:\n        return helper(db)\ndef helper(db) -> str:\n    if True:\n"),)),
}  # fmt: skip
REFUSED = {
    "changed later": ("is changed", ((AFTER, "        notes[0].body = answer\n"),)),
    "each changed later": ("is changed", ((AFTER, "        for note in notes:\n            note.body = answer\n"),)),
    "one of them changed later": ("is changed", ((AFTER, "        first = notes[0]\n        first.body = answer\n"),)),
    "another variable changed later": ("is changed", ((BETWEEN, "        one = db.get(Note, 1)\n"), (AFTER, "        one.body = answer\n"))),
    "another variable refreshed": ("to the session again", ((BETWEEN, "        one = db.get(Note, 1)\n"), (AFTER, "        db.refresh(one)\n"))),
    "the rows that it is made of": ("loaded when it is read", ((BETWEEN, "        mine = list(notes)\n"), (CALL, "answer = tell(mine)"), (AFTER, "        print([note.tags for note in notes])\n"))),
    "committed before it is made": ("may have expired", ((BETWEEN, "        if flag:\n            db.commit()\n        mine = [note for note in notes]\n"), (CALL, "answer = tell(mine)"))),
    "changed between": ("is changed", ((BETWEEN, "        notes[0].body = 'x'\n"),)),
    "changed by the callee": ("do more than read", ((READS, "    notes[0].body = 'x'\n"),)),
    "kept by the callee": ("do more than read", ((READS, "    KEPT.append(notes)\n"),)),
    "one kept by the callee": ("do more than read", ((READS, "    KEPT.append(notes[0])\n"),)),
    "returned by the callee": ("do more than read", (("return ask(str(lines))", "ask(str(lines))\n    return notes[0]"),)),
    "given on by the callee": ("do more than read", ((READS, "    something(notes)\n"),)),
    "loaded by the callee": ("do more than read", ((READS, "    print(notes[0].tags)\n"),)),
    "deferred": ("do more than read", ((COLUMNS, "    more: Mapped[str] = deferred(mapped_column())\n"), (READS, "    print(notes[0].more)\n"))),
    "read by any name": ("do more than read", ((READS, "    print([getattr(note, name) for note in notes for name in KEPT])\n"),)),
    "a method of it": ("do more than read", ((READS, "    print(notes[0].describe())\n"),)),
    "not known": ("do more than read", ((CALL, "answer = ask(str(something(notes)))"),)),
    "printed with what is loaded": ("printed", ((COLUMNS, "    def __repr__(self) -> str:\n        return str(self.tags)\n"),)),
    "loaded lazily later": ("loaded when it is read", ((AFTER, "        print([note.tags for note in notes])\n"),)),
    "refreshed": ("to the session again", ((AFTER, "        db.refresh(notes[0])\n"),)),
    "added": ("to the session again", ((AFTER, "        db.add(notes[0])\n"),)),
    "kept": ("returned or kept", ((AFTER, "        run.found = notes\n"),)),
    "returned": ("returned or kept", (("    return answer", "    return notes"),)),
    "in a closure": ("returned or kept", ((AFTER, "        later = lambda: notes[0].body\n"),)),
    "committed between": ("may have expired", ((BETWEEN, "        if flag:\n            db.commit()\n"),)),
    "perhaps rolled back between": ("may have expired", ((BETWEEN, "        if flag:\n            db.rollback()\n"),)),
    "updated between": ("may have expired", ((BETWEEN, "        db.query(Note).update({'body': 'x'})\n"),)),
    "committed in an earlier turn": ("may have expired", ((CALL, "for turn in range(2):\n            if turn:\n                db.commit()\n            answer = tell(notes)"),)),
    "cascades": ("cascades", (("relationship()", "relationship(cascade='all, delete-orphan')"),)),
    "cascades by a backref": ("cascades", ((COLUMNS, "    others = relationship('Tag', backref=backref('note', cascade='all'))\n"),)),
    "partly loaded": ("not clear what", ((LOAD, "notes = db.scalars(select(Note).options(load_only(Note.id))).all()"),)),
    "put together": ("not clear what", ((BETWEEN, "        notes.append(db.get(Note, 1))\n"),)),
    "a result": ("not clear what", ((LOAD, "notes = db.scalars(select(Note))"),)),
    "rows": ("not clear what", ((LOAD, "notes = db.execute(select(Note)).all()"),)),
    "on some path": ("not clear what", ((LOAD, "notes = []\n        if flag:\n            notes = db.scalars(select(Note)).all()"),)),
}  # fmt: skip


@pytest.mark.parametrize("case", SAFE)
def test_safe(case: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, *SAFE[case]) == ("safe", "")


@pytest.mark.parametrize("case", UNSAFE)
def test_unsafe(case: str, tmp_path: Path) -> None:
    reason, changes = UNSAFE[case]
    grade, why = verdict(tmp_path, *changes)
    assert grade == "unsafe", why
    assert reason in why


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    reason, changes = REFUSED[case]
    grade, why = verdict(tmp_path, *changes)
    assert grade == "refused", why
    assert reason in why


KEEPS = ("maker = sessionmaker(engine)", "maker = sessionmaker(engine, expire_on_commit=False)")
PARTLY = {
    "load_only": ((LOAD, "notes = db.scalars(select(Note).options(load_only(Note.id))).all()"),),
    "defer": ((LOAD, "notes = db.scalars(select(Note).options(defer(Note.body))).all()"),),
    "expire": ((BETWEEN, "        db.expire(notes[0])\n"),),
    "rollback": ((BETWEEN, "        db.rollback()\n        db.scalar(select(Tag.id))\n"),),
    "load_only in a helper": (("# module", "def load(db):\n    return db.scalars(select(Note).options(load_only(Note.id))).all()"), (LOAD, "notes = load(db)")),
}  # fmt: skip


def test_a_session_that_keeps_what_it_has_loaded(tmp_path: Path) -> None:
    assert verdict(tmp_path, KEEPS, name="commit-before") == ("safe", "")


@pytest.mark.parametrize("case", PARTLY)
def test_a_column_that_is_not_loaded_checks_out_again(case: str, tmp_path: Path) -> None:
    grade, why = verdict(tmp_path, KEEPS, *PARTLY[case], name="commit-before")
    assert grade == "unsafe"
    assert "may check out again" in why


def written(tmp_path: Path, text: str) -> str:
    """What the safe fixes of PHL101 make of a module."""
    entry = tmp_path / "service.py"
    entry.write_text(text)
    result = fixed(entry, unsafe=False, select=("PHL101",))
    assert [one for one in result.applied if one.undone] == []
    return entry.read_text()


LINES = """\
        for loaded_note in notes:
            db.expunge(loaded_note)
        db.commit()
        # a comment of the call
        answer = tell(notes)
"""


def test_the_lines_stand_before_the_call_and_its_comment(tmp_path: Path) -> None:
    commented = SERVICE.replace(BETWEEN, "        # a comment of the call\n")
    text = commented.replace(AFTER, "        note = 1\n")
    after = written(tmp_path, text)
    assert LINES in after
    assert after.replace(LINES, "".join(LINES.splitlines(keepends=True)[-2:])) == text


def test_a_file_keeps_its_tabs(tmp_path: Path) -> None:
    after = written(tmp_path, SERVICE.replace("    ", "\t"))
    assert "\n\t\tfor note in notes:\n\t\t\tdb.expunge(note)\n\t\tdb.commit()\n" in after


def test_one_object_that_may_be_none_and_one_that_may_have_left(tmp_path: Path) -> None:
    text = SERVICE.replace(LOAD, "note = db.get(Note, 1)").replace(CALL, "answer = tell([note])")
    assert "        if note is not None:\n            db.expunge(note)\n" in written(tmp_path, text)
    turns = SERVICE.replace(f"        {CALL}\n", f"        for turn in range(2):\n            {CALL}\n")
    lines = "            for note in notes:\n                if note in db:\n                    db.expunge(note)\n"
    assert lines in written(tmp_path, turns)


def test_a_line_with_two_statements_is_left_alone(tmp_path: Path) -> None:
    text = SERVICE.replace(f"        {CALL}\n", f"        print(1); {CALL}\n")
    assert written(tmp_path, text) == text
