"""Whether what a session has loaded survives a commit, of sessions whose maker is not seen where they are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import flow_of

FACTORIES = """
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine


class Factories:
    def __init__(self) -> None:
        self.made = {}

    def of(self, tenant: str):
        if tenant not in self.made:
            engine = create_async_engine(f"postgresql+asyncpg://localhost/{tenant}")
            self.made[tenant] = async_sessionmaker(engine, expire_on_commit=False)
        return self.made[tenant]


factories = Factories()
maker = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"), expire_on_commit=False)
registry = async_scoped_session(session_factory=maker, scopefunc=lambda: 1)
"""
PROVIDERS = """
from sqlalchemy.ext.asyncio import AsyncSession

from factories import factories


class Provided:
    def provide(self) -> AsyncSession:
        return factories.of("one")()
"""
READING = """
from sqlalchemy import select

from factories import registry


async def first():
    return await registry.scalar(select(1))
"""
WORK = """
import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from reading import first

client = httpx.AsyncClient()


class Notes:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def answer(self) -> str:
        note = await self.db.scalar(select(1))
        response = await client.get("/")
        return response.text + note.body


async def work() -> str:
    note = await first()
    response = await client.get("/")
    return response.text + note.body
"""
NOT_PROVED = "`expire_on_commit=False` is not proved"


def unproved(root: Path, **more: str) -> set[str]:
    """The functions at whose commit it is not proved that it expires nothing; `more` files, or more of these."""
    sources = {"factories": FACTORIES, "providers": PROVIDERS, "reading": READING, "work": WORK}
    files = {f"{name}.py": sources.get(name, "") + more.get(name, "") for name in {**sources, **more}}
    flow = flow_of(root, files)
    found = {}
    for hold in flow.holds:
        one = next(one for one in flow.remedies(hold) if one.name == "commit-before")
        assert not one.refused
        found[hold.function.name] = NOT_PROVED in one.doubts
    assert set(found) >= {"Notes.answer", "work"}
    return {name for name, doubtful in found.items() if doubtful}


def test_all_factories_of_the_project_keep_what_is_loaded(tmp_path: Path) -> None:
    assert unproved(tmp_path) == set()


@pytest.mark.parametrize(
    "more",
    [
        "from sqladmin import Admin",
        "from sqlalchemy_utils import UUIDType",
        "from work import AsyncSession",
        "import asyncpg\n\nasync def pool():\n    return await asyncpg.create_pool()",
        "from factories import AsyncSession\n\ndef of(injector):\n    return injector.get(AsyncSession)",
        "from factories import AsyncSession\n\ndef is_one(value) -> bool:\n    return isinstance(value, AsyncSession)",
        "from sqlalchemy.orm import sessionmaker\nfrom factories import AsyncSession\n\n"
        "maker = sessionmaker(class_=AsyncSession, expire_on_commit=False)",
        "from sqlalchemy.orm import sessionmaker\n\nmaker = sessionmaker()",
        "from factories import AsyncSession\n\n"
        "async def first(db: AsyncSession | None = None) -> AsyncSession | None:\n"
        "    other: AsyncSession | None = db\n    return other",
        "import functools\nfrom factories import AsyncSession\n\n"
        "make = functools.partial(AsyncSession, expire_on_commit=False)",
    ],
)
def test_what_makes_no_async_session_that_expires_changes_nothing(more: str, tmp_path: Path) -> None:
    assert unproved(tmp_path, other=more) == set()


@pytest.mark.parametrize(
    "more",
    [
        "from factories import async_sessionmaker\n\nmaker = async_sessionmaker()",
        "from factories import async_sessionmaker\n\nmaker = async_sessionmaker(expire_on_commit=True)",
        "from factories import async_sessionmaker\n\ndef made(options):\n    return async_sessionmaker(**options)",
        "from factories import AsyncSession\n\ndef made(engine):\n    return AsyncSession(engine)",
        "from sqlalchemy.orm import sessionmaker\nfrom factories import AsyncSession\n\n"
        "maker = sessionmaker(class_=AsyncSession)",
        "from factories import async_sessionmaker as made\n\nmaker = made()",
        "import sqlalchemy.ext.asyncio as sa\n\nmake = sa.async_sessionmaker\nmaker = make()",
        "import functools\nfrom factories import AsyncSession\n\nmake = functools.partial(AsyncSession, None)",
        "from fastapi import Depends\nfrom factories import AsyncSession\n\n"
        "async def handler(db=Depends(AsyncSession)): ...",
        "from factories import AsyncSession\n\ndef made(make=AsyncSession):\n    return make()",
        "from factories import AsyncSession\n\ndef kind():\n    return AsyncSession",
        "from factories import AsyncSession\n\nOPTIONS = {'class_': AsyncSession}",
        "from factories import AsyncSession\n\ndef made(other):\n    return (other or AsyncSession)()",
        "from factories import AsyncSession\n\ndef made(other):\n    return (other if other else AsyncSession)()",
        "from factories import AsyncSession\n\nclass Session(AsyncSession): ...",
        "from factories import registry\n\nasync def opened():\n    registry(expire_on_commit=True)",
        "from advanced_alchemy.config import SQLAlchemyAsyncConfig",
        "async def work(db):\n    from fastapi_async_sqlalchemy import db\n    return db",
        "import litestar.plugins.sqlalchemy",
    ],
)
def test_one_maker_whose_sessions_expire_or_that_is_not_seen_spoils_it(more: str, tmp_path: Path) -> None:
    assert unproved(tmp_path, other=more) == {"Notes.answer", "work"}


def test_a_module_of_the_project_is_no_library(tmp_path: Path) -> None:
    files = {"fastapi_sqla": "VALUE = 1", "other": "from fastapi_sqla import VALUE"}
    assert unproved(tmp_path, **files) == set()


@pytest.mark.parametrize(
    "opens",
    ["async with something() as db:", "async with maker(**something) as db:"],
)
def test_a_session_that_is_opened_in_a_way_that_is_not_understood_may_be_any(opens: str, tmp_path: Path) -> None:
    other = f"""
from sqlalchemy import select

from factories import maker
from work import client


async def opened(something) -> str:
    {opens}
        note = await db.scalar(select(1))
        response = await client.get("/")
        return response.text + note.body
"""
    assert unproved(tmp_path, other=other) == {"opened"}


@pytest.mark.parametrize(("opens", "is_safe"), [("something()", False), ("maker.begin()", False), ("maker()", True)])
def test_a_session_that_something_opens_may_be_inside_of_a_transaction(
    opens: str, is_safe: bool, tmp_path: Path
) -> None:
    other = f"""
from sqlalchemy import select

from factories import maker
from work import client


async def opened(something) -> str:
    async with {opens} as db:
        await db.execute(select(1))
        return (await client.get("/")).text
"""
    flow = flow_of(tmp_path, {"factories.py": FACTORIES, "reading.py": READING, "work.py": WORK, "other.py": other})
    (hold,) = [one for one in flow.holds if one.function.name == "opened"]
    one = next(one for one in flow.remedies(hold) if one.name == "commit-before")
    assert (not one.refused and not one.doubts) == is_safe, one
