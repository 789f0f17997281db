"""Blocks that hold from their first line on: a wait before the first use goes out, and nothing else changes."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest
from harmless import assert_safe_fixes_are_harmless, written
from oracle.runner import same_behaviour
from services import database, findings, on_databases
from variants import ASK, ASYNC_ENGINE, MAKER, TEMPLATE

OPENERS = {
    "connect": "engine.connect() as db",
    "begin": "engine.begin() as db",
    "over lines": "(\n    engine.begin()\n    as db\n)",
    "queried": "queried() as db",
    "locked": "locked() as db",
    "told": "told() as db",
    "kept": "kept() as db",
    "translated": "translated() as db",
    "named": "named(prompt) as db",
    "called": "named(next(NUMBERS)) as db",
}
MANAGERS = """
NUMBERS = itertools.count()


@contextlib.asynccontextmanager
async def queried():
    async with maker() as session:
        await session.execute(text("SELECT 1"))
        yield session


@contextlib.asynccontextmanager
async def locked():
    async with maker() as session:
        await session.execute(select(Note).where(Note.id == 1).with_for_update())
        yield session


@contextlib.asynccontextmanager
async def told():
    SENT.append("opened")
    async with engine.begin() as connection:
        yield connection


@contextlib.asynccontextmanager
async def kept():
    async with engine.begin() as connection:
        SENT.append("opened")
        yield connection
        SENT.append("closed")


@contextlib.asynccontextmanager
async def translated():
    async with engine.begin() as connection:
        try:
            yield connection
        except ValueError as error:
            raise HTTPException(400) from error


@contextlib.asynccontextmanager
async def named(name: object):
    async with engine.begin() as connection:
        await connection.execute(insert(Note).values(body=str(name), count=0))
        yield connection
"""
HEADS = {
    "plain": 'answer = await ask("x")',
    "comment": '# asks\nanswer = await ask("x")  # slow\n',
    "computed": 'prompt = f"of {flag}"\nanswer = await ask(prompt)',
    "guarded": 'if fail:\n    raise HTTPException(409)\nanswer = await ask("x")',
    "fails": 'if fail:\n    raise ValueError\nanswer = await ask("x")',
    "returns": 'if flag:\n    return await ask("x")\nanswer = "none"',
    "loop": 'for number in range(2):\n    answer = await ask(number)',
    "text": 'answer = await ask("""\n    deep\n  less\n""")',
    "tells": 'answer = await ask(len(SENT))\nanswer = f"{answer} {len(SENT)}"',
    "uses": 'await db.execute(text("SELECT 1"))\nanswer = await ask("x")',
    "looks": 'answer = await ask("x" if db else "y")',
    "tries": 'try:\n    answer = await ask("x")\nexcept httpx.HTTPError:\n    answer = "failed"',
}  # fmt: skip
AFTER = {
    "reads": "row = (await db.execute(select(Note.id))).first()\nanswer = f'{answer} {row[0]}'",
    "writes": "await db.execute(insert(Note).values(body=answer, count=0))\nif fail:\n    raise HTTPException(409)",
    "nothing": "",
}
CASES = list(itertools.product(OPENERS, HEADS, AFTER))[::5] + [("connect", head, "writes") for head in HEADS]
CASES += [(opener, "plain", "writes") for opener in OPENERS]
SURE = ("plain", "comment", "guarded", "fails", "loop", "text", "tells", "tries")


def source(opener: str, head: str, after: str) -> str:
    inside = textwrap.indent(
        f"{HEADS[head]}\n{AFTER[after]}", "    ", lambda line: line.strip() not in ("deep", "less", '""")')
    )
    lines = f"prompt = 'first'\nasync with {OPENERS[opener]}:\n{inside}\nreturn [str(answer), len(SENT)]"
    create = "await connection.run_sync(Base.metadata.{}_all)"
    words = {"a": "async ", "w": "await ", "session": "AsyncSession", "client": "AsyncClient"}
    return TEMPLATE.format(
        engine=ASYNC_ENGINE.format(engine_options="", maker_options=MAKER[0]),
        provider="import itertools\n",
        helpers=ASK.format_map(words) + MANAGERS,
        handler='@app.post("/run")\nasync def run(fail: bool = False, flag: bool = True):\n'
        + textwrap.indent(lines, "    ", lambda line: line.strip() not in ("deep", "less", '""")')) + "\n",
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a="async ",
        w="await ",
    )  # fmt: skip


@pytest.mark.parametrize(("case", "backend"), on_databases(CASES, " / ".join, both=False))
def test_a_safe_fix_is_harmless(
    case: tuple[str, str, str], backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    repair = assert_safe_fixes_are_harmless(written(source(*case), tmp_path), database(backend, tmp_path, request))
    assert repair is None or same_behaviour(repair.before, repair.after) == []  # those that fail do so alike


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("head", HEADS)
def test_what_is_safe(opener: str, head: str, tmp_path: Path) -> None:
    entry = written(source(opener, head, "writes"), tmp_path)
    moved = [one.fix for one in findings(entry) if one.fix is not None and "begin the block" in one.fix.message]
    names = opener in ("named", "called")
    if head in ("uses", "looks") or opener == "locked" or (opener == "named" and head == "computed"):
        assert moved == []
    elif opener in ("connect", "begin", "over lines", "queried") and head in SURE:
        assert {one.applicability for one in moved} == {"safe"}
    elif opener in ("told", "kept", "translated") or names:
        assert "safe" not in {one.applicability for one in moved}
