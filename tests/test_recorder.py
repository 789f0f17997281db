"""The recorder sees every kind of wait, and the lines that led to it: across threads, tasks and responses."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.runner import Run, run_fixture
from oracle.verdict import expected_marks, judge

SERVICE = """
import asyncio, os, time, urllib.request
import httpx
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

engine = create_async_engine(os.environ["DATABASE_URL"])
peer = os.environ["PEER_URL"]
app = FastAPI()


async def get_db():
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT 1"))
        yield session


def fetch():
    return urllib.request.urlopen(peer).read()


async def fetch_async():
    async with httpx.AsyncClient() as client:
        return (await client.get(peer)).text


async def chunks():
    yield await fetch_async()


REQUESTS = [("GET", "/")]


@app.get("/")
"""
KINDS = {
    "await": """
async def handler(db: AsyncSession = Depends(get_db)):
    text = await (  # error: PHL101
        fetch_async()
    )
""",
    "thread": """
async def handler(db: AsyncSession = Depends(get_db)):
    await asyncio.to_thread(fetch)  # error: PHL101
""",
    "executor": """
async def handler(db: AsyncSession = Depends(get_db)):
    await asyncio.get_running_loop().run_in_executor(None, fetch)  # error: PHL101
""",
    "gather": """
async def handler(db: AsyncSession = Depends(get_db)):
    await asyncio.gather(fetch_async(), fetch_async())  # error: PHL101
""",
    "task group": """
async def handler(db: AsyncSession = Depends(get_db)):
    async with asyncio.TaskGroup() as group:
        group.create_task(fetch_async())  # error: PHL101
""",
    "sync handler": """
def handler(db: AsyncSession = Depends(get_db)):
    fetch()  # error: PHL101
""",
    "sync client": """
def handler(db: AsyncSession = Depends(get_db)):
    httpx.get(peer)  # error: PHL101
""",
    "run_sync": """
async def handler(db: AsyncSession = Depends(get_db)):
    await db.run_sync(lambda session: fetch())  # error: PHL101
""",
    "stream": """
async def handler(db: AsyncSession = Depends(get_db)):
    return StreamingResponse(chunks())  # error: PHL103
""",
    "background task": """
async def handler(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
    tasks.add_task(fetch_async)  # error: PHL103
""",
    "sleep": """
async def handler(db: AsyncSession = Depends(get_db)):
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)  # error: PHL104
""",
    "body": """
async def handler(db: AsyncSession = Depends(get_db)):
    async with (  # error: PHL101
        httpx.AsyncClient() as client,
        client.stream("GET", f"{peer}/stream") as answer,
    ):
        async for line in answer.aiter_lines():  # error: PHL101
            pass
""",
}


def run(folder: Path, handler: str) -> tuple[Run, Path]:
    path = folder / "service.py"
    path.write_text(SERVICE.rstrip("\n") + handler)
    return run_fixture(path, f"sqlite+aiosqlite:///{folder / 'service.db'}"), path


@pytest.mark.parametrize("kind", KINDS)
def test_wait_is_seen_from_the_line_that_holds(kind: str, tmp_path: Path) -> None:
    seen, path = run(tmp_path, KINDS[kind])
    assert [response.status for response in seen.responses] == [200]
    assert seen.holds
    assert judge(seen, expected_marks(path)) == []


def test_connection_left_out_is_counted(tmp_path: Path) -> None:
    leak = "\nasync def handler():\n    app.state.kept = await engine.connect()\n"
    seen, _ = run(tmp_path, leak)
    assert seen.left_out == 1


def test_nothing_stays_patched(tmp_path: Path) -> None:
    import asyncio
    import http.client

    before = (asyncio.sleep, asyncio.to_thread, http.client.HTTPConnection.endheaders)
    run(tmp_path, KINDS["thread"])
    assert (asyncio.sleep, asyncio.to_thread, http.client.HTTPConnection.endheaders) == before
