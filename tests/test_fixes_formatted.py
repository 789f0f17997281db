"""Repaired fixtures that ruff had formatted stay formatted, and their imports sorted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from services import contents, copied, fixed, root_of

from flake8_poolhold.registry import Rule, rules

pytest.importorskip("ruff", reason="ruff is not installed")

FIXTURES = Path(__file__).parent / "fixtures"
RULES = [rule for code, rule in rules().items() if rule.fixes and code.startswith(("PHL103", "PHL2", "PHL4", "PHL5"))]


def ruff(*arguments: str, root: Path) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_what_was_formatted_stays_so(rule: Rule, tmp_path: Path) -> None:
    code = rule.code
    changed = []
    for fixture in sorted((FIXTURES / code).iterdir()):
        if fixture.name.startswith("ok_") or fixture.name == "__pycache__":
            continue
        entry = copied(fixture, tmp_path / fixture.stem)
        root = root_of(entry)
        ruff("format", "--isolated", root=root)
        ruff("check", "--isolated", "--select", "I", "--fix", root=root)
        before = contents(entry)
        assert [one.undone for one in fixed(entry, unsafe=True, select=(code,)).applied if one.undone] == []
        if contents(entry) != before:
            changed.append(fixture.name)
        assert ruff("format", "--isolated", "--diff", root=root) == ""
        assert "All checks passed" in ruff("check", "--isolated", "--select", "I,F821,E9", root=root)
    assert changed or code in ("PHL103", "PHL511")
