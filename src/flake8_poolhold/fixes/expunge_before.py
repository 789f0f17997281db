"""`expunge-before`: take what the waiting statement reads out of the session, and commit, right before it."""

from __future__ import annotations

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _reads, commit_before
from flake8_poolhold.fixes._code import code_of, function_around, margin


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where no statement can stand before the wait."""
    if finding.fix is None:
        raise CannotFixError("no fix is offered")
    code = code_of(text)
    _reads.check(finding, function_around((finding.line, finding.column), code))
    unit = "\t" if margin(code.source[finding.line - 1]).endswith("\t") else "    "
    lines = [one.text.replace("    ", unit) for one in finding.fix.parts]
    return commit_before.before(finding, text, [*lines, finding.fix.statement])
