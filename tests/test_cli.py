"""The command line: options reach the engine, its answer reaches the streams and the exit code."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import flake8_poolhold
from flake8_poolhold import registry
from flake8_poolhold.cli import main
from flake8_poolhold.config import Settings, codes, find_project_root
from flake8_poolhold.finding import AppliedFix, CheckResult, Counts, FileDiff, Finding, FixOffer, FixResult, Problem
from flake8_poolhold.registry import Rule

FOUND = Finding(
    "PHL101", "network-wait-while-held", "`db` is held", "a.py", 2, 1, 2, 9, (), (), FixOffer("x", "safe", "y")
)
ADVISORY = Finding("PHL102", "network-wait-in-open-session", "`db` is open", "a.py", 1, 1, 1, 9, advisory=True)
RULES = {
    code: Rule(
        code, name, "It waits.", "It waits.\n\n## What it does\nWaits.", "0.1.0", advisory, opt_in, (), lambda _: ()
    )
    for code, name, advisory, opt_in in (
        ("PHL101", "network-wait-while-held", False, False),
        ("PHL102", "network-wait-in-open-session", True, False),
        ("PHL501", "pool-left-at-default", False, True),
    )
}


class Engine(types.ModuleType):
    """Stands in for the engine: answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__("flake8_poolhold.engine")
        self.result = CheckResult((), (), Counts(1, 2, 3))
        self.fixed = FixResult((), (), self.result)
        self.asked: dict[str, Any] = {}
        self.effect: Callable[[], None] = lambda: None

    def project_root(self, paths: list[Path]) -> Path:
        return find_project_root(paths[0])

    def check(self, paths: list[Path], settings: Settings, **options: Any) -> CheckResult:
        self.effect()
        self.asked = {"paths": paths, "settings": settings, **options}
        return self.result

    def fix(self, paths: list[Path], settings: Settings, **options: Any) -> FixResult:
        self.asked = {"paths": paths, "settings": settings, **options}
        return self.fixed


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An engine in place of the real one, a fixed set of rules, and a project to run in."""
    stand_in = Engine()
    monkeypatch.setitem(sys.modules, "flake8_poolhold.engine", stand_in)
    monkeypatch.setattr(flake8_poolhold, "engine", stand_in, raising=False)
    monkeypatch.setattr(registry, "rules", lambda: RULES)
    monkeypatch.setattr(codes, "rules", lambda: RULES)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("first()\nsecond()\n")
    return stand_in


def result(*findings: Finding, problems: tuple[Problem, ...] = ()) -> CheckResult:
    return CheckResult(findings, problems, Counts(1, 2, 3))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (result(), 0),
        (result(ADVISORY), 0),
        (result(ADVISORY, FOUND), 1),
        (result(FOUND, problems=(Problem("b.py", 1, "gone"),)), 2),
        (result(problems=(Problem("b.py", 1, "gone"),)), 2),
    ],
)
def test_exit_codes(engine: Engine, answer: CheckResult, code: int) -> None:
    engine.result = answer
    assert main(["check"]) == code
    del engine.asked["jobs"], engine.asked["progress"]
    assert engine.asked == {"paths": [Path(".")], "settings": Settings(), "root": Path.cwd(), "cache": True}


def test_full_output(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.result = result(FOUND, problems=(Problem("b.py", 1, "gone"),))
    main(["check", "a.py", "b.py"])
    assert engine.asked["paths"] == [Path("a.py"), Path("b.py")]
    out, err = capsys.readouterr()
    assert out == (
        "a.py:2:1 PHL101 `db` is held\n"
        "    2 │ ──►   second()\n"
        "      = fix: x (safe): y\n"
        "\n"
        "Found 1 finding (PHL101: 1) in 1 file. 1 fixable with `poolhold fix`. 1 file could not be checked.\n"
    )
    assert err == "b.py:1: gone\n"


def test_concise_output(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.result = result(FOUND)
    assert main(["check", "--output-format=concise", "--no-cache"]) == 1
    assert engine.asked["cache"] is False
    assert capsys.readouterr().out.splitlines() == [
        "a.py:2:1: PHL101 `db` is held",
        "Found 1 finding (PHL101: 1) in 1 file. 1 fixable with `poolhold fix`.",
    ]


@pytest.mark.parametrize(("findings", "codes"), [((FOUND,), ["PHL101"]), ((), [])])
def test_json_output_is_one_array(
    engine: Engine, capsys: pytest.CaptureFixture[str], findings: tuple[Finding, ...], codes: list[str]
) -> None:
    engine.result = result(*findings, problems=(Problem("b.py", 0, "gone"),))
    assert main(["check", "--output-format", "json"]) == 2
    out, err = capsys.readouterr()
    assert [finding["code"] for finding in json.loads(out)] == codes
    assert "b.py: gone" in err
    assert "1 file could not be checked." in err


@pytest.mark.parametrize("wrong", [["--select", "PHL9"], ["--nonsense"], ["--stdin-filename", "x.py", "a.py"]])
def test_json_output_is_an_array_even_for_misuse(
    engine: Engine, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    try:
        code = main(["check", "--output-format", "json", *wrong])
    except SystemExit as leave:
        code = int(leave.code or 0)
    assert code == 2
    assert json.loads(capsys.readouterr().out) == []
    assert not engine.asked


def test_options_become_settings(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.poolhold]\nignore = ['PHL102']\nextend-exclude = ['old']\n")
    main(
        [
            *("check", "--extend-select", "PHL501, PHL1", "--ignore=PHL101", "--extend-exclude", "x,y/"),
            *("--extend-exclude=z", "--exclude=w", "--force-exclude", "--per-file-ignores", "C:\\t/*:PHL1,PHL501"),
            *("--per-file-ignores", "u:PHL1", "--per-file-ignores", "u:PHL5"),
        ]
    )
    assert engine.asked["settings"] == Settings(
        extend_select=("PHL501", "PHL1"),
        ignore=("PHL102", "PHL101"),
        exclude=("w",),
        extend_exclude=("old", "x", "y/", "z"),
        force_exclude=True,
        per_file_ignores={"C:\\t/*": ("PHL1", "PHL501"), "u": ("PHL1", "PHL5")},
    )
    main(["check", "--select", "PHL101", "--select", "PHL5,"])
    assert engine.asked["settings"].select == ("PHL101", "PHL5")
    assert engine.asked["settings"].ignore == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["chek"], "did you mean `check`?"),
        (["a.py"], "did you mean `poolhold check a.py`?"),
        (["check", "--selct=PHL1"], "did you mean `--select`?"),
        (["check", "--unsafe"], "unrecognized arguments: --unsafe"),
        (["check", "--output-format=xml"], "invalid choice: 'xml'"),
        (["check", "--per-file-ignores", "x"], "`x` is not of the form PATTERN:CODE,CODE"),
        (["check", "--sel", "PHL1"], "unrecognized arguments"),
        ([], "the following arguments are required: {check,fix,rule,clean,size}"),
    ],
)
def test_misuse_leaves_with_2(
    engine: Engine, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as leave:
        main(argv)
    assert leave.value.code == 2
    out, err = capsys.readouterr()
    assert message in err
    assert not out
    assert not engine.asked


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["check", "--select", "PHL110"], "poolhold: --select: unknown code `PHL110`; did you mean `PHL1"),
        (["fix", "--ignore", "E501"], "poolhold: --ignore: unknown code `E501`"),
        (["rule", "PHL104"], "poolhold: unknown code `PHL104`; did you mean `PHL1"),
        (["fix", "-"], "poolhold: `fix` works on files"),
        (["check", "-", "a.py"], "poolhold: -: standard input is checked by itself"),
        (["check", "--stdin-filename=a.py", "a.py"], "poolhold: --stdin-filename: the path to check must be `-`"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    engine: Engine, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert main(argv) == 2
    assert capsys.readouterr().err.startswith(message)
    assert not engine.asked


@pytest.mark.parametrize("command", ["check", "fix"])
def test_wrong_settings_are_refused(
    engine: Engine, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.poolhold]\nselect = 3\n")
    assert main([command]) == 2
    assert f"{tmp_path / 'pyproject.toml'}: [tool.poolhold] select: expected" in capsys.readouterr().err
    assert not engine.asked


def test_standard_input(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for argv, path in ((["--stdin-filename", "app/x.py"], "app/x.py"), ([], "stdin.py")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xefx\r\n")))
        main(["check", *argv, "-"])
        assert engine.asked["paths"] == [Path(path)]
        assert engine.asked["stdin"] == b"\xefx\r\n"


def test_fix_writes_and_reports_what_remains(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.fixed = FixResult((FileDiff("a.py", "x\n", "y\n"),), (AppliedFix(FOUND),), result(FOUND))
    assert main(["fix", "a.py"]) == 1
    assert (engine.asked["unsafe"], engine.asked["write"]) == (False, True)
    out = capsys.readouterr().out
    assert out.startswith("a.py:2:1: PHL101 x: fixed\na.py:2:1 PHL101 `db` is held\n    2 │ ──►   second()\n")
    assert "\nMade 1 fix in 1 file, left 1 finding.\nFound 1 finding" in out
    engine.fixed = FixResult((), (), result(ADVISORY))
    assert main(["fix", "--unsafe-fixes"]) == 0
    assert engine.asked["unsafe"] is True
    engine.fixed = FixResult((), (), result(problems=(Problem("b.py", 0, "gone"),)))
    assert main(["fix"]) == 2


def test_fix_diff_shows_and_writes_nothing(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.fixed = FixResult((FileDiff("a.py", "x\n", "y\n"),), (AppliedFix(FOUND),), result())
    assert main(["fix", "--diff"]) == 1
    assert engine.asked["write"] is False
    out, err = capsys.readouterr()
    assert out == "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
    assert err == "a.py:2:1: PHL101 x: would be fixed\nWould make 1 fix in 1 file.\n"
    engine.fixed = FixResult((), (), result(FOUND))
    assert main(["fix", "--diff"]) == 0
    engine.fixed = FixResult((), (), result(FOUND, problems=(Problem("b.py", 0, "gone"),)))
    assert main(["fix", "--diff"]) == 2


def test_fix_diff_shows_the_unsafe_fixes_by_themselves(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    unsafe = msgspec.structs.replace(FOUND, path="b.py", fix=FixOffer("x", "unsafe", "y"))
    taken_back = AppliedFix(FOUND, "the finding would remain")
    engine.fixed = FixResult((), (AppliedFix(unsafe), taken_back), result(FOUND), (FileDiff("b.py", "x\n", "y\n"),))
    assert main(["fix", "--diff"]) == 1
    out, err = capsys.readouterr()
    assert out == (
        "# What follows is not proved to be harmless; only --unsafe-fixes writes it.\n"
        "--- a/b.py\n+++ b/b.py\n@@ -1 +1 @@\n-x\n+y\n"
    )
    assert err.splitlines() == [
        "b.py:2:1: PHL101 x: would be fixed with --unsafe-fixes",
        "a.py:2:1: PHL101 x: taken back: the finding would remain",
        "Would make 1 fix in 1 file, took back 1.",
    ]


@pytest.mark.usefixtures("engine")
def test_rule_lists_and_explains(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "PHL101  network-wait-while-held: It waits.",
        "PHL102  network-wait-in-open-session (advisory): It waits.",
        "PHL501  pool-left-at-default (opt-in): It waits.",
    ]
    for name in ("PHL101", "phl101", "network-wait-while-held"):
        assert main(["rule", name]) == 0
        assert capsys.readouterr().out == (
            "# network-wait-while-held (PHL101)\n\nIt waits.\n\n## What it does\nWaits.\n"
        )


def test_an_interrupt_and_a_crash_are_no_findings(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    def crash() -> None:
        raise ZeroDivisionError("at a.py")

    engine.effect = interrupt
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "poolhold: interrupted\n"
    engine.effect = crash
    assert main(["check"]) == 2
    err = capsys.readouterr().err
    assert "ZeroDivisionError: at a.py" in err
    assert "poolhold: internal error" in err


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False, **options)


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = (
        "import sys; from flake8_poolhold import registry; from flake8_poolhold.cli import main;"
        "one = registry.Rule('PHL101', 'x', 's', 'd' * 2**20, '0.1.0', False, False, (), None);"
        "registry.rules = lambda: {'PHL101': one}; sys.exit(main(['rule', 'PHL101']))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_output_survives_a_narrow_encoding() -> None:
    program = (
        "import sys; from flake8_poolhold import registry; from flake8_poolhold.cli import main;"
        "one = registry.Rule('PHL101', 'x', '→', 'd', '0.1.0', False, False, (), None);"
        "registry.rules = lambda: {'PHL101': one}; sys.exit(main(['rule']))"
    )
    ended = run("-c", program, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stdout) == (0, b"PHL101  x: \\u2192\n")


def test_version_is_told_without_the_heavy_imports() -> None:
    program = (
        "import sys; from flake8_poolhold.cli import main\n"
        "try: main(['--version'])\n"
        "finally: print(*{'libcst', 'rich', 'pathspec', 'msgspec', 'flake8'} & set(sys.modules), file=sys.stderr)"
    )
    ended = run("-c", program)
    assert (ended.returncode, ended.stderr.strip()) == (0, b"")
    assert ended.stdout == f"poolhold {flake8_poolhold.__version__}\n".encode()


def test_version_is_told_fast() -> None:
    def seconds(*arguments: str) -> float:
        """The processor's time, which other work on the machine hardly changes."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    bare = min(seconds("-c", "pass") for _ in range(5))
    ours = min(seconds("-m", "flake8_poolhold", "--version") for _ in range(5))
    assert ours - bare < 0.1
