# ruff: noqa: E501  # a block stands on a line
"""Services whose handlers open their own session in a block: what may stand in it before, at and behind a wait.

They are put together like those of `variants`, whose models, helpers and reads they share.
"""

from __future__ import annotations

import itertools
import random
import textwrap
from dataclasses import dataclass

from variants import ASK, ASYNC_ENGINE, BEFORE, MAKER, READS, SYNC_ENGINE, TEMPLATE

MANAGERS = """@contextlib.{manager}
{a}def reading():
    {a}with maker() as session:
        yield session


@contextlib.{manager}
{a}def writing():
    session = maker()
    try:
        yield session
        {w}session.commit()
    except Exception:
        {w}session.rollback()
        raise
    finally:
        {w}session.close()


@contextlib.{manager}
{a}def forgiving():
    {a}with maker() as session:
        try:
            yield session
        except ValueError:
            {w}session.rollback()
"""

OPENERS = {
    "maker": "maker() as db",
    "begin": "maker.begin() as db",
    "maker and begin": "maker() as db, db.begin()",
    "session": "{session}(engine, expire_on_commit=False) as db",
    "session that expires": "{session}(engine) as db",
    "reading": "reading() as db",
    "writing": "writing() as db",
    "forgiving": "forgiving() as db",
    "two": "maker() as db, maker() as other",
    "bound": "engine.connect() as connection, {session}(bind=connection) as db",
    "over lines": "(\n    maker() as db\n)",
}

WAITS = {
    "plain": "answer = {w}ask(note.body)",
    "whole": "answer = {w}ask(note)",
    "nothing of it": 'answer = {w}ask("x")',
    "comment": "# asks\nanswer = {w}ask(note.body)  # slow",
    "several lines": "answer = {w}ask(\n    note.body,\n)",
    "text": 'answer = {w}ask("""\n    deep\n  less\n""")',
    "guarded": 'if note is None:\n    raise HTTPException(404)\nanswer = {w}ask(note.body)',
    "branch": 'answer = "none"\nif flag:\n    answer = {w}ask(note.id)',
    "conditional": 'answer = {w}ask(note.body) if flag else "none"',
    "returns": "return {w}ask(note.body)",
    "returns or not": 'if flag:\n    return {w}ask(note.body)\nanswer = "none"',
    "loop": 'answer = "none"\nfor _ in range(2):\n    answer = {w}ask(note.id)',
    "try": 'try:\n    answer = {w}ask(note.id)\nexcept httpx.HTTPError:\n    answer = "failed"',
    "several": "first = {w}ask(note.body)\nanswer = {w}ask(first)",
    "rows": 'answer = "none"\nfor one in ({w}db.scalars(select(Note).order_by(Note.id))).all():\n    answer = {w}ask(one.body)',
    "rows before": 'rows = ({w}db.scalars(select(Note).order_by(Note.id))).all()\nanswer = "none"\nfor one in rows:\n    answer = {w}ask(one.body)',
    "unread result": "result = {w}db.execute(select(Note.__table__.c.body).order_by(Note.id))\nanswer = {w}ask(1)\nbodies = result.all()",
    "unread objects": "result = {w}db.scalars(select(Note).order_by(Note.id))\nanswer = {w}ask(1)\nbodies = [one.body for one in result]",
    "client": "{a}with httpx.{client}() as client:\n    response = {w}client.post(f\"{{PEER}}/echo\", json={{\"prompt\": note.body}})\nanswer = response.json()[\"text\"]",
    "lazy": 'answer = {w}ask(note.tags[0].name if flag else "x")',
    "lazy inside": "answer = {w}ask(count_tags(note))",
    "one line": 'answer = "none"; answer = {w}ask(note.id)',
    "own function": "{a}def go():\n    return {w}ask(note.body)\nanswer = {w}go()",
    "own function with the session": "{a}def go():\n    found = {w}db.get(Note, 1)\n    return found.body\nanswer = {w}ask(note.body)\nagain = {w}go()",
    "repository": "repository = Notes(db)\nanswer = {w}ask(note.body)\nagain = {w}repository.first()",
}  # fmt: skip

FORGETTING = {
    "other arm reads": 'if flag:\n    answer = {w}ask("x")\nelse:\n    answer = note.body',
    "own rows": 'rows = ({w}db.scalars(select(Note).order_by(Note.id))).all()\nnumber = len(rows)\nanswer = {w}ask(number)',
    "by a helper": 'same = {w}load(db, 1)\nif same is None:\n    raise HTTPException(404)\nanswer = {w}ask("x")',
    "by a helper that keeps": 'same = {w}load_and_keep(db, 1)\nanswer = {w}ask("x")\nanswer = KEPT.pop().body',
    "by a helper that caches": 'same = {w}load_cached(db, 1)\nanswer = {w}ask("x")\nanswer = KEPT[-1].body',
    "kept elsewhere": 'KEPT.append(note)\nanswer = {w}ask("x")\nanswer = KEPT.pop().body',
    "kept in an attribute": 'ask.seen = note\nanswer = {w}ask("x")\nanswer = ask.seen.body',
    "kept by a helper": 'keep(note)\nanswer = {w}ask("x")\nanswer = KEPT.pop().body',
    "kept by a service": 'notes = Keeping(db)\n{w}notes.first()\nanswer = {w}ask("x")\nanswer = notes.note.body',
    "in a closure": 'def body():\n    return note.body\nanswer = {w}ask("x")\nanswer = body()',
    "in a lambda": 'body = lambda one=note: one.body\nanswer = {w}ask("x")\nanswer = body()',
    "in a sum": 'both = [note] + []\nanswer = {w}ask("x")\nanswer = both[0].body',
    "rows in a sum": 'rows = ({w}db.scalars(select(Note).order_by(Note.id))).all()\nmore = list(rows) + list(rows)\nanswer = {w}ask("x")\nanswer = more[0].body',
    "in a global": 'global KEPT\nKEPT = [note]\nanswer = {w}ask("x")\nanswer = KEPT.pop().body',
    "loaded anew": 'answer = {w}ask("x")\nnote = {w}db.get(Note, 1)\nanswer = note.body',
    "loaded anew sometimes": 'answer = {w}ask("x")\nif not flag:\n    note = {w}db.get(Note, 1)\nanswer = note.body',
    "loaded in each turn": 'answer = "none"\nfor turn in range(2):\n    note = {w}db.get(Note, 1)\n    if turn:\n        answer = note.body\n    else:\n        answer = {w}ask("x")',
    "of the last turn": 'old = None\nfor turn in range(2):\n    if old is not None:\n        answer = old.body\n    old = {w}db.get(Note, 1)\n    answer = {w}ask("x")',
    "read in the next turn": 'for turn in range(2):\n    if turn:\n        answer = note.body\n        break\n    answer = {w}ask("x")\n    continue',
    "each of some rows": 'for one in ({w}db.scalars(select(Note).order_by(Note.id))).all() * 2:\n    body = one.body\n    answer = {w}ask("x")\n    if flag:\n        continue\n    break',
    "changes each of some rows": 'for one in ({w}db.scalars(select(Note).order_by(Note.id))).all() * 2:\n    answer = {w}ask("x")\n    one.answer = str(answer)',
    "changes one of a sum": 'both = ({w}db.scalars(select(Note).order_by(Note.id))).all() + []\nanswer = {w}ask("x")\nboth[0].answer = str(answer)',
    "changes one of two lists": 'rows = ({w}db.scalars(select(Note).order_by(Note.id))).all()\nnone = []\nboth = rows + none\nanswer = {w}ask("x")\nboth[0].answer = str(answer)',
    "changes the better one": 'better = note or {w}db.get(Note, 2)\nanswer = {w}ask("x")\nbetter.answer = str(answer)',
    "read when it fails": 'try:\n    answer = {w}ask("x")\n    raise ValueError\nexcept ValueError:\n    answer = note.body',
    "read in the end": 'try:\n    answer = {w}ask("x")\nfinally:\n    answer = note.body',
    "read behind a break": 'while True:\n    answer = {w}ask("x")\n    if answer:\n        break\n    note = None\nanswer = note.body if note else "none"',
}  # fmt: skip
"""What may happen to what was loaded when the call itself needs nothing of it."""
WAITS |= FORGETTING

INSIDE = {
    "nothing": "",
    "comment": "# the end of the block",
    "adds": "db.add(Note(body=str(answer)))",
    "adds and commits": "db.add(Note(body=str(answer)))\n{w}db.commit()",
    "adds of it": "db.add(Tag(name=str(answer), note_id=note.id))\n{w}db.commit()",
    "changes": "note.answer = str(answer)",
    "changes and commits": "note.answer = str(answer)\n{w}db.commit()",
    "changes by helper and commits": "touch(note)\n{w}db.commit()",
    "reads again": "note = {w}db.get(Note, 1)",
    "reads again and changes": "same = {w}db.get(Note, 1)\nsame.answer = str(answer)\n{w}db.commit()",
    "reads after a change by another": "same = {w}db.get(Note, note.id)\nsame.body = \"by another\"\nbody = note.body\n{w}db.commit()\nanswer = str(answer) + body",
    "updates": "{w}db.execute(update(Note).where(Note.id == note.id).values(body=\"updated\"))\n{w}db.commit()",
    "refreshes": "{w}db.refresh(note)",
    "deletes": "{w}db.execute(text(\"DELETE FROM tags\"))\n{w}db.delete(note)\n{w}db.commit()",
    "merges": "merged = {w}db.merge(note)\nmerged.answer = str(answer)\n{w}db.commit()",
    "stores": "{w}store(db, str(answer))",
    "parts": "title = note.body\nanswer = str(answer) + title",
    "nested": "{a}with db.begin_nested():\n    db.add(Note(body=str(answer)))\n{w}db.commit()",
    "rolls back": "{w}db.rollback()",
    "changes in a dict and commits": "by_id[1].answer = str(answer)\n{w}db.commit()",
    "reads in a dict": "body = by_id[1].body\nanswer = str(answer) + body",
    "reads in a box": "body = box.note.body\nanswer = str(answer) + body",
    "changes in pairs and commits": "pairs[0][1].answer = str(answer)\n{w}db.commit()",
    "only sometimes": "if flag:\n    db.add(Note(body=str(answer)))\n    {w}db.commit()",
    "looks": "answer = f\"{{answer}} {{note in db}}\"",
    "fails": "if fail:\n    raise ValueError(\"inside\")",
    "returns": "return [str(answer), note.body]",
}  # fmt: skip

CONTAINERS = (
    ("by id", ("changes in a dict and commits",)),
    ("by id", ("reads in a dict",)),
    ("by id", ("reads in a dict", "adds and commits")),
    ("in pairs", ("changes in pairs and commits",)),
    ("in a box", ("reads in a box",)),
    ("in a box", ("adds and commits", "reads in a box")),
)
"""What holds the objects, and what is done with it behind the wait."""

ALONE = [name for name in INSIDE if not any(name in inside for _, inside in CONTAINERS) or name == "adds and commits"]

AFTER = ("", "note_body = 1", "other_body = note.body", "answer = {w}ask(str(answer))")
RESULTS = ("str(answer)", "[str(answer), note.id]", "[str(answer), note.body, note.answer]")
HARMLESS = ("nothing", "count", "text with", "committed", "refresh", "rolled back")
LAZY = """
{a}def count_tags(note: Note) -> int:
    return len({lazy})


KEPT: list[Note] = []


def keep(note: Note) -> None:
    KEPT.append(note)


{a}def load_and_keep(db: {session}, note_id: int) -> Note | None:
    found = {w}db.get(Note, note_id)
    KEPT.append(found)
    return found


def kept(function):
    {a}def inner(*given):
        found = {w}function(*given)
        KEPT.append(found)
        return found

    return inner


@kept
{a}def load_cached(db: {session}, note_id: int) -> Note | None:
    return {w}db.get(Note, note_id)


class Keeping:
    def __init__(self, db: {session}) -> None:
        self.db = db

    {a}def first(self) -> None:
        self.note = {w}self.db.scalar(select(Note).order_by(Note.id).limit(1))
"""


@dataclass(frozen=True)
class BlockVariant:
    """The names of the parts of one service; `fails_inside`: its failing requests fail in the block."""

    is_async: bool
    opener: str
    maker: str
    read: str
    before: tuple[str, ...]
    wait: str
    inside: tuple[str, ...]
    after: str
    result: str
    fails_inside: bool

    def __str__(self) -> str:
        kind = "async" if self.is_async else "sync"
        parts = [kind, self.opener, self.maker, self.read, *self.before, f"[{self.wait}]", *self.inside]
        parts += [self.after, self.result, "fails inside" if self.fails_inside else ""]
        return " / ".join(part for part in parts if part)


def source(variant: BlockVariant) -> str:
    """The module of a variant."""
    is_async = variant.is_async
    words = {
        "a": "async " if is_async else "",
        "w": "await " if is_async else "",
        "session": "AsyncSession" if is_async else "Session",
        "client": "AsyncClient" if is_async else "Client",
        "manager": "asynccontextmanager" if is_async else "contextmanager",
        "lazy": "await note.awaitable_attrs.tags" if is_async else "note.tags",
    }

    def filled(block: str) -> str:
        return block.format_map(words)

    wait = WAITS[variant.wait]
    if variant.wait == "lazy inside" and is_async:
        wait = "answer = {w}ask({w}count_tags(note))"
    failing = "if fail:\n    raise HTTPException(409)"
    block = [READS[variant.read], *(BEFORE[name] for name in variant.before), wait]
    block += [failing] if variant.fails_inside else []
    block += [text for name in variant.inside if (text := INSIDE[name])]
    lines = [f"{words['a']}with {filled(OPENERS[variant.opener])}:"]
    lines += [textwrap.indent(filled(part), "    ", _is_code) for part in block]
    lines += [filled(variant.after)] if variant.after else []
    lines += [] if variant.fails_inside else [failing]
    lines += [f"return {variant.result}"]
    handler = f'@app.post("/run")\n{words["a"]}def run(fail: bool = False, flag: bool = True):\n'
    create = "await connection.run_sync(Base.metadata.{}_all)" if is_async else "Base.metadata.{}_all(connection)"
    engine = (ASYNC_ENGINE if is_async else SYNC_ENGINE).format(engine_options="", maker_options=variant.maker)
    return TEMPLATE.format(
        engine=engine,
        provider=filled(MANAGERS),
        helpers=filled(ASK) + "\n" + filled(LAZY),
        handler=handler + textwrap.indent("\n".join(lines), "    ", _is_code) + "\n",
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a=words["a"],
        w=words["w"],
    )


def _is_code(line: str) -> bool:
    """The lines of the text of the wait called `text` keep their margin."""
    return line.strip() not in ("deep", "less", '""")')


def drawn(seed: int, count: int) -> list[BlockVariant]:
    """`count` services: each part at least once, then by chance."""
    chance = random.Random(seed)
    found: list[BlockVariant] = []
    for is_async in (True, False):
        for opener in ("maker", "begin"):
            for maker in (MAKER[0], ""):
                found += [_plain(is_async, opener=opener, maker=maker, wait=wait) for wait in WAITS]
                found += [_plain(is_async, opener=opener, maker=maker, inside=(inside,)) for inside in ALONE]
        found += [
            _plain(is_async, opener=opener, inside=(inside,))
            for opener in OPENERS
            for inside in ("", "adds and commits")
            if inside or opener
        ]
        found += [
            _plain(is_async, maker="", wait=wait, inside=("adds and commits",), opener=opener)
            for wait in ("nothing of it", *FORGETTING)
            for opener in ("maker", "session that expires", "reading")
        ]
        found += [_plain(is_async, before=(before,)) for before in BEFORE]
        for maker, opener, wait in itertools.product((MAKER[0], ""), ("maker", "writing"), ("plain", "nothing of it")):
            found += [
                _plain(is_async, maker=maker, opener=opener, wait=wait, before=(before,), inside=inside)
                for before, inside in CONTAINERS
            ]
    while len(found) < count:
        found.append(
            BlockVariant(
                chance.random() < 0.6,
                chance.choice(["maker", "maker", "begin", *OPENERS]),
                chance.choice([MAKER[0], MAKER[0], *MAKER]),
                chance.choice(list(READS)),
                tuple(chance.sample(HARMLESS if chance.random() < 0.7 else list(BEFORE), chance.choice([0, 0, 1]))),
                chance.choice(list(WAITS)),
                tuple(chance.sample(ALONE, chance.choice([0, 1, 1, 2]))),
                chance.choice(AFTER),
                chance.choice(RESULTS),
                chance.random() < 0.5,
            )
        )
    return found


def _plain(
    is_async: bool,
    *,
    opener: str = "maker",
    maker: str = MAKER[0],
    before: tuple[str, ...] = (),
    wait: str = "plain",
    inside: tuple[str, ...] = (),
) -> BlockVariant:
    chosen = tuple(name for name in inside if name)
    return BlockVariant(is_async, opener, maker, "get", before, wait, chosen, "", RESULTS[0], fails_inside=True)
