"""Paths as they are shown and stored: relative to the project root, with forward slashes."""

from __future__ import annotations

import os
from pathlib import Path


def relative(path: Path, root: Path) -> str:
    """Return `path` relative to `root` with forward slashes; symbolic links are not resolved.

    A path outside `root` starts with `..`; one on another drive stays absolute.
    """
    name, inside = os.path.abspath(path), os.path.join(os.path.abspath(root), "")
    if name.startswith(inside):
        return name[len(inside) :].replace(os.sep, "/")
    try:
        return Path(os.path.relpath(name, inside)).as_posix()
    except ValueError:
        return Path(name).as_posix()


def is_test(path: str) -> bool:
    """Whether a file, by its relative path, is a test or one of its fixtures."""
    *folders, name = path.split("/")
    return (
        not {"test", "tests"}.isdisjoint(folders)
        or name == "conftest.py"
        or name.startswith("test_")
        or name.endswith("_test.py")
    )
