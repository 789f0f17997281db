"""`poolhold fix`: what it writes, what it leaves alone, and what it says."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flake8_poolhold import engine, fixes
from flake8_poolhold.cli import main
from flake8_poolhold.config import Settings
from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.source import writing
from flake8_poolhold.source.text import SourceError
from flake8_poolhold.source.writing import Change

SAFE = """\
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

sessions = async_sessionmaker(expire_on_commit=False)


async def reply(client: AsyncClient) -> None:
    async with sessions() as db:
        await db.execute(text("select 1"))
        await client.get("https://example.org")
        await db.execute(text("select 2"))
"""
UNSAFE = """\
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession


async def reply(db: AsyncSession, client: AsyncClient) -> None:
    await db.execute("select 1")
    await client.get("https://example.org")
"""
COMMIT = "await db.commit()"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one finding whose fix is safe and one whose fix is not."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "safe.py").write_text(SAFE)
    (tmp_path / "unsafe.py").write_text(UNSAFE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def committed(project: Path) -> set[str]:
    return {file.name for file in project.glob("*.py") if COMMIT in file.read_text(encoding="utf-8")}


def test_only_safe_fixes_are_written_by_default(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix"]) == 1
    assert committed(project) == {"safe.py"}
    expected = SAFE.replace("        await client", f"        {COMMIT}\n        await client")
    assert (project / "safe.py").read_text() == expected
    out = capsys.readouterr().out
    assert out.startswith("safe.py:11:9: PHL101 commit-before: fixed\nunsafe.py:7:5 PHL101")
    assert "\nMade 1 fix in 1 file, left 1 finding.\n" in out
    assert main(["fix", "--unsafe-fixes"]) == 0
    assert committed(project) == {"safe.py", "unsafe.py"}
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in project.glob("*.py")}
    assert main(["fix", "--unsafe-fixes"]) == 0
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in project.glob("*.py")} == before
    assert list(project.glob(".poolhold-*")) == []


def test_diff_shows_both_kinds_and_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "--diff"]) == 1
    out, err = capsys.readouterr()
    safe, mark, unsafe = out.partition("# What follows is not proved to be harmless; only --unsafe-fixes writes it.\n")
    assert mark
    assert safe.startswith("--- a/safe.py\n")
    assert unsafe.startswith("--- a/unsafe.py\n")
    assert f"+        {COMMIT}\n" in safe
    assert f"+    {COMMIT}\n" in unsafe
    assert err.splitlines() == [
        "safe.py:11:9: PHL101 commit-before: would be fixed",
        "unsafe.py:7:5: PHL101 commit-before: would be fixed with --unsafe-fixes",
        "Would make 2 fixes in 2 files.",
    ]
    assert committed(project) == set()
    assert main(["fix", "--diff", "--unsafe-fixes"]) == 1
    assert capsys.readouterr().out == safe + unsafe
    main(["fix", "--unsafe-fixes"])
    assert main(["fix", "--diff"]) == 0


def test_only_named_files_are_written(project: Path) -> None:
    assert main(["fix", "--unsafe-fixes", "unsafe.py"]) == 0
    assert committed(project) == {"unsafe.py"}


def test_a_fix_that_changes_other_files_is_not_made(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(finding: Finding, text: str) -> tuple[Edit, ...]:
        return (Edit("other.py", 1, 1, 1, 1, "x = 1\n"), *edits(finding, text))

    edits = fixes.edits
    monkeypatch.setattr(fixes, "edits", elsewhere)
    (project / "other.py").touch()
    result = engine.fix([Path("safe.py")], Settings(), unsafe=True, write=True)
    assert (result.applied, result.diffs) == ((), ())
    assert committed(project) == set()


@pytest.mark.parametrize("spoil", ["a finding remains", "a new finding", "a syntax error", "an unknown character"])
def test_a_fix_that_does_not_help_is_taken_back(project: Path, monkeypatch: pytest.MonkeyPatch, spoil: str) -> None:
    contents = {
        "a finding remains": "pass",
        "a new finding": f"{COMMIT}  # noqa: PHL301",
        "a syntax error": "await (",
        "an unknown character": f"{COMMIT}  # €",
    }

    def spoiled(finding: Finding, text: str) -> tuple[Edit, ...]:
        made = edits(finding, text)
        if finding.path != "safe.py":
            return made
        return tuple(
            Edit(
                one.path,
                one.line,
                one.column,
                one.end_line,
                one.end_column,
                one.content.replace(COMMIT, contents[spoil]),
            )
            for one in made
        )

    edits = fixes.edits
    monkeypatch.setattr(fixes, "edits", spoiled)
    before = b"# coding: latin-1\n" + SAFE.encode()
    (project / "safe.py").write_bytes(before)
    for letter in "abc":
        (project / f"{letter}.py").write_text(SAFE)
    result = engine.fix([Path()], Settings(), unsafe=True, write=True)
    assert (project / "safe.py").read_bytes() == before
    assert committed(project) == {"a.py", "b.py", "c.py", "unsafe.py"}
    undone = {one.finding.path: one.undone for one in result.applied if one.undone}
    assert undone == {
        "safe.py": {
            "a finding remains": "the finding would remain",
            "a new finding": "it would bring PHL901 in safe.py",
            "a syntax error": "the file could not be analysed any more",
            "an unknown character": "'€' does not exist in iso-8859-1",
        }[spoil]
    }
    assert [one.path for one in result.remaining.findings] == ["safe.py"]


@pytest.mark.parametrize(
    ("data", "newline"),
    [
        (b"\xef\xbb\xbf" + SAFE.encode(), b"\n"),
        (SAFE.replace("\n", "\r\n").encode(), b"\r\n"),
        (b"\xef\xbb\xbf" + SAFE.replace("\n", "\r\n").encode()[:-2], b"\r\n"),
        (b"# coding: latin-1\nNAME = '\xe9'\n\x0c\n" + SAFE.encode(), b"\n"),
    ],
)
def test_everything_else_stays(project: Path, data: bytes, newline: bytes) -> None:
    (project / "safe.py").write_bytes(data)
    (project / "safe.py").chmod(0o755)
    assert main(["fix", "safe.py"]) == 0
    line = b"        await client"
    assert (project / "safe.py").read_bytes() == data.replace(line, b"        await db.commit()" + newline + line)
    assert stat.S_IMODE((project / "safe.py").stat().st_mode) == 0o755


def test_a_link_stays_a_link(project: Path) -> None:
    (project / "real").mkdir()
    (project / "safe.py").rename(project / "real" / "code.txt")
    (project / "safe.py").symlink_to(Path("real", "code.txt"))
    assert main(["fix", "safe.py"]) == 0
    assert (project / "safe.py").is_symlink()
    assert COMMIT in (project / "real" / "code.txt").read_text()


def during(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Let something happen between the analysis and the writing."""
    replace = writing.replace

    def interfere(changes: Sequence[Change]) -> None:
        if any(one.file.name == "safe.py" for one in changes):
            action()
        replace(changes)

    monkeypatch.setattr("flake8_poolhold.engine.repair.replace", interfere)


def test_a_file_that_was_changed_meanwhile_is_left_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    during(monkeypatch, lambda: (project / "safe.py").write_text(f"{SAFE}\n"))
    assert main(["fix", "--unsafe-fixes"]) == 2
    assert (project / "safe.py").read_text() == f"{SAFE}\n"
    assert committed(project) == {"unsafe.py"}
    out, err = capsys.readouterr()
    reason = "not fixed: changed while it was analysed; nothing was written to it"
    assert err == f"safe.py: {reason}\n"
    assert f"safe.py:11:9: PHL101 commit-before: taken back: {reason}\n" in out
    assert "Made 1 fix in 1 file, took back 1, left 1 finding.\n" in out


def test_a_file_that_is_gone_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    during(monkeypatch, (project / "safe.py").unlink)
    assert main(["fix"]) == 2
    assert not (project / "safe.py").exists()


@pytest.mark.parametrize("step", ["mkstemp", "chmod", "replace"])
def test_a_failure_leaves_the_file_and_nothing_else(project: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"flake8_poolhold.source.writing.{'tempfile' if step == 'mkstemp' else 'os'}.{step}", fail)
    with pytest.raises(SourceError, match="cannot be written: No space left on device"):
        writing.replace([Change(project / "safe.py", b"x", SAFE.encode())])
    assert {file.name for file in project.iterdir()} == {"pyproject.toml", "safe.py", "unsafe.py"}
    assert (project / "safe.py").read_text() == SAFE


def test_an_interrupt_leaves_no_temporary_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writing.replace([Change(project / "safe.py", b"x", SAFE.encode())])
    assert {file.name for file in project.iterdir()} == {"pyproject.toml", "safe.py", "unsafe.py"}


def test_a_file_that_may_not_be_written_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SourceError, match="may not be written"):
        writing.replace([Change(project / "safe.py", b"x", SAFE.encode())])


@pytest.mark.parametrize("spoiled", ["unsafe.py", "safe.py"])
def test_files_are_replaced_together_or_not_at_all(project: Path, spoiled: str) -> None:
    before = {file.name: file.read_bytes() for file in project.iterdir()}
    changes = [
        Change(project / name, b"x = 1\n", b"something else" if name == spoiled else text.encode())
        for name, text in {"safe.py": SAFE, "unsafe.py": UNSAFE}.items()
    ]
    with pytest.raises(SourceError, match="changed while it was analysed"):
        writing.replace(changes)
    assert {file.name: file.read_bytes() for file in project.iterdir()} == before


def test_what_was_replaced_already_is_put_back(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_once(source: str, target: str) -> None:
        if target.endswith("unsafe.py"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    replace = os.replace
    before = {file.name: file.read_bytes() for file in project.iterdir()}
    monkeypatch.setattr(os, "replace", fail_once)
    changes = [Change(project / "safe.py", b"x", SAFE.encode()), Change(project / "unsafe.py", b"x", UNSAFE.encode())]
    with pytest.raises(SourceError, match="No space left"):
        writing.replace(changes)
    assert {file.name: file.read_bytes() for file in project.iterdir()} == before


def test_a_fix_in_two_files_is_written_to_both_or_none(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def two(finding: Finding, text: str) -> tuple[Edit, ...]:
        return (Edit("other.py", 1, 1, 1, 1, "x = 1\n"), *edits(finding, text))

    edits = fixes.edits
    monkeypatch.setattr(fixes, "edits", two)
    (project / "other.py").touch()
    during(monkeypatch, lambda: (project / "other.py").write_text("changed = True\n"))
    assert main(["fix", "safe.py", "other.py"]) == 2
    assert (project / "safe.py").read_text() == SAFE
    assert (project / "other.py").read_text() == "changed = True\n"
    assert "safe.py: not fixed: its fix changes other.py too" in capsys.readouterr().err


def answers(monkeypatch: pytest.MonkeyPatch, *given: str) -> None:
    """What somebody types; then the input ends."""
    left = list(given)

    def typed(_: str) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    monkeypatch.setattr("builtins.input", typed)


@pytest.mark.parametrize(
    ("given", "fixed"),
    [
        (("a", "a"), {"safe.py", "unsafe.py"}),
        (("s", "accept"), {"unsafe.py"}),
        (("what?", "a", "s"), {"safe.py"}),
        (("a", "q"), {"safe.py"}),
        (("q",), set()),
        ((), set()),
    ],
)
def test_each_fix_is_asked_for(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    fixed: set[str],
) -> None:
    answers(monkeypatch, *given)
    main(["fix", "--interactive"])
    assert committed(project) == fixed
    out = capsys.readouterr().out
    assert out.startswith("safe.py:11:9: PHL101 ")
    assert "fix: commit-before (safe): " in out
    assert f"+        {COMMIT}\n" in out
    assert ("unsafe.py:7:5: PHL101" in out) == (len(given) > 1)


def test_each_of_two_fixes_in_a_function_is_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = '        await client.get("https://example.org")\n        await db.execute(text("select 2"))\n'
    (project / "safe.py").write_text(SAFE + again)
    answers(monkeypatch, "s", "a", "q")
    main(["fix", "--interactive", "safe.py"])
    lines = (project / "safe.py").read_text().splitlines()
    assert [index for index, line in enumerate(lines, 1) if COMMIT in line] == [13]


def test_why_there_is_no_fix_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = SAFE.replace("sessions() as db", "sessions() as db, db.begin()").replace("select 2", "select 2 for update")
    (project / "safe.py").write_text(begun.replace("select 1", "select 1 for update"))
    assert main(["fix", "safe.py"]) == 1
    out = capsys.readouterr().out
    assert "No fix for 1: safe.py:10 takes a lock that must outlive the call, which a release before" in out


def test_a_diff_cannot_be_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "--interactive", "--diff"]) == 2
    assert "--interactive" in capsys.readouterr().err
