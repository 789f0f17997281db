# ruff: noqa: E501  # a case stands on a line
"""Services that are made to look harmless: a release before their wait changes rows, answers or exceptions, or loses a lock.

Each hides a write, a lock or a use of the session where a condition of the fixes may not look. They share the models and
helpers of `variants`; the model `Note` has properties and operators that write.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from variants import ASK, ASYNC_ENGINE, MAKER, TEMPLATE

HEAD = '''
from contextvars import ContextVar
from typing import NamedTuple
import collections
import functools
import itertools
import operator

from fastapi import Request
from sqlalchemy.ext.asyncio import async_object_session
from sqlalchemy.orm import object_session
from sqlalchemy.orm.attributes import set_attribute


class Eager(Note):
    """A note that counts how often it is looked at."""

    @property
    def seen(self) -> int:
        self.count += 1
        return self.count


class Vocal(Note):
    def __str__(self) -> str:
        self.count += 1
        return self.body


class Shifting(Note):
    def __lshift__(self, body: str) -> "Shifting":
        self.body = body
        return self


class Loud(Session):
    pass


CURRENT: ContextVar = ContextVar("current")
TENANT: ContextVar = ContextVar("tenant", default="none")
DONE: list[str] = []
TABLE = "notes"
'''

GET_DB = """async def get_db():
    async with maker() as session:
        yield session
"""

LOUD = """async def get_db():
    async with maker(sync_session_class=Loud) as session:
        yield session
"""

GET = "note = await db.get(Note, 1)\n"
ASKS = "answer = await ask(note.body)\n"
FAILS = "if fail:\n    raise HTTPException(409)\n"
END = "return str(answer)"


@dataclass(frozen=True)
class Adversary:
    """The handler's body around its wait, what stands beside it, and the provider of its session, if it has one."""

    body: str
    beside: str = ""
    provider: str = GET_DB
    parameters: str = ""
    is_given: bool = True


def _writes(hidden: str, beside: str = "", read: str = GET) -> Adversary:
    """A handler that writes before its wait and never commits."""
    return Adversary(f"{read}{hidden}\n{ASKS}{FAILS}{END}", beside)


def _block(inside: str, beside: str = "", opener: str = "maker() as db", end: str = END) -> Adversary:
    """A handler with a session of its own."""
    body = textwrap.indent(f"{GET}{inside}\n", "    ")
    return Adversary(f"async with {opener}:\n{body}{FAILS}{end}", beside, provider="")


WITH_TAGS = "note = await db.scalar(select(Note).options(selectinload(Note.tags)).where(Note.id == 1))\n"
NOTES = "notes = (await db.scalars(select(Note).order_by(Note.id))).all()\nnote = notes[0]\n"

WRITES = {
    "a property": _writes("number = note.seen", read="note = await db.get(Eager, 1)\n"),
    "a text": _writes('label = f"{note}"', read="note = await db.get(Vocal, 1)\n"),
    "an operator": _writes('note << "shifted"', read="note = await db.get(Shifting, 1)\n"),
    "a method by its class": _writes('Note.rename(note, "by class")'),
    "a method caller": _writes('operator.methodcaller("rename", "called")(note)'),
    "a method by name": _writes('getattr(note, "rename")("by name")'),
    "a bound method": _writes('rename = note.rename\nrename("bound")'),
    "a map": _writes("list(map(touch, [note]))"),
    "a comprehension": _writes("[touch(one) for one in [note]]"),
    "a key": _writes("note = sorted(notes, key=marking)[0]", "def marking(one):\n    one.count += 1\n    return one.id\n", NOTES),
    "a fold": _writes("functools.reduce(lambda _, one: touch(one), notes, None)", read=NOTES),
    "a map of add": _writes('list(map(db.add, [Note(body="mapped")]))'),
    "add by name": _writes('getattr(db, "add")(Note(body="by name"))'),
    "add in a variable": _writes('add = db.add\nadd(Note(body="in a variable"))'),
    "the sync session": _writes('db.sync_session.add(Note(body="sync"))'),
    "the session of an object": _writes('async_object_session(note).add(Note(body="of an object"))'),
    "the session of an object, in a helper": _writes("remember(note)", 'def remember(note):\n    object_session(note).add(Note(body="remembered"))\n'),
    "a closure": _writes('def mark():\n    note.body = "closed over"\nmark()'),
    "a lambda": _writes('mark = lambda: setattr(note, "body", "by lambda")\nmark()'),
    "a partial": _writes('functools.partial(setattr, note, "body")("partial")'),
    "an attribute that is set": _writes('set_attribute(note, "body", "set")'),
    "a block": _writes("with changing(note):\n    number = 1", '@contextlib.contextmanager\ndef changing(note):\n    yield\n    note.body = "left"\n'),
    "a stack": _writes("with contextlib.ExitStack() as stack:\n    stack.callback(touch, note)"),
    "a loop over an attribute": _writes("for note.count in range(3):\n    pass"),
    "a block as an attribute": _writes('with contextlib.nullcontext("entered") as note.body:\n    pass'),
    "one of several targets": _writes('[*parts, note.body] = ["a", "unpacked"]'),
    "a pattern": _writes('match {"n": note}:\n    case {"n": same}:\n        same.body = "matched"'),
    "a group": _writes('for _, group in itertools.groupby(notes, key=lambda one: one.id):\n    for one in group:\n        one.body = "grouped"', read=NOTES),
    "a dict of lists": _writes('by_id = collections.defaultdict(list)\nfor one in notes:\n    by_id[one.id].append(one)\nby_id[1][0].body = "listed"', read=NOTES),
    "a zip": _writes('for one, body in zip(notes, ["zipped"]):\n    one.body = body', read=NOTES),
    "the largest": _writes('max(notes, key=lambda one: one.id).body = "largest"', read=NOTES),
    "a named tuple": _writes('job = Job(note)\njob.note.body = "tuple"', "class Job(NamedTuple):\n    note: Note\n"),
    "another name of a list": _writes('tags = note.tags\ntags.append(Tag(name="another"))', read=WITH_TAGS),
    "the first of a list": _writes('next(iter(note.tags)).name = "first"', read=WITH_TAGS),
    "all that is known": _writes('for one in db.identity_map.values():\n    one.body = "known"'),
    "a gather": _writes('[note] = await asyncio.gather(load(db, 1))\nnote.body = "gathered"'),
    "the state of the request": Adversary(
        f"{GET}remember(request)\n{ASKS}{FAILS}{END}",
        'def remember(request):\n    request.state.db.add(Note(body="state"))\n',
        "async def get_db(request: Request):\n    async with maker() as session:\n        request.state.db = session\n        yield session\n",
        "request: Request, ",
    ),
    "a context variable": Adversary(
        f"{GET}remember()\n{ASKS}{FAILS}{END}",
        'def remember():\n    CURRENT.get().add(Note(body="context"))\n',
        "async def get_db():\n    async with maker() as session:\n        CURRENT.set(session)\n        yield session\n",
    ),
}  # fmt: skip
"""What is written before the wait, and undone by a request that fails."""

LOCKS = {
    "a suffix": _writes("", read='note = await db.scalar(select(Note).where(Note.id == 1).suffix_with("FOR UPDATE"))\n'),
    "a third argument": _writes('await db.refresh(note, ["body"], True)'),
    "a dict of arguments": _writes("", read='how = {"with_for_update": True}\nnote = await db.get(Note, 1, **how)\n'),
    "a text": _writes('await db.execute(text(f"SELECT 1 FROM {TABLE} FOR UPDATE"))'),
    "a statement of text": _writes("", read='note = await db.scalar(select(Note).from_statement(text("SELECT * FROM notes FOR UPDATE")))\n'),
}  # fmt: skip
"""How a row is locked before the wait."""

LOOKS = {
    "a helper asks": Adversary(
        f"{GET}{ASKS}{FAILS}return [str(answer), open_or_not(db)]",
        "def open_or_not(db: AsyncSession) -> bool:\n    return db.in_transaction()\n",
    ),
    "the provider asks": Adversary(
        f"{GET}{ASKS}{FAILS}return [str(answer), len(DONE)]",
        provider='async def get_db():\n    async with maker() as session:\n        yield session\n        if session.in_transaction():\n            DONE.append("open")\n',
    ),
    "the provider asks, behind a dependency": Adversary(
        f"{ASKS.replace('note.body', '1')}{FAILS}return [str(answer), len(DONE)]",
        provider='async def get_db():\n    async with maker() as session:\n        yield session\n        if session.in_transaction():\n            DONE.append("open")\n\n\nasync def current(db: AsyncSession = Depends(get_db)):\n    return await db.get(Note, 1)\n',
        parameters="user: object = Depends(current), ",
        is_given=False,
    ),
    "the maker is changed": Adversary(f"{GET}{ASKS}{FAILS}return [str(answer), note.body]", 'maker.kw["expire_on_commit"] = True\n'),
    "the session is changed": Adversary(
        f"{GET}{ASKS}{FAILS}return [str(answer), note.body]",
        provider='async def get_db():\n    async with maker() as session:\n        setattr(session.sync_session, "expire_on_commit", True)\n        yield session\n',
    ),
    "a statement is heard": Adversary(
        f"{GET}await db.scalar(select(Note.id))\n{ASKS}{FAILS}{END}",
        '@event.listens_for(Loud, "do_orm_execute")\ndef hear(state):\n    state.session.add(Note(body="heard"))\n',
        LOUD,
    ),
    "a transaction is heard": Adversary(
        f"{GET}{ASKS}{FAILS}await db.scalar(select(Note.id))\nreturn [str(answer), len(DONE)]",
        '@event.listens_for(Loud, "after_begin")\ndef hear(*_):\n    DONE.append("begun")\n',
        LOUD,
    ),
}  # fmt: skip
"""How something else finds out that a transaction ended, or what it has expired."""

SCOPE = """@contextlib.asynccontextmanager
async def scope():
    async with maker() as session:
        token = CURRENT.set(session)
        try:
            yield session
        finally:
            CURRENT.reset(token)


async def remember(body: object) -> None:
    session = CURRENT.get()
    session.add(Note(body=str(body)))
    await session.commit()
"""
TRANSLATES = """@contextlib.asynccontextmanager
async def scope():
    async with maker() as session:
        try:
            yield session
        except ValueError as error:
            raise HTTPException(400) from error
"""
COUNTS = """@contextlib.asynccontextmanager
async def scope():
    async with maker() as session:
        try:
            yield session
        except HTTPException:
            DONE.append("failed")
            raise
"""
TELLS = """@contextlib.asynccontextmanager
async def scope():
    async with maker() as session:
        yield session
        DONE.append("done")
"""
TENANTS = """@contextlib.asynccontextmanager
async def scope():
    token = TENANT.set("mine")
    try:
        async with maker() as session:
            yield session
    finally:
        TENANT.reset(token)
"""
REMEMBERS = """async def remember(note: Note, answer: object) -> None:
    session = async_object_session(note)
    session.add(Note(body=str(answer)))
    await session.commit()
"""
KEEPER = """class Keeper:
    db: AsyncSession

    async def remember(self, body: object) -> None:
        self.db.add(Note(body=str(body)))
        await self.db.commit()


KEEPER = Keeper()
"""
OPENED = """@contextlib.asynccontextmanager
async def opened(name: object):
    async with maker(info={"name": name}) as session:
        yield session
"""
FAILS_INSIDE = "if fail:\n    raise {}"

BLOCKS = {
    "a change at the end of a transaction": _block(f"{ASKS}touch(note)", opener="maker.begin() as db"),
    "a typed change at the end of a transaction": _block(f"{ASKS}touch_typed(note)", opener="maker.begin() as db"),
    "a closure at the end of a transaction": _block(f'def mark():\n    note.body = "closed over"\n{ASKS}mark()', opener="maker.begin() as db"),
    "a related one at the end of a transaction": Adversary(
        "async with maker.begin() as db:\n" + textwrap.indent(f"{WITH_TAGS}{ASKS}rename(note.tags[0])\n", "    ") + FAILS + END,
        'def rename(tag):\n    tag.name = "renamed"\n',
        provider="",
    ),
    "the session of an object": _block(f"{ASKS}await remember(note, answer)", REMEMBERS),
    "the session of an object, in the call": _block("answer = await ask_and_remember(note)", REMEMBERS + "\n\nasync def ask_and_remember(note: Note) -> str:\n    answer = await ask(1)\n    await remember(note, answer)\n    return answer\n"),
    "a context variable": _block(f"{ASKS}await remember(answer)", SCOPE, "scope() as db"),
    "a context variable that is reset": _block("answer = await ask(TENANT.get())\nanswer = answer + TENANT.get()", TENANTS, "scope() as db"),
    "a list that keeps it": _block(f"KEPT_SESSIONS.append(db)\n{ASKS}await KEPT_SESSIONS.pop().get(Note, 1)", "KEPT_SESSIONS: list[AsyncSession] = []\n"),
    "the session of an object, behind a close": Adversary(
        f"db = maker()\n{GET}{ASKS}await db.close()\n{FAILS}return [str(answer), async_object_session(note) is None]", provider=""
    ),
    "the session of an object, never closed": Adversary(
        f"db = maker()\n{GET}{ASKS}{FAILS}return [str(answer), async_object_session(note) is None]", provider=""
    ),
    "an object that keeps it": _block(f"KEEPER.db = db\n{ASKS}await KEEPER.remember(answer)", KEEPER),
    "an exception is translated": _block(f"{ASKS}{FAILS_INSIDE.format('ValueError')}", TRANSLATES, "scope() as db"),
    "failures are counted": _block(f"{ASKS}{FAILS_INSIDE.format('HTTPException(409)')}", COUNTS, "scope() as db", "return [str(answer), len(DONE)]"),
    "successes are counted": _block(f"{ASKS}{FAILS_INSIDE.format('HTTPException(409)')}", TELLS, "scope() as db", "return [str(answer), len(DONE)]"),
    "the end is noted": _block(f"{ASKS}number = len(DONE)", TELLS, "scope() as db", "return [str(answer), number]"),
    "it is the same": _block(f"{ASKS}again = await db.get(Note, 1)\nsame = again is note", end="return [str(answer), same]"),
    "it is among them": _block(f"{ASKS}notes = (await db.scalars(select(Note))).all()\nsame = note in notes", end="return [str(answer), same]"),
    "it is a key": _block(f"seen = {{note: 1}}\n{ASKS}again = await db.get(Note, 1)\nnumber = seen.get(again)", end="return [str(answer), number]"),
    "the session remembers": _block(f'db.info["n"] = 5\n{ASKS}db.add(Note(body=str(db.info.get("n"))))\nawait db.commit()'),
    "the session is set up": _block(f'db.sync_session.autoflush = False\n{ASKS}db.add(Note(body="more"))\nnumber = await db.scalar(select(func.count(Note.id)))', end="return [str(answer), number]"),
    "it is opened by what changes": Adversary(
        'name = "a"\nasync with opened(name) as db:\n' + textwrap.indent(f'{GET}name = note.body\n{ASKS}db.add(Note(body=str(db.info["name"])))\nawait db.commit()\n', "    ") + FAILS + END,
        OPENED,
        provider="",
    ),
    "it is opened by the next one": Adversary(
        "names = iter([1, 2, 3])\nasync with opened(next(names)) as db:\n" + textwrap.indent(f'{GET}{ASKS}db.add(Note(body=str(db.info["name"])))\nawait db.commit()\n', "    ") + FAILS + END,
        OPENED,
        provider="",
    ),
}  # fmt: skip
"""What the end of a block, a second one or a detached object would change."""


def source(adversary: Adversary, maker: str = MAKER[0]) -> str:
    """The module of a service."""
    words = {"a": "async ", "w": "await ", "session": "AsyncSession", "client": "AsyncClient"}
    session = "db: AsyncSession = Depends(get_db)" if adversary.provider and adversary.is_given else ""
    parameters = f"{adversary.parameters}fail: bool = False, {session}"
    create = "await connection.run_sync(Base.metadata.{}_all)"
    return TEMPLATE.format(
        engine=ASYNC_ENGINE.format(engine_options="", maker_options=maker),
        provider=HEAD + "\n\n" + adversary.provider,
        helpers=f"{ASK.format_map(words)}\n\n{adversary.beside}",
        handler=f'@app.post("/run")\nasync def run({parameters}):\n{textwrap.indent(adversary.body, "    ")}\n',
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a="async ",
        w="await ",
    )
