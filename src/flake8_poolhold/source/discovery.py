"""From the paths of a command line to files, and from a project root to all files of the project."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from flake8_poolhold.config import DEFAULT_EXCLUDE, Settings
from flake8_poolhold.config.patterns import matcher
from flake8_poolhold.finding import Problem
from flake8_poolhold.source.ignorefiles import IgnoreFiles
from flake8_poolhold.source.paths import relative

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""A folder with one of these is a place that imports start from."""

_CHECKED = (".py", ".pyi")
_INDEXED = (".py",)
_ENVIRONMENTS = frozenset({".venv", "venv"})
_MIGRATIONS = frozenset({"alembic", "migrations"})


class Discovered(msgspec.Struct, frozen=True):
    """What a walk found: absolute paths in order, each once; what could not be read; what was left out, by reason."""

    files: list[Path]
    problems: list[Problem]
    skipped: dict[str, int]


def discover(paths: Iterable[Path], settings: Settings, root: Path) -> Discovered:
    """Return the Python files that `paths` name.

    Folders are walked, without what .gitignore files and `settings` exclude, virtual environments, migrations and links
    to folders. A file named by itself is taken even when it is excluded (unless `force_exclude`), a folder likewise.
    Paths that lead to nothing, folders without a Python file, and broken links among the files of a folder, become
    problems.
    """
    walk = _Walk(root, (*settings.exclude, *settings.extend_exclude), _CHECKED)
    for path in paths:
        top = os.path.abspath(path)
        try:
            mode = os.stat(top).st_mode
        except OSError as error:
            walk.problem(top, _reason(top, error))
            continue
        if settings.force_exclude and walk.excludes_any_part(top):
            walk.skipped["excluded"] += 1
        elif stat.S_ISDIR(mode):
            walk.folder(top)
            if not walk.found_in(top):
                walk.problem(top, "no Python files to check in this folder")
        elif stat.S_ISREG(mode):
            walk.files[top] = None
        else:
            walk.problem(top, "is neither a file nor a folder")
    return walk.result()


def is_excluded(path: Path, settings: Settings, root: Path) -> bool:
    """Tell whether a walk from the root would leave this file out; .gitignore files are not asked."""
    walk = _Walk(root, (*settings.exclude, *settings.extend_exclude), _CHECKED)
    return walk.excludes_any_part(os.path.abspath(path))


def project_files(root: Path, settings: Settings) -> list[Path]:
    """Return every .py file of the project, sorted: what the analysis may look at, whatever is being checked.

    The default exclusions hold and those of `settings` do not. Import roots that `settings.src` names are walked even
    inside an excluded folder.
    """
    walk = _Walk(root, DEFAULT_EXCLUDE, _INDEXED)
    for top in (root, *(root / folder for folder in settings.src)):
        if top.is_dir():
            walk.folder(os.path.abspath(top))
    return walk.result().files


class _Walk:
    def __init__(self, root: Path, patterns: Sequence[str], suffixes: tuple[str, ...]) -> None:
        self.root = os.path.abspath(root)
        self.files: dict[str, None] = {}
        self.skipped: Counter[str] = Counter()
        self._excludes = matcher(tuple(patterns))
        self._defaults = frozenset(DEFAULT_EXCLUDE).intersection(patterns)
        self._suffixes = suffixes
        self._links: list[str] = []
        self._problems: dict[str, Problem] = {}

    def problem(self, path: str, reason: str) -> None:
        self._problems[path] = Problem(relative(Path(path), Path(self.root)), 0, reason)

    def result(self) -> Discovered:
        """Return what was found. A link to a file that was found under its own name is not a second file."""
        real = {os.path.realpath(file) for file in self.files} if self._links else set()
        for link in sorted(self._links):
            target = os.path.realpath(link)
            if target not in real:
                real.add(target)
                self.files[link] = None
        files = [Path(file) for file in sorted(self.files)]
        problems = [self._problems[path] for path in sorted(self._problems)]
        return Discovered(files, problems, dict(sorted(self.skipped.items())))

    def found_in(self, folder: str) -> bool:
        """Tell whether there is anything to say about what is in a folder that was walked."""
        return any(_inside(path, folder) for group in (self.files, self._links, self._problems) for path in group)

    def excludes_any_part(self, path: str) -> bool:
        """Tell whether the walk from the root would not have come to this file or folder."""
        if not _inside(path, self.root):
            return False
        parts = path[len(self.root) :].strip(os.sep).split(os.sep) if path != self.root else []
        folder = self.root
        for number, part in enumerate(parts, start=1):
            parent, folder = folder, os.path.join(folder, part)
            is_folder = number < len(parts) or os.path.isdir(folder)
            if self._excludes("/".join(parts[:number]), is_folder):
                return True
            if is_folder and (os.path.exists(os.path.join(folder, "pyvenv.cfg")) or _is_alembic(parent, part)):
                return True
        return False

    def folder(self, top: str) -> None:
        """Walk a folder that was asked for: exclusions decide about what is in it, not about itself."""
        base = top if not _inside(top, self.root) or self.excludes_any_part(top) else self.root
        ignored = IgnoreFiles.above(top, self.root)
        pending = [(top, ignored)]
        while pending:
            folder, ignored = pending.pop()
            try:
                with os.scandir(folder) as scan:
                    entries = {entry.name: entry for entry in scan}
            except OSError as error:
                self.problem(folder, _reason(folder, error))
                continue
            if "pyvenv.cfg" in entries and folder != top:
                self.skipped["virtual environment"] += 1
                continue
            if ".gitignore" in entries:
                ignored = ignored.entering(folder)
            for name, entry in entries.items():
                if name == "versions" and "env.py" in entries and entry.is_dir(follow_symlinks=False):
                    self.skipped["migrations"] += 1
                elif self._entry(entry, base, ignored):
                    pending.append((entry.path, ignored))

    def _entry(self, entry: os.DirEntry[str], base: str, ignored: IgnoreFiles) -> bool:
        """Take note of a file; return True for a folder to be walked."""
        is_folder = entry.is_dir(follow_symlinks=False)
        name, path = entry.name, entry.path
        if not is_folder and not name.endswith(self._suffixes):
            return False
        if name in self._defaults:
            self._skip_default(name)
        elif self._excludes(path[len(base) :].strip(os.sep).replace(os.sep, "/"), is_folder):
            self.skipped["excluded"] += 1
        elif ignored.matches(path, is_folder):
            self.skipped["ignored by git"] += 1
        elif is_folder:
            return True
        elif entry.is_symlink():
            self._link(path)
        elif entry.is_file(follow_symlinks=False):
            self.files[path] = None
        return False

    def _skip_default(self, name: str) -> None:
        """Count what a user might miss; nobody misses caches and the folders of version control."""
        if name in _ENVIRONMENTS:
            self.skipped["virtual environment"] += 1
        elif name in _MIGRATIONS:
            self.skipped["migrations"] += 1

    def _link(self, path: str) -> None:
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                self._links.append(path)
        except OSError as error:
            self.problem(path, _reason(path, error))


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _is_alembic(parent: str, name: str) -> bool:
    return name == "versions" and os.path.exists(os.path.join(parent, "env.py"))


def _reason(path: str, error: OSError) -> str:
    if not isinstance(error, FileNotFoundError):
        return f"cannot be read: {error.strerror or error}"
    if os.path.islink(path):
        return f"broken symbolic link to {os.readlink(path)}"
    return "no such file or folder"
