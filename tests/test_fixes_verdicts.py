# ruff: noqa: E501  # a case stands on a line
"""Each condition of `commit-before`: a service for which it is safe, changed in one point."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import findings
from snippets import flow_of

SERVICE = """
import asyncio
import os
import httpx
from fastapi import Depends, FastAPI
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
# imports
engine = create_async_engine(os.environ["DATABASE_URL"])
maker = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
class Base(DeclarativeBase):
    pass
class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
# module
async def get_db():
    async with maker() as session:
        yield session
async def ask(prompt: str) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.post("http://peer", json={"prompt": prompt})).text
@app.post("/run")
async def run(db: AsyncSession = Depends(get_db)) -> str:
    note = await db.get_one(Note, 1)
    # before
    answer = await ask(note.body)
    # after
    return answer + note.body
"""

BEFORE, AFTER, MODULE = "    # before\n", "    # after\n", "# module\n"
MAKER = "maker = async_sessionmaker(engine, expire_on_commit=False)"
WAIT = "    answer = await ask(note.body)\n"


def verdict(tmp_path: Path, *changes: tuple[str, str]) -> tuple[str, str]:
    """The grade of a commit before the wait in `run`, and what is doubtful or wrong about it."""
    text = SERVICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    flow = flow_of(tmp_path, {"service.py": text})
    waits = [hold for hold in flow.holds if hold.waiting.wait.kind != "checkout"]
    verdicts = [one for hold in waits for one in flow.remedies(hold) if one.name == "commit-before"]
    found = sorted(verdicts, key=lambda one: bool(one.refused))[0]
    if found.refused:
        return "refused", found.refused
    return "unsafe" if found.doubts else "safe", "; ".join(found.doubts)


def offered(tmp_path: Path, *changes: tuple[str, str]) -> tuple[str, str, str]:
    """The name and the grade of the fix that is offered in `run`, and its message or the reason for none."""
    text = SERVICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    entry = tmp_path / "service.py"
    entry.write_text(text)
    found = [one for one in findings(entry) if one.code == "PHL101"]
    finding = next((one for one in found if one.fix is not None), found[0])
    if finding.fix is None:
        return "", "refused", " ".join(note for one in found for note in one.notes)
    return finding.fix.name, finding.fix.applicability, finding.fix.message


def test_the_unchanged_service_is_safe(tmp_path: Path) -> None:
    assert verdict(tmp_path)[0] == "safe"


SAFE = {
    "listener of something else": (MODULE, '@event.listens_for(Note, "load")\ndef seen(target, context): ...\n'),
    "a word in a string": (MODULE, 'HELP = "before_commit of the document"\n'),
    "write behind the call": (AFTER, "    note.body = answer\n    await db.commit()\n"),
    "listener that works off a queue": (
        MODULE,
        "@event.listens_for(AsyncSession, 'after_commit')\ndef send(session):\n    jobs = session.info.pop('jobs', [])\n"
        "    for job in jobs:\n        publish(job)\n",
    ),
    "something noted in the session": (BEFORE, "    db.info['tenant'] = 1\n"),
    "listener that looks for a queue": (
        MODULE,
        "@event.listens_for(AsyncSession, 'after_commit')\ndef send(session):\n    jobs = session.info.get('jobs')\n"
        "    if not jobs:\n        return\n    publish(jobs)\n",
    ),
    "listener that an insert registers": (
        MODULE,
        "@event.listens_for(Note, 'after_insert')\ndef inserted(mapper, connection, target):\n"
        "    @event.listens_for(object_session(target), 'after_commit', once=True)\n    def send(session):\n        publish(target)\n",
    ),
    "change that its helper commits": (
        MODULE, "async def archive(db: AsyncSession, note: Note) -> None:\n    note.body = ''\n    await db.commit()\n    await db.refresh(note)\n",
        BEFORE, "    await archive(db, note)\n",
    ),
    "row that could be locked": (
        MODULE, "async def load(db: AsyncSession, lock: bool = False) -> Note:\n    return await db.get(Note, 2, with_for_update=lock)\n",
        BEFORE, "    await load(db)\n",
    ),
    "rows that are put in order": (BEFORE, "    rows = list((await db.scalars(select(Note))).all())\n    rows.sort(key=lambda one: one.id)\n    rows.append(note)\n"),
    "statement that is built in a loop": (
        BEFORE, "    found = select(Note)\n    for key, value in {'id': 1, 'body': ''}.items():\n        found = found.where(getattr(Note, key) == value)\n    await db.scalar(found)\n",
    ),
    "statement that is built in many branches": (
        BEFORE, "    found = select(Note)\n" + "".join(f"    if note.id > {n}:\n        found = found.{how}\n" for n, how in enumerate(("where(Note.id > 1)", "order_by(Note.id)", "limit(1)", "offset(1)"))) + "    await db.scalar(found)\n",
    ),
    "read of a column": (BEFORE, "    title = note.body.strip().lower()\n"),
    "own object changed": (BEFORE, "    box = {}\n    box['body'] = note.body\n"),
    "commit of something else": (MODULE, "class Unit:\n    async def commit(self) -> None: ...\n"),
    "engine that commits each statement": ('os.environ["DATABASE_URL"])', 'os.environ["DATABASE_URL"], isolation_level="AUTOCOMMIT")'),
    "factory that is set later": (
        MAKER, "maker: async_sessionmaker[AsyncSession] | None = None\ndef start() -> None:\n    global maker\n"
        "    maker = async_sessionmaker(engine, expire_on_commit=False)\n",
    ),
    "registered by hand": ("    return answer + note.body\n", "    return answer\napp.add_api_route('/b', run)\n"),
    "registered twice": ('@app.post("/run")\n', '@app.get("/run")\n@app.post("/run")\n'),
    "called by one that has done nothing": (AFTER + "    return answer + note.body\n", "    return answer + note.body\n@app.post('/b')\nasync def b(db: AsyncSession = Depends(get_db)) -> str:\n    return await run(db)\n"),
    "same method name elsewhere": (MODULE, "class Job:\n    def run(self) -> None: ...\ndef start(job: Job) -> None:\n    job.run()\n"),
    "savepoint that has ended": (BEFORE, "    async with db.begin_nested():\n        await db.scalar(select(Note.id))\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAFE)
def test_harmless_neighbours_keep_it_safe(case: str, tmp_path: Path) -> None:
    texts: tuple[str, ...] = SAFE[case]
    assert verdict(tmp_path, *zip(texts[::2], texts[1::2], strict=True)) == ("safe", "")


UNSAFE = {
    "expires": (MAKER, "maker = async_sessionmaker(engine)", "    return answer + note.body", "    return answer", "expires loaded objects"),
    "expiry unknown": (MAKER, "maker = async_sessionmaker(engine, expire_on_commit=os.environ['E'])", "", "", "not proved"),
    "expiry in unknown options": (
        "    async with maker() as", "    async with maker(**dict(os.environ)) as", "", "", "not proved",
    ),
    "repository of a library": (
        BEFORE, "    from somewhere import Repository\n    Repository(db).add(note)\n", "", "", "may have written",
    ),
    "added": (BEFORE, "    db.add(Note(body='x'))\n", "", "", "writes before the call"),
    "changed": (BEFORE, "    note.body = 'x'\n", "", "", "writes before the call"),
    "deleted attribute": (BEFORE, "    del note.body\n", "", "", "writes before the call"),
    "appended": (BEFORE, "    note.tags.append(1)\n", "", "", "writes before the call"),
    "method of an object": (BEFORE, "    note.archive()\n", "", "", "may have written"),
    "setattr": (BEFORE, "    setattr(note, 'body', 'x')\n", "", "", "writes before the call"),
    "handed to a function that changes it": (
        MODULE, "def touch(thing):\n    thing.body = 'x'\n", BEFORE, "    touch(note)\n", "may have written",
    ),
    "connection": (BEFORE, "    await (await db.connection()).execute(insert(Note))\n", "", "", "may have written"),
    "function that may write": (BEFORE, "    await db.scalar(select(func.archive(1)))\n", "", "", "may have written"),
    "in a handler": (WAIT, "    try: 1 / 0\n    except ValueError:\n        answer = await ask(note.body)\n", "", "", "error handler"),
    "in finally": (WAIT, "    try: 1 / 0\n    finally:\n        answer = await ask(note.body)\n", "", "", "error handler"),
    "task": (BEFORE, "    job = asyncio.create_task(db.get(Note, 2))\n", AFTER, "    await job\n", "a task"),
    "asks for the transaction": (AFTER, "    assert db.in_transaction()\n", "", "", "in which transaction"),
    "awaitable attribute": (
        "ask(note.body)", "ask(await note.awaitable_attrs.tags)", "", "", "loaded when it is read",
    ),
    "loop that writes": (
        WAIT, "    for _ in range(2):\n        answer = await ask(note.body)\n        note.body = answer\n", "", "", "writes before the call",
    ),
    "called directly": (MODULE, "async def twice() -> str:\n    return await run()\n", "", "", "also called directly"),
    "registered with more": ("    return answer + note.body\n", "    return answer\napp.add_api_route('/b', run, dependencies=[Depends(get_db)])\n", "", "", "more than once"),
    "registered twice with more": ('@app.post("/run")\n', '@app.get("/run", dependencies=[Depends(get_db)])\n@app.post("/run")\n', "", "", "more than once"),
    "handed on": (AFTER + "    return answer + note.body\n", "    return answer + note.body\nJOBS = [run]\n", "", "", "called directly"),
    "listener": (MODULE, "@event.listens_for(AsyncSession, 'before_commit')\ndef seen(session):\n    audit(session)\n", "", "", "listens to commits"),
    "listener behind its queue": (
        MODULE,
        "@event.listens_for(AsyncSession, 'after_commit')\ndef send(session):\n    jobs = session.info.pop('jobs', [])\n"
        "    for job in jobs:\n        publish(job)\n    audit(session)\n", "", "", "listens to commits",
    ),
    "listener that is registered for good": (
        MODULE,
        "@event.listens_for(Note, 'after_insert')\ndef inserted(mapper, connection, target):\n"
        "    @event.listens_for(object_session(target), 'after_commit')\n    def send(session):\n        publish(target)\n",
        "", "", "listens to commits",
    ),
    "change that its helper may commit": (
        MODULE, "async def archive(db: AsyncSession, note: Note) -> None:\n    note.body = ''\n    if note.answer:\n        await db.commit()\n",
        BEFORE, "    await archive(db, note)\n    await db.scalar(select(Note.id))\n", "may have written",
    ),
    "change that its helper commits elsewhere": (
        MODULE, "async def archive(db: AsyncSession, note: Note) -> None:\n    note.body = ''\n    async with maker() as other:\n        await other.commit()\n",
        BEFORE, "    await archive(db, note)\n", "may have written",
    ),
    "rows of a class with a method of the name": (
        MODULE, "class Page(Base):\n    __tablename__ = 'pages'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    def append(self, text): self.text = text\n",
        BEFORE, "    page = await db.scalar(select(Page))\n    page.append('x')\n", "writes before",
    ),
    "statement that came from outside": (
        "async def run(db: AsyncSession = Depends(get_db)) -> str:", "async def run(found: 'Select', db: AsyncSession = Depends(get_db)) -> str:",
        "func, insert, select, text", "Select, func, insert, select, text",
        BEFORE, "    await db.scalar(found)\n", "may have written",
    ),
    "row that may be locked": (
        MODULE, "async def load(db: AsyncSession, lock=False) -> Note:\n    return await db.get(Note, 2, with_for_update=lock)\n",
        BEFORE, "    await load(db, os.environ['L'])\n", "may have written",
    ),
    "queue that is filled": (
        MODULE,
        "@event.listens_for(AsyncSession, 'after_commit')\ndef send(session):\n    for job in session.info.pop('jobs', []):\n"
        "        publish(job)\n", BEFORE, "    db.info.setdefault('jobs', []).append(1)\n", "writes before the call",
    ),
    "listener of the engine": (MODULE, "event.listen(engine, 'commit', print)\n", "", "", "listens to commits"),
    "autobegin": (MODULE, "other = async_sessionmaker(engine, autobegin=False)\n", "", "", "autobegin"),
    "isolation": ('os.environ["DATABASE_URL"])', 'os.environ["DATABASE_URL"], isolation_level="SERIALIZABLE")', "", "", "isolation level"),
    "isolation in options": (MODULE, 'OPTIONS = {"isolation_level": os.environ["L"]}\n', "", "", "isolation level"),
    "configured later": (MODULE, "maker.configure(expire_on_commit=True)\n", "", "", "changed after"),
    "attribute of the session": (BEFORE, "    db.sync_session.expire_on_commit = True\n", "", "", "changed after"),
    "session class with its own commit": (
        MODULE, "class Mine(AsyncSession):\n    async def commit(self) -> None: ...\n", "", "", "overrides",
    ),
    "session class with its own constructor": (
        MODULE, "class Mine(AsyncSession):\n    def __init__(self, bind):\n        super().__init__(bind)\n", "", "", "overrides",
    ),
    "no dependency": (" = Depends(get_db)", "", '@app.post("/run")\n', "", "callers' transactions"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_not_proved_is_said(case: str, tmp_path: Path) -> None:
    *changes, reason = UNSAFE[case]
    if case == "expires":  # nothing that was loaded is read by the call or behind it
        changes += ["ask(note.body)", "ask('x')"]
    pairs = [(old, new) for old, new in zip(changes[::2], changes[1::2], strict=True) if old]
    grade, message = verdict(tmp_path, *pairs)
    assert grade == "unsafe", message
    assert reason in message


PROVIDER = "    async with maker() as session:\n        yield session\n"

REFUSED = {
    "expires what is read": (MAKER, "maker = async_sessionmaker(engine)", "expires them"),
    "row lock": ("db.get_one(Note, 1)", "db.get_one(Note, 1, with_for_update=True)", "lock"),
    "lock in a statement": (BEFORE, "    await db.scalar(select(Note).with_for_update())\n", "lock"),
    "advisory lock in a select": (BEFORE, "    await db.execute(select(func.pg_advisory_xact_lock(1)))\n", "lock"),
    "temporary table": (BEFORE, "    await db.execute(text('CREATE TEMP TABLE t (id int)'))\n", "lock"),
    "begin around the session": (PROVIDER, "    async with maker() as session, session.begin():\n        yield session\n", "begin()"),
    "savepoint around the session": (
        PROVIDER, "    async with maker() as session:\n        async with session.begin_nested():\n            yield session\n", "begin()",
    ),
    "savepoint around the call": (WAIT, "    async with db.begin_nested():\n        answer = await ask(note.body)\n", "begin()"),
    "begun by hand": (BEFORE, "    savepoint = await db.begin_nested()\n", "by hand"),
    "begun by hand in the provider": (
        PROVIDER, "    async with maker() as session:\n        t = await session.begin()\n        yield session\n        await t.commit()\n", "by hand",
    ),
    "bound to a connection": (
        PROVIDER, "    async with engine.connect() as c, maker(bind=c) as session:\n        yield session\n", "no name",
    ),
    "open stream": (BEFORE, "    rows = await db.stream(select(Note))\n", "cursor"),
    "rows fetched as they are read": (
        BEFORE, "    rows = await db.execute(select(Note).execution_options(yield_per=10))\n", "cursor",
    ),
    "options of the call": (BEFORE, "    await db.execute(select(Note), execution_options={'stream_results': True})\n", "cursor"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_wrong_is_not_offered(case: str, tmp_path: Path) -> None:
    old, new, reason = REFUSED[case]
    grade, message = verdict(tmp_path, (old, new))
    assert grade == "refused", message
    assert reason in message


OWN = """    {opening}
    await other.get(Note, 1)
    answer = await httpx.AsyncClient().get("http://peer")
    return answer.text
"""


@pytest.mark.parametrize(
    ("opening", "grade"),
    [
        ("other = maker()", "safe"),
        ("other: AsyncSession = maker()", "safe"),
        ("other = maker() if app else None", "refused"),
        ("other = None\n    if app:\n        other = maker()", "refused"),
        ("try:\n        other = maker()\n    finally:\n        pass", "refused"),
        ("for other in [maker()]:\n        break", "refused"),
    ],
)
def test_the_session_must_be_there_on_every_path(opening: str, grade: str, tmp_path: Path) -> None:
    body = SERVICE[SERVICE.index("    note = await") :]
    found, message = verdict(tmp_path, (body, OWN.format(opening=opening)))
    assert found == grade, message


def test_what_has_no_place_is_not_offered(tmp_path: Path) -> None:
    change = (WAIT, "    answer = ''\n    if note.id: pass\n    elif await ask(note.body): pass\n")
    _, grade, message = offered(tmp_path, change)
    assert grade == "refused"
    assert "elif" in message
