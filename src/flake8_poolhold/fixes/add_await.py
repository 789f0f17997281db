"""`add-await`: `await` before a call."""

from __future__ import annotations

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._places import inserted, node_at, parsed


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edit that puts `await` before the call. Raises `CannotFixError` when it is not found."""
    part = finding.fix.parts[0] if finding.fix is not None and finding.fix.parts else None
    if part is None:
        raise CannotFixError("no fix is offered")
    module, found = parsed(text)
    node_at(module, cst.Call, (part.line, part.column), found)
    return inserted(finding.path, part.line, part.column, "await ")
