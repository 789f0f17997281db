"""Findings as JSON: the objects that ruff writes, and beside them the rule's name, the trail and the notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from flake8_poolhold.finding import Edit, Finding, FixOffer, Step


def render(findings: Iterable[Finding]) -> str:
    """Return one JSON array, also for no findings, ended by a newline. Paths are relative to the project root."""
    objects = [_encodable(_finding(finding)) for finding in findings]
    return msgspec.json.format(msgspec.json.encode(objects), indent=2).decode() + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "cell": None,
        "code": finding.code,
        "end_location": _place(finding.end_line, finding.end_column),
        "filename": finding.path,
        "fix": _fix(finding.fix) if finding.fix else None,
        "location": _place(finding.line, finding.column),
        "message": finding.message,
        "noqa_row": finding.line,
        "url": None,
        "name": finding.name,
        "advisory": finding.advisory,
        "notes": list(finding.notes),
        "trail": [_step(step) for step in finding.trail],
    }


def _fix(fix: FixOffer) -> dict[str, Any]:
    return {
        "applicability": fix.applicability,
        "edits": [_edit(edit) for edit in fix.edits],
        "message": fix.message,
        "name": fix.name,
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "content": edit.content,
        "end_location": _place(edit.end_line, edit.end_column),
        "filename": edit.path,
        "location": _place(edit.line, edit.column),
    }


def _step(step: Step) -> dict[str, Any]:
    return {"path": step.path, "row": step.line, "column": step.column, "text": step.text, "role": step.role}


def _place(row: int, column: int) -> dict[str, int]:
    return {"column": column, "row": row}


def _encodable(value: Any) -> Any:
    """Replace the lone surrogates of file names that are not UTF-8, which JSON has no way to say."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
