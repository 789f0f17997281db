""".gitignore files: which hold for a folder, and what they say about a path in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from flake8_poolhold.config.patterns import compiled, verdict

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class _IgnoreFile(NamedTuple):
    start: int  # of the part of an absolute path that is relative to the folder of the file
    spec: GitIgnoreSpec


class IgnoreFiles:
    """The .gitignore files from the top of the repository down to one folder; the deepest that has a say decides."""

    def __init__(self, files: tuple[_IgnoreFile, ...] = ()) -> None:
        self._files = files

    @classmethod
    def above(cls, folder: str, root: str) -> IgnoreFiles:
        """Return the files that hold for `folder` from above: from its repository, without one from `root`.

        None of them hold for a folder that they ignore themselves: who asks for it wants to see what is in it.
        """
        above: list[str] = []
        at, found = folder, os.path.exists(os.path.join(folder, ".git"))
        while not found and at != os.path.dirname(at):
            at = os.path.dirname(at)
            above.append(at)
            found = os.path.exists(os.path.join(at, ".git"))
        if not found:
            above = [at for at in above if at == root or at.startswith(root + os.sep)]
        files = cls()
        for at in reversed(above):
            below = above[above.index(at) - 1] if above.index(at) else folder
            files = files.entering(at)
            if files.matches(below, True):
                return cls()
        return files

    def entering(self, folder: str) -> IgnoreFiles:
        """Return these files and the one in `folder`, if there is one that can be read."""
        try:
            with open(os.path.join(folder, ".gitignore"), encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return self
        start = len(folder.rstrip(os.sep)) + 1
        return IgnoreFiles((*self._files, _IgnoreFile(start, compiled(lines))))

    def matches(self, path: str, is_folder: bool) -> bool:
        """Tell whether git would ignore this absolute path, given that it would not ignore the folder it is in."""
        for file in reversed(self._files):
            inside = path[file.start :].replace(os.sep, "/")
            says = verdict(file.spec, inside, is_folder)
            if says is not None:
                return says
        return False
