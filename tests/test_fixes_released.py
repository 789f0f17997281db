"""Sessions that came in, of whose callers nothing is known: a release behind the function's own changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.runner import run_fixture, same_behaviour
from released_variants import ENDS, ReleasedVariant, drawn, source
from services import contents, database, findings, fixed, on_databases, unexplained_holds

SAFE = frozenset(
    {"commits", "commits in both", "rolls back", "closes", "writes and commits", "stores", "commits in a loop"}
)
"""What surely ends the callers' transaction, and writes and locks nothing behind that."""


@pytest.mark.parametrize(("variant", "backend"), on_databases(drawn(), str, both=False))
def test_a_safe_fix_is_harmless(
    variant: ReleasedVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(variant))
    database_url = database(backend, tmp_path, request)
    before = run_fixture(entry, database_url)
    original = contents(entry)
    result = fixed(entry, unsafe=False)
    if contents(entry) == original:
        return
    after = run_fixture(entry, database_url)
    assert [one for one in result.applied if one.undone] == []
    assert unexplained_holds(after, result.remaining.findings) == []
    assert any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []


@pytest.mark.parametrize("ends", ENDS)
def test_what_is_safe(ends: str, tmp_path: Path) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    for caller, may_be in (("adds", True), ("asks", False)):
        entry.write_text(source(ReleasedVariant(ends, caller)))
        line = entry.read_text().splitlines().index("    answer = await ask(note.body)") + 1
        (fix,) = [one.fix for one in findings(entry) if one.line == line]
        safe = fix is not None and fix.applicability == "safe"
        assert safe == (may_be and ends in SAFE), fix
