"""One analysis of a project: its files, its flow, and what the rules find in some of the files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flake8_poolhold.config import Settings, selected
from flake8_poolhold.engine.kept import FileResult, Kept
from flake8_poolhold.engine.modules import Modules, failure
from flake8_poolhold.engine.silencing import filtered
from flake8_poolhold.engine.stores import Stores
from flake8_poolhold.engine.view import View
from flake8_poolhold.finding import CheckResult, Counts, Finding, Gap
from flake8_poolhold.registry import Rule, rules
from flake8_poolhold.source import deep, discovery, relevance
from flake8_poolhold.source.paths import relative

if TYPE_CHECKING:
    from flake8_poolhold.flow.analysis import Flow


_EXCEEDED = "has more ways through it than are followed; what it does counts as nothing, until it is split"

Progress = Callable[[int, int], None]
"""What is told how many files of how many are analysed."""


def silent(_done: int, _all: int) -> None:
    """Tell nobody."""


class Run:
    """One analysis of a project. `changed` gives the content of some files, in place of what is on the disk.

    `stores` are those of facts and of results, `None` for neither. `beside` are files that will be checked with others,
    one by one: they see each other even outside of the project.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        changed: Mapping[str, bytes],
        stores: Stores | None,
        beside: Collection[str] = (),
        *,
        jobs: int = 1,
        progress: Progress = silent,
    ) -> None:
        self.modules = Modules(root, changed, stores)
        self._root, self._settings, self._changed = root, settings, changed
        self._jobs, self._progress = jobs, progress
        self._beside, self._results = beside, stores.results if stores is not None else None
        self._view: View | None = None
        self.reported: frozenset[str] = frozenset()
        """The files that were checked last."""

    def check(self, paths: Sequence[Path]) -> CheckResult:
        """Check the files that the paths lead to."""
        found = discovery.discover(paths, self._settings, self._root)
        wanted = sorted({relative(path, self._root) for path in found.files})
        result = self.files(wanted)
        self.save()
        return msgspec.structs.replace(
            result,
            problems=tuple(sorted((*found.problems, *result.problems), key=lambda one: (one.path, one.line))),
            skipped=found.skipped,
        )

    def files(self, wanted: Sequence[str], *, comments: bool = True, edits: bool = True) -> CheckResult:
        """Check these files. Without `comments` nothing is silenced by them; without `edits` there are no fixes."""
        self.reported = frozenset(wanted)
        told: dict[str, FileResult] = {}
        if wanted:
            view = self._view_of(wanted)
            kept = view.kept(comments, edits)
            known = {path: kept.result(path) for path in wanted} if kept is not None else {}
            told = {path: result for path, result in known.items() if result is not None}
            new = [path for path in wanted if path not in told]
            told |= deep.run(lambda: self._told(new, view, kept, comments, edits)) if new else {}
        return CheckResult(
            tuple(
                sorted(
                    (finding for path in wanted for finding in told[path].findings),
                    key=lambda one: (one.path, one.line, one.column, one.code, one.message),
                )
            ),
            tuple(problem for path in wanted if (problem := told[path].problem) is not None),
            Counts(
                len(wanted),
                sum(told[path].holders for path in wanted),
                sum(told[path].waits for path in wanted),
                sum(told[path].suppressed for path in wanted),
            ),
            gaps=_joined(gap for path in wanted for gap in told[path].gaps),
        )

    def _told(
        self, wanted: Sequence[str], view: View, kept: Kept | None, comments: bool, edits: bool
    ) -> dict[str, FileResult]:
        """Analyse files, and keep what there is to tell of each."""
        told = self._tell(wanted, view, comments, edits)
        if kept is not None and not self.modules.is_passing:
            kept.keep([(path, told[path]) for path in wanted], view.questions(wanted))
        return told

    def _tell(self, wanted: Sequence[str], view: View, comments: bool, edits: bool) -> dict[str, FileResult]:
        """Analyse files, and say what there is to tell of each, as if it were the only one."""
        relevant = {path for path in wanted if relevance.relevant(self.modules.read(path), self._settings.holders)}
        flow = view.flow if relevant else None
        if flow is not None:
            flow.repairs = edits
            if self._jobs > 1:
                self.modules.lower(sorted(relevant), self._jobs)
            for number, path in enumerate(wanted):
                self._progress(number, len(wanted))
                if path in relevant:
                    try:
                        flow.analyse(path)
                    except Exception as error:
                        self.modules.failed(path, "analysing it", error)
            self._progress(len(wanted), len(wanted))
        told = {}
        chosen = [rule for code, rule in rules().items() if selected(self._settings, code)]
        for path in wanted:
            if flow is None or path not in relevant:
                self.modules.check_syntax(path)
                told[path] = self._result(path, [], comments, edits, None)
                continue
            with flow.about(path):
                findings = [finding for rule in chosen for finding in self._ask(rule, flow, path)]
                for info in flow.exceeded:
                    self.modules.problem(path, info.node.span[0], f"`{info.name}` {_EXCEEDED}")
                told[path] = self._result(path, findings, comments, edits, flow)
        return told

    def _result(self, path: str, findings: list[Finding], comments: bool, edits: bool, flow: Flow | None) -> FileResult:
        suppressed = 0
        if findings or b"noqa" in self.modules.read(path).lower():
            findings, suppressed = self._filter(path, findings, comments)
            findings = [self._with_edits(one, flow) for one in findings] if edits else findings
        holders, waits = flow.recognised if flow is not None else (0, 0)
        gaps = flow.gaps if flow is not None else []
        return FileResult(tuple(findings), self.modules.problems.get(path), holders, waits, suppressed, tuple(gaps))

    def save(self) -> None:
        """Keep what is known for later runs, unless it is about files that nobody has saved."""
        if self._view is not None and not self._changed:
            self._view.save()

    def _view_of(self, wanted: Collection[str]) -> View:
        if self._view is None:
            self._view = View(self._root, self._settings, self.modules, self._results)
            self._view.include(self._beside)
        self._view.include(wanted)
        return self._view

    def _ask(self, rule: Rule, flow: Flow, path: str) -> list[Finding]:
        try:
            return list(rule.check(flow))
        except Exception as error:
            self.modules.failed(path, f"running {rule.code}", error)
            return []

    def _filter(self, path: str, findings: list[Finding], comments: bool) -> tuple[list[Finding], int]:
        source = self.modules.source(path)
        return filtered(path, source.text, findings, self._settings, comments=comments) if source else (findings, 0)

    def _with_edits(self, finding: Finding, flow: Flow | None) -> Finding:
        """The finding with the edits of the first fix that can be made, or without a fix and with the reason."""
        if finding.fix is None:
            return finding
        from flake8_poolhold import fixes

        def text(path: str) -> str:
            if flow is not None:
                flow.reads(path)
            source = self.modules.source(path)
            return source.text if source is not None else ""

        reason = ""
        for offer in (finding.fix, *finding.others):
            try:
                edits = fixes.edits(msgspec.structs.replace(finding, fix=offer), text)
            except fixes.CannotFixError as error:
                reason = reason or str(error)
            except Exception as error:
                reason = reason or failure(f"making the fix {offer.name}", error)
            else:
                return msgspec.structs.replace(finding, fix=msgspec.structs.replace(offer, edits=edits), others=())
        return msgspec.structs.replace(finding, fix=None, others=(), notes=(*finding.notes, f"no fix: {reason}"))


def _joined(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gaps of several files, the most influential first: what one declaration would close is one gap."""
    found: dict[tuple[str, int, str], Gap] = {}
    for gap in gaps:
        key = (gap.path, gap.line, gap.text)
        known = found.get(key)
        found[key] = gap if known is None else Gap(*key, known.uses + gap.uses, known.held + gap.held)
    return tuple(sorted(found.values(), key=lambda gap: (-gap.held, -gap.uses, gap.path, gap.line, gap.text)))
