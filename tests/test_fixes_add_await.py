"""What `add-await` writes, where it is not proved, and where it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, findings, fixed

HEAD = """\
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

engine = create_async_engine("sqlite+aiosqlite://")
maker = async_sessionmaker(engine, expire_on_commit=False)


"""

SAFE = {
    "a close": """
async def run():
    db = maker()
    try:
        return await db.scalar(select(1))
    finally:
        db.close()  # back
""",
    "an engine": """
async def run():
    async with maker() as db:
        await db.scalar(select(1))
    engine.dispose()
""",
}
UNSAFE = {
    "a commit": (
        """
async def run():
    async with maker() as db:
        await db.scalar(select(1))
        db.commit()
""",
        "what it does was never done before",
    ),
    "used later": (
        """
async def run():
    async with maker() as db:
        db.close()
        return await db.scalar(select(1))
""",
        "it is used later",
    ),
    "in a loop": (
        """
async def run():
    async with maker() as db:
        for each in range(3):
            await db.scalar(select(each))
            db.close()
""",
        "it is used later",
    ),
}


def written(tmp_path: Path, text: str) -> Path:
    entry = tmp_path / "service.py"
    entry.write_text(HEAD + text.lstrip("\n"))
    return entry


@pytest.mark.parametrize("case", SAFE)
def test_what_is_safe(case: str, tmp_path: Path) -> None:
    entry = written(tmp_path, SAFE[case])
    result = fixed(entry, unsafe=False, select=("PHL404",))
    assert [one.undone for one in result.applied] == [""]
    before = HEAD + SAFE[case].lstrip("\n")
    after = before.replace(" db.close()", " await db.close()").replace(" engine.dispose()", " await engine.dispose()")
    assert contents(entry)["service.py"].decode() == after
    assert not fixed(entry, unsafe=True, select=("PHL404",)).diffs


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_not_proved(case: str, tmp_path: Path) -> None:
    text, doubt = UNSAFE[case]
    entry = written(tmp_path, text)
    (fix,) = [one.fix for one in findings(entry) if one.code == "PHL404"]
    assert fix is not None
    assert fix.applicability == "unsafe"
    assert doubt in fix.message


def test_a_plain_function_is_refused(tmp_path: Path) -> None:
    entry = written(tmp_path, "def stop():\n    engine.dispose()\n")
    (finding,) = [one for one in findings(entry) if one.code == "PHL404"]
    assert finding.fix is None
    assert any("`stop` is a plain function" in note for note in finding.notes)
