"""Generated services with leaks: a safe fix ends them on a real pool and changes nothing else.

A part of them runs here, each on one of the databases; `POOLHOLD_VARIANTS=400` makes that many and runs all of them on
both, `POOLHOLD_SEED` chooses others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harmless import assert_safe_fixes_are_harmless, written
from opening_variants import OpeningVariant, drawn, source
from services import database, on_databases

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
    entry = written(source(variant), tmp_path)
    repair = assert_safe_fixes_are_harmless(entry, database(backend, tmp_path, request), select=LEAKS)
    assert repair is None or repair.after.left_out == 0
