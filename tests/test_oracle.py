"""The marks of every fixture agree with what a real pool shows, and the harness itself can tell right from wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from oracle.runner import run_fixture, same_behaviour
from oracle.verdict import expected_marks, judge
from services import skip_without_postgres

FIXTURES = Path(__file__).parent / "fixtures"
MEASURABLE = ("PHL101", "PHL102", "PHL103", "PHL104")
HOLDING = FIXTURES / "PHL101" / "hold_across_llm_call.py"
OPEN = FIXTURES / "PHL102" / "open_session_waits_first.py"


def fixtures() -> list[Path]:
    return [
        path
        for code in MEASURABLE
        for path in sorted((FIXTURES / code).iterdir())
        if path.suffix == ".py" or (path / "app.py").exists()
    ]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'fixture.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.mark.parametrize("path", fixtures(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_marks_agree_with_the_pool(path: Path, database_url: str) -> None:
    skip_without_postgres(path, database_url)
    run = run_fixture(path, database_url)
    assert judge(run, expected_marks(path)) == []
    assert [response for response in run.responses if response.status >= 500] == []


def rewritten(source: Path, folder: Path, pattern: str, replacement: str) -> Path:
    copy = folder / source.name
    text, count = re.subn(pattern, replacement, source.read_text(), count=1)
    assert count == 1
    copy.write_text(text)
    return copy


def test_missing_hold_mark_is_noticed(tmp_path: Path, sqlite: str) -> None:
    path = rewritten(HOLDING, tmp_path, r"  # error: PHL101", "")
    disagreements = judge(run_fixture(path, sqlite), expected_marks(path))
    assert disagreements
    assert all(re.match(r"http.* wait with a connection out", message) for message in disagreements)


def test_needless_hold_mark_is_noticed(tmp_path: Path, sqlite: str) -> None:
    ok = FIXTURES / "PHL101" / "ok_commit_before_call.py"
    path = rewritten(ok, tmp_path, r"(await ask_model\(.*)", r"\1  # error: PHL101")
    (disagreement,) = judge(run_fixture(path, sqlite), expected_marks(path))
    assert re.fullmatch(r"ok_commit_before_call\.py:\d+ is marked PHL101, no run showed it", disagreement)


def test_missing_open_mark_is_noticed(tmp_path: Path, sqlite: str) -> None:
    path = rewritten(OPEN, tmp_path, r"  # error: PHL102", "")
    disagreements = judge(run_fixture(path, sqlite), expected_marks(path))
    assert disagreements
    assert all("none of its lines is marked PHL102" in message for message in disagreements)


def test_needless_open_mark_is_noticed(tmp_path: Path, sqlite: str) -> None:
    path = rewritten(OPEN, tmp_path, r"(return \{\"text\": await invent_quote\(\)\})", r"\1  # error: PHL102")
    (disagreement,) = judge(run_fixture(path, sqlite), expected_marks(path))
    assert "is marked PHL102, no run showed it" in disagreement


def test_hold_mark_does_not_excuse_an_open_session(tmp_path: Path, sqlite: str) -> None:
    path = rewritten(OPEN, tmp_path, "error: PHL102", "error: PHL101")
    disagreements = judge(run_fixture(path, sqlite), expected_marks(path))
    assert any("none of its lines is marked PHL102" in message for message in disagreements)
    assert any("is marked PHL101, no run showed it" in message for message in disagreements)


def test_two_runs_behave_the_same(tmp_path: Path, sqlite: str) -> None:
    first = run_fixture(HOLDING, sqlite)
    assert first.rows["recipes"][0] == {"id": 1, "title": "Leek soup", "summary": "an answer"}
    assert same_behaviour(first, run_fixture(HOLDING, sqlite)) == []

    changed = rewritten(HOLDING, tmp_path, r'"Rye bread"', '"Oat bread"')
    changed = rewritten(changed, tmp_path, r"HTTPException\(404\)", "HTTPException(410)")
    differences = same_behaviour(first, run_fixture(changed, sqlite))
    assert [difference.split()[0] for difference in differences] == ["POST", "table"]


def test_released_run_has_no_hold(tmp_path: Path, sqlite: str) -> None:
    path = rewritten(HOLDING, tmp_path, r"( +)(answer = await http\.post)", r"\1await db.commit()\n\1\2")
    holds = {frame.function for wait in run_fixture(path, sqlite).holds for frame in wait.frames}
    assert holds == {"suggest_titles"}
