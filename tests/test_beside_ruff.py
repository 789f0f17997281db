"""PHL303 and ruff's ASYNC rules beside each other: of a direct blocking call, one of the two speaks, and only one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import Settings

pytest.importorskip("ruff", reason="ruff is not installed")

FIXTURES = Path(__file__).parent / "fixtures" / "PHL303"
CODES = ("ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC230", "ASYNC251")
"""The codes that the documentation of PHL303 names."""

_MARK = re.compile(r"#\s*(?:ruff: (ASYNC\d{3})|error: (?:PHL101, )?(PHL303))")

HEAD = "import subprocess, time, urllib.request\nimport httpx, requests, urllib3\n\n\nasync def handler():\n"
VERBS = ("get", "post", "put", "patch", "delete", "head", "options")
CALLS = [
    *(f"{library}.{verb}('https://a.example')" for library in ("requests", "httpx") for verb in VERBS),
    "requests.request('GET', 'https://a.example')",
    "httpx.request('GET', 'https://a.example')",
    "httpx.stream('GET', 'https://a.example')",
    "requests.Session().get('https://a.example')",
    "urllib.request.urlopen('https://a.example')",
    "urllib.request.urlretrieve('https://a.example')",
    "urllib3.request('GET', 'https://a.example')",
    "urllib3.PoolManager().request('GET', 'https://a.example')",
    *(
        f"client = httpx.Client()\n    client.{verb}('https://a.example')"
        for verb in (*VERBS, "request", "send", "stream")
    ),
]
OURS_NEVER = ["subprocess.run(['true'])", "time.sleep(1)", "open('a.txt')", "subprocess.Popen(['true'])"]


def ruff(path: Path) -> set[tuple[int, str]]:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--output-format=json"]
    done = subprocess.run([*command, f"--select={','.join(CODES)}", str(path)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {(one["location"]["row"], one["code"]) for one in json.loads(done.stdout)}


def ours(path: Path) -> set[tuple[int, str]]:
    result = engine.check([path], Settings(select=("PHL303",)), root=path.parent, cache=False)
    assert result.problems == ()
    return {(one.line, one.code) for one in result.findings}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.py")), ids=lambda path: path.stem)
def test_each_line_of_the_fixtures_is_reported_by_the_one_that_it_names(path: Path) -> None:
    found: dict[int, set[str]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for match in _MARK.finditer(line):
            found.setdefault(number, set()).add(match[1] or match[2])
    beside = {(line, code) for line, codes in found.items() for code in codes}
    held = {line for line, code in ruff(path) if (line, "PHL303") in beside}
    assert {(line, code) for line, code in ruff(path) if line not in held} | ours(path) == beside
    assert bool(held) == (path.stem == "while_held"), "both speak where a connection is held"


@pytest.mark.parametrize("call", CALLS)
def test_a_direct_call_is_reported_once(call: str, tmp_path: Path) -> None:
    path = tmp_path / "service.py"
    path.write_text(f"{HEAD}    {call}\n")
    assert len(ruff(path) | ours(path)) == 1


@pytest.mark.parametrize("call", OURS_NEVER)
def test_what_is_no_network_is_left_to_ruff(call: str, tmp_path: Path) -> None:
    path = tmp_path / "service.py"
    path.write_text(f"{HEAD}    {call}\n")
    assert len(ruff(path)) == 1
    assert ours(path) == set()
