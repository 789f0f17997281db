"""Limits: code of any size and shape is analysed in the time that its lines take, or it is said which was not."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from snippets import check

from flake8_poolhold.flow.model import states
from flake8_poolhold.flow.model.tracking import WHOLE, Tracker, _Reached

HELD = """
async def other(db: AsyncSession):
    await db.execute(select(1))
    await client.get("/")
"""


def finals(depth: int) -> str:
    """Each `finally` runs on every way into it, the next one inside of it on three times as many."""
    lines = ["async def f(db: AsyncSession, x):"]
    for level in range(depth):
        indent = "    " * (level + 1)
        lines += [f"{indent}try:", f"{indent}    if x: return await db.commit()", f"{indent}finally:"]
    return "\n".join([*lines, "    " * (depth + 1) + "await db.execute(select(1))\n"])


def loops(depth: int) -> str:
    """Each loop has some turns until its states repeat, and so has each loop in it again."""
    lines = ["async def f(db: AsyncSession, xs):", "    a0 = db"]
    lines += ["    " * (level + 1) + f"for x{level} in xs:" for level in range(depth)]
    lines.append("    " * (depth + 1) + f"a{depth} = [db]")
    for level in range(depth, 0, -1):
        lines.append("    " * (level + 1) + f"a{level - 1} = [a{level}, a{level - 1}] if x0 else db")
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("nested", [finals, loops])
def test_what_multiplies_is_given_up_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: Callable[[int], str]
) -> None:
    monkeypatch.setattr("flake8_poolhold.flow.interpreting.blocks.MOST_STEPS", 2000)
    few = check(tmp_path, nested(3) + HELD)
    assert [one.code for one in few.findings] == ["PHL101"]
    assert not few.problems
    many = check(tmp_path, nested(18) + HELD)
    assert [one.code for one in many.findings] == ["PHL101"]
    assert [one.reason.partition(" has ")[0] for one in many.problems] == ["`f`"]


def test_the_longest_of_real_functions_is_far_from_the_limit(tmp_path: Path) -> None:
    body = "".join(f"    if x{number}(db):\n        y{number} = await db.get(A, {number})\n" for number in range(300))
    result = check(tmp_path, f"async def f(db: AsyncSession):\n{body}    await client.get('/')\n")
    assert not result.problems
    assert "PHL101" in {one.code for one in result.findings}


def test_a_body_in_one_try_is_joined_once_for_each_of_its_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined: list[int] = []
    real = states._merged

    def merged(into: object, other: object, names: object) -> object:
        listed = list(names)  # type: ignore[call-overload]
        joined.append(len(listed))
        return real(into, other, listed)  # type: ignore[arg-type]

    monkeypatch.setattr(states, "_merged", merged)
    body = "".join(f"        x{number} = g({number})\n" for number in range(300))
    tail = "    except ValueError:\n        pass\n"
    check(tmp_path, f"async def f(db: AsyncSession, g):\n    try:\n{body}{tail}")
    assert 300 <= sum(joined) < 300 * 20


def test_the_findings_do_not_hang_on_the_hash_seed(tmp_path: Path) -> None:
    several = ", ".join(f"d{number}: AsyncSession" for number in range(9))
    queries = "".join(f"    await d{number}.execute(select(1))\n" for number in range(9))
    names = ", ".join(f"d{number}" for number in range(9))
    text = (
        "from sqlalchemy import select\nfrom sqlalchemy.ext.asyncio import AsyncSession\nimport httpx\n\n\n"
        f"async def query({several}):\n{queries}\n\n"
        f"async def f({several}, client: httpx.AsyncClient):\n    await query({names})\n    await client.get('/')\n"
    )
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "app.py").write_text(text)
    command = [sys.executable, "-m", "flake8_poolhold", "check", "--no-cache", "--output-format=json", "."]
    seen = set()
    for seed in ("1", "2"):
        ended = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False
        )
        seen.add(ended.stdout)
    assert len(seen) == 1
    assert b"PHL101" in seen.pop()


def test_what_an_answer_rests_on_is_all_that_can_be_reached() -> None:
    """Random graphs, with cycles; small and large sets of questions; nodes that are opened again."""
    for seed in range(200):
        chance = random.Random(seed)
        tracker, edges = Tracker(), dict[int, set[int]]()
        asked: dict[int, set[tuple[str, ...]]] = {}
        for _ in range(chance.randint(1, 60)):
            node = chance.randrange(12)
            with tracker.finding(node):
                for _ in range(chance.choice([0, 1, 3, 30])):
                    question = ("file", str(chance.randrange(100)))
                    asked.setdefault(node, set()).add(question)
                    tracker.ask(question)
                for other in chance.choices(range(12), k=chance.randint(0, 2)):
                    edges.setdefault(node, set()).add(other)
                    tracker.use(tracker.number(other))
        with tracker.finding(WHOLE):
            tracker.ask(("files",))
        roots = [chance.randrange(12) for _ in range(6)]
        for root, found in zip(roots, tracker.questions(roots), strict=True):
            reached, waiting = {root}, [root]
            while waiting:
                more = edges.get(waiting.pop(), set()) - reached
                reached |= more
                waiting += more
            expected = {("files",)}.union(*(asked.get(node, set()) for node in reached))
            assert set(found) == expected
            assert len(found) == len(expected)


def test_a_node_keeps_little() -> None:
    """What is in the way of a large project: sets for each node, and what was found for nodes that nobody asks for."""
    tracker = Tracker()
    for number in range(100):
        with tracker.finding(number), tracker.finding(number):
            for question in range(40):
                tracker.ask(("file", str(number + question)))
            tracker.use(tracker.number(max(number - 1, 0)))
    assert all(isinstance(used, array | tuple) for used in tracker._uses)
    reached = _Reached(tracker._uses, [tracker.number(99)])
    assert reached.of(tracker.number(99)).bit_count() == 139
    assert not reached._bits
    assert not reached._few


def test_a_function_of_very_many_waits_is_reported_at_each_and_offered_no_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        'async def f(db: AsyncSession):\n    await db.execute(select(1))\n    x = "a"\n'
        + "    await client.get(x)\n" * 12
    )
    fixes = [one.fix for one in check(tmp_path, text).findings]
    assert len(fixes) == 12
    assert None not in fixes
    monkeypatch.setattr("flake8_poolhold.flow.releasing.choosing.MOST_LOOKS", 100)
    findings = check(tmp_path, text).findings
    assert len(findings) == 12
    assert {one.fix for one in findings} == {None}
    assert {
        note for one in findings for note in one.notes if note.startswith("no fix: f has 12 such calls in 15 lines")
    }
