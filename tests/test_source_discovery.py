"""Which files are found, which are left out, and what is said about paths that lead nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_poolhold.config import Settings
from flake8_poolhold.source.discovery import discover, project_files


def plant(root: Path, *paths: str) -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def found(root: Path, *paths: str, **settings: object) -> list[str]:
    result = discover([root / path for path in paths or (".",)], Settings(**settings), root)  # type: ignore[arg-type]
    return [file.relative_to(root).as_posix() for file in result.files]


def test_walks_folders_in_order_and_takes_each_file_once(tmp_path: Path) -> None:
    plant(tmp_path, "b.py", "a/z.pyi", "a/y.py", "a/readme.md", "c.txt", "a/data.python")
    assert found(tmp_path, ".", "a", "a/y.py") == ["a/y.py", "a/z.pyi", "b.py"]


def test_leaves_out_environments_and_migrations_and_counts_them(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "app/main.py",
        ".venv/lib/x.py",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "db/migrations/0001.py",
        "alembic/env.py",
        "revisions/env.py",
        "revisions/versions/1.py",
        "app/versions/v1.py",
        "node_modules/x.py",
        "__pycache__/x.py",
        "dist/x.py",
    )
    result = discover([tmp_path], Settings(), tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in result.files] == [
        "app/main.py",
        "app/versions/v1.py",
        "revisions/env.py",
    ]
    assert result.skipped == {"migrations": 3, "virtual environment": 2}


def test_honours_nested_gitignore_files(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "gen/b.py", "gen/keep.py", "sub/gen/c.py", "sub/d.py", "sub/e_pb2.py", "tmp/f.py")
    (tmp_path / ".gitignore").write_text("*_pb2.py\n/gen/*\n!keep.py\ntmp/\n[\n")
    (tmp_path / "sub/.gitignore").write_text("d.py\n!e_pb2.py\n")
    assert found(tmp_path) == ["a.py", "gen/keep.py", "sub/e_pb2.py", "sub/gen/c.py"]


def test_agrees_with_git_about_what_is_ignored(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{a}/{b}/{c}.py" for a in "xy" for b in ("one", "two") for c in ("m", "n", "#o", "p q")))
    (tmp_path / ".gitignore").write_text(
        "x/**/m.py\n\\#o.py\n!y/two/#o.py\ntwo/n.py\ny/*/n.py\np\\ q.py\n!/x/one/p?q.py\n"
    )
    (tmp_path / "y/.gitignore").write_text("# none\n!/one/n.py\n/two\n")
    plant(tmp_path, "all/keep/a.py", "all/drop.py", "star/a.py", "star/b/keep.py", "star/b/c.py", "in/a.py")
    (tmp_path / "all/.gitignore").write_text("*\n!*/\n!a.py\n")
    (tmp_path / "star/.gitignore").write_text("b/**\n!b/keep.py\nb/\n!b/\n")
    plant(tmp_path, "in/in/b.py", "in/c/in/d.py", "deep/a/b/c.py", "deep/b/c.py")
    (tmp_path / "in/.gitignore").write_text("/in/\nc/*/\n")
    (tmp_path / "deep/.gitignore").write_text("/**/b\n!/b\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "-z", "--others", "--exclude-standard", "*.py"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found(tmp_path) == sorted(listed.stdout.split("\0")[:-1])


def test_gitignore_above_the_root_counts_inside_a_repository_only(tmp_path: Path) -> None:
    plant(tmp_path, "backend/app/a.py", "backend/app/b.py")
    (tmp_path / ".gitignore").write_text("b.py\n")
    assert found(tmp_path / "backend") == ["app/a.py", "app/b.py"]
    (tmp_path / ".git").mkdir()
    assert found(tmp_path / "backend") == ["app/a.py"]


def test_exclude_replaces_and_extend_exclude_adds(tmp_path: Path) -> None:
    plant(tmp_path, "app/a.py", "app/gen/b.py", "build/c.py", "legacy/d.py")
    assert found(tmp_path, extend_exclude=("app/gen/", "/legacy")) == ["app/a.py"]
    assert found(tmp_path, exclude=("legacy",)) == ["app/a.py", "app/gen/b.py", "build/c.py"]
    assert found(tmp_path, exclude=("*", "!app", "!a.py")) == ["app/a.py"]


@pytest.mark.parametrize("path", ["legacy/d.py", "build/x.py", "env/lib/y.py", "db/versions/1.py"])
def test_a_named_file_is_taken_unless_exclusion_is_forced(tmp_path: Path, path: str) -> None:
    plant(tmp_path, "legacy/d.py", "build/x.py", "env/pyvenv.cfg", "env/lib/y.py", "db/env.py", "db/versions/1.py")
    settings = {"extend_exclude": ("legacy/",)}
    assert found(tmp_path, path, **settings) == [path]
    assert found(tmp_path, path, "db/env.py", **settings, force_exclude=True) == ["db/env.py"]


def test_a_named_folder_is_walked_even_when_it_is_excluded_or_ignored(tmp_path: Path) -> None:
    plant(tmp_path, "build/a.py", "build/build/b.py", "ignored/c.py", "ignored/d/e.py")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    assert found(tmp_path, "build") == ["build/a.py"]
    assert found(tmp_path, "ignored") == ["ignored/c.py", "ignored/d/e.py"]
    assert found(tmp_path) == []


def test_paths_that_lead_nowhere_are_problems_and_the_rest_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "a.py")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    os.mkfifo(tmp_path / "pipe.py")
    result = discover([tmp_path, tmp_path / "missing.py", tmp_path / "pipe.py"], Settings(), tmp_path)
    assert [file.name for file in result.files] == ["a.py"]
    assert [(problem.path, problem.line, problem.reason) for problem in result.problems] == [
        ("gone.py", 0, "broken symbolic link to nowhere.py"),
        ("loop.py", 0, "cannot be read: Too many levels of symbolic links"),
        ("missing.py", 0, "no such file or folder"),
        ("pipe.py", 0, "is neither a file nor a folder"),
    ]


def test_a_folder_that_may_not_be_read_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a.py", "secret/b.py")
    scandir = os.scandir

    def denied(path: str) -> object:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    result = discover([tmp_path], Settings(), tmp_path)
    assert [file.name for file in result.files] == ["a.py"]
    assert [(problem.path, problem.reason) for problem in result.problems] == [
        ("secret", "cannot be read: Permission denied")
    ]


def test_links_neither_loop_nor_duplicate(tmp_path: Path) -> None:
    plant(tmp_path, "app/a.py", "elsewhere/shared.txt")
    (tmp_path / "app/self").symlink_to(tmp_path / "app")
    (tmp_path / "again.py").symlink_to("app/a.py")
    (tmp_path / "linked.py").symlink_to("elsewhere/shared.txt")
    assert found(tmp_path) == ["app/a.py", "linked.py"]
    assert found(tmp_path, "app/self") == ["app/self/a.py"]


def test_paths_outside_the_root_are_walked(tmp_path: Path) -> None:
    plant(tmp_path, "other/a.py", "other/dist/b.py", "root/c.py")
    result = discover([tmp_path / "other"], Settings(), tmp_path / "root")
    assert [file.relative_to(tmp_path).as_posix() for file in result.files] == ["other/a.py"]


def test_project_files_ignore_what_the_user_excludes_and_follow_src(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "a.pyi", "legacy/b.py", "build/gen/c.py", "venv/d.py")
    settings = Settings(extend_exclude=("legacy",), exclude=("*",), src=("build/gen", "missing"))
    names = [file.relative_to(tmp_path).as_posix() for file in project_files(tmp_path, settings)]
    assert names == ["a.py", "build/gen/c.py", "legacy/b.py"]


def test_pathspec_is_imported_only_for_patterns(tmp_path: Path) -> None:
    plant(tmp_path, "a.py")
    program = (
        "import sys; from pathlib import Path; from flake8_poolhold.config import Settings;"
        "from flake8_poolhold.source.discovery import discover;"
        f"assert len(discover([Path({str(tmp_path)!r})], Settings(), Path({str(tmp_path)!r})).files) == 1;"
        "sys.exit('pathspec' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
