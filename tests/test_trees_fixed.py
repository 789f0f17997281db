"""Real services repaired, where the machine has some: what `fix --unsafe-fixes` leaves behind in a copy of a tree.

`POOLHOLD_TREES` names folders, separated as in `PATH`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from flake8_poolhold import engine, facts
from flake8_poolhold.config import load
from flake8_poolhold.finding import FixResult

TREES = [Path(tree) for tree in os.environ.get("POOLHOLD_TREES", "").split(os.pathsep) if tree]

pytestmark = pytest.mark.skipif(not TREES, reason="POOLHOLD_TREES names no folder")


class Repaired(NamedTuple):
    """A copy of a tree: its files, and those that were formatted, before `result` was written into it."""

    root: Path
    before: dict[str, bytes]
    formatted: set[str]
    result: FixResult


@pytest.fixture(scope="module", params=TREES, ids=lambda tree: tree.name)
def repaired(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    root = tmp_path_factory.mktemp("tree") / "service"
    shutil.copytree(request.param, root, symlinks=True, ignore=shutil.ignore_patterns(".git", ".poolhold_cache"))
    before = files(root)
    formatted = set(before) - unformatted(root)
    return Repaired(root, before, formatted, fixed(root))


def fixed(root: Path) -> FixResult:
    return engine.fix([root], load(root)[0], unsafe=True, write=True, root=root, cache=False)


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.py") if path.is_file()}


def unformatted(root: Path) -> set[str]:
    """The files that ruff would format otherwise; those of a project that uses black, at its line length."""
    project = root / "pyproject.toml"
    tools = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}) if project.is_file() else {}
    length = tools.get("black", {}).get("line-length")
    options = ["--line-length", str(length)] if length and "ruff" not in tools else []
    shown = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", *options, "."],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode in (0, 1, 2), shown.stderr
    return {
        line.removeprefix("Would reformat: ") for line in shown.stdout.splitlines() if line.startswith("Would reformat")
    } | {line.split(":")[0].removeprefix("error: Failed to parse ") for line in shown.stderr.splitlines()}


def test_every_changed_file_is_python(repaired: Repaired) -> None:
    for path, old in repaired.before.items():
        new = (repaired.root / path).read_bytes()
        if new != old:
            facts.syntax(new.decode("utf-8"))  # raises where it is not


def test_only_the_files_of_a_fix_are_changed(repaired: Repaired) -> None:
    made = [one.finding.fix for one in repaired.result.applied if not one.undone]
    edited = {edit.path for fix in made if fix is not None for edit in fix.edits}
    now = files(repaired.root)
    assert {path for path in repaired.before if now[path] != repaired.before[path]} == edited
    assert now.keys() == repaired.before.keys()


def test_formatted_files_stay_formatted(repaired: Repaired) -> None:
    assert repaired.formatted & unformatted(repaired.root) == set()


def test_a_second_run_changes_nothing(repaired: Repaired) -> None:
    now = files(repaired.root)
    again = fixed(repaired.root)
    assert again.diffs == ()
    assert files(repaired.root) == now
