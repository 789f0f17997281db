# ruff: noqa: E501  # a block stands on a line
"""Services put together from building blocks: what may happen around a wait, on an async and on a sync session.

Each block is a few lines of a handler. A service has one handler with blocks before its wait, one shape of the wait and
blocks behind it; its requests take both branches and fail behind the wait, so that a commit in the wrong place shows in
the rows.
"""

from __future__ import annotations

import random
import textwrap
from dataclasses import dataclass, replace

TEMPLATE = '''"""A generated service."""

import asyncio
import contextlib
import os

import httpx
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import JSON, ForeignKey, event, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncAttrs, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload, sessionmaker
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy import create_engine

PEER = os.environ["PEER_URL"]
{engine}
app = FastAPI()


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    answer: Mapped[str | None]
    count: Mapped[int] = mapped_column(default=0)
    meta: Mapped[dict | None] = mapped_column(JSON)
    tags: Mapped[list[Tag]] = relationship()

    def rename(self, body: str) -> None:
        self.body = body

    def described(self) -> str:
        return f"{{self.body}} {{len(self.tags)}}"

    @property
    def label(self) -> str:
        return f"{{self.body}} {{len(self.tags)}}"


{provider}

{helpers}

@app.post("/setup")
{a}def setup() -> None:
    {a}with engine.begin() as connection:
        {setup_create}
        {w}connection.execute(insert(Note).values(body="buy milk", count=0, meta={{}}))
        {w}connection.execute(insert(Tag).values(name="food", note_id=1))


@app.get("/rows")
{a}def rows() -> list:
    {a}with engine.connect() as connection:
        notes = {w}connection.execute(select(Note.__table__).order_by(Note.__table__.c.id))
        tags = {w}connection.execute(select(Tag.__table__).order_by(Tag.__table__.c.id))
        return [str(row) for row in (*notes, *tags)]


{handler}

REQUESTS = [
    ("POST", "/setup"),
    ("POST", "/run?fail=1"),
    ("GET", "/rows"),
    ("POST", "/run?flag=0&fail=1"),
    ("GET", "/rows"),
    ("POST", "/run"),
    ("GET", "/rows"),
    ("POST", "/run?flag=0"),
]
'''

ASYNC_ENGINE = """engine = create_async_engine(os.environ["DATABASE_URL"]{engine_options})
maker = async_sessionmaker(engine{maker_options})"""
SYNC_ENGINE = """engine = create_engine(os.environ["SYNC_DATABASE_URL"]{engine_options})
maker = sessionmaker(engine{maker_options})"""

ASK = """{a}def ask(prompt: object) -> str:
    {a}with httpx.{client}() as client:
        response = {w}client.post(f"{{PEER}}/echo", json={{"prompt": str(prompt)}})
    return response.json()["text"]


def touch(thing) -> None:
    thing.body = "touched"


def touch_typed(note: Note) -> None:
    note.count += 1


def append_tag(note: Note) -> None:
    note.tags.append(Tag(name="new"))


{a}def add_note(db: {session}, body: str) -> None:
    db.add(Note(body=body))


{a}def store(db: {session}, body: str) -> None:
    db.add(Note(body=body))
    {w}db.commit()


{a}def load(db: {session}, note_id: int) -> Note | None:
    return {w}db.get(Note, note_id)


{a}def load_for(db: {session}, note_id: int, for_update: bool = False) -> Note | None:
    return {w}db.get(Note, note_id, with_for_update=for_update)


{a}def archive(db: {session}, note: Note) -> None:
    note.body = "archived"
    {w}db.commit()
    {w}db.refresh(note)


{a}def archive_some(db: {session}, note: Note, really: bool) -> None:
    note.body = "archived"
    if really:
        {w}db.commit()
        {w}db.refresh(note)


{a}def archive_elsewhere(db: {session}, note: Note) -> None:
    note.body = "archived"
    {a}with maker() as other:
        other.add(Note(body="archived one"))
        {w}other.commit()


{a}def ask_about_first(db: {session}) -> str:
    found = {w}db.scalar(select(Note.id).order_by(Note.id).limit(1))
    return {w}ask(found)


{a}def ask_about_body(note: Note) -> str:
    return {w}ask(note.body)


{a}def ask_about_tags(note: Note) -> str:
    return {w}ask(len(note.tags))


{a}def ask_about(note: Note, attribute: str) -> str:
    return {w}ask(getattr(note, attribute))


{a}def ask_described(note: Note) -> str:
    return {w}ask(note.described())


{a}def ask_labelled(note: Note) -> str:
    return {w}ask_by(lambda one: one.label, note)


{a}def ask_by(name, note: Note) -> str:
    return {w}ask(name(note))


class Box:
    def __init__(self, note: Note) -> None:
        self.note = note


SENT: list[str] = []


class Notes:
    def __init__(self, db: {session}) -> None:
        self.db = db

    {a}def first(self) -> Note | None:
        return {w}self.db.scalar(select(Note).order_by(Note.id).limit(1))

    {a}def rename(self, note: Note, body: str) -> None:
        note.body = body

    def remember(self, body: str) -> None:
        self.db.add(Note(body=body))
"""

PROVIDERS = {
    "closes": """{a}def get_db():
    {a}with maker() as session:
        yield session
""",
    "commits after yield": """{a}def get_db():
    {a}with maker() as session:
        yield session
        {w}session.commit()
""",
    "rolls back": """{a}def get_db():
    session = maker()
    try:
        yield session
        {w}session.commit()
    except Exception:
        {w}session.rollback()
        raise
    finally:
        {w}session.close()
""",
    "queries first": """{a}def get_db():
    {a}with maker() as session:
        {w}session.execute(text("SELECT 1"))
        yield session
""",
    "writes first": """{a}def get_db():
    {a}with maker() as session:
        session.add(Note(body="opened"))
        yield session
        {w}session.commit()
""",
    "yields inside begin": """{a}def get_db():
    {a}with maker() as session, session.begin():
        yield session
""",
    "yields inside factory begin": """{a}def get_db():
    {a}with maker.begin() as session:
        yield session
""",
    "begins by hand": """{a}def get_db():
    {a}with maker() as session:
        {w}session.begin()
        yield session
        {w}session.commit()
""",
    "bound to a connection": """{a}def get_db():
    {a}with engine.connect() as connection:
        {a}with {session}(bind=connection, expire_on_commit=False) as session:
            yield session
""",
    "works off a queue": """{a}def get_db():
    {a}with maker() as session:
        yield session


@event.listens_for(Session, "after_commit")
def send(session) -> None:
    for body in session.info.pop("later", []):
        SENT.append(body)
""",
    "savepoint": """{a}def get_db():
    {a}with maker() as session:
        {a}with session.begin_nested():
            yield session
        {w}session.commit()
""",
}

EVERY_ENGINE = ("", ', isolation_level="AUTOCOMMIT"', ", pool_size=2")
MAKER = (", expire_on_commit=False", ", expire_on_commit=False, autoflush=False", "", ", expire_on_commit=True")

READS = {
    "get": "note = {w}db.get(Note, 1)",
    "scalar": "note = {w}db.scalar(select(Note).order_by(Note.id).limit(1))",
    "with tags": "note = {w}db.scalar(select(Note).options(selectinload(Note.tags)).where(Note.id == 1))",
    "rows": "notes = ({w}db.scalars(select(Note).order_by(Note.id))).all()\nnote = notes[0]",
    "helper": "note = {w}load(db, 1)",
    "repository": "note = {w}Notes(db).first()",
    "execute": "note = ({w}db.execute(select(Note).where(Note.id == 1))).scalar_one()",
}

BEFORE = {
    "nothing": "pass",
    "add": 'db.add(Note(body="added"))',
    "add and flush": 'db.add(Note(body="flushed"))\n{w}db.flush()',
    "add and commit and read": 'db.add(Note(body="first"))\n{w}db.commit()\nnote = {w}db.get(Note, 1)',
    "core insert": '{w}db.execute(insert(Note).values(body="core", count=0))',
    "core update": "{w}db.execute(update(Note).where(Note.id == 1).values(count=Note.count + 1))",
    "insert in a select": 'row = {w}db.scalar(select(Note.id).where(func.lower(Note.body) == "x"))',
    "text insert": "{w}db.execute(text(\"INSERT INTO notes (body, count) VALUES ('text', 0)\"))",
    "text with": '{w}db.execute(text("WITH x AS (SELECT 1 AS one) SELECT one FROM x"))',
    "merge": '{w}db.merge(Note(id=1, body="merged"))',
    "delete": "gone = {w}db.get(Tag, 1)\nif gone is not None:\n    {w}db.delete(gone)",
    "attribute": 'note.body = "changed"',
    "augmented": "note.count += 1",
    "attribute of a row": "for row in ({w}db.scalars(select(Note))).all():\n    row.count += 1",
    "json key": 'note.meta["k"] = 1\nflag_modified(note, "meta")',
    "setattr": 'setattr(note, "body", "set")',
    "own method": 'note.rename("renamed")',
    "helper touches": "touch(note)",
    "typed helper touches": "touch_typed(note)",
    "helper adds": '{w}add_note(db, "by helper")',
    "repository renames": '{w}Notes(db).rename(note, "by repository")',
    "repository remembers": 'Notes(db).remember("by repository")',
    "helper archives": "{w}archive(db, note)",
    "helper archives some": "{w}archive_some(db, note, flag)\n{w}db.scalar(select(Note.id).limit(1))",
    "helper archives elsewhere": "{w}archive_elsewhere(db, note)",
    "loads without a lock": "same = {w}load_for(db, 1)",
    "loads with a lock": "same = {w}load_for(db, 1, for_update=True)",
    "queues": 'db.info.setdefault("later", []).append("queued")',
    "rows in order": "rows = list(({w}db.scalars(select(Note))).all())\nrows.sort(key=lambda one: one.id)\nrows.append(note)",
    "append": 'loaded = {w}db.scalar(select(Note).options(selectinload(Note.tags)).where(Note.id == 1))\nloaded.tags.append(Tag(name="appended"))',
    "append to what a row has": "rows = ({w}db.scalars(select(Note).options(selectinload(Note.tags)))).all()\nrows[0].tags.append(Tag(name='of a row'))",
    "append in a loop": "for one in ({w}db.scalars(select(Note).options(selectinload(Note.tags)))).all():\n    one.tags.append(Tag(name='of each'))",
    "append to what was executed": "row = ({w}db.execute(select(Note).options(selectinload(Note.tags)))).scalars().first()\nrow.tags.append(Tag(name='of the first'))",
    "append in a helper": "loaded = {w}db.scalar(select(Note).options(selectinload(Note.tags)).where(Note.id == 1))\nappend_tag(loaded)",
    "clear": "loaded = {w}db.scalar(select(Note).options(selectinload(Note.tags)).where(Note.id == 1))\nloaded.tags.clear()",
    "del item": "loaded = {w}db.scalar(select(Note).options(selectinload(Note.tags)).where(Note.id == 1))\ndel loaded.tags[:]",
    "changes only when": 'if flag:\n    note.body = "flagged"',
    "loop adds": 'for number in range(2):\n    db.add(Tag(name=f"loop {{number}}"))',
    "in dict": 'box = {{"note": note}}\nbox["note"].body = "boxed"',
    "in list": 'several = [note]\nseveral[0].body = "listed"',
    "by comprehension": 'by_id = {{one.id: one for one in ({w}db.scalars(select(Note))).all()}}\nby_id[1].body = "mapped"',
    "built in a loop": 'found = select(Note)\nfor key, value in {{"id": 1, "count": 0}}.items():\n    found = found.where(getattr(Note, key) >= value)\n{w}db.scalar(found)',
    "built in branches": "found = select(Note)\nif flag:\n    found = found.where(Note.id == 1)\nif fail:\n    found = found.order_by(Note.id)\nfound = found.limit(1) if flag else found.with_for_update()\n{w}db.scalar(found)",
    "by id": "by_id = {{one.id: one for one in ({w}db.scalars(select(Note))).all()}}",
    "in pairs": "pairs = [(one.id, one) for one in ({w}db.scalars(select(Note).order_by(Note.id))).all()]",
    "in a box": "box = Box(note)",
    "created, committed, changed": 'mine = Note(body="mine")\ndb.add(mine)\n{w}db.commit()\nmine.body = "mine changed"\n{w}db.scalar(select(Note.id).limit(1))',
    "connection": 'connection = {w}db.connection()\n{w}connection.execute(insert(Note).values(body="raw", count=0))',
    "begins by hand": "{w}db.rollback()\ntransaction = {w}db.begin()\nnote = {w}db.get(Note, 1)",
    "nested by hand": "transaction = {w}db.begin_nested()",
    "no autoflush": 'with db.no_autoflush:\n    db.add(Note(body="quiet"))\n    {w}db.scalar(select(Note.id).limit(1))',
    "try add": 'try:\n    db.add(Note(body="tried"))\n    {w}db.flush()\nexcept ValueError:\n    {w}db.rollback()',
    "rolled back": 'db.add(Note(body="undone"))\n{w}db.rollback()\nnote = {w}db.get(Note, 1)',
    "committed": 'db.add(Note(body="done"))\n{w}db.commit()\nnote = {w}db.scalar(select(Note).where(Note.id == 1))',
    "for update": "note = {w}db.scalar(select(Note).where(Note.id == 1).with_for_update())",
    "refresh": "{w}db.refresh(note)",
    "refresh for update": "{w}db.refresh(note, with_for_update=True)",
    "advisory lock": 'locked = {w}db.scalar(select(func.lower("x")))\n{w}db.execute(text("SELECT 1"))',
    "side effect": "number = {w}db.scalar(select(func.max(Note.id)))",
    "cte insert": '{w}db.execute(update(Note).where(Note.id == 1).values(body="cte").returning(Note.id))',
    "count": "number = {w}db.scalar(select(func.count()).select_from(Note))",
}

WAITS = {
    "plain": "answer = {w}ask(note.body)",
    "whole": "answer = {w}ask(note)",
    "conditional": 'answer = {w}ask("x") if flag else "none"',
    "branch": 'answer = "none"\nif flag:\n    answer = {w}ask(note.id)',
    "one line": 'answer = "none"\nif flag: answer = {w}ask(note.id)',
    "loop": "for _ in range(2):\n    answer = {w}ask(note.id)",
    "loop writes": 'for number in range(2):\n    answer = {w}ask(number)\n    note.answer = f"{{answer}} {{number}}"',
    "loop reads": "for number in range(2):\n    answer = {w}ask(number)\n    {w}db.scalar(select(Note.id).limit(1))",
    "rows": 'answer = "none"\nfor one in ({w}db.scalars(select(Note).order_by(Note.id))).all():\n    answer = {w}ask(one.body)',
    "lazy rows": 'answer = "none"\nfor one in {w}db.scalars(select(Note).order_by(Note.id)):\n    answer = {w}ask(one.body)',
    "tuple rows": 'answer = "none"\nfor one in {w}db.execute(select(Note.id, Note.body).order_by(Note.id)):\n    answer = {w}ask(one.body)',
    "core rows": 'answer = "none"\nfor one in {w}db.execute(select(Note.__table__).order_by(Note.id)):\n    answer = {w}ask(one.body)',
    "unread result": "result = {w}db.execute(select(Note).order_by(Note.id))\nanswer = {w}ask(1)\nbodies = [one.body for one in result.scalars()]",
    "unread rows": "result = {w}db.execute(select(Note.__table__.c.body).order_by(Note.id))\nanswer = {w}ask(1)\nbodies = result.all()",
    "try": 'try:\n    answer = {w}ask(note.id)\nexcept httpx.HTTPError:\n    answer = "failed"',
    "in a handler": 'answer = "none"\ntry:\n    {w}db.execute(text("SELECT * FROM nowhere"))\nexcept Exception:\n    answer = {w}ask(note.id)\n    {w}db.rollback()\n    note = {w}db.get(Note, 1)',
    "finally": "try:\n    {w}db.scalar(select(Note.id).limit(1))\nfinally:\n    answer = {w}ask(note.id)",
    "same statement": "answer = {w}ask({w}db.scalar(select(Note.body).limit(1)))",
    "list": "answer = [{w}ask(number) for number in range(2)][0]",
    "callee that queries": "answer = {w}ask_about_first(db)",
    "callee that queries twice": "answer = {w}ask_about_first(db)\nanswer = {w}ask_about_first(db) + answer",
    "savepoint": "{a}with db.begin_nested():\n    answer = {w}ask(note.id)\n    {w}db.scalar(select(Note.id).limit(1))",
    "several": "first = {w}ask(note.body)\nsecond = {w}ask(first)\nanswer = {w}ask(second)",
    "re-reads between": "first = {w}ask(note.body)\nnote = {w}db.get(Note, 1, populate_existing=True)\nanswer = {w}ask(note.body)",
    "writes between": 'first = {w}ask(note.body)\ndb.add(Tag(name="between"))\n{w}db.flush()\nanswer = {w}ask(first)',
    "maybe none": "other = None\nif flag:\n    other = maker()\n    {w}other.scalar(select(Note.id).limit(1))\nanswer = {w}ask(1)\nif other is not None:\n    {w}other.close()",
    "own block": "{a}with maker() as own:\n    mine = {w}own.get(Note, 1)\n    answer = {w}ask(mine.body)",
    "own begin block": "{a}with maker.begin() as own:\n    mine = {w}own.get(Note, 1)\n    answer = {w}ask(mine.body)\n    mine.answer = answer",
}

ASYNC_WAITS = {
    "helper reads": "answer = {w}ask_about_body(note)",
    "helper loads": "answer = {w}ask_about_tags(note)",
    "helper reads by name": 'answer = {w}ask_about(note, "body")',
    "helper loads by name": 'answer = {w}ask_about(note, "tags")',
    "property loads": "answer = {w}ask(note.label)",
    "method loads": "answer = {w}ask(note.described())",
    "helper calls a method that loads": "answer = {w}ask_described(note)",
    "helper calls what it is given": "answer = {w}ask_labelled(note)",
    "another name loads": "send = ask_about_tags\nanswer = {w}send(note)",
    "one of several loads": 'answer = {{"tags": ask_about_tags, "body": ask_about_body}}["tags" if flag else "body"](note)',
    "loads behind its own call": "answer = {w}ask(note.body)\nanswer += {w}ask_about_tags(note)",
    "gather": "answer, _ = {w}asyncio.gather(ask(note.id), ask(2))",
    "timeout": "{a}with asyncio.timeout(5):\n    answer = {w}ask(note.id)",
    "task": "task = asyncio.create_task(ask(note.id))\nanswer = {w}task",
    "lazy attribute": "answer = {w}ask(len({w}note.awaitable_attrs.tags))",
    "stream": 'answer = "none"\nresult = {w}db.stream(select(Note.body).order_by(Note.id))\nasync for row in result:\n    answer = {w}ask(row.body)',
    "stream entered": 'async with httpx.AsyncClient() as client:\n    async with client.stream("GET", f"{{PEER}}/stream") as response:\n        answer = "".join([part async for part in response.aiter_text()])',
    "task with the session": "task = asyncio.create_task(load(db, 1))\nanswer = {w}ask(1)\nnote = {w}task",
    "run_sync": 'def work(session):\n    session.add(Note(body="sync"))\n{w}db.run_sync(work)\nanswer = {w}ask(1)',
}

SYNC_WAITS = {
    "helper reads": "answer = {w}ask_about_body(note)",
    "helper loads": "answer = {w}ask_about_tags(note)",
    "helper reads by name": 'answer = {w}ask_about(note, "body")',
    "helper loads by name": 'answer = {w}ask_about(note, "tags")',
    "property loads": "answer = {w}ask(note.label)",
    "method loads": "answer = {w}ask(note.described())",
    "helper calls a method that loads": "answer = {w}ask_described(note)",
    "helper calls what it is given": "answer = {w}ask_labelled(note)",
    "another name loads": "send = ask_about_tags\nanswer = {w}send(note)",
    "one of several loads": 'answer = {{"tags": ask_about_tags, "body": ask_about_body}}["tags" if flag else "body"](note)',
    "loads behind its own call": "answer = {w}ask(note.body)\nanswer += {w}ask_about_tags(note)",
    "lazy attribute": "answer = {w}ask(note.tags[0].name)",
    "lazy in a loop": 'answer = "none"\nfor tag in note.tags:\n    answer = {w}ask(tag.name)',
    "query": 'answer = "none"\nfor one in db.query(Note).order_by(Note.id):\n    answer = {w}ask(one.body)',
    "yield per": 'answer = "none"\nfor one in db.query(Note).order_by(Note.id).yield_per(1):\n    answer = {w}ask(one.body)',
    "yield per option": 'answer = "none"\nfor one in db.scalars(select(Note).order_by(Note.id).execution_options(yield_per=1)):\n    answer = {w}ask(one.body)',
    "bulk": 'db.bulk_save_objects([Note(body="bulk")])\nanswer = {w}ask(1)',
    "query update": 'db.query(Note).filter(Note.id == 1).update({{"body": "by query"}})\nanswer = {w}ask(1)',
}

AFTER = {
    "nothing": "pass",
    "add and commit": "db.add(Note(body=str(answer)))\n{w}db.commit()",
    "attribute and commit": "note.answer = str(answer)\n{w}db.commit()",
    "attribute": "note.answer = str(answer)",
    "store": "{w}store(db, str(answer))",
    "refresh": "{w}db.refresh(note)",
    "rollback": "{w}db.rollback()",
    "close": "{w}db.close()",
    "tells what was sent": 'answer = f"{{answer}} {{len(SENT)}}"',
    "in transaction": 'answer = f"{{answer}} {{db.in_transaction()}}"',
    "flush": "db.add(Note(body=str(answer)))\n{w}db.flush()",
    "nested": "{a}with db.begin_nested():\n    db.add(Note(body=str(answer)))\n{w}db.commit()",
    "begin": "{a}with db.begin():\n    db.add(Note(body=str(answer)))",
    "core": '{w}db.execute(insert(Note).values(body="after", count=0))\n{w}db.commit()',
}

OTHERS = {
    "nobody": "",
    "called": """@app.post("/other")
{a}def knock(fail: bool = False, db: {session} = Depends(get_db)):
    {w}db.scalar(select(Note.id).limit(1))
    return {w}run(fail, True, db)
""",
    "called by a writer": """@app.post("/other")
{a}def knock(fail: bool = False, db: {session} = Depends(get_db)):
    db.add(Note(body="other"))
    return {w}run(fail, True, db)
""",
    "called behind a commit": """@app.post("/other")
{a}def knock(fail: bool = False, db: {session} = Depends(get_db)):
    {w}store(db, "other")
    return {w}run(fail, True, db)
""",
    "called under a lock": """@app.post("/other")
{a}def knock(fail: bool = False, db: {session} = Depends(get_db)):
    {w}db.scalar(select(Note).where(Note.id == 1).with_for_update())
    return {w}run(fail, True, db)
""",
    "called in a begin block": """@app.post("/other")
{a}def knock(fail: bool = False):
    {a}with maker.begin() as own:
        own.add(Note(body="other"))
        return {w}run(fail, True, own)
""",
    "called with one that expires": """@app.post("/other")
{a}def knock(fail: bool = False):
    {a}with {session}(engine) as own:
        mine = {w}own.get(Note, 1)
        answer = {w}run(fail, True, own)
        return [mine.body, answer]
""",
    "added": """app.add_api_route("/other", run, methods=["POST"])
app.add_api_route("/third", run, methods=["POST"])
""",
    "added behind a writer": """{a}def earlier(db: {session} = Depends(get_db)):
    db.add(Note(body="earlier"))


app.add_api_route("/other", run, methods=["POST"], dependencies=[Depends(earlier)])
""",
    "twice": """run = app.post("/other", dependencies=[Depends(get_db)])(run)
""",
}
"""Who else comes to the handler, at `/other`."""

RESULTS = (
    "str(answer)",
    "note.body",
    "[note.id, note.body, note.answer]",
    '{{"answer": answer, "body": note.body}}',
    "len(note.body)",
)


@dataclass(frozen=True)
class Variant:
    """The names of the blocks of one service."""

    is_async: bool
    provider: str
    engine: str
    maker: str
    read: str
    before: tuple[str, ...]
    wait: str
    after: tuple[str, ...]
    result: str
    others: str = "nobody"

    def __str__(self) -> str:
        kind = "async" if self.is_async else "sync"
        parts = [
            kind,
            self.provider,
            self.engine + self.maker,
            self.read,
            *self.before,
            f"[{self.wait}]",
            *self.after,
            self.result,
            self.others if self.others != "nobody" else "",
        ]
        return " / ".join(part for part in parts if part)


def waits_of(is_async: bool) -> dict[str, str]:
    return WAITS | (ASYNC_WAITS if is_async else SYNC_WAITS)


def source(variant: Variant) -> str:
    """The module of a variant."""
    is_async = variant.is_async
    words = {
        "a": "async " if is_async else "",
        "w": "await " if is_async else "",
        "session": "AsyncSession" if is_async else "Session",
        "client": "AsyncClient" if is_async else "Client",
    }

    def filled(block: str) -> str:
        return block.format_map(words)

    body = [READS[variant.read], *(BEFORE[name] for name in variant.before), waits_of(is_async)[variant.wait]]
    body += [
        "if fail:\n    raise HTTPException(409)",
        *(AFTER[name] for name in variant.after),
        f"return {variant.result}",
    ]
    lines = "\n".join(filled(block) for block in body)
    handler = f'@app.post("/run")\n{words["a"]}def run(fail: bool = False, flag: bool = True, db: {words["session"]} = Depends(get_db)):\n'
    create = "await connection.run_sync(Base.metadata.{}_all)" if is_async else "Base.metadata.{}_all(connection)"
    engine = (ASYNC_ENGINE if is_async else SYNC_ENGINE).format(
        engine_options=variant.engine, maker_options=variant.maker
    )
    others = filled(OTHERS[variant.others])
    module = TEMPLATE.format(
        engine=engine,
        provider=filled(PROVIDERS[variant.provider]),
        helpers=filled(ASK),
        handler=handler + textwrap.indent(lines, "    ") + "\n" + (f"\n\n{others}" if others else ""),
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a=words["a"],
        w=words["w"],
    )
    more = "".join(f'    ("POST", "/other{how}"),\n    ("GET", "/rows"),\n' for how in ("?fail=1", ""))
    return module.removesuffix("]\n") + more + "]\n" if others else module


def drawn(seed: int, count: int) -> list[Variant]:
    """`count` services: each block at least once, then by chance."""
    chance = random.Random(seed)
    found: list[Variant] = []
    plain = Variant(True, "closes", "", MAKER[0], "get", (), "plain", ("nothing",), RESULTS[0])
    for is_async in (True, False):
        found += [
            _with(plain, is_async=is_async, before=(before,), after=("attribute and commit",)) for before in BEFORE
        ]
        found += [_with(plain, is_async=is_async, wait=wait, after=("nothing",)) for wait in waits_of(is_async)]
        found += [_with(plain, is_async=is_async, provider=provider, after=("attribute",)) for provider in PROVIDERS]
        queue = _with(plain, is_async=is_async, provider="works off a queue", after=("tells what was sent",))
        found += [_with(queue, before=before) for before in ((), ("queues",), ("add", "queues"), ("committed",))]
        found += [
            _with(plain, is_async=is_async, before=before, wait="callee that queries", provider=provider)
            for before in ((), ("attribute",), ("for update",), ("add and flush",), ("helper archives",))
            for provider in ("closes", "commits after yield", "queries first", "yields inside begin")
        ]
        found += [
            _with(
                plain, is_async=is_async, after=(after,), result=RESULTS[0] if after == "in transaction" else RESULTS[2]
            )
            for after in AFTER
        ]
        found += [
            _with(plain, is_async=is_async, others=others, provider=provider, after=after, wait=wait)
            for others in OTHERS
            for provider, after in (("closes", ("nothing",)), ("commits after yield", ("attribute",)))
            for wait in ("plain", "callee that queries")
        ]
        found += [_with(plain, is_async=is_async, maker=maker, result=RESULTS[1]) for maker in MAKER]
        found += [_with(plain, is_async=is_async, engine=engine, before=("add and flush",)) for engine in EVERY_ENGINE]
    harmless = ["nothing", "count", "refresh", "text with", "committed", "rolled back", "add and commit and read"]
    while len(found) < count:
        is_async = chance.random() < 0.7
        found.append(
            Variant(
                is_async,
                chance.choice(["closes", "commits after yield", "rolls back", "queries first", *PROVIDERS]),
                chance.choice(["", "", *EVERY_ENGINE]),
                chance.choice([MAKER[0], MAKER[0], MAKER[0], *MAKER]),
                chance.choice(list(READS)),
                tuple(chance.sample(chance.choice([harmless, harmless, list(BEFORE)]), chance.choice([0, 1, 1, 2]))),
                chance.choice(list(waits_of(is_async))),
                tuple(chance.sample(list(AFTER), chance.choice([0, 1, 1, 2]))),
                chance.choice(RESULTS),
                chance.choice(["nobody"] * 6 + list(OTHERS)),
            )
        )
    return found


def _with(variant: Variant, **changes: object) -> Variant:
    return replace(variant, **changes)  # type: ignore[arg-type]
