"""One file per codemod: a finding and the text of its file in, text edits out."""

from __future__ import annotations

import importlib
from itertools import accumulate

import msgspec

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.source.text import lines


class CannotFixError(Exception):
    """The codemod cannot make this change in this place; the message says why."""


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix that `finding` offers, on the text of its file. Raises `CannotFixError`."""
    offer = finding.fix
    if offer is None:
        raise CannotFixError("no fix is offered")
    if offer.site != (0, 0):
        line, column = offer.site
        finding = msgspec.structs.replace(finding, path=offer.path, line=line, column=column)
    codemod = importlib.import_module(f"flake8_poolhold.fixes.{offer.name.replace('-', '_')}")
    made: tuple[Edit, ...] = codemod.edits(finding, text)
    return made


def apply(text: str, changes: tuple[Edit, ...]) -> str:
    """`text` with `changes` made. Edits must not overlap; nothing else of the text is touched."""
    starts = [0, *accumulate(len(line) for line in lines(text))]
    for change in sorted(changes, key=lambda one: (one.line, one.column), reverse=True):
        start = starts[change.line - 1] + change.column - 1
        end = starts[change.end_line - 1] + change.end_column - 1
        text = text[:start] + change.content + text[end:]
    return text
