"""Every fixture gives the findings that are marked in it, and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from marks import marked

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.registry import rules

FIXTURES = Path(__file__).parent / "fixtures"
CASES = sorted(
    entry
    for folder in FIXTURES.iterdir()
    if folder.is_dir()
    for entry in folder.iterdir()
    if entry.suffix == ".py" or (entry / "app.py").exists()
)


def files_of(case: Path) -> list[Path]:
    return sorted(case.rglob("*.py")) if case.is_dir() else [case]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_findings_are_the_marks(case: Path, tmp_path: Path) -> None:
    root = tmp_path / "service"
    if case.is_dir():
        shutil.copytree(case, root)
    else:
        root.mkdir()
        shutil.copy(case, root)
    own = case.parent.name
    settings = Settings(extend_select=(own,) if rules()[own].opt_in else ())
    result = engine.check([root], settings, root=root)
    assert result.problems == ()
    found = {(finding.path, finding.line, finding.code) for finding in result.findings}
    assert found == marked(root, files_of(root))


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith("ok_")], ids=lambda case: case.name)
def test_look_alikes_are_unmarked(case: Path) -> None:
    assert not marked(case if case.is_dir() else case.parent, files_of(case))


def test_deliberate_locks_are_named_and_not_given_up(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "PHL101" / "deliberate_locks.py", tmp_path)
    findings = engine.check([tmp_path], Settings(), root=tmp_path).findings
    assert len(findings) == 4
    for finding in findings:
        assert finding.fix is None, finding.message
        assert any(step.role == "lock" for step in finding.trail), finding.message
