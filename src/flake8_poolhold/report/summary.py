"""The last lines of a run: what was found, what can be fixed, what was not looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flake8_poolhold.finding import CheckResult, Finding


def summary(result: CheckResult, skipped: Mapping[str, int] | None = None) -> str:
    """Return the summary of a check, without a newline at its end. `skipped` counts what was left out, by reason."""
    counts = result.counts
    sentences = [_found(result.findings, counts.files) if result.findings else _nothing(result)]
    if fixable := _fixable(result.findings):
        sentences.append(fixable)
    aside = [f"{count} {reason}" for reason, count in sorted((skipped or {}).items()) if count]
    if aside:
        sentences.append(f"Left out: {', '.join(aside)}.")
    if counts.suppressed:
        sentences.append(f"{_number(counts.suppressed, 'finding')} suppressed by comments.")
    if result.problems:
        files = len({problem.path for problem in result.problems})
        sentences.append(f"{_number(files, 'file')} could not be checked.")
    return " ".join(sentences)


def _found(findings: Iterable[Finding], files: int) -> str:
    errors = Counter(finding.code for finding in findings if not finding.advisory)
    advisories = Counter(finding.code for finding in findings if finding.advisory)
    parts = []
    if errors:
        parts.append(f"{_number(errors.total(), 'finding')} ({_by_code(errors)})")
    if advisories:
        word = "advisory" if advisories.total() == 1 else "advisories"
        parts.append(f"{advisories.total()} {word} ({_by_code(advisories)})")
    return f"Found {' and '.join(parts)} in {_number(files, 'file')}."


def _nothing(result: CheckResult) -> str:
    counts = result.counts
    seen = f"{_number(counts.holders, 'holder')} and {_number(counts.waits, 'wait')} recognised"
    text = f"Nothing found in {_number(counts.files, 'file')}: {seen}."
    if counts.files and not counts.holders:
        text += " Without a holder there is nothing to report; a session that is missing here was not recognised."
    return text


def _fixable(findings: Iterable[Finding]) -> str:
    kinds = Counter(finding.fix.applicability for finding in findings if finding.fix)
    if not kinds:
        return ""
    unsafe = f"{kinds['unsafe']} more" if kinds["safe"] else f"{kinds['unsafe']} fixable"
    parts = []
    if kinds["safe"]:
        parts.append(f"{kinds['safe']} fixable with `poolhold fix`")
    if kinds["unsafe"]:
        parts.append(f"{unsafe} with `poolhold fix --unsafe-fixes`")
    return f"{', '.join(parts)}."


def _by_code(codes: Counter[str]) -> str:
    return ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
