"""What a user teaches in `[tool.poolhold]`: classes of waits, own waits, holders, releases and libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from snippets import HEAD, check, marks

from flake8_poolhold.config import ConfigError
from flake8_poolhold.knowledge import Library

GATEWAY = """
import ext


class Gateway:
    async def complete(self, prompt: str) -> str:
        return await ext.run(prompt)

    def complete_now(self, prompt: str) -> str:
        return ext.run_now(prompt)


async def translate(text: str) -> str:
    return ext.translate(text)


async def release(db, reason: str) -> None:
    await ext.give_back(db, reason)


class Store:
    def session(self):
        return ext.session()


class Tx(ext.Thing):
    pass


async def open_tx():
    yield ext.session()
"""


def differences(root: Path, body: str, **settings: Any) -> set[tuple[str, int, str]]:
    """Findings without a mark and marks without a finding, with the settings and, for what they matter, without."""
    files = {"app.py": f"{HEAD}\nimport ext\nimport gateway\n\n{body}", "gateway.py": GATEWAY}
    result = check(root, files, ("PHL101",), **settings)
    assert not result.problems
    return {(one.path, one.line, one.code) for one in result.findings} ^ marks(root)


@pytest.mark.parametrize(
    ("waits", "line"),
    [
        (("llm",), "llm"),
        (("http",), "http"),
        (("cache",), "cache"),
        (("queue",), "queue"),
        (("all",), "llm http cache queue"),
        (None, "llm http"),
    ],
)
def test_classes_of_waits(tmp_path: Path, waits: tuple[str, ...] | None, line: str) -> None:
    def mark(kind: str) -> str:
        return "  # error: PHL101" if kind in line.split() else ""

    body = f"""
import aiokafka
import openai
import redis.asyncio as redis

ai = openai.AsyncOpenAI()
cache = redis.Redis()


async def f(producer: aiokafka.AIOKafkaProducer):
    async with maker() as db:
        await db.execute(select(1))
        await ai.responses.create(){mark("llm")}
        await client.get("/"){mark("http")}
        await cache.get("x"){mark("cache")}
        await producer.send_and_wait("x"){mark("queue")}
"""
    assert differences(tmp_path, body, **({"waits": waits} if waits else {})) == set()


@pytest.mark.parametrize(("minimum", "marked"), [(0.0, "ab"), (5.0, "ab"), (31.0, "a"), (100.0, "")])
def test_short_waits(tmp_path: Path, minimum: float, marked: str) -> None:
    body = f"""
import openai
ai = openai.AsyncOpenAI()


async def f():
    async with maker() as db:
        await db.execute(select(1))
        await ai.responses.create(){"  # error: PHL101" if "a" in marked else ""}
        await client.get("/"){"  # error: PHL101" if "b" in marked else ""}
"""
    assert differences(tmp_path, body, minimum_wait=minimum) == set()


def test_a_wait_as_long_as_it_takes_is_never_too_short(tmp_path: Path) -> None:
    body = """
async def f():
    async with maker() as db:
        await db.execute(select(1))
        await gateway.translate("x")  # error: PHL101
"""
    assert differences(tmp_path, body, minimum_wait=1000.0, wait_functions={"gateway.translate": "http"}) == set()


@pytest.mark.parametrize("taught", [True, False])
def test_own_waits(tmp_path: Path, taught: bool) -> None:
    mark = "  # error: PHL101" if taught else ""
    body = f"""
async def by_helper(gate: gateway.Gateway) -> str:
    return await gate.complete("x")


async def f(gate: gateway.Gateway):
    async with maker() as db:
        await db.execute(select(1))
        await gate.complete("x"){mark}
        gate.complete_now("x"){mark}
        await by_helper(gate){mark}
        await gateway.translate("x"){mark}
        await ext.far("x"){mark}
        ext.far_now("x")
"""
    own = {
        "gateway.Gateway.complete": "llm",
        "gateway.Gateway.complete_now": "llm",
        "gateway.translate": "http",
        "ext.far": "rpc",
    }
    assert differences(tmp_path, body, wait_functions=own if taught else {}) == set()


@pytest.mark.parametrize("taught", [True, False])
def test_own_holders(tmp_path: Path, taught: bool) -> None:
    mark = "  # error: PHL101" if taught else ""
    body = f"""
async def by_method(store: gateway.Store):
    async with store.session() as db:
        await client.get("/")
        await db.run(1)
        await db.execute("x")
        await client.get("/"){mark}
    await client.get("/")


async def by_class(db: gateway.Tx):
    await db.execute("x")
    await client.get("/"){mark}
    await db.commit()
    await client.get("/")


async def by_generator(db=Depends(gateway.open_tx)):
    await db.execute("x")
    await client.get("/"){mark}


async def by_library():
    async with ext.tx() as db:
        await db.execute("x")
        await client.get("/"){mark}
    await client.get("/")


@app.get("/")
async def handler(db=Depends(gateway.open_tx)):
    await db.execute("x")
    await client.get("/"){mark}
    await db.commit()
    await client.get("/")
"""
    own = {
        "gateway.Store.session": "AsyncSession",
        "gateway.Tx": "AsyncSession",
        "gateway.open_tx": "AsyncSession",
        "ext.tx": "AsyncSession",
    }
    assert differences(tmp_path, body, holders=own if taught else {}) == set()


@pytest.mark.parametrize("taught", [True, False])
def test_own_releases(tmp_path: Path, taught: bool) -> None:
    mark = "" if taught else "  # error: PHL101"
    body = f"""
class Service:
    def __init__(self, db: AsyncSession):
        self.db = db


async def direct():
    async with maker() as db:
        await db.execute(select(1))
        await gateway.release(db, "before the call")
        await client.get("/"){mark}


async def carried():
    async with maker() as db:
        await db.execute(select(1))
        service = Service(db)
        await gateway.release(service, "before the call")
        await client.get("/"){mark}


async def library():
    async with maker() as db:
        await db.execute(select(1))
        ext.release(db)
        await client.get("/"){mark}
"""
    own = ("gateway.release", "ext.release")
    assert differences(tmp_path, body, release_functions=own if taught else ()) == set()


@pytest.mark.parametrize("taught", [True, False])
def test_own_libraries(tmp_path: Path, taught: bool) -> None:
    mark = "  # error: PHL101" if taught else ""
    body = f"""
async def f(robot: ext.Robot):
    async with maker() as db:
        await db.execute(select(1))
        await robot.ask("x"){mark}
        await robot.forget("x")
        robot.ask_now("x"){mark}
"""
    table = Library(kind="llm", typical="2–60 s", cheap=("forget",), blocking=("ext.Robot.ask_now",))
    assert differences(tmp_path, body, libraries={"ext": table} if taught else {}) == set()


@pytest.mark.parametrize("path", ["gateway.nothing", "gateway.Gateway.nothing", "gateway.ext"])
@pytest.mark.parametrize("key", ["wait_functions", "holders", "release_functions"])
def test_a_path_that_leads_nowhere(tmp_path: Path, path: str, key: str) -> None:
    own: Any = (path,) if key == "release_functions" else {path: "llm" if key == "wait_functions" else "Session"}
    with pytest.raises(ConfigError, match=f"{key.replace('_', '-')}.*`{path}` is no function or class"):
        differences(tmp_path, "async def f():\n    await client.get('/')\n", **{key: own})
