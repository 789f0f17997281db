# ruff: noqa: E501  # a piece of code stands on a line
"""Services whose handlers make a session and close it in one of many ways, or drive a provider by hand.

They are put together like those of `variants`, whose models they share: how the session is made, what it does, where it
is closed, and what the handler does with what was loaded when it is closed.
"""

from __future__ import annotations

import itertools
import random
import textwrap
from dataclasses import dataclass

from variants import ASYNC_ENGINE, MAKER, SYNC_ENGINE, TEMPLATE

PROVIDERS = """{a}def opened():
    return maker()


{a}def provided():
    {a}with maker() as session:
        yield session


{a}def committed():
    session = maker()
    try:
        yield session
        {w}session.commit()
    except Exception:
        {w}session.rollback()
        raise
    finally:
        {w}session.close()


{a}def swallowed():
    {a}with maker() as session:
        try:
            yield session
        except HTTPException:
            {w}session.rollback()
"""

OPENERS = {
    "maker": "db = maker()",
    "class": "db = {session}(engine, expire_on_commit=False)",
    "class that expires": "db = {session}(\n    engine,\n)",
    "function": "db = {w}opened()",
    "annotated": "db: {session} = maker()  # mine",
    "step": "db = {w}{next}(provided())",
    "step of one that commits": "db = {w}{next}(committed())",
    "named generator": "generator = provided()\ndb = {w}{next}(generator)",
    "one that swallows": "db = {w}{next}(swallowed())",
}

WORK = {
    "read": "note = {w}db.get(Note, 1)",
    "scalar": "note = {w}db.scalar(select(Note).order_by(Note.id))",
    "rows": "rows = ({w}db.scalars(select(Note).order_by(Note.id))).all()\nnote = rows[0]",
    "unread": "rows = {w}db.scalars(select(Note).order_by(Note.id))\nnote = {w}db.get(Note, 1)",
    "lines": 'note = {w}db.scalar(\n    select(Note)\n    .where(Note.body != """\nx\n    y""")\n    .order_by(Note.id)\n)',
}

MORE = {
    "nothing": "",
    "write": "db.add(Note(body='new'))\n{w}db.commit()",
    "unsaved": "db.add(Note(body='new'))\n{w}db.flush()",
    "change": "note.answer = 'changed'\n{w}db.commit()",
    "guard": "if flag:\n    note.count += 1\n    {w}db.commit()",
    "early": "if not flag:\n    return 'early'",
    "early with a close": "if not flag:\n    {w}db.close()\n    return [note.id]",
    "fails": "if fail:\n    raise HTTPException(409)",
    "fails with a close": "if fail:\n    {w}db.close()\n    raise HTTPException(409)",
    "rolls back": "try:\n    if fail:\n        raise ValueError\nexcept ValueError:\n    {w}db.rollback()\n    {w}db.close()\n    raise HTTPException(409)",
    "loop": "for each in range(2):\n    db.add(Note(body=str(each)))\n    {w}db.commit()",
    "function inside": "{a}def again():\n    return {w}db.get(Note, 1)\nnote = {w}again()",
    "closed between": "{w}db.close()\nother = {w}db.get(Note, 1)",
}

CLOSES = {
    "never": "",
    "end": "{w}db.close()",
    "comment": "# give it back\n{w}db.close()  # now",
    "flag": "if flag:\n    {w}db.close()",
    "again": "{w}db.close()\ndb = maker()\nlast = {w}db.get(Note, 1)\n{w}db.close()",
}

AFTER = {
    "body": "return [note.body, note.answer]",
    "loop": "found = []\nfor each in (rows if 'rows' in locals() else [note]):\n    found.append(each.body)\nreturn found",
    "lazy": "return [{lazy}]",
    "constant": "return 'done'",
    "helper": "return tell(note)",
    "session": "return [note.body, {w}db.scalar(select(func.count(Note.id)))]",
}

LAZY = """{a}def tags_of(note: Note) -> int:
    return len({tags})


"""
HELPERS = """def tell(note: Note) -> str:
    return note.body
"""


@dataclass(frozen=True)
class OpeningVariant:
    """The names of the parts of one service."""

    is_async: bool
    opener: str
    maker: str
    work: str
    more: tuple[str, ...]
    close: str
    after: str

    def __str__(self) -> str:
        kind = "async" if self.is_async else "sync"
        parts = (kind, self.opener, self.maker, self.work, *self.more, self.close, self.after)
        return " / ".join(part for part in parts if part)


def source(variant: OpeningVariant) -> str:
    """The module of a variant."""
    is_async = variant.is_async
    words = {
        "a": "async " if is_async else "",
        "w": "await " if is_async else "",
        "session": "AsyncSession" if is_async else "Session",
        "next": "anext" if is_async else "next",
        "lazy": "await tags_of(note)" if is_async else "tags_of(note)",
        "tags": "await note.awaitable_attrs.tags" if is_async else "note.tags",
    }
    parts = [OPENERS[variant.opener], WORK[variant.work], *(MORE[name] for name in variant.more)]
    parts += [CLOSES[variant.close], AFTER[variant.after]]
    body = "\n".join(part.format_map(words) for part in parts if part)
    engine = (ASYNC_ENGINE if is_async else SYNC_ENGINE).format(engine_options="", maker_options=variant.maker)
    create = "await connection.run_sync(Base.metadata.{}_all)" if is_async else "Base.metadata.{}_all(connection)"
    handler = f'@app.post("/run")\n{words["a"]}def run(fail: bool = False, flag: bool = True):\n'
    return TEMPLATE.format(
        engine=engine,
        provider=PROVIDERS.format_map(words),
        helpers=((LAZY if variant.after == "lazy" else "") + HELPERS).format_map(words),
        handler=handler + textwrap.indent(body, "    ", lambda line: line not in ("x\n", '    y""")\n')) + "\n",
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a=words["a"],
        w=words["w"],
    )


def drawn(seed: int, count: int) -> list[OpeningVariant]:
    """`count` services: each part of each kind at least once, then by chance."""
    chance = random.Random(seed)
    found = [_plain(is_async, **{part: name}) for is_async in (True, False) for part, name in _parts()]
    while len(found) < count:
        found.append(
            OpeningVariant(
                chance.random() < 0.6,
                chance.choice(list(OPENERS)),
                chance.choice([MAKER[0], MAKER[0], ""]),
                chance.choice(list(WORK)),
                tuple(chance.sample(list(MORE), chance.choice([0, 1, 1, 2, 3]))),
                chance.choice(["never", "end", "end", *CLOSES]),
                chance.choice(list(AFTER)),
            )
        )
    return found


def _parts() -> list[tuple[str, str]]:
    kinds = {"opener": OPENERS, "work": WORK, "more": MORE, "close": CLOSES, "after": AFTER}
    return list(itertools.chain.from_iterable(((kind, name) for name in table) for kind, table in kinds.items()))


def _plain(
    is_async: bool,
    *,
    opener: str = "maker",
    work: str = "read",
    more: str = "",
    close: str = "end",
    after: str = "body",
) -> OpeningVariant:
    return OpeningVariant(is_async, opener, MAKER[0], work, (more,) if more else (), close, after)
