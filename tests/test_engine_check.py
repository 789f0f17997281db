"""What a check looks at, and what it need not look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import ConfigError, Settings

HEAVY = "{'libcst', 'rich', 'pathspec'} & set(sys.modules)"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("cached", [False, True])
def test_without_a_file_to_parse_libcst_is_not_imported(project: Path, cached: bool) -> None:
    (project / "a.py").write_text("def add(a, b):\n    return a + b\n")
    if cached:
        (project / "b.py").write_text("async def f(session):\n    await session.commit()\n")
        engine.check([project], Settings())
    program = (
        f"import sys; from flake8_poolhold.cli import main\nmain(['check', '.'])\nprint(*{HEAVY}, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ended.stderr.strip() == b""
    assert ended.stdout.startswith(b"Nothing found in")


def test_what_is_left_out_is_counted(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from flake8_poolhold.cli import main

    for folder in ("migrations", "old", "app"):
        (project / folder).mkdir()
        (project / folder / "a.py").write_text("x = 1\n")
    assert engine.check([project], Settings(extend_exclude=("old",))).skipped == {"excluded": 1, "migrations": 1}
    main(["check", "--extend-exclude=old"])
    assert "Left out: 1 excluded, 1 migrations." in capsys.readouterr().out


@pytest.mark.parametrize("force", [False, True])
def test_excluded_files_are_checked_when_named_unless_forced(project: Path, force: bool) -> None:
    (project / "migrations").mkdir()
    (project / "migrations" / "a.py").write_text("x = (\n")
    settings = Settings(force_exclude=force)
    for stdin in (None, b"x = ("):
        result = engine.check([Path("migrations/a.py")], settings, stdin=stdin)
        assert len(result.problems) == (not force)
        assert result.skipped == ({"excluded": 1} if force else {})


def test_the_cache_is_written_only_when_wanted(project: Path) -> None:
    (project / "a.py").write_text("async def f(session):\n    await session.commit()\n")
    engine.check([project], Settings(), cache=False)
    assert not (project / ".poolhold_cache").exists()
    engine.check([project], Settings())
    assert (project / ".poolhold_cache" / ".gitignore").exists()


def test_the_project_of_several_paths(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / ".git").mkdir()
    (other / "app").mkdir()
    (other / "app" / "a.py").touch()
    assert engine.project_root([Path("missing"), Path()]) == project
    assert engine.project_root([other / "missing" / "x.py", other / "app" / "a.py", other / "app"]) == other
    with pytest.raises(ConfigError, match="run once for each"):
        engine.project_root([Path(), other / "app"])
