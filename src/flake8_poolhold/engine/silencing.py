"""What comments and settings silence, and the comments that silence nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from flake8_poolhold.config import Settings, per_file_ignored, selected
from flake8_poolhold.finding import Finding
from flake8_poolhold.registry import rules
from flake8_poolhold.source.paths import is_test
from flake8_poolhold.source.suppressions import suppressions

_UNUSED = "PHL901"


def filtered(
    path: str, text: str, findings: Iterable[Finding], settings: Settings, *, comments: bool
) -> tuple[list[Finding], int]:
    """The findings of one file that are left, unused suppressions among them, and how many its comments silence.

    Without `comments`, what they silence is reported all the same.
    """
    found = suppressions(text)
    kept = []
    silenced = 0
    for finding in findings:
        if _is_test_leak(path, finding.code) or per_file_ignored(settings, path, finding.code):
            continue
        if found.silences(finding.line, finding.code) and comments:
            silenced += 1
        else:
            kept.append(finding)
    checked = [code for code in rules() if selected(settings, code)]
    if _UNUSED in checked and not per_file_ignored(settings, path, _UNUSED):
        for line, column, code in found.unused(checked, list(rules())):
            if comments and found.silences(line, _UNUSED):
                silenced += 1
            else:
                kept.append(_unused(path, line, column, code))
    return kept, silenced


_MIGRATIONS = frozenset({"alembic", "migrations", "migration"})


def _is_test_leak(path: str, code: str) -> bool:
    """Leaks of tests and their fixtures, and of a migration's one run, cost nobody a connection."""
    *folders, name = PurePosixPath(path).parts
    is_migration = name == "env.py" and not _MIGRATIONS.isdisjoint(folders)
    return code.startswith(("PHL2", "PHL4")) and (is_migration or is_test(path))


def _unused(path: str, line: int, column: int, code: str) -> Finding:
    message = f"`{code}` silences nothing here; remove it from the comment"
    return Finding(_UNUSED, rules()[_UNUSED].name, message, path, line, column, line, column + len(code))
