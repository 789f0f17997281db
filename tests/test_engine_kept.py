"""Findings kept between runs: those that a run without a cache has, found anew only where they may differ."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import Settings, load
from flake8_poolhold.engine import kept
from flake8_poolhold.engine.run import Run
from flake8_poolhold.engine.stores import stores_of

STEPS = 60
SEEDS = range(4)

HOLDING = """
async def {name}({parameters}):
    await db.execute(select(1))
    return await {callee}
"""

FILES = {
    "pyproject.toml": '[project]\nname = "service"\nversion = "1"\ndependencies = ["fastapi==0.110"]\n',
    "app/__init__.py": "",
    "app/db.py": """from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine("postgresql+asyncpg://host/db")
maker = async_sessionmaker(engine, expire_on_commit=False)


async def get_db():
    async with maker() as db:
        yield db
""",
    "app/llm.py": """import httpx


class Client:
    async def ask(self, text):
        async with httpx.AsyncClient() as client:
            return await client.post("/", json=text)


async def ask(text):
    return await Client().ask(text)
""",
    "app/work.py": """from app.llm import ask


async def summarise(text):
    return await ask(text)


async def load(db, key):
    return await db.execute(key)
""",
    "app/auth.py": """from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import get_db


async def current_user(db: AsyncSession = Depends(get_db)):
    return (await db.execute(select(1))).scalar()
""",
    "app/routes.py": """from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import current_user
from app.db import get_db
from app.work import load, summarise

router = APIRouter()


@router.get("/a")
async def first(user=Depends(current_user)):
    return await summarise("a")


@router.get("/b")
async def second(db: AsyncSession = Depends(get_db)):
    await load(db, select(1))
    return await summarise("b")
""",
    "app/main.py": """from fastapi import FastAPI

from app.routes import router

app = FastAPI()
app.include_router(router)
""",
    "app/lonely.py": """import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def alone(db: AsyncSession):
    await db.execute(select(1))
    async with httpx.AsyncClient() as client:
        return await client.get("/")
""",
}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "service"
    for name, text in FILES.items():
        _write(root / name, text)
    monkeypatch.chdir(root)
    monkeypatch.setattr(kept, "FRESH", 0)  # else the time of a file that was just written counts for nothing
    return root


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were analysed, as they are."""
    found: list[str] = []
    tell = Run._tell

    def told(self: Run, wanted: list[str], *rest: Any) -> object:
        found.extend(wanted)
        return tell(self, wanted, *rest)

    monkeypatch.setattr(Run, "_tell", told)
    return found


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _check(root: Path, *, cache: bool) -> object:
    return engine.check([root], load(root)[0], root=root, cache=cache)


def _again(root: Path, analysed: list[str]) -> list[str]:
    analysed.clear()
    assert _check(root, cache=True) == _check(root, cache=False)
    # The run without a cache comes second, and analyses everything.
    return sorted(analysed[: len(analysed) - len(list(root.rglob("*.py")))])


def test_nothing_is_analysed_again(service: Path, analysed: list[str]) -> None:
    assert len(_again(service, analysed)) == 8
    assert _again(service, analysed) == []


def test_a_leaf_is_analysed_with_what_depends_on_it(service: Path, analysed: list[str]) -> None:
    _check(service, cache=True)
    leaf = service / "app/lonely.py"
    leaf.write_text(leaf.read_text() + "\n\nasync def more():\n    pass\n")
    assert _again(service, analysed) == ["app/lonely.py"]
    client = service / "app/llm.py"
    client.write_text(client.read_text().replace("json=text", "content=text"))
    found = _again(service, analysed)
    assert {"app/llm.py", "app/work.py", "app/routes.py"} <= set(found)
    assert "app/lonely.py" not in found


def test_a_name_that_nobody_reads_matters_to_nobody(service: Path, analysed: list[str]) -> None:
    _check(service, cache=True)
    client = service / "app/llm.py"
    _write(client, _text(client) + "\n\nasync def unused():\n    pass\n")
    assert _again(service, analysed) == ["app/llm.py"]


def test_a_file_with_other_times_and_the_same_content_has_not_changed(service: Path, analysed: list[str]) -> None:
    _check(service, cache=True)
    for file in service.rglob("*.py"):
        os.utime(file, (1, 1))
    assert _again(service, analysed) == []


def test_content_counts_when_time_and_size_are_the_same(
    service: Path, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "FRESH", 2_000_000_000)
    file = service / "app/lonely.py"
    _check(service, cache=True)
    status = file.stat()
    file.write_text(_text(file).replace('client.get("/")', 'client.gel("/")'))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "app/lonely.py" in _again(service, analysed)


def test_damaged_results_are_found_anew(service: Path, analysed: list[str]) -> None:
    _check(service, cache=True)
    for entry in (service / ".poolhold_cache").rglob("*"):
        if entry.is_file() and len(entry.parent.name) == 2:
            entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    assert len(_again(service, analysed)) == 8


def test_two_runs_at_once_keep_what_both_have_found(service: Path, analysed: list[str]) -> None:
    stores = stores_of(service)
    one, other = (Run(service, Settings(), {}, stores) for _ in range(2))
    one.files(["app/lonely.py"])
    other.files(["app/auth.py", "app/routes.py"])
    other.save()
    one.save()
    analysed.clear()
    Run(service, Settings(), {}, stores).files(["app/auth.py", "app/lonely.py", "app/routes.py"])
    assert analysed == []


def test_what_another_run_has_found_in_other_files_is_not_kept(service: Path, analysed: list[str]) -> None:
    stores = stores_of(service)
    one = Run(service, Settings(), {}, stores)
    one.files(["app/lonely.py"])
    client = service / "app/llm.py"
    _write(client, _text(client).replace("httpx", "requests"))
    other = Run(service, Settings(), {}, stores)
    other.files(["app/routes.py"])
    other.save()
    one.save()
    assert "app/routes.py" in _again(service, analysed)


def test_unsaved_content_is_checked_and_not_kept(service: Path, analysed: list[str]) -> None:
    _check(service, cache=True)
    path = service / "app/lonely.py"
    for text in (path.read_bytes(), path.read_bytes() * 2, b"x = 1\n"):
        ways = [engine.check([path], Settings(), stdin=text, root=service, cache=cache) for cache in (True, False)]
        assert ways[0] == ways[1]
    assert _again(service, analysed) == []


def test_fixes_are_made_from_kept_findings(service: Path) -> None:
    _check(service, cache=True)
    ways = [
        engine.fix([service], Settings(), unsafe=True, write=False, root=service, cache=cache)
        for cache in (True, True, False)
    ]
    assert ways[0] == ways[1] == ways[2]
    assert ways[0].diffs


def _in_body(root: Path, chosen: random.Random) -> None:
    file = _some(root, chosen)
    lines = _text(file).splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith("    ") and not line.endswith(",")]
    if places:
        number = chosen.choice(places)
        lines[number:number] = [
            chosen.choice(["    pass", "    await db.commit()", "    await ask('x')", "    # note"])
        ]
        file.write_text("\n".join(lines) + "\n")


def _without_line(root: Path, chosen: random.Random) -> None:
    file = _some(root, chosen)
    lines = _text(file).splitlines()
    if lines:
        del lines[chosen.randrange(len(lines))]
        file.write_text("\n".join(lines) + "\n")


def _with_caller(root: Path, chosen: random.Random) -> None:
    file = _some(root, chosen)
    callee = chosen.choice(["summarise('x')", "load(db, 1)", "ask('x')", "first()", "second(db)"])
    name = f"f{chosen.randrange(1000)}"
    typed = chosen.choice(["db: AsyncSession", "db", "db: AsyncSession = Depends(get_db)"])
    head = chosen.choice(["", "from app.work import load, summarise\n", "from app.llm import ask\n", "import httpx\n"])
    file.write_text(head + _text(file) + HOLDING.format(name=name, parameters=typed, callee=callee))


def _new_file(root: Path, chosen: random.Random) -> None:
    name = chosen.choice(["app/extra.py", "app/more/tasks.py", "app/more/__init__.py", "httpx.py", "tools.py"])
    _write(root / name, chosen.choice([FILES["app/lonely.py"], FILES["app/work.py"], FILES["app/llm.py"], ""]))


def _no_file(root: Path, chosen: random.Random) -> None:
    _some(root, chosen).unlink()


def _moved_file(root: Path, chosen: random.Random) -> None:
    file = _some(root, chosen)
    file.rename(file.with_name(chosen.choice(["work.py", "db.py", "moved.py", "llm.py"])))


def _restored(root: Path, chosen: random.Random) -> None:
    name = chosen.choice(sorted(FILES))
    _write(root / name, FILES[name])


def _settings(root: Path, chosen: random.Random) -> None:
    more = chosen.choice(
        [
            "",
            '[tool.poolhold]\nignore = ["PHL101"]\n',
            '[tool.poolhold]\nsrc = ["app"]\n',
            '[tool.poolhold]\nwaits = ["all"]\nextend-select = ["PHL5"]\n',
            '[tool.poolhold.per-file-ignores]\n"app/lonely.py" = ["PHL1"]\n',
        ]
    )
    version = chosen.choice(["0.110", "0.121", "0.100"])
    (root / "pyproject.toml").write_text(FILES["pyproject.toml"].replace("0.110", version) + more)


def _locked(root: Path, chosen: random.Random) -> None:
    version = chosen.choice(["0.104.1", "0.118.0"])
    _write(root / "uv.lock", f'[[package]]\nname = "fastapi"\nversion = "{version}"\n')


def _silenced(root: Path, chosen: random.Random) -> None:
    file = _some(root, chosen)
    lines = _text(file).splitlines()
    if lines:
        number = chosen.randrange(len(lines))
        lines[number] += "  # noqa: PHL101"
        file.write_text("\n".join(lines) + "\n")


def _broken(root: Path, chosen: random.Random) -> None:
    file = _some(root, chosen)
    file.write_bytes(chosen.choice([b"def (:\n", b"x = '\xff'\n", b"\0", b""]))


EDITS: list[Callable[[Path, random.Random], None]] = [
    _in_body, _in_body, _without_line, _with_caller, _with_caller, _new_file, _no_file, _moved_file, _restored,
    _restored, _settings, _locked, _silenced, _broken,
]  # fmt: skip


def _some(root: Path, chosen: random.Random) -> Path:
    files = sorted(root.rglob("*.py"))
    if not files:
        _restored(root, chosen)
        _write(root / "app/work.py", FILES["app/work.py"])
        files = sorted(root.rglob("*.py"))
    return chosen.choice(files)


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_edits_the_findings_are_those_without_a_cache(
    service: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = random.Random(seed)
    monkeypatch.setattr(kept, "FRESH", 2_000_000_000)
    for _ in range(STEPS):
        for _ in range(chosen.choice([1, 1, 1, 2, 3])):
            chosen.choice(EDITS)(service, chosen)
        only = chosen.random() < 0.3
        paths = [_some(service, chosen)] if only else [service]
        settings = load(service)[0]
        ways = [engine.check(paths, settings, root=service, cache=cache) for cache in (True, False)]
        assert ways[0] == ways[1]


def test_results_of_another_project_with_the_same_cache_are_not_seen(service: Path) -> None:
    _check(service, cache=True)
    other = service.parent / "other"
    shutil.copytree(service, other)
    (other / "app/llm.py").write_text("async def ask(text):\n    return text\n")
    assert _check(other, cache=True) == _check(other, cache=False)
