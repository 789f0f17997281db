"""The questions that rules ask about engines, pools and sessionmakers."""

from __future__ import annotations

from collections.abc import Callable

from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.pools import sessions
from flake8_poolhold.flow.pools.bodies import Arguments, Reader
from flake8_poolhold.flow.pools.makers import Made, makers


class Pools:
    """What the files that `reported` names make."""

    def __init__(self, analysis: Analysis, reported: Callable[[], set[str]]) -> None:
        self._analysis, self._reported = analysis, reported
        self._reader = Reader(analysis)
        self._made: dict[str, list[Made]] = {}

    @property
    def made(self) -> list[Made]:
        """Calls in the reported files that make an engine, a pool or a sessionmaker."""
        return [made for path in sorted(self._reported()) for made in self.makes(path)]

    def makes(self, path: str) -> list[Made]:
        """Such calls in one file."""
        if path not in self._made:
            self._made[path] = makers(self._reader, path)
        return self._made[path]

    def newest(self, path: str, package: str) -> versions.Version | None:
        """The newest version of a package that the code at `path` may run on; `None` where nothing bounds it."""
        return versions.newest(self._analysis.project, path, package)

    def session_kind(self, given: Arguments) -> sessions.SessionKind:
        """What a plain `sessionmaker` with these arguments makes."""
        return sessions.kind(self._analysis, given)
