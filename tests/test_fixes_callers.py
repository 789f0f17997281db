# ruff: noqa: E501  # a case stands on a line
"""A session that came in as a parameter: a commit in the callee is safe when all callers are known and clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, flow_of

WORK = """

class Notes:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def answer(self) -> str:
        await self.db.execute(select(1))
        return await ask()


async def work(db: AsyncSession) -> str:
    await db.execute(select(1))
    return await ask()


async def twice(db: AsyncSession) -> None:
    await work(db)


async def clean() -> None:
    async with maker() as db:
        await work(db)


@app.post("/clean")
async def handler(db: AsyncSession = Depends(get_db)) -> str:
    await twice(db)
    return await Notes(db).answer()
"""
ALONE = "\n\nasync def alone(db: AsyncSession) -> str:\n    await db.execute(select(1))\n    return await ask()\n"
AGAIN = "\n\nasync def again(db: AsyncSession) -> str:\n    await db.execute(select(1))\n    await ask()\n    return await again(db)\n"


def verdicts(root: Path, more: str = "", **files: str) -> dict[str, tuple[str, str]]:
    """By function: the grade of a commit before its wait, and what is doubtful or wrong about it."""
    sources = {"app.py": HEAD + WORK + more, **{f"{name}.py": text for name, text in files.items()}}
    flow = flow_of(root, sources)
    found = {}
    for hold in flow.holds:
        one = next(one for one in flow.remedies(hold) if one.name == "commit-before")
        grade = "refused" if one.refused else "unsafe" if one.doubts else "safe"
        found[hold.function.name] = (grade, one.refused or "; ".join(one.doubts))
    return found


def test_callers_that_have_done_nothing_make_it_safe(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    assert found["work"] == ("safe", "")
    assert found["Notes.answer"] == ("safe", "")


WORSE = {
    "writes": ("async with maker() as db:\n        db.add(object())\n        await work(db)", "unsafe", "writes before"),
    "writes further up": ("async with maker() as db:\n        db.add(object())\n        await twice(db)", "unsafe", "writes before"),
    "expires": ("async with async_sessionmaker(engine)() as db:\n        await work(db)", "unsafe", "expires"),
    "begins": ("async with maker.begin() as db:\n        await work(db)", "refused", "begin()"),
    "locks": ("async with maker() as db:\n        await db.execute(text('LOCK TABLE a'))\n        await work(db)", "refused", "lock"),
    "streams": ("async with maker() as db:\n        await db.stream(select(1))\n        await work(db)", "refused", "cursor"),
    "bound": ("async with engine.connect() as c, AsyncSession(bind=c) as db:\n        await work(db)", "refused", "bound"),
    "beside": ("async with maker() as db:\n        await asyncio.gather(work(db), ask())", "unsafe", "callers"),
    "as a task": ("async with maker() as db:\n        await asyncio.create_task(work(db))", "unsafe", "callers"),
    "given away": ("return work", "unsafe", "callers"),
    "asks": ("async with maker() as db:\n        await work(db)\n        return db.in_transaction()", "unsafe", "callers"),
    "not understood": ("async with something() as db:\n        await work(db)", "unsafe", "not proved"),
}  # fmt: skip


def test_a_function_that_is_imported_under_another_name_has_other_callers(tmp_path: Path) -> None:
    other = "from app import maker, work as job\n\nasync def writes():\n    async with maker() as db:\n        db.add(1)\n        await job(db)\n"
    assert verdicts(tmp_path, other=other)["work"] == (
        "unsafe", "the callers' transactions are not known: work goes by another name in other.py",
    )  # fmt: skip


@pytest.mark.parametrize("case", WORSE)
def test_one_caller_that_is_not_clean_spoils_it(case: str, tmp_path: Path) -> None:
    body, grade, reason = WORSE[case]
    found = verdicts(tmp_path, f"\n\nasync def worse(something):\n    {body}\n")
    assert found["work"][0] == grade, found
    assert reason in found["work"][1]
    assert found["Notes.answer"][0] == "safe"


def test_other_files_count(tmp_path: Path) -> None:
    caller = (
        "from app import maker, work\nasync def more():\n    async with maker.begin() as db:\n        await work(db)\n"
    )
    assert verdicts(tmp_path, more_of_it=caller)["work"][0] == "refused"


@pytest.mark.parametrize(("name", "function"), [("alone", ALONE), ("again", AGAIN)])
def test_what_nobody_else_calls_has_unknown_callers(name: str, function: str, tmp_path: Path) -> None:
    grade, doubts = verdicts(tmp_path, function)[name]
    assert grade == "unsafe"
    assert "callers" in doubts
