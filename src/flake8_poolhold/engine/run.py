"""One analysis of a project: its files, its flow, and what the rules find in some of the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from flake8_poolhold.config import Settings, selected
from flake8_poolhold.engine.modules import Modules, failure
from flake8_poolhold.engine.silencing import filtered
from flake8_poolhold.finding import CheckResult, Counts, Finding, Gap
from flake8_poolhold.registry import Rule, rules
from flake8_poolhold.source import discovery, relevance
from flake8_poolhold.source.paths import relative

if TYPE_CHECKING:
    from flake8_poolhold.cache import Cache
    from flake8_poolhold.flow.analysis import Flow

_COMMENT = re.compile(rb"noqa", re.IGNORECASE)


class Run:
    """One analysis of a project. `changed` gives the content of some files, in place of what is on the disk."""

    def __init__(self, root: Path, settings: Settings, changed: Mapping[str, bytes], cache: Cache | None) -> None:
        self.modules = Modules(root, changed, cache)
        self._root, self._settings, self._changed = root, settings, changed
        self._flow: Flow | None = None
        self.reported: frozenset[str] = frozenset()
        """The files that were checked last."""

    def check(self, paths: Sequence[Path]) -> CheckResult:
        """Check the files that the paths lead to."""
        found = discovery.discover(paths, self._settings, self._root)
        wanted = sorted({relative(path, self._root) for path in found.files})
        result = self.files(wanted)
        return msgspec.structs.replace(
            result,
            problems=tuple(sorted((*found.problems, *result.problems), key=lambda one: (one.path, one.line))),
            skipped=found.skipped,
        )

    def files(self, wanted: Sequence[str], *, comments: bool = True, edits: bool = True) -> CheckResult:
        """Check these files. Without `comments` nothing is silenced by them; without `edits` there are no fixes."""
        self.reported = frozenset(wanted)
        relevant = [path for path in wanted if relevance.relevant(self.modules.read(path))]
        findings: list[Finding] = []
        gaps: list[Gap] = []
        holders = waits = suppressed = 0
        if relevant:
            flow = self._flow_of(wanted)
            flow.repairs = edits
            for path in relevant:
                try:
                    flow.analyse(path)
                except Exception as error:
                    self.modules.failed(path, "analysing it", error)
            flow.report(relevant)
            for code, rule in rules().items():
                if selected(self._settings, code):
                    findings += self._ask(rule, flow, relevant)
            holders, waits = flow.recognised
            gaps = flow.gaps
        by_path: dict[str, list[Finding]] = {path: [] for path in wanted}
        for finding in findings:
            by_path[finding.path].append(finding)
        kept: list[Finding] = []
        for path, here in by_path.items():
            if path not in relevant:
                self.modules.check_syntax(path)
            if here or _COMMENT.search(self.modules.read(path)):
                left, silenced = self._filter(path, here, comments)
                kept += (self._with_edits(one) for one in left) if edits else left
                suppressed += silenced
        problems = self.modules.problems
        return CheckResult(
            tuple(sorted(kept, key=lambda one: (one.path, one.line, one.column, one.code, one.message))),
            tuple(problems[path] for path in wanted if path in problems),
            Counts(len(wanted), holders, waits, suppressed),
            gaps=tuple(gaps),
        )

    def _flow_of(self, wanted: Iterable[str]) -> Flow:
        """The flow of the project; one that knows all the wanted files serves again."""
        from flake8_poolhold.flow.analysis import Flow
        from flake8_poolhold.flow.model.project import PROJECT_FILES, Project

        if self._flow is None:
            found = discovery.project_files(self._root, self._settings)
            files = {*(relative(path, self._root) for path in found), *wanted}
            folders = {"" if path == "." else path for path in {str(PurePosixPath(file).parent) for file in files}}
            starts = {path for path in folders if any((self._root / path / name).is_file() for name in PROJECT_FILES)}
            self._flow = Flow(Project(files, starts, self.modules.facts, self.modules.read, self._settings))
        return self._flow

    def _ask(self, rule: Rule, flow: Flow, paths: Sequence[str]) -> list[Finding]:
        """What a rule finds. When it fails, it is asked about each file by itself, so that only one file is lost."""
        try:
            return list(rule.check(flow))
        except Exception as error:
            if len(paths) == 1:
                self.modules.failed(paths[0], f"running {rule.code}", error)
                return []
        found = []
        for path in paths:
            flow.report((path,))
            found += self._ask(rule, flow, (path,))
        flow.report(paths)
        return found

    def _filter(self, path: str, findings: list[Finding], comments: bool) -> tuple[list[Finding], int]:
        source = self.modules.source(path)
        return filtered(path, source.text, findings, self._settings, comments=comments) if source else (findings, 0)

    def _with_edits(self, finding: Finding) -> Finding:
        """The finding with the edits of the first fix that can be made, or without a fix and with the reason."""
        if finding.fix is None:
            return finding
        from flake8_poolhold import fixes

        reason = ""
        for offer in (finding.fix, *finding.others):
            source = self.modules.source(offer.path or finding.path)
            try:
                edits = fixes.edits(msgspec.structs.replace(finding, fix=offer), source.text if source else "")
            except fixes.CannotFixError as error:
                reason = reason or str(error)
            except Exception as error:
                reason = reason or failure(f"making the fix {offer.name}", error)
            else:
                return msgspec.structs.replace(finding, fix=msgspec.structs.replace(offer, edits=edits), others=())
        return msgspec.structs.replace(finding, fix=None, others=(), notes=(*finding.notes, f"no fix: {reason}"))
