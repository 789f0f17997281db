"""The project as one run sees it: which files belong to it, and its analysis, begun when it is first needed."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from posixpath import dirname
from typing import TYPE_CHECKING

import msgspec

from flake8_poolhold.cache import Cache
from flake8_poolhold.config import Settings
from flake8_poolhold.engine.kept import Kept
from flake8_poolhold.engine.modules import Modules
from flake8_poolhold.source import deep, discovery
from flake8_poolhold.source.paths import relative

if TYPE_CHECKING:
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.model.project import Project
    from flake8_poolhold.flow.model.tracking import Question


class View:
    """The files of the project below `root`, and `others` that are looked at with them."""

    def __init__(self, root: Path, settings: Settings, modules: Modules, cache: Cache | None) -> None:
        self._root, self._settings, self._modules, self._cache = root, settings, modules, cache
        self.inside = frozenset(relative(path, root) for path in discovery.project_files(root, settings))
        self.others: frozenset[str] = frozenset()
        self._kept: dict[tuple[bool, bool], Kept] = {}

    def include(self, paths: Collection[str]) -> None:
        """Take these files for part of the project, too. What is known so far goes if they were not."""
        more = frozenset(paths) - self.inside - self.others
        if more:
            self.others |= more
            self._kept.clear()
            for name in ("files", "starts", "project", "flow"):
                self.__dict__.pop(name, None)

    @functools.cached_property
    def files(self) -> frozenset[str]:
        """All files, by their path relative to the root."""
        return self.inside | self.others

    @functools.cached_property
    def starts(self) -> frozenset[str]:
        """The folders that imports start from, as a file in them says."""
        folders = {dirname(file) for file in self.files}
        return frozenset(path for path in folders if any(self._is_file(path, name) for name in discovery.PROJECT_FILES))

    def _is_file(self, folder: str, name: str) -> bool:
        return os.path.isfile(os.path.join(self._root, folder, name))

    @functools.cached_property
    def project(self) -> Project:
        """The project, for questions about its files."""
        from flake8_poolhold.flow.model.project import Project
        from flake8_poolhold.flow.model.tracking import Tracker, Untracked

        read, tracker = self._modules.peek, Tracker() if self._cache is not None else Untracked()
        return Project(self.files, self.starts, self._modules.facts, read, self._settings, self._naming, tracker)

    @functools.cached_property
    def flow(self) -> Flow:
        """The analysis of the project. Raises ConfigError where the settings name what it does not have."""
        from flake8_poolhold.flow.analysis import Flow

        return Flow(self.project)

    def questions(self, paths: Collection[str]) -> Iterator[list[Question]]:
        """Of each file: the questions that what was told of it rests on; of one not analysed, its own content."""
        if "flow" not in self.__dict__:
            return ([("file", path)] for path in paths)
        return ([("file", path), *found] for path, found in zip(paths, self.flow.questions(paths), strict=True))

    def kept(self, comments: bool, edits: bool) -> Kept | None:
        """What earlier runs have told of the files; `None` without a cache."""
        if self._cache is None:
            return None
        known = self._kept.get((comments, edits))
        if known is None:
            what = (_decisive(self._settings), comments, edits, sorted(self.others))
            key = self._cache.key(msgspec.msgpack.encode(what))
            known = Kept(self._cache, key, self._modules, self.files, self.starts, lambda: self.project)
            self._kept[comments, edits] = known
            deep.run(known.refresh)
        return known

    def save(self) -> None:
        """Write what is known, for later runs."""
        for kept in self._kept.values():
            kept.save()

    def _naming(self, word: str, name: str) -> list[str] | None:
        return next((found for kept in self._kept.values() if (found := kept.naming(word, name)) is not None), None)


def _decisive(settings: Settings) -> Settings:
    """The settings without those that only choose the files to check."""
    return msgspec.structs.replace(settings, exclude=(), extend_exclude=(), force_exclude=False)
