"""Findings with the code of their trail, and the hold drawn beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flake8_poolhold.finding import Finding, FixOffer, Step
from flake8_poolhold.report.glyphs import clip, printable, width

if TYPE_CHECKING:
    from flake8_poolhold.report.styled import Line, Style

Lines = Callable[[str], Sequence[str] | None]
"""The lines of the file at a path (relative to the project root), None when it cannot be read."""

_NUMBER = 5
_GAP = 3
_CODE_AT = _NUMBER + len(" │ ╰─►") + _GAP
_LONGEST = 100
_SHORTEST = 20


class _Row(NamedTuple):
    step: Step
    glyph: str
    code: str
    focus: int
    repeated: bool  # the same line as the row above, whose code is not shown again


def render(findings: Iterable[Finding], lines: Lines, columns: int | None = None) -> list[Line]:
    """Return the findings as lines, an empty one after each.

    `columns` is the width of the terminal, None where there is none; code is cut to fit it, words are not. A file that
    cannot be read or is shorter than the trail says is shown without its code.
    """
    cache: dict[str, Sequence[str] | None] = {}

    def cached(path: str) -> Sequence[str] | None:
        if path not in cache:
            cache[path] = lines(path)
        return cache[path]

    drawn: list[Line] = []
    for finding in findings:
        drawn += [_header(finding), *_trail(finding, cached, columns), *_notes(finding), []]
    return drawn


def _header(finding: Finding) -> Line:
    place = printable(f"{finding.path}:{finding.line}:{finding.column}")
    style: Style = "advisory" if finding.advisory else "code"
    return [(place, "path"), (" ", ""), (finding.code, style), (f" {printable(finding.message)}", "")]


def _trail(finding: Finding, lines: Lines, columns: int | None) -> list[Line]:
    steps = finding.trail or (Step(finding.path, finding.line, finding.column, "", "wait"),)
    rows = _rows(steps, lines)
    room = (columns or _CODE_AT + _LONGEST) - _CODE_AT
    longest = min(max(width(row.code) for row in rows), max(room, _SHORTEST), _LONGEST)
    beside = columns is None or all(
        _CODE_AT + longest + _GAP + width(printable(row.step.text)) <= columns for row in rows
    )
    drawn: list[Line] = []
    path = finding.path
    for row, previous in zip(rows, (None, *rows), strict=False):
        if row.step.path != path:
            path = row.step.path
            drawn.append(_rule(_between(previous.glyph if previous else "", row.glyph), printable(path)))
        drawn += _drawn(row, longest, beside)
    return drawn


def _rows(steps: Sequence[Step], lines: Lines) -> list[_Row]:
    """Return the steps with their code, freed of the indentation that all the steps in a file share."""
    texts = [_code(step, lines) for step in steps]
    indents: dict[str, int] = {}
    for step, text in zip(steps, texts, strict=True):
        if text.strip():
            indents[step.path] = min(len(text) - len(text.lstrip(" ")), indents.get(step.path, len(text)))
    rows = []
    previous: Step | None = None
    for step, glyph, text in zip(steps, _glyphs(steps), texts, strict=True):
        repeated = previous is not None and (previous.path, previous.line) == (step.path, step.line)
        indent = indents.get(step.path, 0)
        code = "" if repeated else text[indent:]
        rows.append(_Row(step, glyph, code, max(_offset(step, lines) - indent, 0), repeated))
        previous = step
    return rows


def _code(step: Step, lines: Lines) -> str:
    source = lines(step.path)
    return printable(source[step.line - 1].rstrip("\r\n")).rstrip() if source and 0 < step.line <= len(source) else ""


def _offset(step: Step, lines: Lines) -> int:
    """Return where in the shown code the step's column is: tabs and escaped characters have become longer."""
    source = lines(step.path)
    return len(printable(source[step.line - 1][: step.column - 1])) if source and 0 < step.line <= len(source) else 0


def _glyphs(steps: Sequence[Step]) -> list[str]:
    """Return what is drawn beside each step: the hold is a line from the first checkout to the last wait."""
    roles = [step.role for step in steps]
    if "checkout" not in roles:
        return ["──►" if role == "wait" else "" for role in roles]
    first = roles.index("checkout")
    waits = [index for index, role in enumerate(roles) if role == "wait" and index > first]
    last = waits[-1] if waits else len(roles) - 1
    glyphs = []
    for index, role in enumerate(roles):
        if index < first or index > last:
            glyphs.append("")
        elif index == first:
            glyphs.append("╭─" if index < last else "──")
        elif index == last:
            glyphs.append("╰─►" if role == "wait" else "╰─")
        else:
            glyphs.append({"wait": "├─►", "call": "├─", "checkout": "├─"}.get(role, "│"))
    return glyphs


def _between(above: str, below: str) -> str:
    return "│" if above[:1] in ("╭", "├", "│") and below[:1] in ("╰", "├", "│") else ""


def _rule(glyph: str, path: str) -> Line:
    return [(" " * _NUMBER + " │ ", "gutter"), (glyph.ljust(2), "hold"), (path, "path")]


def _drawn(row: _Row, longest: int, beside: bool) -> list[Line]:
    number = "" if row.repeated else str(row.step.line)
    start: Line = [(f"{number:>{_NUMBER}} │ ", "gutter"), (row.glyph, "hold")]
    code = clip(row.code, longest, row.focus)
    text = printable(row.step.text)
    pad = " " * (3 - len(row.glyph) + _GAP)
    if not text:
        return [_trimmed([*start, (pad + code, "")])]
    if beside or not code:
        fill = " " * (longest - width(code) + _GAP if beside else 0)
        return [[*start, (pad + code + fill, ""), (text, "label")]]
    below = "│" if row.glyph[:1] in ("╭", "├", "│") else ""
    label: Line = [
        (" " * _NUMBER + " │ ", "gutter"),
        (below, "hold"),
        (" " * (3 - len(below) + _GAP), ""),
        (text, "label"),
    ]
    return [_trimmed([*start, (pad + code, "")]), label]


def _trimmed(line: Line) -> Line:
    """Cut the spaces at the end of a line."""
    while line and not line[-1][0].rstrip():
        line = line[:-1]
    return [*line[:-1], (line[-1][0].rstrip(), line[-1][1])] if line else line


def _notes(finding: Finding) -> list[Line]:
    notes = [*finding.notes]
    if finding.fix:
        notes.append(fix_line(finding.fix))
    if finding.advisory:
        notes.append("an advisory: it does not fail the run")
    return [[(" " * (_NUMBER + 1) + "= " + printable(note), "note")] for note in notes]


def fix_line(fix: FixOffer) -> str:
    """Return what a fix is called, whether it is safe, and what it does."""
    return f"fix: {fix.name} ({fix.applicability}): {fix.message}"
