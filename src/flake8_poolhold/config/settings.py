"""What a user can set, and what the defaults are."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from flake8_poolhold.knowledge import AS_IT_TAKES, Library, Wait, WaitClass, longest

DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".poolhold_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "_build",
    "alembic",
    "build",
    "dist",
    "migrations",
    "node_modules",
    "site-packages",
    "test",
    "tests",
    "venv",
)
"""Names of folders that hold no code of the project, or code that is run by hand: tests hold connections on purpose."""

ALL_WAITS: tuple[WaitClass, ...] = get_args(WaitClass)

DEFAULT_WAITS = tuple(one for one in ALL_WAITS if one not in ("cache", "queue"))
"""A cache or a queue answers in a millisecond or so, next to the database."""

_Dotted = Annotated[
    str,
    Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)+$", description="A dotted path: `app.services.llm.Client.complete`."),
]
HolderLike = Literal["AsyncSession", "Session", "AsyncConnection", "Connection", "AsyncpgConnection"]

MAX_WORKERS = 1_000
MAX_REPLICAS = 10_000
MAX_CONNECTIONS = 262_143
"""The largest `max_connections` that PostgreSQL takes; the two above are far beyond any service."""

_Code = Annotated[str, Meta(min_length=1, description="A code such as PHL101, or the beginning of one.")]
_Pattern = Annotated[str, Meta(min_length=1, description="A pattern as in .gitignore, relative to the project root.")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Settings of `[tool.poolhold]` in pyproject.toml."""

    select: Annotated[
        tuple[_Code, ...] | None,
        Meta(description="The rules to run. Default: every rule that is not opt-in."),
    ] = None
    extend_select: Annotated[tuple[_Code, ...], Meta(description="Rules to run besides `select`.")] = ()
    ignore: Annotated[
        tuple[_Code, ...],
        Meta(description="Rules not to run. Of `select` and `ignore` the longer code wins, in a tie `ignore`."),
    ] = ()
    exclude: Annotated[
        tuple[_Pattern, ...],
        Meta(description="Files and folders not to check. Replaces the default list."),
    ] = DEFAULT_EXCLUDE
    extend_exclude: Annotated[
        tuple[_Pattern, ...],
        Meta(description="Files and folders not to check, besides `exclude`."),
    ] = ()
    force_exclude: Annotated[
        bool,
        Meta(description="Exclude a file even when it is named on the command line, as pre-commit does."),
    ] = False
    per_file_ignores: Annotated[
        dict[_Pattern, tuple[_Code, ...]],
        Meta(description="Rules not to run in the files that match a pattern."),
    ] = {}
    src: Annotated[
        tuple[str, ...],
        Meta(description="Folders from which imports start, relative to the project root. Default: found by itself."),
    ] = ()
    waits: Annotated[
        tuple[WaitClass | Literal["all"], ...],
        Meta(description="The classes of waits to report, or `all`. Default: all but `cache` and `queue`."),
    ] = DEFAULT_WAITS
    minimum_wait: Annotated[
        float,
        Meta(ge=0, description="Waits that typically end sooner than this, in seconds, are not reported."),
    ] = 0.0
    wait_functions: Annotated[
        dict[_Dotted, WaitClass],
        Meta(description="Functions and methods whose calls wait, by dotted path, and the class of the wait."),
    ] = {}
    holders: Annotated[
        dict[_Dotted, HolderLike],
        Meta(description="Classes and functions that give a holder, by dotted path, and the class that it is like."),
    ] = {}
    release_functions: Annotated[
        tuple[_Dotted, ...],
        Meta(description="Functions and methods that give back the connection of the holders passed to them."),
    ] = ()
    libraries: Annotated[
        dict[str, Library],
        Meta(description="What is known of the objects of a library, by the name it is imported as."),
    ] = {}

    workers: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_WORKERS)] | None,
        Meta(description="Worker processes of one replica; each has pools of its own."),
    ] = None
    replicas: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_REPLICAS)] | None,
        Meta(description="Replicas of the service, with those that run besides during a deployment."),
    ] = None
    max_connections: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_CONNECTIONS)] | None,
        Meta(description="`max_connections` of the database server."),
    ] = None

    def counts(self, wait: Wait) -> bool:
        """Whether a wait is reported: its class is chosen, and it is not too short."""
        if wait.kind in ALL_WAITS and not {wait.kind, "all"}.intersection(self.waits):
            return False
        return not self.minimum_wait or longest(wait.typical) >= self.minimum_wait

    def counts_blocking(self, wait: Wait) -> bool:
        """Whether a blocking call is reported: as a wait is, but by default in every class: the loop stands still."""
        chosen = self if self.waits != DEFAULT_WAITS else msgspec.structs.replace(self, waits=("all",))
        return chosen.counts(wait)

    def own_libraries(self) -> dict[str, Library]:
        """The user's tables about libraries; a function of `wait-functions` is one by itself."""
        functions = {path: Library(kind=kind, typical=AS_IT_TAKES) for path, kind in self.wait_functions.items()}
        return {**functions, **self.libraries}
