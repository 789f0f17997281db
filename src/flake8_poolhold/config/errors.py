"""What goes wrong with settings."""

from __future__ import annotations

from pathlib import Path


class ConfigError(Exception):
    """A setting that cannot be followed: the file it is in (None: the command line), its key, and why."""

    def __init__(self, path: Path | None, key: str, reason: str) -> None:
        where = [part for part in (str(path or ""), key) if part]
        super().__init__(": ".join([*where, reason]))
        self.path = path
        self.key = key
        self.reason = reason
