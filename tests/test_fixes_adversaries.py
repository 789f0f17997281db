"""Services that hide what a release would change: what safe fixes make of them behaves as before, on a real pool."""

from __future__ import annotations

from pathlib import Path

import pytest
from adversaries import BLOCKS, LOCKS, LOOKS, WRITES, source
from harmless import repaired, written
from oracle.runner import same_behaviour
from services import database, findings
from variants import MAKER

CASES = {
    f"{what}: {name}": adversary
    for what, cases in (("writes", WRITES), ("looks", LOOKS), ("blocks", BLOCKS))
    for name, adversary in cases.items()
}


@pytest.mark.parametrize("maker", [MAKER[0], MAKER[2]], ids=["keeps", "expires"])
@pytest.mark.parametrize("name", CASES)
def test_a_safe_fix_changes_nothing(name: str, maker: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    repair = repaired(written(source(CASES[name], maker), tmp_path), database("sqlite", tmp_path, request))
    # What had expired is read by none of the answers here: a service that fails is one that was not understood.
    assert repair is None or same_behaviour(repair.before, repair.after) == []


@pytest.mark.parametrize("maker", [MAKER[0], MAKER[2]], ids=["keeps", "expires"])
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_kept(name: str, maker: str, tmp_path: Path) -> None:
    entry = written(source(LOCKS[name], maker), tmp_path)
    handler = source(LOCKS[name], maker).count("\n", 0, source(LOCKS[name], maker).index("async def run("))
    held = [one for one in findings(entry) if one.code == "PHL101" and one.line > handler]
    assert held
    assert [one.fix for one in held if one.fix is not None and one.fix.applicability == "safe"] == []
