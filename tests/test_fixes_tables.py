# ruff: noqa: E501  # a case stands on a line
"""A lock of a caller that reaches a function through a value: nothing can be released in the function then."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import flow_of

HANDLERS = """
import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from models import Note


async def remember(db: AsyncSession, text: str) -> str:
    body = await db.scalar(select(Note.body))
    async with httpx.AsyncClient() as client:
        return (await client.post("http://peer", json={{"prompt": body}})).text


{table}
"""

APP = """
import os
from fastapi import Depends, FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from models import Note
import handlers
from handlers import *

engine = create_async_engine(os.environ["DATABASE_URL"])
maker = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def get_db():
    async with maker() as session:
        {provided}
        yield session


async def dispatch(db: AsyncSession, name: str) -> str:
    {looked_up}
    return await {called}


@app.post("/run")
async def run(name: str, db: AsyncSession = Depends(get_db)) -> str:
    {before}
    return await dispatch(db, name)
"""

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase):
    pass
class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
"""

REGISTRY = """
class Registry:
    def __init__(self):
        self.entries = {}
    def register(self, name, function):
        self.entries[name] = function
registry = Registry()
registry.register("remember", remember)
"""
DECORATED = """
COMMANDS = {}
def command(name):
    def keep(function):
        COMMANDS[name] = function
        return function
    return keep
"""
LOCK = "await db.execute(select(Note).where(Note.id == 1).with_for_update())"
TABLE = "TABLE = {**{}, 'remember': remember}"
GET = ("function = handlers.TABLE.get(name)", "function(db, 'text')")

WAYS = {
    "a dict by key": (TABLE, ("pass", "handlers.TABLE[name](db, 'text')")),
    "a dict by get": (TABLE, GET),
    "a dict behind a function": (f"{TABLE}\ndef find(name):\n    return TABLE.get(name)", ("pass", "find(name)(db, 'text')")),
    "lambdas": ("TABLE = {'remember': lambda db, text: remember(db, text=text)}", GET),
    "records": (
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Spec:\n    scopes: tuple\n    handler: object\nTABLE = {'remember': Spec(scopes=(), handler=lambda db, text: remember(db, text))}",
        ("spec = handlers.TABLE.get(name)", "spec.handler(db, 'text')"),
    ),
    "a registry": (REGISTRY, ("function = registry.entries[name]", "function(db, 'text')")),
    "a list": ("ALL = [remember]", ("function = next(one for one in handlers.ALL if one.__name__ == name)", "function(db, 'text')")),
    "called by what is in it": ("async def first(db, text):\n    return await remember(db, text)\nTABLE = {**{}, 'remember': first}", GET),
}  # fmt: skip


def verdict(
    tmp_path: Path, table: str, call: tuple[str, str], before: str = "pass", provided: str = "pass", decorator: str = ""
) -> tuple[str, str]:
    """The grade of a commit before the wait in `remember`, and what is wrong or doubtful about it."""
    files = {
        "models.py": MODELS,
        "handlers.py": HANDLERS.format(table=table).replace("async def remember", f"{decorator}async def remember"),
        "app.py": APP.format(provided=provided, looked_up=call[0], called=call[1], before=before),
    }
    flow = flow_of(tmp_path, files)
    found = [
        one
        for hold in flow.holds
        if hold.function.name == "remember" and not hold.again and hold.waiting.wait.kind != "checkout"
        for one in flow.remedies(hold)
        if one.name == "commit-before"
    ]
    return ("refused", found[0].refused) if found[0].refused else ("offered", "; ".join(found[0].doubts))


@pytest.mark.parametrize("way", WAYS)
def test_a_lock_of_a_caller_forbids(way: str, tmp_path: Path) -> None:
    grade, why = verdict(tmp_path, *WAYS[way], before=LOCK)
    assert grade == "refused", why
    assert "under a lock" in why


@pytest.mark.parametrize("way", WAYS)
def test_a_lock_of_a_provider_forbids(way: str, tmp_path: Path) -> None:
    grade, why = verdict(tmp_path, *WAYS[way], provided=LOCK.replace("db.", "session."))
    assert grade == "refused", why


@pytest.mark.parametrize("way", WAYS)
def test_without_a_lock_it_is_offered(way: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, *WAYS[way], before="await db.execute(select(Note))")[0] == "offered"


def test_a_decorator_registers(tmp_path: Path) -> None:
    call = ("pass", "handlers.COMMANDS[name](db, 'text')")
    grade, why = verdict(tmp_path, "", call, before=LOCK, decorator=f"{DECORATED}\n@command('remember')\n")
    assert grade == "refused", why
    assert "under a lock" in why


def test_another_table_is_not_it(tmp_path: Path) -> None:
    table = f"{TABLE}\nasync def other(db, text):\n    return text\nOTHERS = {{'other': other}}"
    assert verdict(tmp_path, table, ("pass", "handlers.OTHERS[name](db, 'text')"), before=LOCK)[0] == "offered"


def test_a_lock_behind_the_call_is_none(tmp_path: Path) -> None:
    looked_up, called = WAYS["a dict by get"][1]
    later = (f"{looked_up}\n    answer = await {called}\n    {LOCK}\n    function = str", "asyncio.sleep(0, answer)")
    assert verdict(tmp_path, TABLE, later)[0] == "offered"
