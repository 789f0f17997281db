"""The files of one run: their bytes, text and facts, their bytes read once, and what went wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Problem
from flake8_poolhold.source.text import Source, SourceError, decode, read_bytes

if TYPE_CHECKING:
    from flake8_poolhold.cache import Cache
    from flake8_poolhold.engine.stores import Stores
    from flake8_poolhold.facts.tree import Module

Stamp = tuple[int, int, int, int] | None
"""When a file and its entry were changed (ns), its size and number; `None`: there is none, or nobody knows."""

MOST_TEXTS = 16
"""So many texts are kept at once; what is found in a file is told, and mended, file by file."""


class Modules:
    """Files by their path relative to the root. `changed` gives the content of some, instead of the disk."""

    def __init__(self, root: Path, changed: Mapping[str, bytes], stores: Stores | None) -> None:
        self.root, self._folder = root, str(root)
        self.problems: dict[str, Problem] = {}
        self.is_passing = False
        """Whether something failed that may not fail again: what was found is not to be relied on later."""
        self._changed, self._stores = changed, stores
        self._bytes: dict[str, bytes] = {}
        self._sources: dict[str, Source | None] = {}
        self._parsed: set[str] = set()
        """The files whose facts were asked for, so that their syntax is known."""
        self._stamps: dict[str, Stamp] = {}
        self._digests: dict[str, str] = {}
        self._lowered: dict[str, bytes] = {}
        self._known: tuple[Mapping[str, Stamp], Mapping[str, str]] = {}, {}

    def read(self, path: str) -> bytes:
        """The bytes of a file; none, and a problem, when it cannot be read."""
        if path in self._changed:
            return self._changed[path]
        data = self._bytes.get(path)
        if data is None:
            self.stamp(path)
            try:
                data = read_bytes(self.root / path)
            except SourceError as error:
                self.problem(path, error.line, error.reason)
                self.is_passing = True
                data = b""
            self._bytes[path] = data
        return data

    def peek(self, path: str) -> bytes:
        """The bytes of a file that need not exist: there is no problem if it does not."""
        if path not in self._changed and path not in self._bytes and self.stamp(path) is None:
            return b""
        return self.read(path)

    def source(self, path: str) -> Source | None:
        """The text of a file, or `None` and a problem."""
        if path not in self._sources:
            if len(self._sources) >= MOST_TEXTS:
                del self._sources[next(iter(self._sources))]
            try:
                self._sources[path] = decode(self.read(path), path)
            except SourceError as error:
                self.problem(path, error.line, error.reason)
                self._sources[path] = None
        return self._sources[path]

    def facts(self, path: str) -> Module | None:
        """The facts of a file, or `None` and a problem."""
        from flake8_poolhold import facts

        self._parsed.add(path)
        if self._stores is None:
            found = self._lowered.pop(path, None)
            return facts.load(path, found) if found is not None else self._extract(path)
        cache = self._stores.facts
        key = cache.key(self.read(path))
        kept = cache.get(key)
        module = facts.load(path, kept) if kept is not None else None
        if module is None:
            module = self._extract(path)
            if module is not None:
                _keep(cache, key, module)
        return module

    def check_syntax(self, path: str) -> None:
        """Note a syntax error in a file, unless its facts were asked for, which has noted it."""
        from flake8_poolhold import facts

        source = self.source(path) if path not in self._parsed else None
        if source is not None:
            try:
                facts.syntax(source.text)
            except facts.FactsError as error:
                self.problem(path, error.line, error.reason)
            except (RecursionError, MemoryError):
                return  # it nests deep, which is no error

    def lower(self, paths: Iterable[str], jobs: int) -> None:
        """Find out the facts of these files at once, in several processes, where it is worth it."""
        from flake8_poolhold.engine.lowering import lowered

        unknown = {path: self.read(path) for path in paths}
        if self._stores is not None:
            cache = self._stores.facts
            unknown = {path: data for path, data in unknown.items() if not cache.has(cache.key(data))}
        for path, found in lowered(unknown, jobs):
            if self._stores is not None:
                self._stores.facts.put(self._stores.facts.key(unknown[path]), found)
            else:
                self._lowered[path] = found

    def remember(self, stamps: Mapping[str, Stamp], digests: Mapping[str, str]) -> None:
        """Take it that files with these stamps have contents of these digests."""
        self._known = stamps, digests

    def digest(self, path: str) -> str:
        """What stands for the content of a file; the same for one that is empty and one that is not there."""
        known = self._digests.get(path)
        if known is None:
            stamps, digests = self._known
            stamp = None if path in self._changed else self.stamp(path)
            if stamp is not None and stamps.get(path) == stamp:
                known = digests[path]
            else:
                known = blake2b(self.peek(path), digest_size=16).hexdigest()
            self._digests[path] = known
        return known

    def stamp(self, path: str) -> Stamp:
        """The stamp of a file when it was first asked for."""
        if path not in self._stamps:
            self._stamps[path] = self._stamp(path)
        return self._stamps[path]

    def is_current(self) -> bool:
        """Whether every file that was read from the disk is still what it was then."""
        return all(self._stamp(path) == stamp for path, stamp in self._stamps.items())

    def problem(self, path: str, line: int, reason: str) -> None:
        """Note what is wrong with a file; the first reason stays."""
        self.problems.setdefault(path, Problem(path, line, reason))

    def failed(self, path: str, during: str, error: Exception) -> None:
        """Note that the program itself failed on a file, and how to see it again."""
        self.is_passing = True
        self.problem(path, 0, f"{failure(during, error)}; `poolhold check {path}` shows it again, for a report")

    def _extract(self, path: str) -> Module | None:
        from flake8_poolhold.facts import FactsError, extract

        source = self.source(path)
        if source is None:
            return None
        try:
            return extract(path, source.text)
        except FactsError as error:
            self.problem(path, error.line, error.reason)
        except (RecursionError, MemoryError):
            self.problem(path, 0, "nested too deep to be analysed")
        except Exception as error:
            self.failed(path, "reading the syntax", error)
        return None

    def _stamp(self, path: str) -> Stamp:
        try:
            status = os.stat(os.path.join(self._folder, path))
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _keep(cache: Cache, key: str, module: Module) -> None:
    from flake8_poolhold import facts

    try:
        cache.put(key, facts.dump(module))
    except RecursionError:
        return  # it nests deeper than the encoder goes: it is read from the text again


def failure(during: str, error: Exception) -> str:
    """Say in one line what failed, and where in this program."""
    if isinstance(error, RecursionError):
        return f"nested too deep: the stack ended while {during}"
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" ({Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno})" if frame is not None else ""
    return f"internal error while {during}: {type(error).__name__}: {str(error).partition(chr(10))[0]}{place}"
