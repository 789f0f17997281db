"""A generated service before and after its repair, and what a repair that is called safe may change: the hold alone."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import NamedTuple

from oracle.runner import Run, run_fixture, same_behaviour
from services import HOLDS, broken_by, contents, findings, fixed, unexplained_holds

from flake8_poolhold.finding import FixResult


class Repair(NamedTuple):
    """Two runs of a service, and what was done to it between them."""

    before: Run
    after: Run
    result: FixResult


def written(text: str, folder: Path) -> Path:
    """A service of one file in a project of its own."""
    entry = folder / "service" / "service.py"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(text)
    return entry


def repaired(
    entry: Path, database_url: str, *, unsafe: bool = False, select: tuple[str, ...] | None = None
) -> Repair | None:
    """Run a service, repair it and run it again; `None` if there is nothing to repair, and then its files stay.

    What is found has a fix or says why not. Of every fix: none is undone, all that was answered is answered, no more
    connections are left out, and a second run of the fixes changes nothing.
    """
    kinds = ("safe", "unsafe") if unsafe else ("safe",)
    found = [one for one in findings(entry) if select is None or one.code in select]
    unfixed = [one for one in found if one.fix is None and one.code in (select or HOLDS)]
    assert [one for one in unfixed if not any(note.startswith("no fix") for note in one.notes)] == []
    original = contents(entry)
    if not any(one.fix is not None and one.fix.applicability in kinds for one in found):
        fixed(entry, unsafe=unsafe, select=select)
        assert contents(entry) == original
        return None
    before = run_fixture(entry, database_url)
    gc.collect()  # what the service has left out is no matter of the next run
    result = fixed(entry, unsafe=unsafe, select=select)
    assert [one for one in result.applied if one.undone] == []
    changed = contents(entry)
    assert changed != original
    after = run_fixture(entry, database_url)
    assert broken_by(before, after) == []
    assert after.left_out <= before.left_out
    assert not fixed(entry, unsafe=unsafe, select=select).diffs
    assert contents(entry) == changed
    return Repair(before, after, result)


def assert_safe_fixes_are_harmless(
    entry: Path, database_url: str, *, select: tuple[str, ...] | None = None
) -> Repair | None:
    """That safe fixes change no answer and no row; and, where holds are among what is fixed, that they end them.

    A service that failed may fail less: it began a transaction twice, read what had expired, or its pool ran dry.
    """
    repair = repaired(entry, database_url, select=select)
    if repair is not None:
        before, after, result = repair
        assert any(one.status >= 500 for one in before.responses) or same_behaviour(before, after) == []
        assert select is not None or unexplained_holds(after, result.remaining.findings) == []
    return repair
