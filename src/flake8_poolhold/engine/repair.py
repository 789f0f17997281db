"""`fix`: makes what the codemods offer, analyses everything again after each round, and writes what stood the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from flake8_poolhold import fixes
from flake8_poolhold.config import Settings
from flake8_poolhold.engine.checking import project_root
from flake8_poolhold.engine.run import Progress, Run, silent
from flake8_poolhold.engine.stores import stores_of
from flake8_poolhold.finding import AppliedFix, CheckResult, Edit, FileDiff, Finding, FixResult, Problem
from flake8_poolhold.source import deep
from flake8_poolhold.source.text import SourceError, decode, encode
from flake8_poolhold.source.writing import Change, ChangeError, replace

MOST_ROUNDS = 100
"""Fixes are made in rounds until nothing changes; real code needs a handful."""

Answer = Literal["accept", "skip", "quit"]

Ask = Callable[[Finding, Sequence[FileDiff]], Answer]
"""What decides about a fix: it is given the finding and what its fix changes."""


def fix(
    paths: Sequence[Path],
    settings: Settings,
    *,
    unsafe: bool,
    write: bool,
    root: Path | None = None,
    cache: bool | Path = True,
    jobs: int = 1,
    progress: Progress = silent,
    ask: Ask | None = None,
) -> FixResult:
    """Make the fixes that are offered for the files that `paths` lead to: the safe ones, with `unsafe` the others too.

    `write` puts them into the files; without it the result also tells what the unsafe ones would change. With `ask`,
    each is made only when it says so. After each round everything is analysed again; a fix that keeps its finding or
    brings a new one is taken back. A file that was changed meanwhile, or cannot be written, becomes a problem of the
    result.
    """
    root = root or project_root(paths)
    stores = stores_of(root, cache)

    def run(changed: dict[str, bytes]) -> Run:
        return Run(root, settings, changed, stores, jobs=jobs, progress=progress)

    repair = _Repair(run, paths, ask)
    outcome = deep.run(lambda: repair.result(unsafe, preview=not write))
    if not write:
        return outcome
    unwritten = repair.write(root)
    return _with_failures(outcome, unwritten, lambda: deep.run(lambda: run({}).check(paths))) if unwritten else outcome


class _Repair:
    """The state of a fix run: the content of the files so far, the result of their check, the fixes tried."""

    def __init__(self, run: Callable[[dict[str, bytes]], Run], paths: Sequence[Path], ask: Ask | None) -> None:
        self._run, self._paths, self._ask = run, paths, ask
        self._changed: dict[str, bytes] = {}
        self._originals: dict[str, bytes] = {}
        self._done: list[AppliedFix] = []
        self._given_up: set[tuple[str, ...]] = set()
        self._skipped: Counter[tuple[str, ...]] = Counter()
        """How many findings of an identity, from the first one on, somebody has said no to."""

    def result(self, unsafe: bool, *, preview: bool) -> FixResult:
        self._current = self._run({})
        self._result = self._current.check(self._paths)
        self._rounds(unsafe=False)
        safe, remaining = self._changed, self._result
        if unsafe or preview:
            self._rounds(unsafe=True)
        if unsafe or not preview:
            return FixResult(_diffs(self._originals, self._changed), tuple(self._done), self._result)
        ahead = {path: safe.get(path, self._originals[path]) for path in self._changed}
        return FixResult(_diffs(self._originals, safe), tuple(self._done), remaining, _diffs(ahead, self._changed))

    def write(self, root: Path) -> list[Problem]:
        """Put the changes into the files: all files of a fix or none. Returns the files not written, and why."""
        unwritten = []
        for group in self._groups():
            changes = [Change(root / path, self._changed[path], self._originals[path]) for path in group]
            try:
                replace(changes)
            except ChangeError as error:
                at_fault = next(path for path in group if root / path == error.file)
                unwritten += [
                    Problem(path, 0, f"not fixed: {error.reason}" if path == at_fault else _with(at_fault))
                    for path in group
                ]
        return unwritten

    def _groups(self) -> list[list[str]]:
        """The changed files, those together that some fix changes together."""
        groups: list[set[str]] = []
        for fix in self._done:
            edits = fix.finding.fix.edits if fix.finding.fix is not None and not fix.undone else ()
            here = {edit.path for edit in edits}
            joined = [group for group in groups if group & here]
            groups = [group for group in groups if not group & here] + [here.union(*joined)]
        return [sorted(group) for group in groups if group]

    def _rounds(self, *, unsafe: bool) -> None:
        for _ in range(MOST_ROUNDS):
            batch = self._batch(unsafe)
            if not batch:
                return
            while objection := self._try(batch):
                if len(batch) == 1:
                    self._given_up.add(_identity(batch[0]))
                    self._done.append(AppliedFix(batch[0], objection))
                    break
                batch = batch[: len(batch) // 2]

    def _batch(self, unsafe: bool) -> list[Finding]:
        """The findings to fix in this round; when somebody is asked, the next one that is accepted."""
        while (chosen := self._offered(unsafe)) and self._ask is not None:
            finding = chosen[0]
            changed = dict(self._changed)
            self._edit([finding], changed)
            before = {path: self._changed.get(path, self._originals[path]) for path in changed}
            answer = self._ask(finding, _diffs(before, changed))
            if answer == "accept":
                return [finding]
            if answer == "quit":
                self._ask = lambda *_: "quit"
                return []
            self._skipped[_identity(finding)] += 1
        return chosen

    def _offered(self, unsafe: bool) -> list[Finding]:
        """The findings that have a fix: one for each function, as a fix may cure its neighbours too.

        What changes the same text as one before it is left for the next round.
        """
        chosen: dict[str, Finding] = {}
        edits: list[Edit] = []
        seen: Counter[tuple[str, ...]] = Counter()
        for finding in self._result.findings:
            offer, identity = finding.fix, _identity(finding)
            seen[identity] += 1
            if (
                offer is None
                or (offer.applicability == "unsafe" and not unsafe)
                or identity in self._given_up
                or seen[identity] <= self._skipped[identity]
            ):
                continue
            if offer.scope in chosen or any(edit.path not in self._current.reported for edit in offer.edits):
                continue
            own = [edit for edit in offer.edits if edit not in edits]
            if not any(_overlap(mine, other) for mine in own for other in edits):
                chosen[offer.scope] = finding
                edits += offer.edits
        return list(chosen.values())

    def _try(self, batch: Sequence[Finding]) -> str:
        """Make some fixes and keep them when they prove good. Returns what speaks against them."""
        changed = dict(self._changed)
        try:
            self._edit(batch, changed)
        except SourceError as error:
            return error.reason
        after = self._run(changed)
        result = after.check(self._paths)
        objection = _objection(self._result, result, len(batch))
        if not objection:
            self._changed, self._current, self._result = changed, after, result
            self._done += [AppliedFix(finding) for finding in batch]
        return objection

    def _edit(self, batch: Sequence[Finding], changed: dict[str, bytes]) -> None:
        """Apply the edits of some fixes to the bytes that were analysed; what several of them write is written once."""
        edits = dict.fromkeys(edit for finding in batch if finding.fix is not None for edit in finding.fix.edits)
        for path in sorted({edit.path for edit in edits}):
            data = changed.get(path)
            if data is None:
                data = self._originals[path] = self._current.modules.read(path)
            source = decode(data, path)
            changed[path] = encode(source, fixes.apply(source.text, tuple(edit for edit in edits if edit.path == path)))


def _overlap(mine: Edit, other: Edit) -> bool:
    """Whether two edits change the same lines: one may indent what the other writes."""
    return mine.path == other.path and mine.line <= other.end_line and other.line <= mine.end_line


def _identity(finding: Finding) -> tuple[str, ...]:
    what = (finding.fix.name, finding.fix.scope) if finding.fix is not None else ()
    return (finding.path, finding.code, finding.message, *what)


def _objection(before: CheckResult, after: CheckResult, fixed: int) -> str:
    """Why a round of fixes is no good, empty when it is: it must cure what it was made for, and do nothing else.

    Advisories do not count: a wait in a session that has given its connection back is what a fix is for.
    """
    if set(after.problems) - set(before.problems):
        return "the file could not be analysed any more"
    old = Counter((one.path, one.code) for one in before.findings if not one.advisory)
    new = Counter((one.path, one.code) for one in after.findings if not one.advisory)
    if brought := sorted(new - old):
        return f"it would bring {brought[0][1]} in {brought[0][0]}"
    return "the finding would remain" if new.total() > old.total() - fixed else ""


def _with(path: str) -> str:
    return f"not fixed: its fix changes {path} too, which could not be written"


def _diffs(before: dict[str, bytes], after: dict[str, bytes]) -> tuple[FileDiff, ...]:
    return tuple(
        FileDiff(path, decode(before[path], path).text, decode(data, path).text)
        for path, data in sorted(after.items())
        if data != before[path]
    )


def _unwritten(fix: AppliedFix, reasons: Mapping[str, str]) -> str:
    """Why the files of a fix were not written, if they were not."""
    edits = fix.finding.fix.edits if fix.finding.fix is not None else ()
    return next((reasons[edit.path] for edit in edits if edit.path in reasons), "")


def _with_failures(outcome: FixResult, unwritten: Sequence[Problem], check: Callable[[], CheckResult]) -> FixResult:
    """The outcome when some files were not written: their fixes are not made, and what remains is asked again."""
    reasons = {problem.path: problem.reason for problem in unwritten}
    remaining = check()
    return msgspec.structs.replace(
        outcome,
        diffs=tuple(diff for diff in outcome.diffs if diff.path not in reasons),
        applied=tuple(
            msgspec.structs.replace(one, undone=one.undone or _unwritten(one, reasons)) for one in outcome.applied
        ),
        remaining=msgspec.structs.replace(remaining, problems=(*remaining.problems, *unwritten)),
    )
