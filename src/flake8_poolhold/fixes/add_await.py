"""`add-await`: `await` before a call."""

from __future__ import annotations

import ast

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import below, code_of


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edit that puts `await` before the call. Raises `CannotFixError` when it is not found."""
    part = finding.fix.parts[0] if finding.fix is not None and finding.fix.parts else None
    if part is None:
        raise CannotFixError("no fix is offered")
    code = code_of(text)
    line, column = start = part.line, part.column
    if not any(isinstance(node, ast.Call) and code.span(node)[:2] == start for node in below(code.tree)):
        raise CannotFixError("the call was not found; the file may have changed")
    return (Edit(finding.path, line, column, line, column, "await "),)
