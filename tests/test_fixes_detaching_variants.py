"""Generated services that give loaded objects to a call: a safe fix changes only the hold, others break nothing.

A part of them runs here, each on one of the databases; `POOLHOLD_VARIANTS=400` makes that many and runs all of them on
both, `POOLHOLD_SEED` chooses others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from detaching_variants import DetachingVariant, drawn, source
from oracle.runner import run_fixture, same_behaviour
from services import broken_by, contents, database, findings, fixed, on_databases, unexplained_holds

EVERYTHING = int(os.environ.get("POOLHOLD_VARIANTS", "0"))
SEED = int(os.environ.get("POOLHOLD_SEED", "1"))
ALL = drawn(SEED, EVERYTHING)
CHOSEN = ALL if EVERYTHING else ALL[SEED % 5 :: 5]
HELD = ("PHL101",)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("variant", "backend"), on_databases(CHOSEN, str, both=bool(EVERYTHING)))
def test_a_fix_is_as_harmless_as_it_says(
    variant: DetachingVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(variant))
    offered = [one.fix for one in findings(entry) if one.code in HELD and one.fix is not None]
    unsafe = any(fix.applicability == "unsafe" for fix in offered)
    if not offered:
        return

    original = contents(entry)
    database_url = database(backend, tmp_path, request)
    before = run_fixture(entry, database_url)
    result = fixed(entry, unsafe=unsafe, select=HELD)
    after = run_fixture(entry, database_url)
    assert [one for one in result.applied if one.undone] == []
    assert contents(entry) != original
    again = any("may check out again" in fix.message for fix in offered)
    assert again or unexplained_holds(after, result.remaining.findings) == []
    assert after.left_out <= before.left_out
    failed = any(one.status >= 500 for one in before.responses)
    assert broken_by(before, after) == []
    assert unsafe or failed or same_behaviour(before, after) == []
    repaired = contents(entry)
    assert not fixed(entry, unsafe=unsafe, select=HELD).diffs
    assert contents(entry) == repaired
