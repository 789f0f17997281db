# ruff: noqa: E501  # a piece of code stands on a line
"""Services whose handlers share a session with branches of a `gather`, or give it to a background task.

They are put together like those of `variants`, whose models they share.
"""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass

from variants import ASYNC_ENGINE, TEMPLATE

PROVIDERS = {
    "plain": "async def get_db():\n    async with maker() as session:\n        yield session\n",
    "by hand": "async def get_db():\n    session = maker()\n    try:\n        yield session\n    finally:\n        await session.close()\n",
    "commits": "async def get_db():\n    async with maker() as session:\n        try:\n            yield session\n            await session.commit()\n        except Exception:\n            await session.rollback()\n            raise\n",
    "sets": "async def get_db():\n    async with maker() as session:\n        await session.execute(select(1))\n        yield session\n",
}

HELPERS = """async def read(db: AsyncSession, note_id: int) -> str:
    note = await db.get(Note, note_id)
    return note.body if note else "none"


async def count(db: AsyncSession) -> int:
    return await db.scalar(select(func.count(Note.id)))


async def write(db: AsyncSession, body: str) -> str:
    db.add(Note(body=body))
    await db.commit()
    return body


async def fail(db: AsyncSession) -> None:
    await db.scalar(select(1))
    raise HTTPException(409)
"""

GATHERS = {
    "unpacked": "first, second = await asyncio.gather(read(db, 1), count(db))\nreturn [first, second]",
    "kept": "found = await asyncio.gather(\n    read(db, 1),\n    count(db),\n    read(db, 2),\n)\nreturn list(found)",
    "dropped": "await asyncio.gather(read(db, 1), count(db))\nreturn await count(db)",
    "returned": "return await asyncio.gather(read(db, 1), read(db, 2))",
    "one writes": "first, second = await asyncio.gather(write(db, 'a'), count(db))\nreturn first",
    "two write": "await asyncio.gather(write(db, 'a'), write(db, 'b'))\nreturn await count(db)",
    "comprehension": "return await asyncio.gather(*[read(db, each) for each in range(3)])",
    "generator": "return await asyncio.gather(*(read(db, each) for each in (1, 2) if flag))",
    "list before": "calls = [read(db, each) for each in range(3)]\nreturn await asyncio.gather(*calls)",
    "appended": "calls = []\nfor each in range(3):\n    calls.append(read(db, each))\nreturn await asyncio.gather(*calls)",
    "a failure": "first, second = await asyncio.gather(fail(db) if fail_now else count(db), count(db))\nreturn second",
    "failures wanted": "found = await asyncio.gather(fail(db), count(db), return_exceptions=True)\nreturn [str(type(one)) for one in found]",
    "statements": "found = await asyncio.gather(db.execute(select(Note.id)), db.scalar(select(func.count(Note.id))))\nreturn found[1]",
    "same names": "note_id, again = await asyncio.gather(count(db), read(db, note_id))\nreturn [note_id, again]",
}

TASKS = {
    "writes": ("db: AsyncSession, body: str", "db, 'task'", "db.add(Note(body=body))\nawait db.commit()"),
    "by name": (
        "body: str, *, db: AsyncSession, more: int = 1",
        "body='task', db=db",
        "db.add(Note(body=body))\nawait db.commit()",
    ),
    "does not commit": ("db: AsyncSession, body: str", "db, 'task'", "db.add(Note(body=body))\nawait db.flush()"),
    "guarded": (
        "db: AsyncSession, note_id: int",
        "db, 1",
        "note = await db.get(Note, note_id)\nif note is None:\n    return\nnote.body = 'task'\nawait db.commit()",
    ),
    "waits first": (
        "db: AsyncSession, body: str",
        "db, 'task'",
        "await asyncio.sleep(0)\nawait write(db, body)\nprint('done')",
    ),
    "reads what is new": (
        "db: AsyncSession, body: str",
        "db, 'before'",
        "found = await db.scalar(select(func.count(Note.id)).where(Note.body == body))\ndb.add(Note(body=f'{found} found'))\nawait db.commit()",
    ),
    "closes": (
        "db: AsyncSession, body: str",
        "db, 'task'",
        "try:\n    db.add(Note(body=body))\n    await db.commit()\nfinally:\n    await db.close()",
    ),
    "is given an object": ("db: AsyncSession, note: Note", "db, note", "note.body = 'task'\nawait db.commit()"),
}

BEFORE = {
    "nothing": "",
    "reads": "note = await db.get(Note, 1)",
    "commits": "await write(db, 'before')",
    "flushes": "db.add(Note(body='before'))\nawait db.flush()",
    "adds": "db.add(Note(body='before'))",
}

AFTER = {"nothing": "", "commits": "await db.commit()", "fails": "if fail_now:\n    raise HTTPException(409)"}


@dataclass(frozen=True)
class BranchVariant:
    """The names of the parts of one service: a `gather`, or a task with what is done around its hand-over."""

    provider: str
    gather: str = ""
    task: str = ""
    before: str = ""
    after: str = ""
    also_called: bool = False

    def __str__(self) -> str:
        called = "called too" if self.also_called else ""
        return " / ".join(
            part for part in (self.provider, self.gather, self.before, self.task, self.after, called) if part
        )


def source(variant: BranchVariant) -> str:
    """The module of a variant."""
    helpers = HELPERS
    if variant.gather:
        body = GATHERS[variant.gather]
    else:
        signature, given, inside = TASKS[variant.task]
        helpers += f"\n\nasync def task({signature}) -> None:\n{textwrap.indent(inside, '    ')}\n"
        first = BEFORE[variant.before]
        if variant.task == "is given an object" and variant.before != "reads":
            first = f"{first}\nnote = await db.get(Note, 1)".strip()
        called = f"if not flag:\n    await task({given})" if variant.also_called else ""
        parts = (first, called, f"tasks.add_task(task, {given})", AFTER[variant.after], "return 'ok'")
        body = "\n".join(part for part in parts if part)
    head = (
        "@app.post('/run')\nasync def run(\n    tasks: BackgroundTasks,\n    fail: bool = False,\n    flag: bool = True,\n"
        "    note_id: int = 1,\n    db: AsyncSession = Depends(get_db),\n):\n    fail_now = fail\n"
    )
    module = TEMPLATE.format(
        engine=ASYNC_ENGINE.format(engine_options="", maker_options=", expire_on_commit=False"),
        provider=PROVIDERS[variant.provider],
        helpers=helpers.replace("async def fail(", "async def failing("),
        handler=head + textwrap.indent(body.replace("fail(db)", "failing(db)"), "    ") + "\n",
        setup_create="await connection.run_sync(Base.metadata.drop_all)\n        await connection.run_sync(Base.metadata.create_all)",
        a="async ",
        w="await ",
    )
    return module.replace("from fastapi import Depends", "from fastapi import BackgroundTasks, Depends")


def every() -> list[BranchVariant]:
    """All services."""
    gathers = [BranchVariant(provider, gather) for provider in ("plain", "commits") for gather in GATHERS]
    tasks = [
        BranchVariant(provider, "", task, before, after)
        for provider, task, before, after in itertools.product(PROVIDERS, TASKS, BEFORE, AFTER)
    ]
    return [
        *gathers,
        *tasks,
        *(BranchVariant("plain", "", task, also_called=True, before="nothing", after="nothing") for task in TASKS),
    ]
