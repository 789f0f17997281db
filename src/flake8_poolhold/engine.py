"""Ties the parts together: files -> facts -> flow -> rules -> findings -> fixes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from flake8_poolhold.cache import Cache
from flake8_poolhold.config import Settings, find_project_root, per_file_ignored, selected
from flake8_poolhold.finding import (
    AppliedFix,
    CheckResult,
    Counts,
    FileDiff,
    Finding,
    FixResult,
    Problem,
)
from flake8_poolhold.registry import rules
from flake8_poolhold.source import deep, discovery, relevance
from flake8_poolhold.source.paths import relative
from flake8_poolhold.source.suppressions import suppressions
from flake8_poolhold.source.text import Source, SourceError, decode, encode, read_bytes

if TYPE_CHECKING:
    from flake8_poolhold.facts.tree import Module

MOST_ROUNDS = 100
"""Fixes are made in rounds until nothing changes; real code needs a handful."""


def check(
    paths: Sequence[Path],
    settings: Settings,
    *,
    stdin: bytes | None = None,
    root: Path | None = None,
    cache: bool = True,
) -> CheckResult:
    """Check files and folders. With `stdin`, these bytes stand for the content of the one path given.

    `cache` keeps the facts of files in `.poolhold_cache` in the project root.
    """
    root = root or find_project_root(paths[0])
    changed = {relative(paths[0], root): stdin} if stdin is not None else {}
    return deep.run(lambda: _Run(root, settings, changed, _store(root) if cache else None).check(paths))


def _store(root: Path) -> Cache:
    from flake8_poolhold import facts

    return Cache(root / ".poolhold_cache", facts.version())


def fix(
    paths: Sequence[Path], settings: Settings, *, unsafe: bool, write: bool, root: Path | None = None
) -> FixResult:
    """Make the fixes that are offered: the safe ones, with `unsafe` the others too; `write` puts them into the files.

    After each round everything is analysed again; a fix that keeps its finding or brings a new one is taken back.
    """
    root = root or find_project_root(paths[0])
    return deep.run(lambda: _fix(root, paths, settings, unsafe, write))


class _Run:
    """One analysis of a project, with some files' contents replaced."""

    def __init__(self, root: Path, settings: Settings, changed: dict[str, bytes], cache: Cache | None = None) -> None:
        self._root, self._settings, self._changed, self._cache = root, settings, changed, cache
        self._problems: dict[str, Problem] = {}
        self._sources: dict[str, Source | None] = {}
        self._bytes: dict[str, bytes] = {}

    def check(self, paths: Sequence[Path]) -> CheckResult:
        from flake8_poolhold.flow.analysis import Flow
        from flake8_poolhold.flow.project import PROJECT_FILES, Project

        given = [path for path in paths if relative(path, self._root) not in self._changed]
        found = discovery.discover(given, self._settings, self._root)
        wanted = sorted({relative(path, self._root) for path in found.files} | set(self._changed) & self._named(paths))
        files = {relative(path, self._root) for path in discovery.project_files(self._root, self._settings)} | set(wanted)
        folders = {
            folder
            for folder in {str(PurePosixPath(path).parent) for path in files}
            if any((self._root / folder / name).is_file() for name in PROJECT_FILES)
        }
        project = Project(files, {"" if f == "." else f for f in folders}, self._facts, self._read, self._settings.src)
        flow = Flow(project)
        for path in wanted:
            if relevance.relevant(self._read(path)):
                flow.analyse(path)
            else:
                self._source(path)
        findings = [
            finding
            for code, rule in rules().items()
            if selected(self._settings, code)
            for finding in rule.check(flow)
        ]
        kept, suppressed = self._filter(findings, wanted)
        holders, waits = flow.recognised
        problems = [*found.problems, *(self._problems[path] for path in wanted if path in self._problems)]
        return CheckResult(
            tuple(sorted(kept, key=lambda one: (one.path, one.line, one.column, one.code, one.message))),
            tuple(sorted(problems, key=lambda one: (one.path, one.line))),
            Counts(len(wanted), holders, waits, suppressed),
        )

    def _named(self, paths: Sequence[Path]) -> set[str]:
        """The replaced files that the paths name, by themselves or through a folder."""
        tops = [relative(path, self._root) for path in paths]
        return {
            path
            for path in self._changed
            if any(top in (".", path) or path.startswith(f"{top}/") for top in tops)
        }

    def _filter(self, findings: list[Finding], wanted: list[str]) -> tuple[list[Finding], int]:
        """Drop what comments and settings silence, and add the comments that silence nothing."""
        by_path: dict[str, list[Finding]] = {}
        for finding in findings:
            by_path.setdefault(finding.path, []).append(finding)
        checked = [code for code in rules() if selected(self._settings, code)]
        kept: list[Finding] = []
        suppressed = 0
        for path in wanted:
            source = self._source(path) if path in by_path or b"noqa" in self._read(path) else None
            if source is None:
                continue
            comments = suppressions(source.text)
            for finding in by_path.get(path, ()):
                if _silent_here(path, finding.code) or per_file_ignored(self._settings, path, finding.code):
                    continue
                if comments.silences(finding.line, finding.code):
                    suppressed += 1
                else:
                    kept.append(self._with_edits(finding, source))
            if "PHL901" in checked and not per_file_ignored(self._settings, path, "PHL901"):
                kept += [_unused(path, *place) for place in comments.unused(checked, list(rules()))]
        return kept, suppressed

    def _with_edits(self, finding: Finding, source: Source) -> Finding:
        """The finding with the edits of its fix, or without the fix and with the reason."""
        if finding.fix is None:
            return finding
        from flake8_poolhold import fixes

        try:
            edits = fixes.edits(finding, source.text)
        except fixes.CannotFixError as error:
            return msgspec.structs.replace(finding, fix=None, notes=(*finding.notes, f"no fix: {error}"))
        return msgspec.structs.replace(finding, fix=msgspec.structs.replace(finding.fix, edits=edits))

    def _read(self, path: str) -> bytes:
        data = self._changed.get(path)
        if data is None:
            data = self._bytes.get(path)
        if data is None:
            try:
                data = read_bytes(self._root / path)
            except SourceError as error:
                self._problem(path, error.line, error.reason)
                data = b""
            self._bytes[path] = data
        return data

    def _source(self, path: str) -> Source | None:
        if path not in self._sources:
            try:
                self._sources[path] = decode(self._read(path), path)
            except SourceError as error:
                self._problem(path, error.line, error.reason)
                self._sources[path] = None
        return self._sources[path]

    def _facts(self, path: str) -> Module | None:
        from flake8_poolhold import facts

        key = self._cache.key(self._read(path)) if self._cache is not None else ""
        kept = self._cache.get(key) if self._cache is not None else None
        module = facts.load(path, kept) if kept is not None else None
        if module is None:
            module = self._extract(path)
            if module is not None and self._cache is not None:
                self._cache.put(key, facts.dump(module))
        return module

    def _extract(self, path: str) -> Module | None:
        from flake8_poolhold.facts import FactsError, extract

        source = self._source(path)
        if source is None:
            return None
        try:
            return extract(path, source.text)
        except FactsError as error:
            self._problem(path, error.line, error.reason)
        except RecursionError:
            self._problem(path, 0, "expressions nested too deep to analyse")
        return None

    def _problem(self, path: str, line: int, reason: str) -> None:
        self._problems.setdefault(path, Problem(path, line, reason))


def _silent_here(path: str, code: str) -> bool:
    """Leaks of tests and their fixtures cost nobody a connection."""
    if not code.startswith("PHL4"):
        return False
    parts = PurePosixPath(path).parts
    name = parts[-1]
    return "tests" in parts[:-1] or "test" in parts[:-1] or name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def _unused(path: str, line: int, column: int, code: str) -> Finding:
    message = f"`{code}` silences nothing here; remove it from the comment"
    return Finding("PHL901", rules()["PHL901"].name, message, path, line, column, line, column + len(code))


def _fix(root: Path, paths: Sequence[Path], settings: Settings, unsafe: bool, write: bool) -> FixResult:
    changed: dict[str, bytes] = {}
    originals: dict[str, bytes] = {}
    done: list[AppliedFix] = []
    given_up: Counter[tuple[str, ...]] = Counter()
    result = _Run(root, settings, changed).check(paths)
    for _ in range(MOST_ROUNDS):
        batch = _batch(result, unsafe, given_up)
        if not batch:
            break
        for attempt in (batch, *([one] for one in batch)) if len(batch) > 1 else (batch,):
            before = dict(changed)
            for finding in attempt:
                _edit(root, finding, changed, originals)
            after = _Run(root, settings, changed).check(paths)
            if _better(result, after, len(attempt)):
                done += [AppliedFix(finding) for finding in attempt]
                result = after
                break
            changed = before
            if len(attempt) == 1:
                given_up[_identity(attempt[0])] += 1
                done.append(AppliedFix(attempt[0], "the finding remains, or another one appears"))
    diffs = tuple(
        FileDiff(path, decode(originals[path], path).text, decode(data, path).text)
        for path, data in sorted(changed.items())
        if data != originals[path]
    )
    if write:
        for path, data in changed.items():
            _write(root / path, data, originals[path])
    return FixResult(diffs, tuple(done), result)


def _batch(result: CheckResult, unsafe: bool, given_up: Counter[tuple[str, ...]]) -> list[Finding]:
    """The findings to fix in this round: one for each function, as a fix may cure its neighbours too."""
    chosen: dict[str, Finding] = {}
    for finding in result.findings:
        offer = finding.fix
        if offer is None or (offer.applicability == "unsafe" and not unsafe) or given_up[_identity(finding)]:
            continue
        chosen.setdefault(offer.scope, finding)
    return list(chosen.values())


def _identity(finding: Finding) -> tuple[str, ...]:
    scope = finding.fix.scope if finding.fix is not None else ""
    return (finding.path, finding.code, finding.message, scope)


def _better(before: CheckResult, after: CheckResult, fixed: int) -> bool:
    """Whether at least `fixed` findings are gone and none is new; advisories do not count."""
    old = Counter((one.path, one.code, one.message) for one in before.findings if not one.advisory)
    new = Counter((one.path, one.code, one.message) for one in after.findings if not one.advisory)
    if set(after.problems) - set(before.problems):
        return False
    return not new - old and new.total() <= old.total() - fixed


def _edit(root: Path, finding: Finding, changed: dict[str, bytes], originals: dict[str, bytes]) -> None:
    from flake8_poolhold import fixes

    if finding.fix is None:
        return
    for path in sorted({edit.path for edit in finding.fix.edits}):
        if path not in changed:
            originals[path] = changed[path] = read_bytes(root / path)
        source = decode(changed[path], path)
        edits = tuple(edit for edit in finding.fix.edits if edit.path == path)
        changed[path] = encode(source, fixes.apply(source.text, edits))


def _write(file: Path, data: bytes, original: bytes) -> None:
    """Replace a file's content at once, keeping its mode. A file changed since it was read is left alone."""
    if data == original:
        return
    if read_bytes(file) != original:
        raise SourceError(0, f"{file} was changed meanwhile; nothing was written to it")
    target = file.resolve()
    temporary = target.with_name(f".{target.name}.poolhold")
    temporary.write_bytes(data)
    os.chmod(temporary, target.stat().st_mode)
    os.replace(temporary, target)
