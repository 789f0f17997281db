"""Generated services that give loaded objects to a call: a safe fix changes only the hold, others break nothing.

A part of them runs here, each on one of the databases; `POOLHOLD_VARIANTS=400` makes that many and runs all of them on
both, `POOLHOLD_SEED` chooses others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from detaching_variants import DetachingVariant, drawn, source
from harmless import repaired, written
from oracle.runner import same_behaviour
from services import database, findings, on_databases, unexplained_holds

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
    entry = written(source(variant), tmp_path)
    offered = [one.fix for one in findings(entry) if one.code in HELD and one.fix is not None]
    unsafe = any(fix.applicability == "unsafe" for fix in offered)
    repair = repaired(entry, database(backend, tmp_path, request), unsafe=unsafe, select=HELD)
    if repair is None:
        return
    before, after, result = repair
    again = any("may check out again" in fix.message for fix in offered)
    assert again or unexplained_holds(after, result.remaining.findings) == []
    assert unsafe or any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []
