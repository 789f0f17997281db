"""A wait in a callee that checks out again: the release is offered in the callee, where it helps both."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, fixed
from snippets import HEAD

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.finding import Finding

SERVICE = """

async def reply(db: AsyncSession) -> str:
    await db.execute(select(1))
    return await ask()


"""
HANDLER = """
from service import *


async def user(db: AsyncSession = Depends(get_db)) -> int:
    return await db.scalar(select(1))


@app.get("/reply")
async def handler(user: int = Depends(user), db: AsyncSession = Depends(get_db)) -> str:
    {before}
    return await reply(db)
"""


def found(root: Path, before: str = "pass") -> dict[str, Finding]:
    """The findings by the file that they are in."""
    (root / "service.py").write_text(HEAD + SERVICE)
    (root / "app.py").write_text(HANDLER.format(before=before))
    checked = engine.check([root], Settings(select=("PHL101",)), root=root, cache=False)
    return {one.path: one for one in checked.findings}


def test_one_release_in_the_callee_cures_both(tmp_path: Path) -> None:
    both = found(tmp_path)
    inside, outside = both["service.py"].fix, both["app.py"].fix
    assert inside is not None
    assert outside is not None
    assert (outside.name, outside.applicability, outside.path) == ("commit-before", "safe", "service.py")
    assert outside.message.startswith("in reply (service.py:")
    assert outside.edits == inside.edits
    assert outside.scope == inside.scope

    result = fixed(tmp_path, unsafe=False)
    assert [one.undone for one in result.applied] == [""]
    assert not [one for one in result.remaining.findings if not one.advisory]
    assert contents(tmp_path)["app.py"].decode() == HANDLER.format(before="pass")
    assert b"    await db.commit()\n    return await ask()\n" in contents(tmp_path)["service.py"]


CALLERS = {
    "writes": ("db.add(user)", "unsafe", "app.py:11 add()"),
    "locks": ("await db.execute(text('LOCK TABLE a'))", "refused", "LOCK"),
}


def test_a_lock_of_one_caller_forbids_it_for_all(tmp_path: Path) -> None:
    both = found(tmp_path, "await db.execute(text('LOCK TABLE a'))")
    assert both["service.py"].fix is None
    assert (
        "no fix: handler (app.py:12) calls this under a lock, which must outlive the call" in both["service.py"].notes
    )


def test_the_caller_is_told_why_the_callee_cannot_release(tmp_path: Path) -> None:
    source = """
async def archive(conn: AsyncConnection):
    await conn.execute(select(1))
    await client.get("/")

async def once():
    async with engine.connect() as conn:
        await conn.execute(select(1))
        await archive(conn)
"""
    (tmp_path / "service.py").write_text(HEAD + source)
    notes = [
        note for one in engine.check([tmp_path], Settings(), root=tmp_path, cache=False).findings for note in one.notes
    ]
    why = "a connection outlives its commit; close it before the call"
    assert next(note for note in notes if note.startswith("no fix here")).endswith(f"): {why}")


@pytest.mark.parametrize("case", CALLERS)
def test_what_the_caller_has_done_counts(case: str, tmp_path: Path) -> None:
    before, grade, reason = CALLERS[case]
    outside = found(tmp_path, before)["app.py"]
    if outside.fix is None:
        assert grade == "refused"
        assert any("takes a lock" in note for note in outside.notes), reason
    else:
        assert outside.fix.applicability == grade
        assert reason in outside.fix.message


SHARED = """

@app.post("/shared")
async def shared(db: AsyncSession = Depends(get_db)) -> str:
    await db.execute(select(1))
    return await ask()
"""
CALLS = """
from service import *


@app.get("/reply")
async def handler(db: AsyncSession = Depends(get_db)) -> str:
    await db.execute(select(1))
    {before}
    return await shared(db)
"""


@pytest.mark.parametrize(("before", "grade"), [("pass", "safe"), ("db.add(ask)", "unsafe")])
def test_a_handler_that_another_one_calls(before: str, grade: str, tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(HEAD + SHARED)
    (tmp_path / "app.py").write_text(CALLS.format(before=before))
    for paths in ([tmp_path], [tmp_path / "app.py"]):
        checked = engine.check(paths, Settings(select=("PHL101",)), root=tmp_path, cache=False)
        fixes = [one.fix for one in checked.findings if one.path == "app.py"]
        assert [one and (one.applicability, one.path) for one in fixes] == [(grade, "service.py")]
