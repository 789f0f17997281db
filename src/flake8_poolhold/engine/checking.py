"""`check`: what the rules find in files, folders or standard input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flake8_poolhold.config import ConfigError, Settings, find_project_root
from flake8_poolhold.engine.run import Progress, Run, silent
from flake8_poolhold.engine.stores import stores_of
from flake8_poolhold.finding import CheckResult, Counts
from flake8_poolhold.source import deep, discovery
from flake8_poolhold.source.paths import relative


def check(
    paths: Sequence[Path],
    settings: Settings,
    *,
    stdin: bytes | None = None,
    root: Path | None = None,
    cache: bool | Path = True,
    jobs: int = 1,
    progress: Progress = silent,
) -> CheckResult:
    """Check files and folders. With `stdin`, these bytes stand for the content of the one path given.

    `cache` keeps facts and findings in that folder, or in `.poolhold_cache` in the project root. `jobs` processes read
    files when many are new; `progress` is told how many files of how many are done. Raises ConfigError for paths of
    several projects.
    """
    root = root or project_root(paths)
    stores = stores_of(root, cache)
    if stdin is None:
        return deep.run(lambda: Run(root, settings, {}, stores, jobs=jobs, progress=progress).check(paths))
    if settings.force_exclude and discovery.is_excluded(paths[0], settings, root):
        return CheckResult((), (), Counts(), {"excluded": 1})
    path = relative(paths[0], root)
    return deep.run(lambda: Run(root, settings, {path: stdin}, stores).files([path]))


def project_root(paths: Sequence[Path]) -> Path:
    """The root of the project that the paths lie in. Raises ConfigError when they lie in several."""
    there = [path for path in paths if os.path.lexists(path)] or paths[:1]
    first = find_project_root(there[0])
    for path in there[1:]:
        root = find_project_root(path)
        if root != first:
            reason = f"belongs to the project {root}, `{there[0]}` to {first}; run once for each"
            raise ConfigError(None, f"`{path}`", reason)
    return first
