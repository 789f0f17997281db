"""A store of bytes by the content they were made from: safe to share between processes, branches and runs.

An entry is a file named after a hash, in one of 256 folders, written under another name and moved into place. What
cannot be read or written is as good as not there: the caller does the work again. Entries that nobody has read for a
month, those of other versions among them, are removed now and then.
"""

from __future__ import annotations

import os
import shutil
import time
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55"
_OURS = "A cache of poolhold."
_TAG = f"{_SIGNATURE}\n# {_OURS} It can be deleted at any time.\n"
_TAG_NAME = "CACHEDIR.TAG"
_PRUNED = "pruned"
_DAY = 24 * 60 * 60
_MONTH = 30 * _DAY


class Cache:
    """Entries below `folder`, kept apart by `version`: an entry made by other code is never seen."""

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = str(folder)
        self._version = version.encode()
        self._is_ready = False

    def key(self, content: bytes) -> str:
        """The name of the entry made from `content`."""
        return blake2b(content, digest_size=20, key=self._version[:64]).hexdigest()

    def get(self, key: str) -> bytes | None:
        """The entry, or `None`. That it was read is noted once a day."""
        name = self._file(key)
        try:
            with open(name, "rb") as file:
                if os.fstat(file.fileno()).st_mtime < time.time() - _DAY:
                    _touch(name)
                return file.read()
        except OSError:
            return None

    def has(self, key: str) -> bool:
        """Whether there is an entry."""
        return os.path.exists(self._file(key))

    def put(self, key: str, entry: bytes) -> None:
        """Keep an entry. A full or read-only disk is no error."""
        name = self._file(key)
        temporary = f"{name}.{os.getpid()}"
        try:
            self._prepare()
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(entry)
            os.replace(temporary, name)
        except OSError:
            return

    def _file(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key[2:])

    def _prepare(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        tag = folder / _TAG_NAME
        if not tag.exists():
            tag.write_text(_TAG, encoding="ascii")
            (folder / ".gitignore").write_text("*\n", encoding="ascii")
        pruned = folder / _PRUNED
        if not pruned.exists():
            pruned.touch()
        elif pruned.stat().st_mtime < time.time() - _DAY:
            pruned.touch()
            _prune(folder, time.time() - _MONTH)


class Removed(NamedTuple):
    """How many entries were removed, and their size in bytes."""

    entries: int
    size: int


class NotACacheError(Exception):
    """A folder that is not removed, as it does not say that it is a cache of this program."""


def remove(folder: Path) -> Removed | None:
    """Remove a cache and say what it was; `None` where there is none. Raises NotACacheError, OSError."""
    if not os.path.lexists(folder):
        return None
    tag = folder / _TAG_NAME
    if folder.is_symlink() or not tag.is_file():
        raise NotACacheError(f"{folder}: has no {_TAG_NAME}")
    lines = tag.read_text(encoding="ascii", errors="replace").splitlines()
    if lines[:1] != [_SIGNATURE] or not any(_OURS in line for line in lines):
        raise NotACacheError(f"{folder}: is a cache of another program")
    sizes = [entry.stat().st_size for part in _parts(folder) for entry in os.scandir(part) if entry.is_file()]
    shutil.rmtree(folder)
    return Removed(len(sizes), sum(sizes))


def _prune(folder: Path, before: float) -> None:
    """Remove the entries that were last read or written before a point in time."""
    for part in _parts(folder):
        for entry in list(os.scandir(part)):
            if entry.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(entry.path)


def _parts(folder: Path) -> list[str]:
    return [entry.path for entry in os.scandir(folder) if len(entry.name) == 2 and entry.is_dir(follow_symlinks=False)]


def _touch(name: str) -> None:
    try:
        os.utime(name)
    except OSError:
        return
