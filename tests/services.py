"""Copies of fixtures, and generated services, to be repaired: which files they have and how they are fixed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from oracle.runner import Run

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.finding import Finding, FixResult

Case = TypeVar("Case")

DATABASES = ("sqlite", "postgres")

HOLDS = ("PHL101", "PHL103", "PHL104", "PHL105", "PHL106", "PHL107")


def copied(fixture: Path, folder: Path) -> Path:
    """Copy a fixture into `folder`, which becomes a project of its own; what the oracle runs is returned."""
    root = folder / "service"
    if fixture.is_dir():
        shutil.copytree(fixture, root, ignore=shutil.ignore_patterns("__pycache__"))
        return root
    root.mkdir(parents=True)
    return Path(shutil.copy(fixture, root))


def skip_without_postgres(fixture: Path, database_url: str) -> None:
    """Skip a fixture that says `needs: PostgreSQL` when it would run on another database."""
    files = fixture.rglob("*.py") if fixture.is_dir() else [fixture]
    if not database_url.startswith("postgresql") and any("# needs: PostgreSQL" in file.read_text() for file in files):
        pytest.skip("the fixture needs PostgreSQL")


def on_databases(cases: Sequence[Case], name: Callable[[Case], str], *, both: bool) -> list[Any]:
    """Test parameters: each case with the name of a database, or with both names."""
    return [
        pytest.param(case, backend, id=f"{name(case)} on {backend}")
        for number, case in enumerate(cases)
        for backend in (DATABASES if both else (DATABASES[number % 2],))
    ]


def database(backend: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    if backend == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'service.db'}"
    return str(request.getfixturevalue("postgres"))


def root_of(entry: Path) -> Path:
    return entry if entry.is_dir() else entry.parent


def contents(entry: Path) -> dict[str, bytes]:
    """The bytes of all source files of a service."""
    root = root_of(entry)
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in sorted(root.rglob("*.py"))}


def findings(entry: Path) -> list[Finding]:
    root = root_of(entry)
    return [one for one in engine.check([root], Settings(), root=root).findings if not one.advisory]


def fixed(entry: Path, *, unsafe: bool, select: tuple[str, ...] | None = None) -> FixResult:
    root = root_of(entry)
    return engine.fix([root], Settings(select=select), unsafe=unsafe, write=True, root=root)


def unexplained_holds(run: Run, remaining: Iterable[Finding]) -> list[str]:
    """The waits with a connection out that pass through none of the sites which are still reported."""
    sites = {(one.path, one.line) for one in remaining if one.code in HOLDS}
    return [
        " < ".join(f"{frame.file}:{frame.line}" for frame in wait.frames)
        for wait in run.holds
        if not any((frame.file, frame.line) in sites for frame in wait.frames)
    ]


def broken_by(before: Run, after: Run) -> list[str]:
    """Requests that were answered before and fail now."""
    return [
        f"{new.method} {new.path}: {old.status}, then {new.status} {new.body!r}"
        for old, new in zip(before.responses, after.responses, strict=True)
        if old.status < 500 <= new.status
    ]
