# ruff: noqa: E501  # a case stands on a line
"""Each condition of the repairs other than a commit: which is offered, which is refused, and what is doubtful."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, flow_of

from flake8_poolhold import engine
from flake8_poolhold.config import Settings

MODELS = """
from sqlalchemy.orm import DeclarativeBase, relationship
expiring = async_sessionmaker(engine)


class Note(DeclarativeBase):
    tags = relationship()


@contextlib.asynccontextmanager
async def forgiving():
    async with maker() as session:
        try:
            yield session
        except ValueError:
            pass


@contextlib.asynccontextmanager
async def writing():
    async with maker() as session:
        yield session
        await session.commit()


class Unit:
    async def __aenter__(self) -> AsyncSession:
        self.session = maker()
        return self.session

    async def __aexit__(self, *_) -> None:
        await self.session.close()


def touch(note) -> None:
    note.body = "touched"


"""

BLOCK = """
async def run(flag, something):
    async with {opener}:
        note = await db.get(Note, 1)
        {before}
        answer = await {wait}
        {inside}
    {after}
"""


def remedies(root: Path, **parts: str) -> dict[str, tuple[str, str]]:
    """By repair: its grade for the wait in `run`, and what is doubtful or wrong about it."""
    body = {"opener": "maker() as db", "before": "pass", "wait": "ask()", "inside": "pass", "after": "pass"} | parts
    flow = flow_of(root, {"app.py": HEAD + MODELS + BLOCK.format(**body)})
    hold = next(hold for hold in flow.holds if hold.function.name == "run" and hold.waiting.wait.kind != "checkout")
    return {
        one.name: (
            "refused" if one.refused else "unsafe" if one.doubts else "safe",
            one.refused or "; ".join(one.doubts),
        )
        for one in flow.remedies(hold)
    }


MOVE = {
    "nothing behind": ({}, "safe", ""),
    "reads an object": ({"inside": "print(note.body)"}, "safe", ""),
    "a write that is lost anyway": ({"before": "db.add(Note())"}, "safe", ""),
    "used behind": ({"inside": "await db.commit()"}, "refused", "uses `db`"),
    "used by the wait": ({"wait": "asyncio.gather(ask(), db.get(Note, 2))"}, "refused", "uses `db`"),
    "carried on": ({"before": "box = [db]", "inside": "print(box)"}, "refused", "uses `db`"),
    "a closure": ({"before": "later = functools.partial(db.get, Note)", "inside": "await later(1)"}, "refused", "uses `db`"),
    "a lock": ({"before": "await db.execute(select(1).with_for_update())"}, "refused", "lock"),
    "a cursor": ({"before": "rows = await db.stream(select(1))"}, "refused", "cursor"),
    "loads behind": ({"inside": "print(await note.awaitable_attrs.tags)"}, "refused", "loaded behind"),
    "another context": ({"opener": "asyncio.timeout(1), maker() as db"}, "refused", ""),
    "something beside": ({"opener": "maker() as db, open('x')", "wait": "ask()"}, "refused", "something else"),
    "exceptions are caught": ({"opener": "forgiving() as db"}, "refused", "catches"),
    "a class": ({"opener": "Unit() as db"}, "refused", ""),
    "commits at its end": ({"opener": "writing() as db", "before": "db.add(Note())"}, "unsafe", "would be committed"),
    "commits at its end, clean": ({"opener": "writing() as db"}, "safe", ""),
    "begins": ({"opener": "maker.begin() as db"}, "safe", ""),
    "begins and writes": ({"opener": "maker.begin() as db", "before": "db.add(Note())"}, "unsafe", "would be committed"),
    "begins and changes": ({"opener": "maker.begin() as db", "inside": "note.body = answer"}, "refused", "changed behind"),
    "expires": ({"opener": "expiring.begin() as db", "inside": "show(note)"}, "refused", "expires"),
    "expires and is read": ({"opener": "expiring.begin() as db", "before": "print(note.body)", "inside": "print(note.body)"}, "safe", ""),
    "a task": ({"before": "asyncio.create_task(ask())"}, "unsafe", "a task"),
    "not understood": ({"before": "something(db)"}, "unsafe", "not understood"),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVE)
def test_move_call(case: str, tmp_path: Path) -> None:
    parts, grade, reason = MOVE[case]
    found = remedies(tmp_path, **parts)["move-call"]
    assert found[0] == grade, found
    assert reason in found[1]


STORE = "db.add(Note(of=1)); await db.commit()"
CLOSE = {
    "stores": ({"inside": STORE}, "safe", ""),
    "expires nothing": ({"opener": "expiring() as db", "inside": f"print(note.body); {STORE}"}, "safe", ""),
    "changed": ({"inside": "note.body = answer; await db.commit()"}, "refused", "changed after"),
    "changed in a list": ({"before": "notes = [note]", "inside": "notes[0].body = answer; await db.commit()"}, "refused", "changed after"),
    "changed in a loop": ({"before": "notes = [note]", "inside": "[setattr(one, 'body', 1) for one in notes]; await db.commit()"}, "refused", "given to"),
    "added to": ({"inside": "note.tags.append(1); await db.commit()"}, "refused", "changed after"),
    "refreshed": ({"inside": "await db.refresh(note)"}, "refused", "given to the session"),
    "deleted": ({"inside": "await db.delete(note)"}, "refused", "given to the session"),
    "given away": ({"inside": "touch(note); await db.commit()"}, "refused", "given to"),
    "given away in a list": ({"inside": "something([note]); await db.commit()"}, "refused", "given to"),
    "read behind a query": ({"inside": "same = await db.get(Note, 1); print(note.body)"}, "unsafe", "may have changed"),
    "bound again": ({"inside": "note = await db.get(Note, 1); note.body = answer; await db.commit()"}, "refused", "changed after"),
    "written before": ({"before": "db.add(Note())", "inside": STORE}, "refused", "lost"),
    "begun": ({"opener": "maker.begin() as db", "inside": STORE}, "refused", "begin()"),
    "locked": ({"before": "await db.execute(select(1).with_for_update())", "inside": STORE}, "refused", "lock"),
    "asks": ({"inside": "print(db.in_transaction())"}, "unsafe", "in which transaction"),
    "loads": ({"inside": f"await note.awaitable_attrs.tags; {STORE}"}, "refused", "loaded after"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLOSE)
def test_close_before(case: str, tmp_path: Path) -> None:
    parts, grade, reason = CLOSE[case]
    found = remedies(tmp_path, **parts)["close-before"]
    assert found[0] == grade, found
    assert reason in found[1]


SPLIT = {
    "stores": ({"opener": "maker.begin() as db", "inside": "db.add(Note(of=1))"}, "safe", ""),
    "reads": ({"opener": "maker.begin() as db", "inside": "db.add(Note(of=note.id))"}, "safe", ""),
    "nothing behind": ({"opener": "maker.begin() as db"}, "refused", "nothing behind"),
    "wrote before": ({"opener": "maker.begin() as db", "before": "db.add(Note())", "inside": "db.add(Note())"}, "refused", "belong"),
    "changes": ({"opener": "maker.begin() as db", "inside": "note.body = 1; db.add(Note())"}, "refused", "changed after"),
    "gives": ({"opener": "maker.begin() as db", "inside": "db.add(note)"}, "refused", "given to the session"),
    "looks again": ({"opener": "maker.begin() as db", "inside": "same = await db.get(Note, 1); same.body = 1; print(note.body)"}, "refused", "may have changed"),
    "reads behind the block": (
        {"opener": "maker.begin() as db", "inside": "same = await db.get(Note, 1); same.body = 1", "after": "print(note.body)"}, "refused", "may have changed",
    ),
    "made before": ({"opener": "maker.begin() as db", "before": "box = [db]", "inside": "box[0].add(Note())"}, "refused", "made with the session"),
    "uses it": ({"opener": "maker.begin() as db", "wait": "asyncio.gather(ask(), db.get(Note, 2))", "inside": "db.add(Note())"}, "refused", "uses `db`"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPLIT)
def test_split_block(case: str, tmp_path: Path) -> None:
    parts, grade, reason = SPLIT[case]
    found = remedies(tmp_path, **parts)["split-block"]
    assert found[0] == grade, found
    assert reason in found[1]


DEPENDENCY = """

async def user(db: AsyncSession = Depends(get_db)):
    {before}
    return await db.scalar(select(1))


@app.get("/")
async def handler(user=Depends(user)) -> str:
    return await ask()


@app.get("/other")
async def other(user=Depends(user)) -> str:
    return await ask()


{more}
"""
QUERIES = {
    "queries": ("pass", "", "safe", "frees handler, other"),
    "writes": ("db.add(object())", "", "unsafe", "writes before"),
    "locks": ("await db.execute(text('LOCK TABLE a'))", "", "refused", "lock"),
    "not understood": ("await something(db)", "", "unsafe", "not understood"),
    "called": ("pass", "async def direct(db: AsyncSession):\n    await user(db)\n", "unsafe", "called directly"),
    "a dependency before it": (
        "pass",
        "async def first(db: AsyncSession = Depends(get_db)):\n    db.add(object())\n\n\n@app.get('/3', dependencies=[Depends(first)])\nasync def third(user=Depends(user)): ...\n",
        "unsafe", "writes before",
    ),
    "bound again": ("db = db or maker()", "", "refused", ""),
    "asks": ("print(db.in_transaction())", "", "unsafe", "beside"),
}  # fmt: skip


@pytest.mark.parametrize("case", QUERIES)
def test_commit_in_dependency(case: str, tmp_path: Path) -> None:
    before, more, grade, reason = QUERIES[case]
    text = HEAD + DEPENDENCY.format(before=before, more=more)
    (tmp_path / "app.py").write_text(text)
    flow = flow_of(tmp_path, {"app.py": text})
    hold = next(hold for hold in flow.holds if hold.function.name == "handler")
    one = next(one for one in flow.remedies(hold) if one.name == "commit-in-dependency")
    assert ("refused" if one.refused else "unsafe" if one.doubts else "safe") == grade, one
    assert reason in one.refused or reason in one.what or any(reason in doubt for doubt in one.doubts)


OWN_USES = {
    "nothing": ("pass", ""),
    "writes": ("db.add(object())", "uses the session itself"),
    "queries behind a write": ("db.add(object()); await db.scalar(select(1))", "uses the session itself"),
    "is given to a helper": ("await something(db)", "uses the session itself"),
    "locks": ("await db.execute(select(1).with_for_update())", "lock"),
}


@pytest.mark.parametrize("case", OWN_USES)
def test_a_handler_that_queries_itself_is_not_freed_by_its_dependency(case: str, tmp_path: Path) -> None:
    before, reason = OWN_USES[case]
    own = f"(user=Depends(user), db: AsyncSession = Depends(get_db)) -> str:\n    {before}\n    return"
    text = HEAD + DEPENDENCY.format(before="pass", more="").replace("(user=Depends(user)) -> str:\n    return", own, 1)
    flow = flow_of(tmp_path, {"app.py": text})
    hold = next(hold for hold in flow.holds if hold.function.name == "handler")
    found = [one.refused for one in flow.remedies(hold) if one.name == "commit-in-dependency"]
    assert all(reason in refused if reason else not refused for refused in found)
    assert found or not reason  # nobody asks for it where something else is safe


def test_a_dependency_that_cannot_be_read_may_do_anything(tmp_path: Path) -> None:
    handler = "\n\nfrom auth import owner\n\n\n@app.get('/')\nasync def handler(db: AsyncSession = Depends(get_db), owner=Depends(owner)) -> str:\n    await db.scalar(select(1))\n    return await ask()\n"
    (tmp_path / "app.py").write_text(HEAD + handler)
    (tmp_path / "auth.py").write_text("def owner(:\n")
    checked = engine.check([tmp_path / "app.py"], Settings(), root=tmp_path, cache=False).findings
    assert [one.fix for one in checked] == [None]
    assert any("auth.py cannot be read" in note for note in checked[0].notes)


def test_sessions_expire_where_nobody_says_otherwise(tmp_path: Path) -> None:
    text = (
        "import httpx\nfrom sqlalchemy import select\nfrom sqlalchemy.ext.asyncio import AsyncSession\n\n\n"
        "async def work(db: AsyncSession, client: httpx.AsyncClient) -> str:\n"
        "    rows = {row.id: row for row in (await db.scalars(select(1))).all()}\n"
        "    await client.get('/')\n    return rows[1].name\n"
    )
    for more, refused in (("", True), ("SETTINGS = {'expire_on_commit': False}\n", False)):
        flow = flow_of(tmp_path, {"app.py": text, "settings.py": more})
        (hold,) = flow.holds
        one = next(one for one in flow.remedies(hold) if one.name == "commit-before")
        assert bool(one.refused) is refused, one


OTHERS = {
    "handlers that only read": ("async def more(user=Depends(user)): ...", "safe"),
    "a handler that has written before": ("async def more(first=Depends(first), user=Depends(user)): ...", "unsafe"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_handlers_in_files_that_are_not_checked_count_too(case: str, tmp_path: Path) -> None:
    more, grade = OTHERS[case]
    (tmp_path / "app.py").write_text(HEAD + DEPENDENCY.format(before="pass", more=""))
    (tmp_path / "more.py").write_text(
        "from app import *\n\nrouter = APIRouter()\n\n\n"
        "async def first(db: AsyncSession = Depends(get_db)):\n    db.add(object())\n\n\n"
        f'@router.get("/more")\n{more}\n'
    )
    checked = engine.check([tmp_path / "app.py"], Settings(), root=tmp_path, cache=False).findings
    assert {one.fix.applicability for one in checked if one.fix is not None} == {grade}
