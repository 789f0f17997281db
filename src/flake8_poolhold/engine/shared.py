"""The analysis that all files of one flake8 process share, so that no file is read or analysed twice."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import re
import time
from collections.abc import Sequence
from multiprocessing.util import Finalize
from pathlib import Path

from flake8_poolhold.config import Settings, find_project_root, load
from flake8_poolhold.engine.run import Run
from flake8_poolhold.engine.stores import stores_of
from flake8_poolhold.finding import CheckResult
from flake8_poolhold.source import discovery
from flake8_poolhold.source.paths import relative
from flake8_poolhold.source.text import Source, unwrapped

PATIENCE = 100
"""The part of the time that may go into saving, and into looking for changes: one in so many."""

_NEWLINE = re.compile(r"\r\n?")


class Shared:
    """What one process knows of its projects. It lives as long as one run of flake8, or until a file changes."""

    def __init__(self) -> None:
        self._runs: dict[Path, tuple[Settings, Run]] = {}
        self._reported: frozenset[str] | None = None
        self._saved = self._takes = self._look_again = 0.0
        if multiprocessing.parent_process() is None:
            atexit.register(self.save)
        else:  # a worker of flake8 ends without what is registered with `atexit`
            Finalize(None, self.save, exitpriority=1)

    def check(self, path: Path, lines: Sequence[str], settings: Settings, *, comments: bool) -> CheckResult:
        """Check one file. `lines` are its lines as flake8 has read them: where the disk has others, they count.

        Without `comments` nothing is silenced by them.
        """
        root = find_project_root(path)
        name = relative(path, root)
        text = "".join(lines)
        if path.exists():
            run = self._run(root, settings)
            if _is_content(run.modules.read(name), text) or _is_text(run.modules.source(name), text):
                result = run.files([name], comments=comments, edits=False)
                self._save(run)
                return result
        run = Run(root, settings, {name: unwrapped(text)}, stores_of(root), self._beside(root))
        return run.files([name], comments=comments, edits=False)

    def reports(self, path: Path, named: Sequence[str]) -> bool:
        """Whether `poolhold check` with the paths `named` reports on this file: exclusions hold here too."""
        if self._reported is None:
            self._reported = frozenset(str(file) for name in named for file in _discovered(Path(name)))
        return os.path.abspath(path) in self._reported

    def save(self) -> None:
        """Write what is known, for later runs."""
        for _, run in self._runs.values():
            run.save()

    def _run(self, root: Path, settings: Settings) -> Run:
        known = self._runs.get(root)
        if known is not None and known[0] == settings and self._is_current(known[1]):
            return known[1]
        run = Run(root, settings, {}, stores_of(root), self._beside(root))
        self._runs[root] = settings, run
        return run

    def _beside(self, root: Path) -> list[str]:
        """The files that are checked too: they see each other, as in `poolhold check`."""
        return [relative(Path(file), root) for file in self._reported or ()]

    def _is_current(self, run: Run) -> bool:
        """Whether no file has changed, as far as was looked: a look at all files for each one would take too long."""
        now = time.monotonic()
        if now < self._look_again:
            return True
        current = run.modules.is_current()
        self._look_again = now + PATIENCE * (time.monotonic() - now)
        return current

    def _save(self, run: Run) -> None:
        """Write what is known now and then: a process may be stopped, and others could do with it."""
        now = time.monotonic()
        if now - self._saved > PATIENCE * self._takes:
            run.save()
            self._saved = time.monotonic()
            self._takes = self._saved - now


def _is_content(data: bytes, text: str) -> bool:
    """Whether bytes are this text; of what is not UTF-8, or has unusual newlines, this does not tell."""
    try:
        return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n") == text.removeprefix("\ufeff").encode()
    except UnicodeEncodeError:
        return False


def _is_text(source: Source | None, text: str) -> bool:
    return source is None or _NEWLINE.sub("\n", source.text) == _NEWLINE.sub("\n", text)


def _discovered(path: Path) -> list[Path]:
    return discovery.discover([path], load(path)[0], find_project_root(path)).files
