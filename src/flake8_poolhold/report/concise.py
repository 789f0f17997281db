"""One line per finding, as compilers and flake8 write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flake8_poolhold.report.glyphs import printable

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding, Problem
    from flake8_poolhold.report.styled import Line


def render(findings: Iterable[Finding]) -> list[Line]:
    """Return `path:line:column: CODE message` for each finding."""
    return [
        [
            (printable(f"{finding.path}:{finding.line}:{finding.column}:"), "path"),
            (" ", ""),
            (finding.code, "advisory" if finding.advisory else "code"),
            (f" {printable(finding.message)}", ""),
        ]
        for finding in findings
    ]


def problem(problem: Problem) -> str:
    """Return `path:line: reason`, or `path: reason` where no line is to blame."""
    place = f"{problem.path}:{problem.line}" if problem.line else problem.path
    return printable(f"{place}: {problem.reason}")
