"""Generated services with leaks: a safe fix ends them on a real pool and changes nothing else.

A part of them runs here, each on one of the databases; `POOLHOLD_VARIANTS=400` makes that many and runs all of them on
both, `POOLHOLD_SEED` chooses others.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from opening_variants import OpeningVariant, drawn, source
from oracle.runner import run_fixture, same_behaviour
from services import contents, database, findings, fixed, on_databases

EVERYTHING = int(os.environ.get("POOLHOLD_VARIANTS", "0"))
SEED = int(os.environ.get("POOLHOLD_SEED", "1"))
ALL = drawn(SEED, EVERYTHING)
CHOSEN = ALL if EVERYTHING else ALL[SEED % 3 :: 3]
LEAKS = ("PHL401", "PHL403", "PHL405")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("variant", "backend"), on_databases(CHOSEN, str, both=bool(EVERYTHING)))
def test_a_safe_fix_is_harmless(
    variant: OpeningVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(variant))
    found = [one for one in findings(entry) if one.code in LEAKS]
    offered = [one for one in found if one.fix is not None and one.fix.applicability == "safe"]
    assert all(one.fix is not None or any(note.startswith("no fix: ") for note in one.notes) for one in found)
    original = contents(entry)
    database_url = database(backend, tmp_path, request)
    before = run_fixture(entry, database_url)
    gc.collect()
    result = fixed(entry, unsafe=False, select=LEAKS)
    assert [one for one in result.applied if one.undone] == []
    if not offered:
        assert contents(entry) == original
        return
    after = run_fixture(entry, database_url)
    assert contents(entry) != original
    assert after.left_out == 0
    # A service that failed may fail less: its pool ran dry, or its session was closed while it was used.
    assert any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []
    assert not any(one.status < 500 <= new.status for one, new in zip(before.responses, after.responses, strict=True))
    repaired = contents(entry)
    assert not fixed(entry, unsafe=False, select=LEAKS).diffs
    assert contents(entry) == repaired
