"""Small projects from text: their findings against the marks in them, and the holds behind the findings."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from marks import marked

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.facts import extract
from flake8_poolhold.finding import CheckResult
from flake8_poolhold.flow.analysis import Flow
from flake8_poolhold.flow.model.frames import Hold
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.source.discovery import PROJECT_FILES

CODES = ("PHL101", "PHL104", "PHL201", "PHL401")
"""The rules that the snippets are checked with when they name no others."""

HEAD = """\
import asyncio
import contextlib
import functools
import httpx
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Security
from sqlalchemy import create_engine, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

client = httpx.AsyncClient()
engine = create_async_engine("postgresql+asyncpg://localhost/app")
maker = async_sessionmaker(engine, expire_on_commit=False)
sync_engine = create_engine("postgresql+psycopg://localhost/app")
sync_maker = sessionmaker(sync_engine, expire_on_commit=False)


async def get_db():
    async with maker() as session:
        yield session


async def ask() -> str:
    response = await client.get("/")
    return response.text


app = FastAPI()
"""
"""What most snippets import and define; it is put before a snippet that is a single file."""

Files = str | dict[str, str]


def case(name: str, files: Files, *, select: tuple[str, ...] = CODES, wrong: str = "") -> Any:
    """A parameter for a test that compares findings with marks; `wrong` says what the analysis gets wrong so far."""
    expected = [pytest.mark.xfail(strict=True, reason=wrong)] if wrong else []
    return pytest.param(files, select, id=name, marks=expected)


def write(root: Path, files: Files) -> list[Path]:
    """Write the files of a project below `root`; a single source becomes `app.py` behind `HEAD`."""
    sources = {"app.py": HEAD + "\n\n" + textwrap.dedent(files)} if isinstance(files, str) else files
    written = []
    for name, source in sources.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        written.append(path)
    return [path for path in written if path.suffix in (".py", ".pyi")]


def check(root: Path, files: Files, select: tuple[str, ...] = CODES, **settings: Any) -> CheckResult:
    """Write a project and check all of it."""
    write(root, files)
    return engine.check([root], Settings(select=select, **settings), root=root, cache=False)


def found(root: Path, files: Files, select: tuple[str, ...] = CODES) -> set[tuple[str, int, str]]:
    """The findings in a project, as (path, line, code); the problems too, where there should be none."""
    result = check(root, files, select)
    problems = {(one.path, one.line, one.reason) for one in result.problems}
    return {(one.path, one.line, one.code) for one in result.findings} | problems


def marks(root: Path) -> set[tuple[str, int, str]]:
    """The findings that are marked in the files of a project."""
    return marked(root, sorted(root.rglob("*.py")))


def flow_of(root: Path, files: Files) -> Flow:
    """The analysis of all the files of a project."""
    paths = [path.relative_to(root).as_posix() for path in write(root, files)]
    starts = {path.parent.relative_to(root).as_posix() for name in PROJECT_FILES for path in root.rglob(name)}
    project = Project(
        paths,
        {"" if start == "." else start for start in starts},
        lambda path: extract(path, (root / path).read_text(encoding="utf-8")),
        lambda path: (root / path).read_bytes() if (root / path).is_file() else b"",
        Settings(),
    )
    flow = Flow(project)
    for path in paths:
        flow.analyse(path)
    return flow


def holds(root: Path, files: Files) -> list[Hold]:
    """The holds in a project, in the order of their places."""
    return sorted(flow_of(root, files).holds, key=lambda hold: (hold.function.path, hold.span, hold.name))
