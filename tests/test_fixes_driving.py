# ruff: noqa: E501  # a case stands on a line
"""What `drive-with-context-manager` writes, where it is not proved, where it is refused, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, findings, fixed

HEAD = """\
import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

maker = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"), expire_on_commit=False)


async def get_db() -> AsyncIterator[AsyncSession]:
    async with maker() as db:
        try:
            yield db
        except Exception:
            await db.rollback()
            raise


async def committing() -> AsyncIterator[AsyncSession]:
    async with maker() as db:
        yield db
        await db.commit()


async def swallowing() -> AsyncIterator[AsyncSession]:
    async with maker() as db:
        try:
            yield db
        except Exception:
            await db.rollback()


"""

AFTER = HEAD.replace("AsyncIterator\n\n", "AsyncIterator\nfrom contextlib import asynccontextmanager\n\n", 1)

CASES = {
    "a loop that returns": (
        """
async def run():
    async for db in get_db():  # once
        row = await db.scalar(select(1))
        if row:
            return row
    return 0
""",
        """
async def run():
    async with asynccontextmanager(get_db)() as db:  # once
        row = await db.scalar(select(1))
        if row:
            return row
    return 0
""",
    ),
    "a loop that breaks": (
        """
async def run():
    async for db in get_db():
        row = await db.scalar(select(1))
        try:
            if row:
                print(row)
                break
            else:
                break
        except ValueError:
            print("failed")

            break
    return row
""",
        """
async def run():
    async with asynccontextmanager(get_db)() as db:
        row = await db.scalar(select(1))
        try:
            if row:
                print(row)
            else:
                pass
        except ValueError:
            print("failed")
    return row
""",
    ),
    "a step": (
        """
async def run():
    db: AsyncSession = await anext(get_db())
    row = await db.scalar(select(1))
    await db.commit()
    return row
""",
        """
async def run():
    async with asynccontextmanager(get_db)() as db:
        row = await db.scalar(select(1))
        await db.commit()
    return row
""",
    ),
    "an exit that is never skipped": (
        """
async def counted():
    async with maker() as db:
        try:
            yield db
        finally:
            print("done")


async def run():
    async for db in counted():
        return await db.scalar(select(1))
""",
        """
async def counted():
    async with maker() as db:
        try:
            yield db
        finally:
            print("done")


async def run():
    async with asynccontextmanager(counted)() as db:
        return await db.scalar(select(1))
""",
    ),
    "a generator with a name": (
        """
async def run():
    generator = get_db()

    db = await generator.__anext__()
    row = await db.scalar(select(1))
    return row
""",
        """
async def run():

    async with asynccontextmanager(get_db)() as db:
        row = await db.scalar(select(1))
    return row
""",
    ),
}

REFUSED = {
    "left in the middle, and used behind": (
        """
async def run():
    async for db in get_db():
        if await db.scalar(select(1)):
            break
        await db.scalar(select(2))
    await db.scalar(select(3))
""",
        "the loop is left in the middle",
    ),
    "left in the middle before a commit": (
        """
async def run():
    async for db in committing():
        if await db.scalar(select(1)):
            break
        await db.scalar(select(2))
""",
        "the loop is left in the middle",
    ),
    "a generator that is kept": (
        """
async def run():
    generator = get_db()
    db = await anext(generator)
    row = await db.scalar(select(1))
    print(generator)
    return row
""",
        "used for more than its session",
    ),
    "not assigned": (
        """
async def run():
    return await (await anext(get_db())).scalar(select(1))
""",
        "not assigned to a variable",
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_written(case: str, newline: str, tmp_path: Path) -> None:
    before, after = CASES[case]
    entry = tmp_path / "service.py"
    entry.write_bytes((HEAD + before.lstrip("\n")).replace("\n", newline).encode())
    result = fixed(entry, unsafe=False, select=("PHL403",))
    assert [one.undone for one in result.applied] == [""]
    assert contents(entry)["service.py"].decode() == (AFTER + after.lstrip("\n")).replace("\n", newline)
    assert not fixed(entry, unsafe=False, select=("PHL403",)).diffs


def test_an_exit_that_commits_is_not_proved(tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(
        HEAD + "async def run():\n    async for db in committing():\n        return await db.scalar(select(1))\n"
    )
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL403"]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert "what `committing` does behind its `yield` was skipped, and is done now" in fix.message


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    text, reason = REFUSED[case]
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + text.lstrip("\n"))
    found = [one for one in findings(entry) if one.code == "PHL403"]
    assert found
    assert all(one.fix is None for one in found)
    assert any(reason in note for one in found for note in one.notes)
    assert not fixed(entry, unsafe=True, select=("PHL403",)).diffs


DB = HEAD.replace("import AsyncIterator\n", "import AsyncIterator\nfrom contextlib import asynccontextmanager\n")

CLOSING = {
    "left in the middle": (
        """
async def run():
    found = []

    # once
    async for db in get_db():  # it

        if await db.scalar(select(1)):
            break
        found.append(await db.scalar(select('''
    no margin
''')))
        # done
    return found
""",
        """
async def run():
    found = []

    # once
    async with aclosing(get_db()) as generator:
        async for db in generator:  # it
            if await db.scalar(select(1)):
                break
            found.append(await db.scalar(select('''
    no margin
''')))
            # done
    return found
""",
    ),
    "a provider that swallows": (
        """
async def run(generator):
    async for db in swallowing():
        return await db.scalar(select(generator))
    else:
        return 0
""",
        """
async def run(generator):
    async with aclosing(swallowing()) as db_generator:
        async for db in db_generator:
            return await db.scalar(select(generator))
        else:
            return 0
""",
    ),
    "several sessions": (
        """
async def each(count):
    for _ in range(count):
        async with maker() as db:
            yield db


async def run():
    async for db in each(3):
        if await db.scalar(select(1)):
            break
""",
        """
async def each(count):
    for _ in range(count):
        async with maker() as db:
            yield db


async def run():
    async with aclosing(each(3)) as generator:
        async for db in generator:
            if await db.scalar(select(1)):
                break
""",
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CLOSING)
def test_a_loop_that_stays_is_closed(case: str, newline: str, tmp_path: Path) -> None:
    before, after = CLOSING[case]
    imported = HEAD.replace("AsyncIterator\n\n", "AsyncIterator\nfrom contextlib import aclosing\n\n", 1)
    entry = tmp_path / "service.py"
    entry.write_bytes((HEAD + before.lstrip("\n")).replace("\n", newline).encode())
    result = fixed(entry, unsafe=False, select=("PHL403",))
    assert [one.undone for one in result.applied] == [""]
    assert contents(entry)["service.py"].decode() == (imported + after.lstrip("\n")).replace("\n", newline)
    assert not fixed(entry, unsafe=False, select=("PHL403",)).diffs


def test_an_old_python_has_no_aclosing(tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + CLOSING["several sessions"][0].lstrip("\n"))
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.9"\n')
    assert not fixed(entry, unsafe=True, select=("PHL403",)).diffs


@pytest.mark.parametrize(
    ("provider", "behind", "doubt"),
    [
        ("finally:\n            print('left')", "return 0", "is done before the code behind the loop"),
        ("finally:\n            await db.rollback()", "return row", "may have expired by then"),
        ("finally:\n            await db.rollback()", "return 0", ""),
    ],
)
def test_what_of_a_closed_loop_is_not_proved(provider: str, behind: str, doubt: str, tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    entry.write_text(
        f"""{HEAD}async def given():
    async with maker() as db:
        try:
            yield db
        {provider}


async def run():
    async for db in given():
        row = await db.scalar(select(1))
        if row:
            break
        print(row)
    {behind}
"""
    )
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL403"]
    assert fix is not None
    assert fix.name == "aclosing"
    assert (fix.applicability, doubt in fix.message) == ("unsafe" if doubt else "safe", True)


IMPORTS = {
    "its own context manager": (
        DB + "session_scope = asynccontextmanager(get_db)\n",
        "from db import get_db\n",
        "from db import get_db, session_scope\n",
        "session_scope()",
    ),
    "a constant before": (
        DB + "LIMIT = 1\nSession = asynccontextmanager(get_db)\n",
        "from db import LIMIT, get_db\n",
        "from db import LIMIT, Session, get_db\n",
        "Session()",
    ),
    "over lines": (
        DB + "session_scope = asynccontextmanager(get_db)\n",
        "from db import (\n    get_db,  # it\n)\n",
        "from db import (\n    get_db,  # it\n    session_scope,\n)\n",
        "session_scope()",
    ),
    "the module of the function": (
        HEAD,
        "import contextlib as c\n\nfrom db import get_db\n",
        "import contextlib as c\n\nfrom db import get_db\n",
        "c.asynccontextmanager(get_db)()",
    ),
    "an alias": (
        HEAD,
        "from contextlib import asynccontextmanager as acm\n\nfrom db import get_db\n",
        "from contextlib import asynccontextmanager as acm\n\nfrom db import get_db\n",
        "acm(get_db)()",
    ),
    "a docstring and the future": (
        HEAD,
        '"""Text."""\n\nfrom __future__ import annotations\n\nfrom db import get_db\n',
        '"""Text."""\n\nfrom __future__ import annotations\n\nfrom contextlib import asynccontextmanager\n\nfrom db import get_db\n',
        "asynccontextmanager(get_db)()",
    ),
    "among others": (
        HEAD,
        "import os\nfrom abc import ABC\nfrom typing import TYPE_CHECKING\n\nfrom db import get_db\n\nif TYPE_CHECKING:\n    from x import y\n",
        "import os\nfrom abc import ABC\nfrom contextlib import asynccontextmanager\nfrom typing import TYPE_CHECKING\n\n"
        "from db import get_db\n\nif TYPE_CHECKING:\n    from x import y\n",
        "asynccontextmanager(get_db)()",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPORTS)
def test_imports_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    provider, before, after, manager = IMPORTS[case]
    body = "\n\nasync def run():\n    async for db in get_db():\n        return await db.scalar(1)\n"
    (tmp_path / "db.py").write_text(provider)
    entry = tmp_path / "service.py"
    entry.write_text(before + body)
    fixed(entry, unsafe=False, select=("PHL403",))
    expected = after + body.replace("async for db in get_db():", f"async with {manager} as db:")
    assert contents(entry)["service.py"].decode() == expected


def test_a_name_that_is_taken_is_not_imported(tmp_path: Path) -> None:
    entry = tmp_path / "service.py"
    text = HEAD + "asynccontextmanager = 1\n\n\nasync def run():\n    async for db in get_db():\n        return 1\n"
    entry.write_text(text)
    assert not fixed(entry, unsafe=True, select=("PHL403",)).diffs
    assert entry.read_text() == text
