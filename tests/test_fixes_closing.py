# ruff: noqa: E501  # a piece of code stands on a line
"""Loops over providers that are left in their middle: with `aclosing` they behave as before, and leave nothing out."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest
from oracle.runner import run_fixture, same_behaviour
from services import contents, database, fixed, on_databases
from variants import ASYNC_ENGINE, MAKER, TEMPLATE

PROVIDERS = {
    "plain": "async with maker() as session:\n    yield session",
    "closes": "session = maker()\ntry:\n    yield session\nfinally:\n    await session.close()",
    "rolls back": "async with maker() as session:\n    try:\n        yield session\n    finally:\n        await session.rollback()",
    "swallows": "async with maker() as session:\n    try:\n        yield session\n    except Exception:\n        await session.rollback()",
    "begins": "async with maker.begin() as session:\n    yield session",
    "commits": "async with maker() as session:\n    yield session\n    await session.commit()",
    "several": "for _ in range(2):\n    async with maker() as session:\n        yield session",
    "counts": "async with maker() as session:\n    try:\n        yield session\n    finally:\n        SENT.append('closed')",
}  # fmt: skip
BODIES = {
    "breaks": "note = await db.get(Note, 1)\nif flag:\n    break\nnote.count += 1\nawait db.commit()",
    "returns": "note = await db.get(Note, 1)\nif flag:\n    return note.body\nif note.count > 5:\n    break\nnote.count += 1\nawait db.commit()",
    "fails": "note = await db.get(Note, 1)\nif fail:\n    raise HTTPException(409)\nif note.count:\n    break\nnote.count += 1\nawait db.commit()",
    "writes and breaks": "note = await db.get(Note, 1)\nnote.count += 1\nawait db.flush()\nif flag:\n    break\nawait db.commit()",
    "goes on": "note = await db.get(Note, 1)\nif flag:\n    continue\nif note.count:\n    break\nnote.body = 'on'\nawait db.commit()",
}  # fmt: skip
AFTER = {
    "nothing": "return 'done'",
    "reads": "return note.body",
    "counts": "return [note.count, len(SENT)]",
    "another": "async with maker() as other:\n    return (await other.get(Note, 1)).count",
}
CASES = list(itertools.product(PROVIDERS, BODIES, AFTER))[::3]


def source(provider: str, body: str, after: str) -> str:
    loop = f"async for db in provided():\n{textwrap.indent(BODIES[body], '    ')}\n{AFTER[after]}"
    create = "await connection.run_sync(Base.metadata.{}_all)"
    return TEMPLATE.format(
        engine=ASYNC_ENGINE.format(engine_options="", maker_options=MAKER[0]),
        provider=f"SENT: list[str] = []\n\n\nasync def provided():\n{textwrap.indent(PROVIDERS[provider], '    ')}\n",
        helpers="",
        handler='@app.post("/run")\nasync def run(fail: bool = False, flag: bool = True):\n' + textwrap.indent(loop, "    ") + "\n",
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a="async ",
        w="await ",
    )  # fmt: skip


@pytest.mark.parametrize(("case", "backend"), on_databases(CASES, " / ".join, both=False))
def test_a_safe_fix_is_harmless(
    case: tuple[str, str, str], backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(*case))
    database_url = database(backend, tmp_path, request)
    before = run_fixture(entry, database_url)
    original = contents(entry)
    result = fixed(entry, unsafe=False, select=("PHL403",))
    if contents(entry) == original:
        assert case[0] in ("begins", "commits", "counts", "rolls back")
        return
    assert "async with contextlib.aclosing(provided()) as generator:" in entry.read_text()
    assert [one.undone for one in result.applied] == [""]
    after = run_fixture(entry, database_url)
    assert same_behaviour(before, after) == []
    assert after.left_out == 0
