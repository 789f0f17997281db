"""One file per codemod: a finding and the text of its file in, text edits out."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import accumulate

import msgspec

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.source.text import lines


class CannotFixError(Exception):
    """The codemod cannot make this change in this place; the message says why."""


Read = Callable[[str], str]
"""The text of a file of the project; empty when it cannot be read."""


def edits(finding: Finding, read: Read) -> tuple[Edit, ...]:
    """The edits of the fix that `finding` offers. Raises `CannotFixError`.

    A codemod has a function `edits`, which is given the text of the file that the fix changes, or, if it changes
    several files, `edits_across`, which is given `read`.
    """
    offer = finding.fix
    if offer is None:
        raise CannotFixError("no fix is offered")
    if offer.site != (0, 0):
        line, column = offer.site
        finding = msgspec.structs.replace(finding, path=offer.path, line=line, column=column)
    codemod = importlib.import_module(f"flake8_poolhold.fixes.{offer.name.replace('-', '_')}")
    made: tuple[Edit, ...]
    if hasattr(codemod, "edits_across"):
        made = codemod.edits_across(finding, read)
    else:
        made = codemod.edits(finding, read(offer.path or finding.path))
    return made


def apply(text: str, changes: tuple[Edit, ...]) -> str:
    """`text` with `changes` made. Edits must not overlap; nothing else of the text is touched."""
    starts = [0, *accumulate(len(line) for line in lines(text))]
    for change in sorted(changes, key=lambda one: (one.line, one.column), reverse=True):
        start = starts[change.line - 1] + change.column - 1
        end = starts[change.end_line - 1] + change.end_column - 1
        text = text[:start] + change.content + text[end:]
    return text
