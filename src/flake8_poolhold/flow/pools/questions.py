"""The questions that rules ask about engines, pools and sessionmakers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.expiry.reads import Read, in_file
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.model.tracking import Memo, once
from flake8_poolhold.flow.pools import deployment, habits, services, sessions, sizes, statements
from flake8_poolhold.flow.pools.addresses import address
from flake8_poolhold.flow.pools.bodies import Arguments, Reader
from flake8_poolhold.flow.pools.loops import Loop, loops
from flake8_poolhold.flow.pools.makers import Made, Way, makers
from flake8_poolhold.source.paths import is_test


class Excess(msgspec.Struct, frozen=True):
    """More connections than the server takes: `total` of them, by workers, replicas and what one process may open.

    `file` says how many workers there are, empty when the settings do or nothing does.
    """

    way: Way
    workers: int
    replicas: int
    said: str
    total: int
    server: str
    file: str


class Pools:
    """What the files that `reported` names make."""

    def __init__(self, analysis: Analysis, reported: Callable[[], set[str]]) -> None:
        self._analysis, self._reported = analysis, reported
        self._project, self.tracker = analysis.project, analysis.tracker
        self._reader = Reader(analysis)
        self._made: Memo[str, list[Made]] = Memo(self.tracker)
        self._expired: Memo[str, list[Read]] = Memo(self.tracker)

    @property
    def made(self) -> list[Made]:
        """Calls in the reported files, tests aside, that make an engine, a pool or a sessionmaker."""
        return [made for path in self._files() for made in self.makes(path)]

    def _files(self) -> list[str]:
        return sorted(path for path in self._reported() if not is_test(path))

    def makes(self, path: str) -> list[Made]:
        """Such calls in one file."""
        known = self._made.get(path)
        if known is None:
            with self.tracker.finding(("made", path)):
                known = self._made[path] = makers(self._reader, path)
        return known

    def newest(self, path: str, package: str) -> versions.Version | None:
        """The newest version of a package that the code at `path` may run on; `None` where nothing bounds it."""
        return versions.newest(self._project, path, package)

    def session_kind(self, given: Arguments) -> sessions.SessionKind:
        """What a plain `sessionmaker` with these arguments makes."""
        return sessions.kind(self._analysis, given)

    @once
    def model_library(self) -> str:
        """A library of language models that the project imports; empty if it imports none."""
        return services.model_library(self._analysis)

    def serverless(self, path: str) -> tuple[str, tree.Span, str] | None:
        """What makes a serverless function of the module at `path`: file, place and name of the adapter."""
        found = self._serverless.get(path)
        return found if found is not None and not deployment.serves(self._project, path) else None

    @once
    def _serverless(self) -> dict[str, tuple[str, tree.Span, str]]:
        return services.serverless_modules(self._analysis)

    @property
    def loops(self) -> list[Loop]:
        """Calls in the reported files that run work in a loop of its own, with an engine that outlives it."""
        return [loop for path in self._files() for loop in loops(self._analysis, path, self.makes, self._keeps_asyncpg)]

    def _keeps_asyncpg(self, made: Made) -> bool:
        """Whether an engine keeps a pool of asyncpg's connections; an unknown driver is asyncpg where that is named."""
        if not habits.is_kept(made) or not all(sizes.is_queue(way.arguments) for way in made.ways):
            return False
        drivers = {url.driver for way in made.ways if (url := address(way.arguments.get("url", 0))) is not None}
        return drivers == {"asyncpg"} or (drivers <= {"", "?"} and self._names_asyncpg)

    @once
    def _names_asyncpg(self) -> bool:
        files = [path for path in self._project.naming("asyncpg") if not is_test(path)]
        return bool(files) and not self._project.naming("postgresql+psycopg:")

    @property
    def rolled_back(self) -> list[Read]:
        """Reads, in the reported files, of objects that a rollback has expired."""
        return [read for path in self._files() for read in self._reads(path) if read.expiry.method == "rollback"]

    def read_after_commit(self, made: Made) -> Read | None:
        """A read of an object that a commit has expired, if the sessionmaker leaves `expire_on_commit` at its default.

        `None` where another sessionmaker of the project does not: then nobody knows whose session it is.
        """
        if not sessions.makes_async(self._analysis, made) or not sessions.expires(made):
            return None
        return self._committed if self._all_expire else None

    @once
    def _all_expire(self) -> bool:
        files = [path for path in self._project.naming("sessionmaker") if path.endswith(".py") and not is_test(path)]
        return all(
            sessions.expires(made)
            for path in files
            for made in self.makes(path)
            if sessions.makes_async(self._analysis, made)
        )

    @once
    def all_ping(self) -> bool:
        """Whether each async engine of the project tests a connection before it gives it out: then no checkout is done
        at once, not even that of a connection which is there."""
        files = [path for path in self._project.naming("create_async_engine") if path.endswith(".py")]
        engines = [
            made for path in files if not is_test(path) for made in self.makes(path) if made.kind == "async engine"
        ]
        return bool(engines) and all(habits.pings(way.arguments) for made in engines for way in made.ways)

    @once
    def _committed(self) -> Read | None:
        """The first read in the project of an object that a commit has expired."""
        files = [path for path in self._project.naming(".commit(") if path.endswith(".py") and not is_test(path)]
        return next((read for path in files for read in self._reads(path) if read.expiry.method == "commit"), None)

    def _reads(self, path: str) -> list[Read]:
        known = self._expired.get(path)
        if known is None:
            with self.tracker.finding(("expired", path)):
                known = self._expired[path] = in_file(self._analysis, path)
        return known

    def excess(self, made: Made) -> Excess | None:
        """The way in which a pool may open more connections than its server takes, the largest one."""
        known = [(size, way) for way in made.ways if (size := sizes.size(made, way.arguments)) is not None]
        if not known:
            return None
        size, way = max(known, key=lambda one: one[0].most)
        limit = self._limit(made)
        if limit is None:
            return None
        settings = self._project.settings
        beside = deployment.workers(self._project, made.path) if settings.workers is None else None
        workers = settings.workers or (beside[0] if beside is not None else 1)
        total = workers * (settings.replicas or 1) * size.most
        if total <= limit[1]:
            return None
        file = beside[1] if beside is not None else ""
        return Excess(way, workers, settings.replicas or 1, size.said, total, limit[0], file)

    def _limit(self, made: Made) -> tuple[str, int] | None:
        configured = self._project.settings.max_connections
        if configured is not None:
            return f"`max-connections` {configured}", configured
        server = sizes.server(made)
        if server is None:
            return None
        beside = deployment.server_limit(self._project, made.path)
        if beside is not None:
            return f"`max_connections` {beside[0]} in {beside[1]}", beside[0]
        name, default = server
        return f"the {default} that {name} takes by default", default

    def cached_statements(self, made: Made) -> tuple[Way, str, list[str]] | None:
        """The way in which asyncpg's statement cache is on behind PgBouncer: what says so, and what is missing."""
        if made.kind not in ("async engine", "asyncpg pool"):
            return None
        version = versions.newest(self._project, made.path, "asyncpg")
        for way in made.ways:
            evidence = statements.pooled(self._project, made, way.arguments)
            missing = statements.cached(made, way.arguments, version) if evidence else []
            if missing and not deployment.keeps_statements(self._project, made.path):
                return way, evidence, missing
        return None
