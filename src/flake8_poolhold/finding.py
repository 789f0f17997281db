"""The plain data that passes between the parts: what was found, the evidence for it, and how to repair it.

Lines and columns are 1-based; columns count code points, as editors and ruff show them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["checkout", "call", "wait", "release", "lock", "note"]
Applicability = Literal["safe", "unsafe"]


class Step(msgspec.Struct, frozen=True, gc=False):
    """One piece of evidence in a trail: a place and what happens there, in a few words.

    `path` is relative to the project root, with forward slashes.
    """

    path: str
    line: int
    column: int
    text: str
    role: Role


class Edit(msgspec.Struct, frozen=True):
    """Replace the text between two positions of one file. An empty range inserts."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    content: str


class Part(msgspec.Struct, frozen=True):
    """A piece of code that a fix changes: where it begins, what becomes of it, and a text that belongs to that."""

    path: str
    line: int
    column: int
    role: str
    text: str = ""


class FixOffer(msgspec.Struct, frozen=True):
    """A repair that can be made: which fix, whether it is proved harmless, and its edits.

    `statement` is the code that it inserts; `scope` names the function that it changes, so that no two fixes of one
    round change the same one. `site` is the line and column of the wait that it is made for, in `path`, when it is not
    that of the finding. `start` is the line and column where the block or function begins that it changes, in
    `path` (empty: the file of the finding), `again` a place in the statement before which the block is opened again;
    `reads` are the attributes that are read into variables beforehand: variable, attribute, new variable; `session` are
    the variables that lead to the session, `objects` those that are what it has loaded; `parts` are further pieces of
    code that change, each with a role that the fix knows.
    """

    name: str
    applicability: Applicability
    message: str
    edits: tuple[Edit, ...] = ()
    statement: str = ""
    scope: str = ""
    path: str = ""
    site: tuple[int, int] = (0, 0)
    start: tuple[int, int] = (0, 0)
    again: tuple[int, int] = (0, 0)
    reads: tuple[tuple[str, str, str], ...] = ()
    session: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """A rule's verdict on one site.

    `trail` is the evidence in the order in which it happens; `notes` are further lines of explanation (what releases
    the connection, why no fix is offered). `advisory` findings are shown but do not fail a run. `others` are further
    repairs, for when the text of the file does not allow `fix`.
    """

    code: str
    name: str
    message: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    trail: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    fix: FixOffer | None = None
    advisory: bool = False
    others: tuple[FixOffer, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """A file that could not be analysed, and why. `line` is 0 where no line is to blame."""

    path: str
    line: int
    reason: str


class Gap(msgspec.Struct, frozen=True):
    """Something that the analysis cannot know unless it is declared, where, and what hangs on it.

    `uses` are the calls that cannot be understood for want of it, `held` those of them that a connection may be held
    at. `line` is 0 for a declaration that belongs into the settings.
    """

    path: str
    line: int
    text: str
    uses: int
    held: int


class Counts(msgspec.Struct, frozen=True):
    """What a run looked at: files reported on, holders and waits recognised in them, suppressed findings."""

    files: int = 0
    holders: int = 0
    waits: int = 0
    suppressed: int = 0


class CheckResult(msgspec.Struct, frozen=True):
    """The outcome of a check: findings sorted by path, line, column and code; files that could not be analysed; counts.

    `skipped` counts the files and folders that a walk left out, by reason. `gaps` come with the most influential first.
    """

    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    counts: Counts
    skipped: dict[str, int] = {}
    gaps: tuple[Gap, ...] = ()


class FileDiff(msgspec.Struct, frozen=True):
    """One file before and after the fixes."""

    path: str
    before: str
    after: str


class AppliedFix(msgspec.Struct, frozen=True):
    """A fix that was made (`undone` is empty), or taken back and why."""

    finding: Finding
    undone: str = ""


class FixResult(msgspec.Struct, frozen=True):
    """The outcome of a fix run: the changed files, the fixes made or taken back, and the check of what remains.

    A preview of the safe fixes also tells in `unsafe_diffs` what the others would change on top of them.
    """

    diffs: tuple[FileDiff, ...]
    applied: tuple[AppliedFix, ...]
    remaining: CheckResult
    unsafe_diffs: tuple[FileDiff, ...] = ()
