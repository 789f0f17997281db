"""Paths as they are shown and stored: relative to the project root, with forward slashes."""

from __future__ import annotations

import os
from pathlib import Path


def relative(path: Path, root: Path) -> str:
    """Return `path` relative to `root` with forward slashes; symbolic links are not resolved.

    A path outside `root` starts with `..`; one on another drive stays absolute.
    """
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        return Path(os.path.abspath(path)).as_posix()
