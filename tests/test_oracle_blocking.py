"""The marks of the blocking fixtures agree with where an event loop stands still; the watch tells right from wrong."""

from __future__ import annotations

import re
import sqlite3
import sqlite3.dbapi2
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


ENDPOINT = FIXTURES / "PHL302" / "session_in_endpoint.py"


def rewritten(source: Path, folder: Path, pattern: str, replacement: str) -> Path:
    copy = folder / source.name
    text, count = re.subn(pattern, replacement, source.read_text(), count=1)
    assert count == 1
    copy.write_text(text)
    return copy


def test_missing_mark_is_noticed(tmp_path: Path) -> None:
    path = rewritten(ENDPOINT, tmp_path, r"(\.count\(\))  # error: PHL302", r"\1")
    found, _ = disagreements(path, tmp_path, 0.2)
    assert found
    assert all("stood still and PHL302 is not marked" in message for message in found)


def test_needless_mark_is_noticed(tmp_path: Path) -> None:
    source = FIXTURES / "PHL302" / "ok_in_a_thread.py"
    path = rewritten(source, tmp_path, r"(await anyio\.to_thread\.run_sync\(total\))", r"\1  # error: PHL302")
    (message,) = disagreements(path, tmp_path, 0.2)[0]
    assert re.fullmatch(r"ok_in_a_thread\.py:\d+ is marked PHL302, the loop never stood still there", message)


def test_another_code_does_not_excuse(tmp_path: Path) -> None:
    path = rewritten(ENDPOINT, tmp_path, r"(\.count\(\))  # error: PHL302", r"\1  # error: PHL303")
    found, _ = disagreements(path, tmp_path, 0.2)
    assert any("stood still and PHL302 is not marked" in message for message in found)
    assert any("is marked PHL303, the loop never stood still there" in message for message in found)


def test_a_mark_speaks_for_its_own_function_only(tmp_path: Path) -> None:
    path = rewritten(ENDPOINT, tmp_path, r"  # error: PHL302(\n    if parcel is not None)", r"\1")
    found, _ = disagreements(path, tmp_path, 0.2)
    assert len(found) == 2, "the statement and the commit that follows it"


def test_nothing_stays_patched(tmp_path: Path) -> None:
    before = sqlite3.connect, sqlite3.dbapi2.connect
    disagreements(ENDPOINT, tmp_path, 0.01)
    assert (sqlite3.connect, sqlite3.dbapi2.connect) == before
