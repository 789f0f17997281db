"""Repaired fixtures about lifetimes run on a real pool: what they cost is gone, and nothing else has changed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from marks import marked
from oracle.lifetimes import run_lifetimes
from oracle.runner import Response, run_fixture, same_behaviour
from services import broken_by, contents, copied, findings, fixed, root_of, skip_without_postgres

from flake8_poolhold.registry import rules

FIXTURES = Path(__file__).parent / "fixtures"
CODES = tuple(code for code, rule in rules().items() if code.startswith(("PHL2", "PHL4")) and rule.fixes)


def leaking() -> list[Path]:
    """The fixtures with marks of the rules about lifetimes that have fixes."""
    cases = []
    for code in CODES:
        for entry in sorted((FIXTURES / code).iterdir()):
            files = sorted(entry.rglob("*.py")) if entry.is_dir() else [entry]
            if entry.name != "__pycache__" and marked(FIXTURES, [file for file in files if file.suffix == ".py"]):
                cases.append(entry)
    return cases


def failed(response: Response) -> bool:
    """Whether a request failed, or tells that it has lost something: `{"lost": 3}`."""
    return response.status >= 500 or (isinstance(response.body, dict) and bool(response.body.get("lost")))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'fixture.db'}"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture(autouse=True)
def _collector_at_rest() -> Iterator[None]:
    """What leaks stays out until it is counted: the collector would give some of it back, at any time."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("fixture", leaking(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_safe_fixes_change_nothing_but_the_leaks(fixture: Path, tmp_path: Path, database_url: str) -> None:
    skip_without_postgres(fixture, database_url)
    code = fixture.parent.name
    entry = copied(fixture, tmp_path)
    original = contents(entry)
    offered = [one for one in findings(entry) if one.code == code and one.fix and one.fix.applicability == "safe"]
    result = fixed(entry, unsafe=False, select=(code,))
    assert [applied for applied in result.applied if applied.undone] == []
    assert len(result.applied) == len(offered)
    if not offered:
        assert contents(entry) == original
        return
    if database_url.startswith("postgresql") and result.remaining.findings:
        pytest.skip("a connection that leaks keeps its locks, and the next test waits for them")
    after = run_fixture(entry, database_url)
    before = run_fixture(copied(fixture, tmp_path / "before"), f"sqlite+aiosqlite:///{tmp_path / 'before.db'}")
    # A service that failed, or lost rows, may do so less.
    assert any(failed(one) for one in before.responses) or same_behaviour(before, after) == []
    assert broken_by(before, after) == []
    assert after.left_out <= before.left_out
    assert not fixed(entry, unsafe=False, select=(code,)).diffs


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("fixture", leaking(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_repaired_service_costs_nothing_any_more(fixture: Path, tmp_path: Path) -> None:
    code = fixture.parent.name
    entry = copied(fixture, tmp_path)
    result = fixed(entry, unsafe=True, select=(code,))
    assert [applied for applied in result.applied if applied.undone] == []
    for path in contents(entry):
        compile((root_of(entry) / path).read_bytes(), path, "exec")
    assert not fixed(entry, unsafe=True, select=(code,)).diffs
    if result.remaining.findings or any(one.code != code for one in findings(entry)):
        return
    outcomes = run_lifetimes(entry, f"sqlite+aiosqlite:///{tmp_path / 'fixture.db'}", cold=code == "PHL203")
    # Each request is sent twice: a fixture that counts what it has lost finds the rows of the first, too.
    assert [(one.name, lost) for one in outcomes for lost in one.lost if not lost.startswith("lost -")] == []
    # A fixture may fail on purpose before its tables are there.
    assert [error for one in outcomes for error in one.errors if "no such table" not in error] == []
