"""Generated services that share a session between branches or give it to a task: a safe fix changes nothing else.

A part of them runs here, each on one of the databases; with `POOLHOLD_VARIANTS=1` all of them on both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from branch_variants import BranchVariant, every, source
from oracle.runner import run_fixture, same_behaviour
from services import contents, database, findings, fixed, on_databases

ALL = every()
EVERYTHING = bool(os.environ.get("POOLHOLD_VARIANTS"))
CHOSEN = ALL if EVERYTHING else [*ALL[:28:3], *ALL[28::17]]
SHARING = ("PHL201", "PHL203", "PHL206")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("variant", "backend"), on_databases(CHOSEN, str, both=EVERYTHING))
def test_a_safe_fix_is_harmless(
    variant: BranchVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(variant))
    found = [one for one in findings(entry) if one.code in SHARING]
    offered = [one for one in found if one.fix is not None and one.fix.applicability == "safe"]
    assert all(one.fix is not None or any(note.startswith("no fix: ") for note in one.notes) for one in found)
    original = contents(entry)
    result = fixed(entry, unsafe=False, select=SHARING)
    assert [one for one in result.applied if one.undone] == []
    repaired = contents(entry)
    if not offered:
        assert repaired == original
        return
    assert repaired != original
    assert not fixed(entry, unsafe=False, select=SHARING).diffs

    database_url = database(backend, tmp_path, request)
    after = run_fixture(entry, database_url)
    entry.write_bytes(original["service.py"])
    before = run_fixture(entry, database_url)
    assert after.left_out == 0
    # Branches that met on a cold pool, or in a flush, failed; the fixed service does not.
    assert any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []
    assert not any(one.status < 500 <= new.status for one, new in zip(before.responses, after.responses, strict=True))
