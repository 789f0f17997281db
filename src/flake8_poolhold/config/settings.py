"""What a user can set, and what the defaults are."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

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
    "venv",
)
"""Names of folders that hold no code of the project, or code that is run once and by hand."""

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
