"""What `sequential-await` writes, where it is not proved, where it is refused, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, findings, fixed

HEAD = """\
import asyncio

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

client = httpx.AsyncClient()


async def newest(db: AsyncSession, count: int) -> list[int]:
    return list(await db.scalars(select(func.count()).limit(count)))


async def total(db: AsyncSession) -> int:
    return await db.scalar(select(func.count())) or 0


async def asked(db: AsyncSession) -> str:
    answer = await client.get("/")
    await db.execute(select(1))
    return answer.text


asyncio.run(asyncio.sleep(0))


"""

CASES = {
    "unpacked": (
        """
async def run(db: AsyncSession):
    # both
    some, count = await asyncio.gather(newest(db, 3), total(db))  # now
    return some, count
""",
        """
async def run(db: AsyncSession):
    # both
    some = await newest(db, 3)
    count = await total(db)  # now
    return some, count
""",
    ),
    "unpacked from lines": (
        """
async def run(db: AsyncSession):
    (
        some,
        _,
    ) = await asyncio.gather(
        newest(
            db,
            3,
        ),
        total(db),
    )
    return some
""",
        """
async def run(db: AsyncSession):
    some = await newest(
        db,
        3,
    )
    await total(db)
    return some
""",
    ),
    "a bracket that fits now": (
        f"""
async def run(db: AsyncSession):
    await asyncio.gather(
        db.execute(
            select(
                {"a" * 70}
            )
        ),
        total(db),
    )
""",
        f"""
async def run(db: AsyncSession):
    await db.execute(
        select({"a" * 70})
    )
    await total(db)
""",
    ),
    "a name that is used again": (
        """
async def run(db: AsyncSession, count: int):
    count, some = await asyncio.gather(total(db), newest(db, count))
    return some, count
""",
        """
async def run(db: AsyncSession, count: int):
    count, some = [await total(db), await newest(db, count)]
    return some, count
""",
    ),
    "returned": (
        """
async def run(db: AsyncSession) -> tuple[list[int], int]:
    return await asyncio.gather(newest(db, 1), total(db))
""",
        """
async def run(db: AsyncSession) -> tuple[list[int], int]:
    return await newest(db, 1), await total(db)
""",
    ),
    "comments between": (
        """
async def run(db: AsyncSession):
    some, count = await asyncio.gather(
        # the newest
        newest(db, 3),
        total(db),  # all
    )
    return some, count
""",
        """
async def run(db: AsyncSession):
    some, count = [
        # the newest
        await newest(db, 3),
        await total(db),  # all
    ]
    return some, count
""",
    ),
    "a comprehension over lines": (
        """
async def run(db: AsyncSession, counts: list[int]):
    return await asyncio.gather(
        *(
            newest(
                db,
                count,
            )
            for count in counts
            if count
        )
    )
""",
        """
async def run(db: AsyncSession, counts: list[int]):
    return [
        await newest(
            db,
            count,
        )
        for count in counts
        if count
    ]
""",
    ),
}

UNSAFE = {
    "a list made before": (
        """
async def run(db: AsyncSession, counts: list[int]):
    calls = [newest(db, count) for count in counts]
    return await asyncio.gather(*calls)
""",
        "[await one for one in calls]",
        "the calls are made before they are awaited",
    ),
    "a branch without the session": (
        """
async def run(db: AsyncSession, unknown):
    await asyncio.gather(total(db), unknown(1), total(db))
""",
        "    await total(db)\n    await unknown(1)\n    await total(db)\n",
        "a branch that does not use the session has to wait too",
    ),
    "an argument that is read late": (
        """
async def run(db: AsyncSession, note):
    await asyncio.gather(newest(db, note), newest(db, note.count))
""",
        "    await newest(db, note)\n    await newest(db, note.count)\n",
        "an argument reads what an earlier branch may have changed",
    ),
}

REFUSED = {
    "another wait": (
        """
async def run(db: AsyncSession):
    await asyncio.gather(asked(db), total(db))
""",
        "the branches wait for more than the database",
    ),
    "failures are wanted": (
        """
async def run(db: AsyncSession):
    return await asyncio.gather(newest(db, 1), total(db), return_exceptions=True)
""",
        "a branch that fails must not stop the others",
    ),
    "tasks": (
        """
async def run(db: AsyncSession):
    first = asyncio.create_task(newest(db, 1))
    second = asyncio.create_task(total(db))
    return await first, await second
""",
        "not those of one awaited `gather`",
    ),
    "a group": (
        """
async def run(db: AsyncSession):
    async with asyncio.TaskGroup() as group:
        group.create_task(newest(db, 1))
        group.create_task(total(db))
""",
        "not those of one awaited `gather`",
    ),
    "a list with tasks": (
        """
async def run(db: AsyncSession, counts: list[int]):
    tasks = [asyncio.create_task(newest(db, count)) for count in counts]
    return await asyncio.gather(*tasks)
""",
        "open a session in each",
    ),
}


def written(tmp_path: Path, text: str) -> Path:
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + text.lstrip("\n"))
    return entry


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_written(case: str, newline: str, tmp_path: Path) -> None:
    before, after = (HEAD + text.lstrip("\n") for text in CASES[case])
    entry = tmp_path / "service.py"
    entry.write_bytes(before.replace("\n", newline).encode())
    result = fixed(entry, unsafe=False, select=("PHL203",))
    assert [one.undone for one in result.applied] == [""]
    assert contents(entry)["service.py"].decode() == after.replace("\n", newline)
    assert not fixed(entry, unsafe=False, select=("PHL203",)).diffs


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_not_proved(case: str, tmp_path: Path) -> None:
    before, after, doubt = UNSAFE[case]
    entry = written(tmp_path, before)
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL203"]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert doubt in fix.message
    assert not fixed(entry, unsafe=False, select=("PHL203",)).diffs
    fixed(entry, unsafe=True, select=("PHL203",))
    assert after in contents(entry)["service.py"].decode()


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    text, reason = REFUSED[case]
    entry = written(tmp_path, text)
    found = [one for one in findings(entry) if one.code == "PHL203"]
    assert found
    assert all(one.fix is None for one in found)
    assert any(reason in note for one in found for note in one.notes)
    assert not fixed(entry, unsafe=True, select=("PHL203",)).diffs


@pytest.mark.parametrize(
    ("imports", "left"),
    [
        ("import asyncio\nimport os\n", "import os\n"),
        ("from asyncio import gather\n", ""),
        ("from asyncio import gather, sleep\n", "from asyncio import sleep\n"),
        ("from asyncio import (\n    gather,\n    sleep,\n)\n", "from asyncio import (\n    sleep,\n)\n"),
        ("from asyncio import gather as g\n", ""),
    ],
)
def test_an_import_without_a_use_goes(imports: str, left: str, tmp_path: Path) -> None:
    text = HEAD.replace("import asyncio\n\n", "IMPORTS\n").replace("asyncio.run(asyncio.sleep(0))\n\n\n", "")
    name = "asyncio.gather" if imports.startswith("import") else "g" if " as " in imports else "gather"
    text += f"async def run(db: AsyncSession):\n    return await {name}(total(db), total(db))\n"
    entry = tmp_path / "service.py"
    entry.write_text(text.replace("IMPORTS\n", imports))
    fixed(entry, unsafe=False, select=("PHL203",))
    after = text.replace("IMPORTS\n", left).replace(
        f"await {name}(total(db), total(db))", "[await total(db), await total(db)]"
    )
    assert contents(entry)["service.py"].decode() == after
