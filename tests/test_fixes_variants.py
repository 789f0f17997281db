"""Generated services: where a fix is offered as safe, it ends the hold on a real pool and changes nothing else.

A part of them runs here, each on one of the databases; `POOLHOLD_VARIANTS=500` makes that many and runs all of them on
both, `POOLHOLD_SEED` chooses others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from oracle.runner import run_fixture, same_behaviour
from services import contents, database, findings, fixed, on_databases, unexplained_holds
from variants import Variant, drawn, source

EVERYTHING = int(os.environ.get("POOLHOLD_VARIANTS", "0"))
SEED = int(os.environ.get("POOLHOLD_SEED", "1"))
ALL = drawn(SEED, EVERYTHING)
CHOSEN = ALL if EVERYTHING else ALL[SEED % 4 :: 4]


@pytest.mark.parametrize(("variant", "backend"), on_databases(CHOSEN, str, both=bool(EVERYTHING)))
def test_a_safe_fix_is_harmless(variant: Variant, backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    entry = tmp_path / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(variant))
    offered = [one for one in findings(entry) if one.fix is not None and one.fix.applicability == "safe"]
    if not offered:
        original = contents(entry)
        fixed(entry, unsafe=False)
        assert contents(entry) == original
        return

    database_url = database(backend, tmp_path, request)
    before = run_fixture(entry, database_url)
    result = fixed(entry, unsafe=False)
    after = run_fixture(entry, database_url)
    assert unexplained_holds(after, result.remaining.findings) == []
    assert after.left_out <= before.left_out
    # A service that failed may fail less: it began a transaction twice, or read an object that a rollback had expired.
    assert any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []
