# ruff: noqa: E501  # a block stands on a line
"""Services with a registry of sessions, whose function waits in the scope of its caller, or in one of its own."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass

from variants import ASK, ASYNC_ENGINE, MAKER, TEMPLATE

KEYS = {
    "new": "given or str(uuid.uuid4())",
    "the same": "given or 'all'",
    "inherited": "given or current.get('none')",
}
"""What a scope without a name of its own is called."""

DECORATORS = {"own": "@scoped", "none": "", "passes": "@passed"}

WORKS = {
    "reads": "note = await first()",
    "adds": "registry.add(Note(body='own'))\nnote = await first()",
    "commits": "registry.add(Note(body='own'))\nawait registry.commit()\nnote = await first()",
    "locks": "note = await registry.scalar(select(Note).where(Note.id == 1).with_for_update())",
    "elsewhere": "registry.add(Note(body='own'))\nawait stored()\nnote = await first()",
    "as a task": "registry.add(Note(body='own'))\nnote = await asyncio.create_task(first())",
    "by the caller": "note = await (work_for or first)()",
}
"""What the function does before it waits."""

CALLERS = {
    "reads": "mine = await first()\nanswer = await work(flag)",
    "adds": "registry.add(Note(body='pending'))\nmine = await first()\nanswer = await work(flag)",
    "beside": "registry.add(Note(body='pending'))\nmine = await first()\n(answer,) = await asyncio.gather(work(flag))",
    "hands on": "registry.add(Note(body='pending'))\nmine = await first()\nanswer = await work(flag, adds)",
}

HELPERS = """
import functools
import uuid
from contextvars import ContextVar

from sqlalchemy.ext.asyncio import async_scoped_session

current: ContextVar[str] = ContextVar("current")
registry = async_scoped_session(maker, scopefunc=current.get)


@contextlib.contextmanager
def scope(given: str | None = None):
    token = current.set({key})
    try:
        yield
    finally:
        current.reset(token)


def scoped(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        with scope():
            try:
                return await function(*args, **kwargs)
            finally:
                {removes}

    return wrapper


def passed(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)

    return wrapper


async def first() -> Note:
    return await registry.get(Note, 1)


async def adds() -> Note:
    registry.add(Note(body="added"))
    return await first()


@scoped
async def stored() -> None:
    registry.add(Note(body="stored"))
    await registry.commit()


{decorator}
async def work(flag: bool, work_for=None) -> str:
{body}
    answer = await ask(note.body)
    note.answer = answer
    if flag:
        await registry.commit()
    return answer
"""


@dataclass(frozen=True)
class ScopeVariant:
    """The names of the parts of one service."""

    work: str
    caller: str
    key: str = "new"
    decorator: str = "own"

    def __str__(self) -> str:
        return f"{self.work} / {self.caller} / {self.key} / {self.decorator}"


def source(variant: ScopeVariant) -> str:
    """The module of a variant."""
    words = {"a": "async ", "w": "await ", "session": "AsyncSession", "client": "AsyncClient"}
    inside = f"{CALLERS[variant.caller]}\nif fail:\n    raise HTTPException(409)\nreturn [str(answer), mine.body]"
    body = f"with scope('caller'):\n    try:\n{textwrap.indent(inside, ' ' * 8)}\n    finally:\n        await registry.remove()"
    create = "await connection.run_sync(Base.metadata.{}_all)"
    return TEMPLATE.format(
        engine=ASYNC_ENGINE.format(engine_options="", maker_options=MAKER[0]),
        provider="",
        helpers=ASK.format_map(words)
        + HELPERS.format(
            key=KEYS[variant.key],
            removes="await registry.remove()" if variant.key == "new" else "pass",
            decorator=DECORATORS[variant.decorator],
            body=textwrap.indent(WORKS[variant.work], "    "),
        ),
        handler=f'@app.post("/run")\nasync def run(fail: bool = False, flag: bool = True):\n{textwrap.indent(body, "    ")}\n',
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a="async ",
        w="await ",
    )


def drawn() -> list[ScopeVariant]:
    """All pairs of what the function and its caller do; each way to open the scope, or not."""
    found = [ScopeVariant(work, caller) for work, caller in itertools.product(WORKS, CALLERS)]
    ways = [way for way in itertools.product(KEYS, DECORATORS) if way != ("new", "own")]
    return found + [ScopeVariant("reads", "adds", *way) for way in ways]
