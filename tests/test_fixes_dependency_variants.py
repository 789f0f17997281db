"""Generated services with a dependency that queries: a safe fix of it changes nothing but the holds.

A part of them runs here, each on one of the databases; with `POOLHOLD_VARIANTS=1` all of them on both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dependency_variants import Parts, every, source
from oracle.runner import run_fixture, same_behaviour
from services import contents, database, findings, fixed, on_databases, unexplained_holds

CHOSEN = every() if os.environ.get("POOLHOLD_VARIANTS") else every()[::5]


def name(parts: Parts) -> str:
    return " / ".join(
        ["async" if parts[0] else "sync", *(part for part in parts[1:] if isinstance(part, str) and part)]
    )


@pytest.mark.parametrize(
    ("parts", "backend"), on_databases(CHOSEN, name, both=bool(os.environ.get("POOLHOLD_VARIANTS")))
)
def test_a_safe_fix_is_harmless(parts: Parts, backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(parts))
    original = contents(entry)
    offered = [one for one in findings(entry) if one.fix is not None and one.fix.applicability == "safe"]
    if not offered:
        fixed(entry, unsafe=False)
        assert contents(entry) == original
        return
    database_url = database(backend, tmp_path, request)
    before = run_fixture(entry, database_url)
    result = fixed(entry, unsafe=False)
    after = run_fixture(entry, database_url)
    assert [one for one in result.applied if one.undone] == []
    assert unexplained_holds(after, result.remaining.findings) == []
    assert after.left_out <= before.left_out
    assert any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []
    assert not fixed(entry, unsafe=False).diffs
