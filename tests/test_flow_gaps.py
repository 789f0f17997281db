"""`--show-unknown`: what is not understood is led back to the declaration that would tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, check

from flake8_poolhold.cli import main

GAPS = [
    (
        "parameter",
        "async def f(bot):\n    await bot.ask()\n",
        "app.py:28: annotate the parameter `bot` of `f` (1 call)",
    ),
    (
        "field",
        "class A:\n    def __init__(self, bot):\n        self.bot = bot\n\n"
        "    async def f(self):\n        await self.bot.ask()\n        async with self.bot.lock():\n            pass\n",
        "app.py:28: annotate `bot` in class `A` (2 calls)",
    ),
    (
        "return value",
        "def make(name):\n    return REGISTRY[name]()\n\nasync def f():\n    await make('x').ask()\n",
        "app.py:28: annotate what `make` returns (1 call)",
    ),
    (
        "variable",
        "async def f():\n    bot = REGISTRY['x']()\n    async for part in bot.stream():\n        print(part)\n",
        "app.py:30: annotate the variable `bot` in `f` (1 call)",
    ),
    (
        "library",
        "import robots\nasync def f():\n    await robots.Robot().ask()\n    await robots.ask()\n",
        "pyproject.toml: describe `robots` in [tool.poolhold.libraries] (2 calls)",
    ),
    (
        "base class of a library",
        "import robots\nclass Mine(robots.Robot):\n    pass\n\nasync def f(bot: Mine):\n    await bot.ask()\n",
        "pyproject.toml: describe `robots` in [tool.poolhold.libraries] (1 call)",
    ),
    (
        "a held connection",
        "async def f(bot):\n    async with maker() as db:\n        await bot.ask()\n"
        "        await db.execute(select(1))\n        await bot.ask()\n",
        "app.py:28: annotate the parameter `bot` of `f` (2 calls, 1 where a connection may be held)",
    ),
    (
        "a callee that is given a holder",
        "def f(db: Session, audit):\n    audit.log(db)\n",
        "app.py:28: annotate the parameter `audit` of `f` (1 call, 1 where a connection may be held)",
    ),
]


@pytest.mark.parametrize(("body", "line"), [gap[1:] for gap in GAPS], ids=[gap[0] for gap in GAPS])
def test_gaps(tmp_path: Path, body: str, line: str) -> None:
    from flake8_poolhold.report.gaps import render

    result = check(tmp_path, {"app.py": f"{HEAD}{body}"})
    lines = HEAD.count("\n") + 1
    assert render(result.gaps)[1:] == [line.replace("app.py:28", f"app.py:{lines}").replace(":30", f":{lines + 2}")]


def test_what_is_understood_is_no_gap(tmp_path: Path) -> None:
    body = """
    async def f(db: AsyncSession, name: str):
        rows = await db.scalars(select(1))
        await ask()
        await asyncio.sleep(1)
        async with client.stream("GET", "/") as response:
            async for line in response.aiter_lines():
                print(line, rows)
    """
    assert check(tmp_path, body).gaps == ()


def test_the_most_influential_comes_first(tmp_path: Path) -> None:
    body = """
    async def f(a, b, c):
        await b.run()
        async with maker() as db:
            await db.execute(select(1))
            await a.run()
        await c.run()
        await c.run()
    """
    texts = [gap.text.split("`")[1] for gap in check(tmp_path, body).gaps]
    assert texts == ["a", "c", "b"]


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    check(tmp_path, "async def f(bot):\n    await bot.ask()\n")
    assert main(["check", "--no-cache", "app.py"]) == 0
    assert "Not understood" not in capsys.readouterr().out
    assert main(["check", "--no-cache", "--show-unknown", "app.py"]) == 0
    assert "annotate the parameter `bot` of `f` (1 call)" in capsys.readouterr().out
    assert main(["check", "--no-cache", "--show-unknown", "--output-format=json", "app.py"]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == "[]"
    assert "annotate the parameter `bot` of `f` (1 call)" in captured.err
