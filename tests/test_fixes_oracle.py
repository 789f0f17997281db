"""Repaired fixtures run on a real pool: the holds are gone, and nothing else has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from marks import marked
from oracle.runner import run_fixture, same_behaviour
from services import broken_by, contents, copied, findings, fixed, root_of, skip_without_postgres, unexplained_holds

FIXTURES = Path(__file__).parent / "fixtures" / "PHL101"


def holding() -> list[Path]:
    """The fixtures of PHL101 that have marks."""
    cases = []
    for entry in sorted(FIXTURES.iterdir()):
        files = sorted(entry.rglob("*.py")) if entry.is_dir() else [entry]
        if entry.name != "__pycache__" and marked(FIXTURES, [file for file in files if file.suffix == ".py"]):
            cases.append(entry)
    return cases


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'fixture.db'}"
    return str(request.getfixturevalue("postgres"))


@pytest.mark.parametrize("fixture", holding(), ids=lambda path: path.stem)
def test_safe_fixes_change_nothing_but_the_holds(fixture: Path, tmp_path: Path, database_url: str) -> None:
    skip_without_postgres(fixture, database_url)
    entry = copied(fixture, tmp_path)
    original = contents(entry)
    offered = [one for one in findings(entry) if one.fix is not None and one.fix.applicability == "safe"]

    result = fixed(entry, unsafe=False)
    assert [applied for applied in result.applied if applied.undone] == []
    assert not [one for one in result.remaining.findings if one.fix is not None and one.fix.applicability == "safe"]
    if not offered:
        assert contents(entry) == original
        return
    assert result.applied
    assert contents(entry) != original

    before = run_fixture(copied(fixture, tmp_path / "before"), database_url)
    after = run_fixture(entry, database_url)
    assert unexplained_holds(after, result.remaining.findings) == []
    assert len(after.holds) < len(before.holds)
    assert same_behaviour(before, after) == []
    assert after.left_out <= before.left_out

    repaired = contents(entry)
    assert not fixed(entry, unsafe=False).diffs
    assert contents(entry) == repaired


@pytest.mark.parametrize("fixture", holding(), ids=lambda path: path.stem)
def test_unsafe_fixes_break_nothing_that_they_do_not_name(fixture: Path, tmp_path: Path, database_url: str) -> None:
    skip_without_postgres(fixture, database_url)
    entry = copied(fixture, tmp_path)
    original = contents(entry)
    result = fixed(entry, unsafe=True)
    if contents(entry) == original:
        assert not [one for one in findings(entry) if one.fix is not None]
        return
    for path in contents(entry):
        compile((root_of(entry) / path).read_bytes(), path, "exec")

    before = run_fixture(copied(fixture, tmp_path / "before"), database_url)
    after = run_fixture(entry, database_url)
    assert unexplained_holds(after, result.remaining.findings) == []
    assert broken_by(before, after) == []
    named = [one.finding.fix.message for one in result.applied if one.finding.fix is not None]
    assert same_behaviour(before, after) == [] or any("not proved harmless" in message for message in named)
    assert after.left_out <= before.left_out
    assert not fixed(entry, unsafe=True).diffs
