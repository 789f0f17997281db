"""What a fix run did: the fixes made and taken back, or a diff."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flake8_poolhold.report.glyphs import printable

if TYPE_CHECKING:
    from flake8_poolhold.finding import AppliedFix, FileDiff, Finding, FixResult

UNSAFE = "# What follows is not proved to be harmless; only --unsafe-fixes writes it."
"""Stands between the diff of the safe fixes and that of the others; tools that read diffs skip it."""

_NO_FIX = "no fix: "


def diff(diffs: Iterable[FileDiff]) -> str:
    """Return a unified diff that `patch` and `git apply` take. The newlines of the files stay as they are."""
    return "".join(line for file in diffs for line in _diff(file))


def applied(fixes: Iterable[AppliedFix], *, written: bool, unsafe: bool = False) -> list[str]:
    """Return a line for each fix: made (`written`), to be made (the unsafe ones if `unsafe`), or taken back."""
    lines = []
    for fix in fixes:
        finding = fix.finding
        name = finding.fix.name if finding.fix else finding.name
        if fix.undone:
            done = f"taken back: {fix.undone}"
        elif written:
            done = "fixed"
        else:
            done = "would be fixed" + (" with --unsafe-fixes" if not unsafe and _is_unsafe(finding) else "")
        lines.append(printable(f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {name}: {done}"))
    return lines


def summary(outcome: FixResult, *, written: bool) -> str:
    """Return how many fixes were made, taken back and not made, without a newline at its end."""
    made = sum(not fix.undone for fix in outcome.applied)
    refused = len(outcome.applied) - made
    diffs = (*outcome.diffs, *outcome.unsafe_diffs)
    files = len({file.path for file in diffs})
    parts = [f"{'Made' if written else 'Would make'} {made} {'fix' if made == 1 else 'fixes'}"]
    parts[0] += f" in {files} file{'' if files == 1 else 's'}" if made else ""
    if refused:
        parts.append(f"took back {refused}")
    if written and (left := sum(not finding.advisory for finding in outcome.remaining.findings)):
        parts.append(f"left {left} finding{'' if left == 1 else 's'}")
    return f"{', '.join(parts)}."


def refusals(findings: Iterable[Finding]) -> list[str]:
    """Return a line for each reason for which findings have no fix, the most frequent first."""
    notes = [note for one in findings if one.fix is None for note in one.notes if note.startswith(_NO_FIX)]
    reasons = Counter(note.removeprefix(_NO_FIX) for note in notes)
    return [printable(f"No fix for {count}: {reason}") for reason, count in reasons.most_common()]


def _is_unsafe(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.applicability == "unsafe"


def _diff(file: FileDiff) -> Iterable[str]:
    before, after = _split(file.before), _split(file.after)
    for line in difflib.unified_diff(before, after, f"a/{file.path}", f"b/{file.path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _split(text: str) -> list[str]:
    """Split at line feeds only, which is what the tools that read diffs do."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
