"""What a fix run did: the fixes made and taken back, or a diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flake8_poolhold.report.glyphs import printable

if TYPE_CHECKING:
    from flake8_poolhold.finding import AppliedFix, FileDiff


def diff(diffs: Iterable[FileDiff]) -> str:
    """Return a unified diff that `patch` and `git apply` take. The newlines of the files stay as they are."""
    return "".join(line for file in diffs for line in _diff(file))


def applied(fixes: Iterable[AppliedFix], *, written: bool) -> list[str]:
    """Return a line for each fix: made (`written`), to be made, or taken back and why."""
    lines = []
    for fix in fixes:
        finding = fix.finding
        name = finding.fix.name if finding.fix else finding.name
        done = f"taken back: {fix.undone}" if fix.undone else ("fixed" if written else "would be fixed")
        lines.append(printable(f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {name}: {done}"))
    return lines


def _diff(file: FileDiff) -> Iterable[str]:
    before, after = _split(file.before), _split(file.after)
    for line in difflib.unified_diff(before, after, f"a/{file.path}", f"b/{file.path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _split(text: str) -> list[str]:
    """Split at line feeds only, which is what the tools that read diffs do."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
