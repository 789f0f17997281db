"""Asking about each fix in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flake8_poolhold.engine.repair import Answer
    from flake8_poolhold.finding import FileDiff, Finding

_ANSWERS: dict[str, Answer] = {
    "a": "accept", "accept": "accept", "s": "skip", "skip": "skip", "q": "quit", "quit": "quit",
}  # fmt: skip


def ask(finding: Finding, diffs: Sequence[FileDiff]) -> Answer:
    """Show a finding and what its fix changes, and read what to do. The end of the input quits."""
    from flake8_poolhold.report import fixes
    from flake8_poolhold.report.concise import render
    from flake8_poolhold.report.full import fix_line

    print("".join(text for text, _ in render([finding])[0]))
    if finding.fix is not None:
        print(fix_line(finding.fix))
    sys.stdout.write(fixes.diff(diffs))
    sys.stdout.flush()
    while True:
        try:
            answer = input("[a]ccept, [s]kip, [q]uit? ").strip().lower()
        except EOFError:
            print()
            return "quit"
        if answer in _ANSWERS:
            return _ANSWERS[answer]
