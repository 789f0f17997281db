"""The stores of a project: the facts of its files, and what was told of them."""

from __future__ import annotations

import functools
import os
import sys
from hashlib import blake2b
from pathlib import Path

from flake8_poolhold.cache import Cache

FOLDER = ".poolhold_cache"
_PACKAGE = Path(__file__).parent.parent


class Stores:
    """Facts by the content of a file, results by settings, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cached_property
    def facts(self) -> Cache:
        """The facts, each entry made by the facts' own code."""
        from flake8_poolhold import facts

        return Cache(self._folder, facts.version())

    @functools.cached_property
    def results(self) -> Cache:
        """The results, which hang on all of the program."""
        return Cache(self._folder, _version())


def stores_of(root: Path, cache: bool | Path = True) -> Stores | None:
    """The stores of the project at `root`: in the folder `cache`, or in that of the project; none for `False`."""
    if cache is False:
        return None
    return Stores(root / FOLDER if cache is True else cache)


@functools.cache
def _version() -> str:
    """Changes with every change of this program, its knowledge, or the Python that runs it."""
    digest = blake2b(repr(sys.version_info[:2]).encode(), digest_size=16)
    for folder, folders, files in os.walk(_PACKAGE):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            if name.endswith((".py", ".toml")):
                digest.update(name.encode())
                digest.update(Path(folder, name).read_bytes())
    return digest.hexdigest()
