"""The flake8 face: what `poolhold check` finds, whatever the order, the jobs and the way a file comes in."""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.engine.run import Run
from flake8_poolhold.engine.shared import Shared
from flake8_poolhold.plugin import Plugin, _selection
from flake8_poolhold.registry import Rule, rules

HERE = Path(__file__).parent
PLACE = re.compile(r"(?:\./)?(.+?):(\d+):(\d+): (PHL\d+)")
GOOD = """\
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession


async def reply(db: AsyncSession, client: AsyncClient) -> None:
    await db.execute("select 1")
    await client.get("https://example.org")
"""
ADVISED = """\
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import async_sessionmaker

sessions = async_sessionmaker()


async def reply(client: AsyncClient) -> None:
    async with sessions() as db:
        await client.get("https://example.org")
        await db.execute("select 1")
"""
Place = tuple[str, int, int, str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All fixtures and the example service as one project."""
    root = tmp_path_factory.mktemp("services")
    leave = shutil.ignore_patterns("__pycache__", ".ruff_cache", ".poolhold_cache", "README.md", "tests")
    shutil.copytree(HERE / "fixtures", root / "cases", ignore=leave)
    shutil.copytree(HERE.parent / "examples" / "chat_service", root / "chat", ignore=leave)
    return root


@pytest.fixture(scope="module")
def everything(services: Path) -> list[Place]:
    shown = run("flake8_poolhold", "check", "--output-format=json", cwd=services)
    assert shown.returncode == 1, shown.stderr
    return [
        (one["filename"], one["location"]["row"], one["location"]["column"], one["code"])
        for one in json.loads(shown.stdout)
    ]


def run(module: str, *arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        input=stdin,
    )


def flake8(*arguments: str, cwd: Path | None = None, stdin: str = "") -> list[Place]:
    shown = run("flake8", *arguments, cwd=cwd, stdin=stdin)
    assert shown.stderr == ""
    places = [PLACE.match(line) for line in shown.stdout.splitlines()]
    return sorted((match[1], int(match[2]), int(match[3]), match[4]) for match in places if match)


def check(*arguments: str) -> list[Place]:
    shown = run("flake8_poolhold", "check", "--output-format=concise", *arguments)
    return sorted(
        (match[1], int(match[2]), int(match[3]), match[4])
        for match in map(PLACE.match, shown.stdout.splitlines())
        if match
    )


NOT_OPT_IN = f"--extend-ignore={','.join(code for code, rule in rules().items() if rule.opt_in)}"
"""A prefix that flake8 selects selects the opt-in codes too, which a plain check leaves out."""


@pytest.mark.parametrize("jobs", [1, 2])
def test_same_findings_as_check(services: Path, everything: list[Place], jobs: int) -> None:
    assert len(everything) > 60
    assert flake8("--isolated", "--select=PHL", NOT_OPT_IN, f"--jobs={jobs}", ".", cwd=services) == everything


def test_same_findings_in_another_order(services: Path, everything: list[Place]) -> None:
    files = sorted((str(file.relative_to(services)) for file in services.rglob("*.py")), reverse=True)
    assert flake8("--isolated", "--select=PHL", NOT_OPT_IN, "--jobs=1", *files, cwd=services) == everything


def test_same_findings_for_each_file_alone(services: Path, everything: list[Place]) -> None:
    alone: list[Place] = []
    for file in sorted(services.rglob("*.py")):
        result = engine.check([file], Settings(), root=services)
        assert result.problems == ()
        alone += [(one.path, one.line, one.column, one.code) for one in result.findings]
    assert sorted(alone) == everything


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r\n").encode(),
        f"NAME = 'x\x0cy'\n\x0c\n{GOOD}\x0c\n".encode(),
        f"# coding: latin-1\nNAME = 'é'\n{GOOD}".encode("latin-1"),
        GOOD.replace("await client", "'é𝄞'; await client").encode(),
    ],
)
def test_lines_and_columns_are_the_same(project: Path, data: bytes) -> None:
    (project / "a.py").write_bytes(data)
    places = check("a.py")
    assert len(places) == 1
    assert flake8("--isolated", "--select=PHL", "a.py") == places
    if b"coding" not in data:  # flake8 decodes its standard input by its coding comment, and its own output by nothing
        text = data.decode("utf-8-sig")
        assert [place[1:] for place in flake8("--isolated", "--select=PHL", "-", stdin=text)] == [places[0][1:]]


def test_standard_input_stands_for_the_file(project: Path) -> None:
    (project / "app.py").write_text("x = 1\n")
    for name in ("app.py", "new.py"):
        assert flake8("--isolated", "--select=PHL", f"--stdin-display-name={name}", "-", stdin=GOOD) == [
            (name, 7, 5, "PHL101")
        ]


@pytest.mark.parametrize(
    ("settings", "options", "codes"),
    [
        ("", [], {"PHL101"}),
        ("", ["--extend-select=PHL102"], {"PHL101", "PHL102"}),
        ("", ["--extend-select=PHL1"], {"PHL101", "PHL102"}),
        ("", ["--select=P"], {"PHL101", "PHL102"}),
        ("", ["--select=PHL101"], {"PHL101"}),
        ("", ["--extend-select=PHL102", "--extend-ignore=PHL101"], {"PHL102"}),
        ("extend-select = ['PHL102']", [], {"PHL101", "PHL102"}),
        ("extend-select = ['PHL102']", ["--ignore=PHL102,W"], {"PHL101"}),
        ("select = ['PHL10']", [], {"PHL101", "PHL102"}),
        ("ignore = ['PHL102']", ["--select=PHL"], {"PHL101"}),
        ("select = ['PHL102']", ["--select=PHL"], {"PHL102"}),
        ("per-file-ignores = { 'a*.py' = ['PHL101'] }", ["--select=PHL"], {"PHL102"}),
    ],
)
def test_advisories_are_reported_only_by_name(
    project: Path, settings: str, options: list[str], codes: set[str]
) -> None:
    (project / "pyproject.toml").write_text(f"[tool.poolhold]\n{settings}\n")
    (project / "a.py").write_text(GOOD)
    (project / "b.py").write_text(ADVISED)
    assert {place[3] for place in flake8(*options, ".")} == codes


def test_opt_in_rules_are_reported_only_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    opt_in = Rule("PHL501", "x", "s", "d", "0", False, True, (), lambda _: ())
    monkeypatch.setattr("flake8_poolhold.registry.rules", lambda: {**rules(), "PHL501": opt_in})
    monkeypatch.setattr("flake8_poolhold.config.codes.rules", lambda: {**rules(), "PHL501": opt_in})

    def on(settings: Settings, *named: str) -> bool:
        analysed, codes = _selection(settings, named)
        assert ("PHL501" in codes) == ("PHL501" in (analysed.select or ()))
        return "PHL501" in codes

    assert not on(Settings())
    assert not on(Settings(), "E", "PHL101")
    assert on(Settings(), "PHL501")
    assert on(Settings(), "PH")
    assert on(Settings(extend_select=("PHL5",)))
    assert on(Settings(select=("PHL501",)))
    assert on(Settings(ignore=("PHL5",)), "PHL501")
    assert not on(Settings(ignore=("PHL501",)), "PHL5")


def test_comments_silence_in_both_faces(project: Path) -> None:
    comment = "  # noqa: PHL101 the lock is held on purpose"
    (project / "used.py").write_text(GOOD.replace('.org")\n', f'.org"){comment}\n'))
    (project / "unused.py").write_text(GOOD + f"X = 1{comment}\nY = 2  # noqa: PHL101, PHL901\n")
    (project / "advised.py").write_text(ADVISED.replace('.org")\n', '.org")  # noqa: PHL102 on purpose\n'))
    places = check()
    assert places == [("unused.py", 7, 5, "PHL101"), ("unused.py", 8, 16, "PHL901")]
    assert flake8("--isolated", "--select=PHL", ".") == places
    assert flake8("--isolated", "--select=E999", "--extend-select=PHL101,PHL901", ".") == places
    assert flake8("--isolated", "--select=PHL", "--disable-noqa", ".") == [
        ("advised.py", 9, 9, "PHL102"),
        ("unused.py", 7, 5, "PHL101"),
        ("unused.py", 8, 16, "PHL901"),
        ("unused.py", 9, 16, "PHL901"),
        ("used.py", 7, 5, "PHL101"),
    ]


def test_exclusions_hold_in_both_faces(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.poolhold]\nextend-exclude = ['old']\n")
    for folder in ("old", "migrations", "app"):
        (project / folder).mkdir()
        (project / folder / "a.py").write_text(GOOD)
    for arguments in ([], ["."], ["old"], ["migrations/a.py", "app"], ["app/a.py", "old/a.py"]):
        places = flake8("--isolated", "--select=PHL", *arguments)
        assert places == check(*arguments)
        assert places


def test_a_project_elsewhere(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (project / "app.py").write_text("from helper import ask\n" + GOOD.replace("client.get", "ask"))
    (project / "helper.py").write_text("import httpx\n\nasync def ask(url):\n    await httpx.AsyncClient().get(url)\n")
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    (found,) = flake8("--isolated", "--select=PHL", str(project / "app.py"))
    assert found == (str(project / "app.py"), 8, 5, "PHL101")


@pytest.mark.parametrize("jobs", [1, 2])
def test_wrong_settings_stop_flake8_with_a_message(project: Path, jobs: int) -> None:
    (project / "pyproject.toml").write_text("[tool.poolhold]\nselect = ['XYZ']\n")
    (project / "a.py").write_text(GOOD)
    (project / "b.py").write_text(GOOD)
    shown = run("flake8", "--isolated", f"--jobs={jobs}", ".")
    assert shown.returncode == 1
    assert "[tool.poolhold] select: unknown code `XYZ`" in shown.stdout + shown.stderr


class TestInOneProcess:
    """Instances of the plugin share what they know, and see what changes."""

    @pytest.fixture(autouse=True)
    def _options(self) -> None:
        Plugin.parse_options(argparse.Namespace(filenames=[]))

    def found(self, path: str, lines: Sequence[str] | None = None) -> list[tuple[int, int, str]]:
        if lines is None:
            lines = io.StringIO(Path(path).read_text(encoding="utf-8")).readlines()
        found = Plugin(ast.parse("".join(lines)), lines, path).run()
        return [(line, column, text.split()[0]) for line, column, text, _ in found]

    def test_one_analysis_serves_all_files(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from flake8_poolhold import facts

        (project / "app.py").write_text("from helper import ask\n" + GOOD.replace("client.get", "ask"))
        (project / "helper.py").write_text(
            "import httpx\n\nasync def ask(url):\n    await httpx.AsyncClient().get(url)\n"
        )
        read: list[str] = []
        extract = facts.extract
        monkeypatch.setattr(facts, "extract", lambda path, text: (read.append(path), extract(path, text))[1])
        for _ in range(2):
            assert self.found("app.py") == [(8, 4, "PHL101")]
            assert self.found("helper.py") == []
        assert sorted(read) == ["app.py", "helper.py"]

    def test_a_changed_file_is_read_again(self, project: Path) -> None:
        (project / "app.py").write_text("from helper import ask\n" + GOOD.replace("client.get", "ask"))
        (project / "helper.py").write_text(
            "import httpx\n\nasync def ask(url):\n    await httpx.AsyncClient().get(url)\n"
        )
        assert self.found("app.py") == [(8, 4, "PHL101")]
        (project / "helper.py").write_text("async def ask(url):\n    return url\n")
        assert self.found("app.py") == []
        (project / "app.py").write_text(GOOD)
        assert self.found("app.py") == [(7, 4, "PHL101")]

    def test_lines_count_more_than_the_disk(self, project: Path) -> None:
        (project / "app.py").write_text(GOOD)
        assert self.found("app.py", ["x = 1\n"]) == []
        assert self.found("app.py", [*GOOD.splitlines(keepends=True)[:-1], "\n", "    await client.get('')\n"]) == [
            (8, 4, "PHL101")
        ]
        assert self.found("app.py") == [(7, 4, "PHL101")]

    def test_other_settings_are_another_analysis(self, project: Path) -> None:
        (project / "app.py").write_text(GOOD)
        assert self.found("app.py") == [(7, 4, "PHL101")]
        (project / "pyproject.toml").write_text("[tool.poolhold]\nignore = ['PHL1']\n")
        assert self.found("app.py") == []


def test_settings_are_left_alone_by_what_flake8_selects() -> None:
    settings = Settings(ignore=("PHL301",))
    analysed, codes = _selection(settings, ("PHL301",))
    assert "PHL301" not in codes
    assert "PHL102" in (analysed.select or ())
    assert "PHL102" not in codes
    assert msgspec.structs.replace(analysed, select=None, ignore=settings.ignore) == settings


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_workers_have_found_is_kept(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = shutil.ignore_patterns("__pycache__", ".poolhold_cache")
    shutil.copytree(HERE.parent / "examples" / "chat_service", tmp_path / "chat", ignore=leave)
    monkeypatch.chdir(tmp_path / "chat")
    arguments = ["--isolated", "--select=PHL1", f"--jobs={jobs}", "--exit-zero", "."]
    shown = [sorted(run("flake8", *arguments, cwd=tmp_path / "chat").stdout.splitlines()) for _ in range(2)]
    assert shown[0] == shown[1] != []
    analysed: list[str] = []
    monkeypatch.setattr(Run, "_tell", lambda _, wanted, *__: analysed.extend(wanted) or {})
    settings, _ = _selection(Settings(), ("PHL1",))
    shared = Shared()
    for path in sorted(Path().rglob("*.py")):
        if shared.reports(path, ["."]):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            shared.check(path, lines, settings, comments=True)
    assert analysed == []
