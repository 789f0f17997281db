# ruff: noqa: E501  # a block stands on a line
"""Services whose function waits with a session that came in, and has ended the callers' transaction itself, or not.

Nothing tells who calls it: it is reached through a table.
"""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass

from variants import ASK, ASYNC_ENGINE, MAKER, TEMPLATE

ENDS = {
    "commits": "await db.commit()",
    "commits in a branch": "if flag:\n    await db.commit()",
    "commits in both": "if flag:\n    await db.commit()\nelse:\n    await db.rollback()",
    "rolls back": "await db.rollback()",
    "closes": "await db.close()",
    "writes and commits": 'db.add(Note(body="own"))\nawait db.commit()',
    "commits and writes": 'await db.commit()\ndb.add(Note(body="own"))',
    "stores": 'await store(db, "stored")',
    "tries to commit": "try:\n    await db.commit()\nexcept ValueError:\n    pass",
    "commits in a loop": "for _ in range(2):\n    await db.commit()",
    "commits for some": "for _ in KEPT:\n    await db.commit()",
    "locks again": "await db.commit()\nawait db.scalar(select(Note).where(Note.id == 1).with_for_update())",
    "ends nothing": "await db.flush()",
}
"""What the function does before it queries and waits."""

CALLERS = {
    "reads": "mine = await db.get(Note, 1)\nanswer = await WORK['run'](db, flag)",
    "adds": "db.add(Note(body='pending'))\nmine = await db.get(Note, 1)\nanswer = await WORK['run'](db, flag)",
    "changes": "mine = await db.get(Note, 1)\nmine.body = 'changed'\nanswer = await WORK['run'](db, flag)",
    "locks": "mine = await db.scalar(select(Note).where(Note.id == 1).with_for_update())\nanswer = await WORK['run'](db, flag)",
    "catches": "mine = await db.get(Note, 1)\ntry:\n    answer = await WORK['run'](db, flag)\nexcept HTTPException:\n    answer = 'failed'",
    "ends it": "mine = await db.get(Note, 1)\nanswer = await WORK['run'](db, flag)\nif db.in_transaction():\n    await db.commit()",
    "asks": "mine = await db.get(Note, 1)\nanswer = await WORK['run'](db, flag)\nanswer += str(db.in_transaction())",
    "saves": "mine = await db.get(Note, 1)\nasync with db.begin_nested():\n    answer = await WORK['run'](db, flag)",
}
"""What the caller does with the session before the function gets it, and behind it."""

OPENERS = {
    "maker": "maker() as db",
    "begin": "maker.begin() as db",
    "bound": "engine.connect() as connection, AsyncSession(connection, expire_on_commit=False) as db",
    "expires": "AsyncSession(engine) as db",
}

HELPERS = """
KEPT: list[int] = []


async def work(db: AsyncSession, flag: bool) -> str:
{body}


WORK = {{"run": work}}
"""


@dataclass(frozen=True)
class ReleasedVariant:
    """The names of the parts of one service."""

    ends: str
    caller: str
    opener: str = "maker"

    def __str__(self) -> str:
        return f"{self.ends} / {self.caller} / {self.opener}"


def source(variant: ReleasedVariant) -> str:
    """The module of a variant."""
    words = {"a": "async ", "w": "await ", "session": "AsyncSession", "client": "AsyncClient"}
    body = f"{ENDS[variant.ends]}\nnote = await db.get(Note, 1)\nanswer = await ask(note.body)\nnote.answer = answer\nreturn answer"
    inside = f"{CALLERS[variant.caller]}\nif fail:\n    raise HTTPException(409)\nreturn [str(answer), mine.body]"
    handler = f"async with {OPENERS[variant.opener]}:\n{textwrap.indent(inside, '    ')}"
    create = "await connection.run_sync(Base.metadata.{}_all)"
    return TEMPLATE.format(
        engine=ASYNC_ENGINE.format(engine_options="", maker_options=MAKER[0]),
        provider="",
        helpers=ASK.format_map(words) + HELPERS.format(body=textwrap.indent(body, "    ")),
        handler=f'@app.post("/run")\nasync def run(fail: bool = False, flag: bool = True):\n{textwrap.indent(handler, "    ")}\n',
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a="async ",
        w="await ",
    )


def drawn() -> list[ReleasedVariant]:
    """All pairs of what the function and its caller do, and each way to open the session."""
    found = [ReleasedVariant(ends, caller) for ends, caller in itertools.product(ENDS, CALLERS)]
    return found + [ReleasedVariant(ends, "reads", opener) for ends in ENDS for opener in OPENERS if opener != "maker"]
