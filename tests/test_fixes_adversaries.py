"""Services that hide what a release would change: what safe fixes make of them behaves as before, on a real pool."""

from __future__ import annotations

from pathlib import Path

import pytest
from adversaries import BLOCKS, LOCKS, LOOKS, WRITES, Adversary, source
from oracle.runner import run_fixture, same_behaviour
from services import contents, database, findings, fixed
from variants import MAKER

CASES = {
    f"{what}: {name}": adversary
    for what, cases in (("writes", WRITES), ("looks", LOOKS), ("blocks", BLOCKS))
    for name, adversary in cases.items()
}


@pytest.mark.parametrize("maker", [MAKER[0], MAKER[2]], ids=["keeps", "expires"])
@pytest.mark.parametrize("name", CASES)
def test_a_safe_fix_changes_nothing(name: str, maker: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    entry = _written(CASES[name], maker, tmp_path)
    database_url = database("sqlite", tmp_path, request)
    original = contents(entry)
    before = run_fixture(entry, database_url)
    result = fixed(entry, unsafe=False)
    assert [one for one in result.applied if one.undone] == []
    if contents(entry) == original:
        return
    # What had expired is read by none of the answers here: a service that fails is one that was not understood.
    assert same_behaviour(before, run_fixture(entry, database_url)) == []


@pytest.mark.parametrize("maker", [MAKER[0], MAKER[2]], ids=["keeps", "expires"])
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_kept(name: str, maker: str, tmp_path: Path) -> None:
    entry = _written(LOCKS[name], maker, tmp_path)
    handler = source(LOCKS[name], maker).count("\n", 0, source(LOCKS[name], maker).index("async def run("))
    held = [one for one in findings(entry) if one.code == "PHL101" and one.line > handler]
    assert held
    assert [one.fix for one in held if one.fix is not None and one.fix.applicability == "safe"] == []


def _written(adversary: Adversary, maker: str, folder: Path) -> Path:
    entry = folder / "service" / "service.py"
    entry.parent.mkdir()
    entry.write_text(source(adversary, maker))
    return entry
