"""Files and settings that cannot be followed: a message with file and reason, the rest checked, exit 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from reading import readable

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.engine import modules
from flake8_poolhold.source import deep, discovery

GOOD = """\
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession


async def reply(db: AsyncSession, client: AsyncClient) -> None:
    await db.execute("select 1")
    await client.get("https://example.org")
"""
MAKES = """\
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_pre_ping=True)
sessions = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
"""
HEAD = "from sqlalchemy.ext.asyncio import AsyncSession\n\n\nasync def f(db: AsyncSession, x: int) -> None:\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one finding, in which the test runs."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "good.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def poolhold(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flake8_poolhold", *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        input=stdin.decode("utf-8", "surrogateescape") if stdin is not None else None,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:surrogateescape"},
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and ".poolhold_cache" not in file.parts
    }


BAD = {
    "not UTF-8": (b"x = 1\ny = '\xe9'\n", 2, "is not utf-8: invalid continuation byte, byte 0xe9"),
    "unknown encoding": (b"# coding: klingon\n", 1, "coding comment cannot be followed: unknown encoding: klingon"),
    "UTF-16": ("x = 1\n".encode("utf-16"), 1, "looks like UTF-16"),
    "syntax error": (b"async def f(db):\n    return (\n", 2, "syntax error: "),
    "syntax error in a file of no interest": (b"x = (\n", 1, "syntax error: "),
    "NUL": (b"x = 1\n\0\n", 2, "contains a NUL byte"),
    "brackets": (f"x = {'[' * 250}{']' * 250}\n".encode(), 1, "syntax error: too many nested parentheses"),
    "indented too deep": (
        "".join(f"{' ' * depth}if session:\n" for depth in range(120)).encode() + b" " * 120 + b"pass\n",
        101,
        "syntax error: too many levels of indentation",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_others_are_checked(project: Path, name: str) -> None:
    data, line, reason = BAD[name]
    (project / "bad.py").write_bytes(data)
    before = snapshot(project)
    result = engine.check([Path()], Settings(), cache=False)
    assert [(one.path, one.line) for one in result.problems] == [("bad.py", line)]
    assert result.problems[0].reason.startswith(reason)
    assert [(one.path, one.line, one.code) for one in result.findings] == [("good.py", 7, "PHL101")]
    shown = poolhold("check", "--output-format", "json")
    assert shown.returncode == 2
    assert f"bad.py:{line}: {reason}" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert [(one["filename"], one["code"]) for one in json.loads(shown.stdout)] == [("good.py", "PHL101")]
    fixed = poolhold("fix", "--diff")
    assert (fixed.returncode, snapshot(project)) == (2, before)


def test_standard_input_is_named_too(project: Path) -> None:
    shown = poolhold("check", "--stdin-filename", "app/x.py", "--output-format=json", "-", stdin=b"\xff")
    assert (shown.returncode, json.loads(shown.stdout)) == (2, [])
    assert "app/x.py:1: is not utf-8" in shown.stderr
    assert not (project / "app").exists()


def chain(parts: int, separator: str, part: str = "a{}") -> str:
    return f"{HEAD}    y = {separator.join(part.format(number) for number in range(parts))}\n"


FINE = {
    "empty": "",
    "a comment": "# nothing",
    "a form feed": "\x0c\n",
    "500 elif": f"{HEAD}    if x == 0:\n        pass\n"
    + "".join(f"    elif x == {number}:\n        await db.commit()\n" for number in range(500)),
    "3000 elif": f"{HEAD}    if x:\n        pass\n"
    + "".join(f"    elif x == {n}:\n        pass\n" for n in range(3000)),
    "a sum": chain(5000, " + "),
    "a sum of calls": chain(5000, " + ", "a{}()"),
    "a concatenation": chain(5000, " + ", "'a{}'"),
    "strings side by side": chain(5000, " ", "'a{}'"),
    "a union": chain(5000, " | "),
    "an assignment": chain(5000, " = "),
    "and": chain(5000, " and "),
    "or": chain(5000, " or ", "a{}()"),
    "a chain of calls": f"{HEAD}    y = db{''.join(f'.m{number}()' for number in range(2000))}\n",
    "a chain of attributes": f"{HEAD}    y = db{''.join(f'.m{number}' for number in range(2000))}\n",
    "conditional expressions": f"{HEAD}    y = {''.join(f'a{n} if b{n} else ' for n in range(300))}c\n",
    "lambdas": f"{HEAD}    y = {'lambda: ' * 300}c\n",
    "not": f"{HEAD}    y = {'not ' * 300}c\n",
    "powers": chain(300, "**"),
    "blocks": HEAD + "".join(f"{' ' * (4 + depth)}if x:\n" for depth in range(90)) + f"{' ' * 94}await db.commit()\n",
    "functions": "".join(f"{' ' * depth}async def f{depth}(db):\n" for depth in range(90)) + f"{' ' * 90}pass\n",
    "loops": HEAD + "".join(f"{' ' * (4 + n)}for x in y:\n" for n in range(18)) + f"{' ' * 22}await db.commit()\n",
    "brackets": f"{HEAD}    y = {'[' * 190}{']' * 190}\n",
    "50,000 lines": "session = 1\n" + "".join(f"x{number} = {number}\n" for number in range(50_000)),
}


@pytest.mark.parametrize("name", FINE)
def test_long_and_deep_files_are_analysed(project: Path, name: str) -> None:
    (project / "deep.py").write_text(FINE[name])
    shown = poolhold("check", "--no-cache", "--output-format=concise")
    problem = "" if readable(FINE[name]) else "deep.py: nested too deep to be analysed\n"
    assert (shown.returncode, shown.stderr) == (2 if problem else 1, problem)
    assert shown.stdout.startswith("good.py:7:5: PHL101")


DEEP = {
    "not": f"{HEAD}    y = {'not ' * 50_000}c\n",
    "minus": f"{HEAD}    y = {'-' * 50_000}c\n",
    "lambdas": f"{HEAD}    y = {'lambda: ' * 50_000}c\n",
    "powers": chain(20_000, "**"),
    "a chain of calls": f"{HEAD}    y = db{'.m()' * 100_000}\n",
    "a chain of attributes": f"{HEAD}    y = db{'.m' * 100_000}\n",
}


@pytest.mark.parametrize("name", DEEP)
def test_what_nests_too_deep_is_said_so(project: Path, name: str) -> None:
    (project / "deep.py").write_text(DEEP[name])
    result = engine.check([Path()], Settings(), cache=False)
    assert [(one.path, one.reason) for one in result.problems] == [("deep.py", "nested too deep to be analysed")]
    assert [one.path for one in result.findings] == ["good.py"]


def test_a_syntax_that_the_interpreter_does_not_know(project: Path) -> None:
    (project / "newer.py").write_text(f"{HEAD}    await db.lazily = 1\n")
    (problem,) = engine.check([Path()], Settings(), cache=False).problems
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (problem.path, problem.line) == ("newer.py", 5)
    assert problem.reason.endswith(
        f"(read as Python {version}; run poolhold with the Python that the code is written for)"
    )


@pytest.mark.parametrize("text", ["y = '\\d'\n", "y = x is 'a'\n", "y = 1if x else 2\n", "y: '\\\\d'\n"])
def test_warnings_of_the_parser_are_not_shown(project: Path, text: str) -> None:
    (project / "warns.py").write_text(f"session = 1\n{text}")
    (project / "irrelevant.py").write_text(text)
    shown = poolhold("check", "--no-cache")
    assert (shown.returncode, shown.stderr) == (1, "")


def test_no_fix_beside_an_expression_that_its_parser_is_slow_on(project: Path) -> None:
    """It is the parser of fixes that change a call; those that insert a statement have another."""
    (project / "makes.py").write_text(f"{MAKES}\n\ny = {' + '.join(['a'] * 600)}\n")
    (project / "good.py").write_text(f"{GOOD}\n\ny = {' + '.join(['a'] * 600)}\n")
    settings = Settings(select=("PHL101", "PHL508"))
    held, maker = engine.check([Path()], settings, cache=False).findings
    assert (held.code, held.fix is not None) == ("PHL101", True)
    assert (maker.code, maker.fix) == ("PHL508", None)
    assert maker.notes[-1] == "no fix: an expression of the file has more than 500 operands or levels; take it apart"


@pytest.mark.parametrize("newer", ["type X = int\n", "x = f'{'\\n'}'\n"])
def test_fixes_in_a_file_of_newer_syntax(project: Path, newer: str) -> None:
    (project / "makes.py").write_text(f"{MAKES}\n\n{newer}")
    (project / "good.py").write_text(f"{GOOD}\n\n{newer}")
    result = engine.check([Path()], Settings(select=("PHL101", "PHL508")), cache=False)
    assert [one.fix is not None and one.fix.name for one in result.findings] == ["commit-before", "async-sessionmaker"]


def test_a_coding_comment_is_followed(project: Path) -> None:
    text = f"# coding: latin-1\nNAME = 'é'\n{GOOD}"
    (project / "good.py").write_bytes(text.encode("latin-1"))
    shown = poolhold("check", "--output-format=concise")
    assert (shown.returncode, shown.stderr) == (1, "")
    assert shown.stdout.startswith("good.py:9:5: PHL101")


def test_a_file_that_disappears(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "gone.py").write_text(GOOD)
    found = discovery.discover([Path()], Settings(), project)
    (project / "gone.py").unlink()
    monkeypatch.setattr(discovery, "discover", lambda *_: found)
    result = engine.check([Path()], Settings())
    assert [(one.path, one.reason) for one in result.problems] == [
        ("gone.py", "no such file; it may have been removed meanwhile")
    ]
    assert [one.path for one in result.findings] == ["good.py"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(project: Path) -> None:
    (project / "secret.py").write_text(GOOD)
    (project / "secret.py").chmod(0)
    shown = poolhold("check")
    assert (shown.returncode, shown.stderr) == (2, "secret.py: cannot be read: Permission denied\n")
    assert "good.py:7:5" in shown.stdout


def test_a_file_that_the_system_does_not_give(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def refuse(file: Path) -> bytes:
        if file.name == "secret.py":
            raise PermissionError(13, "Permission denied")
        return read(file)

    (project / "secret.py").write_text(GOOD)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = engine.check([Path()], Settings())
    assert [(one.path, one.reason) for one in result.problems] == [("secret.py", "cannot be read: Permission denied")]
    assert [one.path for one in result.findings] == ["good.py"]


@pytest.mark.parametrize("named", [True, False])
def test_links_that_lead_nowhere(project: Path, named: bool) -> None:
    (project / "broken.py").symlink_to("nowhere.py")
    (project / "loop.py").symlink_to("loop2.py")
    (project / "loop2.py").symlink_to("loop.py")
    (project / "round").mkdir()
    (project / "round" / "again").symlink_to("..")
    shown = poolhold("check", *(("broken.py", "loop.py", "loop2.py", "good.py") if named else ()))
    assert shown.returncode == 2
    assert shown.stderr.splitlines() == [
        "broken.py: broken symbolic link to nowhere.py",
        "loop.py: cannot be read: Too many levels of symbolic links",
        "loop2.py: cannot be read: Too many levels of symbolic links",
    ]
    assert "good.py:7:5" in shown.stdout


def test_paths_that_lead_to_nothing(project: Path) -> None:
    (project / "empty").mkdir()
    shown = poolhold("check", "missing.py", "empty", "good.py")
    assert shown.returncode == 2
    assert shown.stderr.splitlines() == [
        "empty: no Python files to check in this folder",
        "missing.py: no such file or folder",
    ]
    assert "good.py:7:5" in shown.stdout
    alone = poolhold("check", "--output-format=json", "empty")
    assert (alone.returncode, json.loads(alone.stdout)) == (2, [])


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ("", ["--select", "PHL110"], "poolhold: --select: unknown code `PHL110`; did you mean"),
        ("[tool.poolhold]\nselect = 'PHL1'\n", [], "[tool.poolhold] select: expected `array | null`, got `str`"),
        ("[tool.poolhold]\nignroe = []\n", [], "[tool.poolhold] ignroe: unknown key; did you mean `ignore`?"),
        ("[tool.poolhold\n", [], "is not TOML"),
    ],
)
def test_settings_that_cannot_be_followed(project: Path, settings: str, arguments: list[str], message: str) -> None:
    (project / "pyproject.toml").write_text(settings)
    before = snapshot(project)
    for command in (["check", "--output-format=json"], ["fix"]):
        shown = poolhold(*command, *arguments)
        assert shown.returncode == 2
        assert message in shown.stderr
        assert shown.stdout == ("[]\n" if command[0] == "check" else "")
    assert snapshot(project) == before


def test_paths_of_two_projects_are_refused(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "pyproject.toml").touch()
    (other / "a.py").touch()
    shown = poolhold("check", "good.py", str(other / "a.py"))
    assert shown.returncode == 2
    assert f"belongs to the project {other}, `good.py` to {project}; run once for each" in shown.stderr


@pytest.mark.parametrize("broken", ["a rule", "the analysis", "the syntax"])
def test_an_internal_error_loses_one_file(project: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    from flake8_poolhold import facts
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.registry import Rule, rules

    (project / "bad.py").write_text(GOOD)

    def fail(path: str) -> None:
        if path == "bad.py":
            raise ZeroDivisionError("no reason")

    if broken == "a rule":

        def check(flow: Flow) -> list[object]:
            for hold in flow.holds:
                fail(hold.function.path)
            return list(rule.check(flow))

        rule = rules()["PHL101"]
        failing = Rule("PHL101", rule.name, "s", "d", "0", False, False, (), check)  # type: ignore[arg-type]
        monkeypatch.setattr("flake8_poolhold.engine.run.rules", lambda: {**rules(), "PHL101": failing})
    elif broken == "the analysis":
        analyse = Flow.analyse
        monkeypatch.setattr(Flow, "analyse", lambda self, path: (fail(path), analyse(self, path)))
    else:
        extract = facts.extract
        monkeypatch.setattr(facts, "extract", lambda path, text: (fail(path), extract(path, text))[1])
    result = engine.check([Path()], Settings(), cache=False)
    assert [one.path for one in result.findings] == ["good.py"]
    (problem,) = result.problems
    during = {"a rule": "running PHL101", "the analysis": "analysing it", "the syntax": "reading the syntax"}[broken]
    assert problem.path == "bad.py"
    assert problem.reason.startswith(f"internal error while {during}: ZeroDivisionError: no reason (test_bad_input.py:")
    assert problem.reason.endswith("; `poolhold check bad.py` shows it again, for a report")


@pytest.mark.usefixtures("project")
def test_a_fix_that_fails_is_told_in_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from flake8_poolhold import fixes

    def fail(*_: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr(fixes, "edits", fail)
    (finding,) = engine.check([Path()], Settings()).findings
    assert finding.fix is None
    assert finding.notes[-1] == "no fix: nested too deep: the stack ended while making the fix commit-before"


def test_a_failure_says_where_it_happened() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError("x\ny")
    shown = modules.failure("thinking", caught.value)
    assert shown.startswith("internal error while thinking: KeyError: 'x\\ny' (test_bad_input.py:")


def test_an_interrupt_is_raised_while_the_work_goes_on() -> None:
    program = (
        "import _thread, signal, sys, threading, time\n"
        "from flake8_poolhold.source import deep\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it\n"
        "threading.Timer(0.3, _thread.interrupt_main).start()\n"
        "try: deep.run(lambda: time.sleep(30))\n"
        "except KeyboardInterrupt: sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 7


def test_deep_work_gives_back_the_limits() -> None:
    def depth(left: int) -> int:
        return 1 + depth(left - 1) if left else 0

    limit = sys.getrecursionlimit()
    assert deep.run(lambda: deep.run(lambda: depth(20_000))) == 20_000
    assert sys.getrecursionlimit() == limit
    with pytest.raises(RecursionError):
        deep.run(lambda: depth(10**9))
    assert deep.run(lambda: 1) == 1
