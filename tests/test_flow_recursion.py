"""Recursion: as many rounds as it takes, not as many as a power of the functions in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.flow.interpreting import recursion, summaries
from flake8_poolhold.flow.model.values import Origin, Place

HEAD = "import httpx\nfrom sqlalchemy.ext.asyncio import AsyncSession\n\nclient = httpx.AsyncClient()\n\n"


def _interpreted(monkeypatch: pytest.MonkeyPatch, root: Path, text: str) -> tuple[int, list[int]]:
    """How often functions are interpreted, and the lines of the findings."""
    runs = 0
    interpret = summaries._interpret

    def counted(*arguments: Any) -> Any:
        nonlocal runs
        runs += 1
        return interpret(*arguments)

    monkeypatch.setattr(summaries, "_interpret", counted)
    (root / "agents.py").write_text(HEAD + text, encoding="utf-8")
    result = engine.check([root], Settings(select=("PHL101",)), root=root)
    return runs, [finding.line for finding in result.findings]


def _clique(count: int) -> str:
    """Functions that all call each other; one of them waits, and each has used the session before."""
    text = ""
    for one in range(count):
        text += f"async def run{one}(db: AsyncSession, depth):\n    await db.execute({one})\n"
        text += "".join(f"    if depth == {other}:\n        await run{other}(db, {one})\n" for other in range(count))
        text += "    await client.get('/')\n\n" if one == count - 1 else "\n"
    return text


@pytest.mark.parametrize("count", [4, 8, 12])
def test_functions_that_all_call_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int) -> None:
    runs, lines = _interpreted(monkeypatch, tmp_path, _clique(count))
    assert runs <= recursion.MOST_ROUNDS * count
    assert len(lines) == count * count + 1, "each call of any of them, and the wait itself"


def test_objects_that_are_linked_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        "class Agent:\n"
        "    def __init__(self, db: AsyncSession, inner: 'Agent | None' = None):\n"
        "        self.db = db\n        self.inner = inner\n\n"
        "    async def run(self):\n"
        "        if self.inner is not None:\n            await self.inner.run()\n"
        "        await self.db.execute(1)\n        await client.get('/')\n"
    )
    runs, lines = _interpreted(monkeypatch, tmp_path, text)
    assert lines == [HEAD.count("\n") + text[: text.index("        await client")].count("\n") + 1]
    assert runs <= 8


def test_the_links_of_a_list_are_one_place() -> None:
    node = Place(Origin("param", "f", "node"))
    following = node.attribute("next")
    assert following.attribute("next") == following
    pair = node.attribute("owner").attribute("agent")
    assert pair.attribute("owner").attribute("agent") == pair
    assert following.attribute("db") == Place(node.origin, ("next", "db"))
    assert node.attribute("[]").attribute("[]") != node.attribute("[]")


def test_what_builds_many_objects_tells_of_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    finish = summaries.finish

    def measured(*arguments: Any) -> Any:
        summary = finish(*arguments)
        told.append(sum(map(len, summary.normal.heap.values())) if summary.normal is not None else 0)
        return summary

    monkeypatch.setattr(summaries, "finish", measured)
    fields = "".join(f"        self.f{number} = client\n" for number in range(40))
    makes = "".join(f"    things.f{number}.inner = Thing(db)\n" for number in range(20))
    links = "".join(f"    t{number} = Thing(db)\n    things.g{number} = t{number}\n" for number in range(20))
    text = f"class Thing:\n    def __init__(self, db: AsyncSession):\n        self.db = db\n{fields}\n"
    text += f"def build(db: AsyncSession):\n    things = Thing(db)\n{links}{makes}    return things\n\n"
    text += "async def use(db: AsyncSession):\n    made = build(db)\n    await made.db.execute(1)\n"
    text += "    await client.get('/')\n"
    _, lines = _interpreted(monkeypatch, tmp_path, text)
    assert lines == [HEAD.count("\n") + text.count("\n")]
    assert max(told) <= summaries.MOST_FIELDS
    assert max(told) > summaries.MOST_FIELDS / 2
