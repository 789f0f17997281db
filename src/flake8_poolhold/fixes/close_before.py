"""`close-before`: close the session right before the statement that waits.

Attributes that could not be loaded any more are read into variables first.
"""

from __future__ import annotations

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _reads, commit_before
from flake8_poolhold.fixes._code import code_of, find, function_around


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where no statement can stand before the wait."""
    if finding.fix is None:
        raise CannotFixError("no fix is offered")
    made = commit_before.before(finding, text, [*_reads.statements(finding), finding.fix.statement])
    code = code_of(text)
    at = (finding.line, finding.column)
    start = code.span(find(code.tree.body, at, code).node)[:2]
    function = function_around(at, code)
    _reads.check(finding, function)
    return made + _reads.replaced(finding, code, function, start)
