# ruff: noqa: E501  # a case stands on a line
"""What the fixes of settings write, where they are not proved, and where they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.finding import FixResult

ENGINE = "from sqlalchemy.ext.asyncio import create_async_engine\n\n"

SAFE = {
    "sessionmaker": (
        "PHL508",
        "from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine\nfrom sqlalchemy.orm import sessionmaker\n\n"
        "engine = create_async_engine(URL)\nmaker = sessionmaker(\n    bind=engine,\n    class_=AsyncSession,  # async\n    expire_on_commit=False,\n)\n",
        "from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine\n\n"
        "engine = create_async_engine(URL)\nmaker = async_sessionmaker(\n    bind=engine,\n    expire_on_commit=False,\n)\n",
    ),
    "sessionmaker of its own class": (
        "PHL508",
        "from sqlalchemy.ext.asyncio import AsyncSession\nfrom sqlalchemy.orm import DeclarativeBase, sessionmaker\n\n\n"
        "class Own(AsyncSession):\n    pass\n\n\nmaker = sessionmaker(engine, class_=Own)\n",
        "from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker\nfrom sqlalchemy.orm import DeclarativeBase\n\n\n"
        "class Own(AsyncSession):\n    pass\n\n\nmaker = async_sessionmaker(engine, class_=Own)\n",
    ),
    "an import that gets too long": (
        "PHL508",
        "from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine\nfrom sqlalchemy.orm import sessionmaker\n\n"
        "engine: AsyncEngine = create_async_engine(URL)\nSession = AsyncSession\nmaker = sessionmaker(engine, class_=AsyncSession)\n",
        "from sqlalchemy.ext.asyncio import (\n    AsyncEngine,\n    AsyncSession,\n    async_sessionmaker,\n    create_async_engine,\n)\n\n"
        "engine: AsyncEngine = create_async_engine(URL)\nSession = AsyncSession\nmaker = async_sessionmaker(engine)\n",
    ),
    "queue pool": (
        "PHL502",
        "from sqlalchemy.ext.asyncio import create_async_engine\nfrom sqlalchemy.pool import QueuePool\n\nengine = create_async_engine(URL, poolclass=QueuePool, pool_size=5)\n",
        "from sqlalchemy.ext.asyncio import create_async_engine\n\nengine = create_async_engine(URL, pool_size=5)\n",
    ),
    "sslmode in an address": (
        "PHL505",
        ENGINE + 'engine = create_async_engine(f"postgresql+asyncpg://{user}@db/app?sslmode=require&timeout=3")\n',
        ENGINE + 'engine = create_async_engine(f"postgresql+asyncpg://{user}@db/app?ssl=require&timeout=3")\n',
    ),
    "an option that only tunes": (
        "PHL505",
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app?keepalives=1&ssl=require")\n',
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app?ssl=require")\n',
    ),
    "the last option": (
        "PHL505",
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app?ssl=require&keepalives=1")\n',
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app?ssl=require")\n',
    ),
    "connect_args": (
        "PHL505",
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app", connect_args={"sslmode": mode, "connect_timeout": 3})\n',
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app", connect_args={"ssl": mode, "timeout": 3})\n',
    ),
    "statement cache": (
        "PHL504",
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://pgbouncer/app")\n',
        ENGINE + 'engine = create_async_engine(\n    "postgresql+asyncpg://pgbouncer/app", connect_args={"statement_cache_size": 0}\n)\n',
    ),
    "statement cache among others": (
        "PHL504",
        ENGINE + 'engine = create_async_engine(\n    "postgresql+asyncpg://pgbouncer/app",\n    connect_args={\n        "timeout": 3,  # s\n    },\n)\n',
        ENGINE + 'engine = create_async_engine(\n    "postgresql+asyncpg://pgbouncer/app",\n    connect_args={\n        "timeout": 3,  # s\n        "statement_cache_size": 0,\n    },\n)\n',
    ),
    "statement cache of a pool": (
        "PHL504",
        'import asyncpg\n\n\nasync def run():\n    return await asyncpg.create_pool(\n        host="pgbouncer",\n        max_size=3,\n    )\n',
        'import asyncpg\n\n\nasync def run():\n    return await asyncpg.create_pool(\n        host="pgbouncer",\n        max_size=3,\n        statement_cache_size=0,\n    )\n',
    ),
}  # fmt: skip

UNSAFE = {
    "null pool": (
        "PHL502",
        "from sqlalchemy.ext.asyncio import create_async_engine\nfrom sqlalchemy.pool import NullPool\n\nengine = create_async_engine(URL, pool_size=5, poolclass=NullPool, max_overflow=3)\n",
        "engine = create_async_engine(URL, poolclass=NullPool)\n",
        "the size, and not the class of the pool, may be what was meant",
    ),
    "pre-ping": (
        "PHL511",
        ENGINE + "engine = create_async_engine(\n    URL,\n    pool_size=5,\n)\n",
        "    pool_size=5,\n    pool_pre_ping=True,\n)\n",
        "each checkout takes a round trip more",
    ),
}  # fmt: skip

REFUSED = {
    "another way to the call": (
        "PHL502",
        "from sqlalchemy.ext.asyncio import create_async_engine\nfrom sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool\n\n"
        "chosen = NullPool if TESTING else AsyncAdaptedQueuePool\nengine = create_async_engine(URL, poolclass=chosen, pool_size=5)\n",
        "the settings go together on other ways to this call",
    ),
    "an address from elsewhere": (
        "PHL505",
        ENGINE + 'URL = "postgresql+asyncpg://db/app?sslmode=require"\nengine = create_async_engine(URL)\n',
        "`sslmode` is not written in the call",
    ),
    "an option that belongs elsewhere": (
        "PHL505",
        ENGINE + 'engine = create_async_engine("postgresql+asyncpg://db/app?application_name=x")\n',
        "`application_name` has no match that could be read off",
    ),
    "settings from elsewhere": (
        "PHL511",
        ENGINE + "def make(**options):\n    return create_async_engine(URL, **options)\n\n\nengine = make(echo=True)\n",
        "the settings are not all written in the call",
    ),
    "a smallest size": (
        "PHL502",
        "import asyncpg\n\n\nasync def run():\n    return await asyncpg.create_pool(URL, max_size=3)\n",
        "set `min_size` to 3 or less",
    ),
}  # fmt: skip


def run(tmp_path: Path, code: str, text: str, *, unsafe: bool) -> FixResult:
    (tmp_path / "service.py").write_text(text)
    return engine.fix([tmp_path], Settings(select=(code,)), unsafe=unsafe, write=True, root=tmp_path, cache=False)


@pytest.mark.parametrize("case", SAFE)
def test_what_is_safe(case: str, tmp_path: Path) -> None:
    code, before, after = SAFE[case]
    result = run(tmp_path, code, before, unsafe=False)
    assert [one.undone for one in result.applied] == [""] * len(result.applied)
    assert contents(tmp_path)["service.py"].decode() == after
    assert not run(tmp_path, code, after, unsafe=True).diffs


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_not_proved(case: str, tmp_path: Path) -> None:
    code, before, after, doubt = UNSAFE[case]
    assert not run(tmp_path, code, before, unsafe=False).diffs
    result = run(tmp_path, code, before, unsafe=True)
    assert contents(tmp_path)["service.py"].decode().endswith(after)
    (applied,) = result.applied
    assert applied.finding.fix is not None
    assert doubt in applied.finding.fix.message


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    code, text, reason = REFUSED[case]
    result = run(tmp_path, code, text, unsafe=True)
    assert not result.diffs
    (finding,) = result.remaining.findings
    assert any(reason in note for note in finding.notes)


def test_a_setting_for_all_sessions_is_never_safe(tmp_path: Path) -> None:
    text = """\
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

maker = async_sessionmaker(create_async_engine(URL))


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


async def run():
    async with maker() as db:
        note = await db.get(Note, 1)
        await db.commit()
        return note.body
"""
    assert not run(tmp_path, "PHL503", text, unsafe=False).diffs
    run(tmp_path, "PHL503", text, unsafe=True)
    expected = text.replace("(create_async_engine(URL))", "(create_async_engine(URL), expire_on_commit=False)")
    assert contents(tmp_path)["service.py"].decode() == expected
