"""The files of one run: their bytes, text and facts, each read once, and what went wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Problem
from flake8_poolhold.source.text import Source, SourceError, decode, read_bytes

if TYPE_CHECKING:
    from flake8_poolhold.cache import Cache
    from flake8_poolhold.facts.tree import Module

_Stamp = tuple[int, int, int] | None


class Modules:
    """Files by their path relative to the root. `changed` gives the content of some, instead of the disk."""

    def __init__(self, root: Path, changed: Mapping[str, bytes], cache: Cache | None) -> None:
        self.root = root
        self.problems: dict[str, Problem] = {}
        self._changed, self._cache = changed, cache
        self._bytes: dict[str, bytes] = {}
        self._sources: dict[str, Source | None] = {}
        self._stamps: dict[str, _Stamp] = {}

    def read(self, path: str) -> bytes:
        """The bytes of a file; none, and a problem, when it cannot be read."""
        if path in self._changed:
            return self._changed[path]
        data = self._bytes.get(path)
        if data is None:
            self._stamps[path] = self._stamp(path)
            try:
                data = read_bytes(self.root / path)
            except SourceError as error:
                self.problem(path, error.line, error.reason)
                data = b""
            self._bytes[path] = data
        return data

    def source(self, path: str) -> Source | None:
        """The text of a file, or `None` and a problem."""
        if path not in self._sources:
            try:
                self._sources[path] = decode(self.read(path), path)
            except SourceError as error:
                self.problem(path, error.line, error.reason)
                self._sources[path] = None
        return self._sources[path]

    def facts(self, path: str) -> Module | None:
        """The facts of a file, or `None` and a problem."""
        from flake8_poolhold import facts

        if self._cache is None:
            return self._extract(path)
        key = self._cache.key(self.read(path))
        kept = self._cache.get(key)
        module = facts.load(path, kept) if kept is not None else None
        if module is None:
            module = self._extract(path)
            if module is not None:
                _keep(self._cache, key, module)
        return module

    def check_syntax(self, path: str) -> None:
        """Note a syntax error in a file whose facts nobody asks for."""
        from flake8_poolhold import facts

        source = self.source(path)
        if source is not None:
            try:
                facts.check(source.text)
            except facts.FactsError as error:
                self.problem(path, error.line, error.reason)
            except (RecursionError, MemoryError):
                return  # it nests deep, which is no error

    def is_current(self) -> bool:
        """Whether every file that was read from the disk is still what it was then."""
        return all(self._stamp(path) == stamp for path, stamp in self._stamps.items())

    def problem(self, path: str, line: int, reason: str) -> None:
        """Note what is wrong with a file; the first reason stays."""
        self.problems.setdefault(path, Problem(path, line, reason))

    def failed(self, path: str, during: str, error: Exception) -> None:
        """Note that the program itself failed on a file, and how to see it again."""
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

    def _stamp(self, path: str) -> _Stamp:
        try:
            status = os.stat(self.root / path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


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
