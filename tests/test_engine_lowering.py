"""Facts found in several processes are those found in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.engine import lowering

GOOD = """
import httpx
from sqlalchemy.ext.asyncio import AsyncSession


async def f{number}(db: AsyncSession):
    await db.execute(1)
    async with httpx.AsyncClient() as client:
        await client.get("/")
"""


@pytest.mark.parametrize("cache", [True, False])
def test_the_result_is_the_same(tmp_path: Path, cache: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"good{number}.py").write_text(GOOD.format(number=number))
    (tmp_path / "bad.py").write_text("async def (:\n")
    alone = engine.check([tmp_path], Settings(), root=tmp_path, cache=False)
    monkeypatch.setattr(lowering, "LEAST_BYTES", 0)
    started = []
    pool = lowering.ProcessPoolExecutor
    monkeypatch.setattr(lowering, "ProcessPoolExecutor", lambda *a, **k: started.append(a) or pool(*a, **k))
    assert engine.check([tmp_path], Settings(), root=tmp_path, cache=cache, jobs=2) == alone
    assert len(alone.findings) == 4
    assert started == [(2,)]


def test_of_little_code_no_process_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(lowering, "ProcessPoolExecutor")
    (tmp_path / "good.py").write_text(GOOD.format(number=1))
    assert len(engine.check([tmp_path], Settings(), root=tmp_path, cache=False, jobs=8).findings) == 1


def test_without_processes_files_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no semaphores here")

    monkeypatch.setattr(lowering, "LEAST_BYTES", 0)
    monkeypatch.setattr(lowering, "ProcessPoolExecutor", refuse)
    (tmp_path / "good.py").write_text(GOOD.format(number=1))
    assert len(engine.check([tmp_path], Settings(), root=tmp_path, cache=False, jobs=2).findings) == 1
