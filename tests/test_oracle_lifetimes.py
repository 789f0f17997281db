"""The marks of the fixtures about lifetimes agree with what requests cost on a real pool."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.lifetimes import judge_lifetimes, run_lifetimes
from oracle.verdict import expected_marks

FIXTURES = Path(__file__).parent / "fixtures"
CODES = ("PHL202", "PHL203", "PHL204", "PHL205", "PHL206", "PHL401", "PHL402", "PHL403", "PHL404", "PHL405", "PHL406")


def fixtures() -> list[Path]:
    return [
        path
        for code in CODES
        for path in sorted((FIXTURES / code).iterdir())
        if path.suffix == ".py" or (path / "app.py").exists()
    ]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("path", fixtures(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_marks_agree_with_what_requests_cost(path: Path, tmp_path: Path) -> None:
    cold = path.parent.name == "PHL203"  # a warm pool hides it
    outcomes = run_lifetimes(path, f"sqlite+aiosqlite:///{tmp_path / 'fixture.db'}", cold=cold)
    assert judge_lifetimes(outcomes, expected_marks(path), path.parent.name) == []
    if path.name.startswith("ok_"):
        assert [error for outcome in outcomes for error in outcome.errors] == []
