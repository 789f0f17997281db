"""A store of bytes by the content they were made from: safe to share between processes, branches and runs.

An entry is a file named after a hash, in one of 256 folders, written under another name and moved into place. What
cannot be read or written is as good as not there: the caller does the work again.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of poolhold. It can be deleted at any time.\n"


class Cache:
    """Entries below `folder`, kept apart by `version`: an entry made by other code is never seen."""

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._version = version.encode()

    def key(self, content: bytes) -> str:
        """The name of the entry made from `content`."""
        return blake2b(content, digest_size=20, key=self._version[:64]).hexdigest()

    def get(self, key: str) -> bytes | None:
        """The entry, or `None`."""
        try:
            return self._file(key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, entry: bytes) -> None:
        """Keep an entry. A full or read-only disk is no error."""
        file = self._file(key)
        temporary = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            tag = self._folder / "CACHEDIR.TAG"
            if not tag.exists():
                tag.write_text(_TAG, encoding="ascii")
                (self._folder / ".gitignore").write_text("*\n", encoding="ascii")
            temporary.write_bytes(entry)
            temporary.replace(file)
        except OSError:
            return

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]
