"""The marks of the blocking fixtures agree with where an event loop stands still; the watch tells right from wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from oracle.lag import CODES, judge_lags
from oracle.runner import Run, run_fixture
from oracle.verdict import expected_marks

FIXTURES = Path(__file__).parent / "fixtures"
SLOW_SECONDS = (0.05, 0.2, 0.8)
"""How slow calls are made, until the marks and the measurement agree: on a busy machine short stops prove nothing."""

_LINTED = re.compile(r"#\s*ruff: ASYNC\d{3}")


def fixtures() -> list[Path]:
    return [
        path
        for code in sorted(CODES)
        for path in sorted((FIXTURES / code).iterdir())
        if path.suffix == ".py" or (path / "app.py").exists()
    ]


def disagreements(path: Path, folder: Path, slow: float) -> tuple[list[str], Run]:
    run = run_fixture(path, f"sqlite+aiosqlite:///{folder / 'fixture.db'}", slow)
    return judge_lags(run.watch.lags(slow * 0.6), expected_marks(path), linted(path)), run


def linted(path: Path) -> set[tuple[str, int]]:
    """The lines of a fixture that say that another linter reports them."""
    root, files = (path, sorted(path.rglob("*.py"))) if path.is_dir() else (path.parent, [path])
    return {
        (file.relative_to(root).as_posix(), number)
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if _LINTED.search(line)
    }


@pytest.mark.parametrize("path", fixtures(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_marks_agree_with_the_event_loop(path: Path, tmp_path: Path) -> None:
    for slow in SLOW_SECONDS:
        found, run = disagreements(path, tmp_path, slow)
        if not found:
            break
    assert found == []
    assert [response for response in run.responses if response.status >= 500] == []
