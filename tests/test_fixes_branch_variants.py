"""Generated services that share a session between branches or give it to a task: a safe fix changes nothing else.

A part of them runs here, each on one of the databases; with `POOLHOLD_VARIANTS=1` all of them on both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from branch_variants import BranchVariant, every, source
from harmless import assert_safe_fixes_are_harmless, written
from services import database, on_databases

ALL = every()
EVERYTHING = bool(os.environ.get("POOLHOLD_VARIANTS"))
CHOSEN = ALL if EVERYTHING else [*ALL[:28:3], *ALL[28::17]]
SHARING = ("PHL201", "PHL203", "PHL206")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("variant", "backend"), on_databases(CHOSEN, str, both=EVERYTHING))
def test_a_safe_fix_is_harmless(
    variant: BranchVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = written(source(variant), tmp_path)
    repair = assert_safe_fixes_are_harmless(entry, database(backend, tmp_path, request), select=SHARING)
    assert repair is None or repair.after.left_out == 0
