"""Sessions that came in, of whose callers nothing is known: a release behind the function's own changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from harmless import assert_safe_fixes_are_harmless, written
from released_variants import ENDS, ReleasedVariant, drawn, source
from services import database, findings, on_databases

SAFE = frozenset(
    {"commits", "commits in both", "rolls back", "closes", "writes and commits", "stores", "commits in a loop"}
)
"""What surely ends the callers' transaction, and writes and locks nothing behind that."""


@pytest.mark.parametrize(("variant", "backend"), on_databases(drawn(), str, both=False))
def test_a_safe_fix_is_harmless(
    variant: ReleasedVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert_safe_fixes_are_harmless(written(source(variant), tmp_path), database(backend, tmp_path, request))


@pytest.mark.parametrize("ends", ENDS)
def test_what_is_safe(ends: str, tmp_path: Path) -> None:
    for caller, may_be in (("adds", True), ("asks", False)):
        entry = written(source(ReleasedVariant(ends, caller)), tmp_path)
        line = entry.read_text().splitlines().index("    answer = await ask(note.body)") + 1
        (fix,) = [one.fix for one in findings(entry) if one.line == line]
        safe = fix is not None and fix.applicability == "safe"
        assert safe == (may_be and ends in SAFE), fix
