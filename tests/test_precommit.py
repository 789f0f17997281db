"""The hooks, tried by pre-commit itself on a repository of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SERVICE = """\
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

sessions = async_sessionmaker(expire_on_commit=False)


async def reply(client: AsyncClient) -> None:
    async with sessions() as db:
        await db.execute(text("select 1"))
        await client.get("https://example.org")
"""

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or importlib.util.find_spec("pre_commit") is None, reason="needs git and pre-commit"
)


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which git and pre-commit touch nothing of their user."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHONPATH"))}
    names = {f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**kept, **names, "PRE_COMMIT_HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Path:
    """A repository that holds the package as it is in the working folder."""
    root = tmp_path_factory.mktemp("hooks")
    for name in ("pyproject.toml", ".pre-commit-hooks.yaml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, root)
    shutil.copytree(PROJECT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    commit(root, surroundings)
    return root


@pytest.fixture
def service(tmp_path: Path, surroundings: dict[str, str]) -> Path:
    """A repository with two files to repair, one of which is a migration."""
    (tmp_path / "migrations").mkdir()
    for name in ("app.py", "other.py", "migrations/first.py"):
        (tmp_path / name).write_text(SERVICE)
    commit(tmp_path, surroundings)
    return tmp_path


def commit(root: Path, surroundings: dict[str, str]) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x", "--no-verify"]):
        subprocess.run(["git", *command], cwd=root, check=True, env=surroundings)


def try_hook(hooks: Path, hook: str, service: Path, surroundings: dict[str, str], *files: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), hook, "--color=never"]
    ended = subprocess.run(
        [*command, *(("--files", *files) if files else ("--all-files",))],
        cwd=service,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    if "InstallationError" in ended.stdout or "No matching distribution" in ended.stdout:
        pytest.skip("the package index cannot be reached")
    return ended.returncode, ended.stdout + ended.stderr


def test_the_check_reports_all_but_what_is_excluded(hooks: Path, service: Path, surroundings: dict[str, str]) -> None:
    code, shown = try_hook(hooks, "poolhold", service, surroundings)
    assert code == 1, shown
    assert "app.py:11:9 PHL101" in shown
    assert "other.py:11:9 PHL101" in shown
    assert "migrations/first.py" not in shown
    assert (service / "app.py").read_text() == SERVICE
    code, shown = try_hook(hooks, "poolhold", service, surroundings, "migrations/first.py")
    assert code == 0, shown


def test_the_fix_edits_only_what_it_is_given(hooks: Path, service: Path, surroundings: dict[str, str]) -> None:
    code, shown = try_hook(hooks, "poolhold-fix", service, surroundings, "app.py", "migrations/first.py")
    assert code == 1, shown
    assert "files were modified by this hook" in shown
    assert "\n    await client.get" in (service / "app.py").read_text()
    assert (service / "other.py").read_text() == SERVICE
    assert (service / "migrations" / "first.py").read_text() == SERVICE
    code, shown = try_hook(hooks, "poolhold-fix", service, surroundings, "app.py")
    assert code == 0, shown
