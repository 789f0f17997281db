"""The pre-filter: nothing that gives a finding is passed over, and its words are those of the knowledge."""

from __future__ import annotations

from pathlib import Path

import pytest
from marks import marked

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.knowledge.holders import load_holders
from flake8_poolhold.source.relevance import relevant

FIXTURES = Path(__file__).parent / "fixtures"


def test_every_fixture_with_a_finding_passes() -> None:
    files = sorted(FIXTURES.rglob("*.py"))
    with_findings = {path for path, _, _ in marked(FIXTURES, files)}
    assert len(with_findings) > 100
    assert [path for path in sorted(with_findings) if not relevant((FIXTURES / path).read_bytes())] == []


@pytest.mark.parametrize("path", sorted({*load_holders().by_path, *load_holders().attributes}))
def test_importing_what_is_known_is_enough(path: str) -> None:
    assert relevant(f"import {path.partition('.')[0]}\n".encode())


@pytest.mark.parametrize("path", sorted(load_holders().factories))
def test_the_name_of_what_makes_a_holder_is_enough(path: str) -> None:
    assert relevant(f"from app.db import {path.rpartition('.')[2]}\n".encode())


@pytest.mark.parametrize(
    "text", ["", "x = 1\n", "def f(text):\n    return text.upper()\n", "class Question:\n    kind: str\n"]
)
def test_what_can_hold_nothing_is_passed_over(text: str) -> None:
    assert not relevant(text.encode())


def test_the_users_own_holders_count(tmp_path: Path) -> None:
    (tmp_path / "shelf.py").write_text("class Ledger:\n    pass\n\n\ndef ledger():\n    return Ledger()\n")
    user = tmp_path / "work.py"
    user.write_text(
        "import requests\nfrom shelf import ledger\n\n\ndef f():\n    with ledger() as book:\n"
        "        book.execute('SELECT 1')\n        requests.get('http://peer')\n"
    )
    assert not relevant(user.read_bytes())
    assert relevant(user.read_bytes(), ["shelf.ledger"])
    settings = Settings(select=("PHL101",), holders={"shelf.ledger": "Session"})
    found = engine.check([tmp_path], settings, root=tmp_path, cache=False).findings
    assert [(one.path, one.line) for one in found] == [("work.py", 8)]
