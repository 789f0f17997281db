"""Generated services with their own blocks: a safe fix ends the hold on a real pool and changes nothing else.

A part of them runs here, each on one of the databases; `POOLHOLD_VARIANTS=700` makes that many and runs all of them on
both, `POOLHOLD_SEED` chooses others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from block_variants import BlockVariant, drawn, source
from harmless import assert_safe_fixes_are_harmless, written
from services import database, on_databases

EVERYTHING = int(os.environ.get("POOLHOLD_VARIANTS", "0"))
SEED = int(os.environ.get("POOLHOLD_SEED", "1"))
ALL = drawn(SEED, EVERYTHING)
CHOSEN = ALL if EVERYTHING else ALL[SEED % 5 :: 5]


@pytest.mark.parametrize(("variant", "backend"), on_databases(CHOSEN, str, both=bool(EVERYTHING)))
def test_a_safe_fix_is_harmless(
    variant: BlockVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert_safe_fixes_are_harmless(written(source(variant), tmp_path), database(backend, tmp_path, request))
