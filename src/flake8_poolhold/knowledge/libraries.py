"""Questions about a dotted path: does awaiting, entering or calling it wait, and what does it return.

A dotted path is how an expression reads after its imports are resolved: a call of a capitalised last segment makes an
instance and keeps the path, any other call appends `()`, an attribute appends its name, awaiting changes nothing. So
`(await httpx.AsyncClient().post(url)).aread` is `httpx.AsyncClient.post().aread`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flake8_poolhold.knowledge.patterns import CALL, PatternSet, is_constructor, last_segment, segment_matches
from flake8_poolhold.knowledge.tables import Wait

if TYPE_CHECKING:
    from flake8_poolhold.knowledge.tables import Library


class Knowledge:
    """What the tables say about libraries. Answers are remembered, so asking again costs one dictionary look-up."""

    __slots__ = ("_awaited", "_blocking", "_entered", "_iterated", "_literal", "_returned", "_roots", "_wild")

    def __init__(self, libraries: Mapping[str, Library]) -> None:
        entries = tuple(
            _Entry(root, claimed, library)
            for root, library in libraries.items()
            for claimed in (root, *library.aliases)
        )
        self._literal: dict[str, list[_Entry]] = {}
        self._wild: list[_Entry] = []
        for entry in sorted(entries, key=_Entry.rank):
            first = entry.segments[0]
            if "*" in first:
                self._wild.append(entry)
            else:
                self._literal.setdefault(first, []).append(entry)
        self._awaited: dict[str, Wait | None] = {}
        self._entered: dict[str, Wait | None] = {}
        self._blocking: dict[str, Wait | None] = {}
        self._iterated: dict[str, Wait | None] = {}
        self._returned: dict[str, str | None] = {}
        self._roots: dict[str, bool] = {}

    def knows_root(self, name: str) -> bool:
        """Whether a table speaks of a library that is imported as `name`, its first segment."""
        if name not in self._roots:
            self._roots[name] = name in self._literal or any(
                segment_matches(name, one.segments[0]) for one in self._wild
            )
        return self._roots[name]

    def knows(self, path: str) -> bool:
        """Whether a table speaks of the library that `path` belongs to."""
        return self._find(path) is not None

    def roots_of(self, kind: str) -> frozenset[str]:
        """The import roots, aliases included, of the libraries whose waits are of a class."""
        every = [*self._wild, *(entry for entries in self._literal.values() for entry in entries)]
        return frozenset(".".join(entry.segments) for entry in every if entry.library.kind == kind)

    def wait_of_await(self, path: str) -> Wait | None:
        """The wait in awaiting, iterating (`async for`) or entering (`async with`) the result of a call.

        `path` is that of the callee, or of the result (with `()`): both are taken. A constructor is an entry of the
        new object, see `wait_of_enter`.
        """
        if path not in self._awaited:
            self._awaited[path] = self._await(path)
        return self._awaited[path]

    def wait_of_iteration(self, path: str) -> Wait | None:
        """The wait in `async for x in value`, where the value may also be an object (`async for m in websocket`)."""
        wait = self.wait_of_await(path)
        return wait if wait or not is_constructor(path) else self.wait_of_await(f"{path}.__anext__")

    def wait_of_enter(self, path: str) -> Wait | None:
        """The wait in `async with value`: a client that connects on entry, or what a waiting call returned."""
        if path not in self._entered:
            self._entered[path] = self._enter(path)
        return self._entered[path]

    def wait_of_blocking_call(self, path: str) -> Wait | None:
        """The wait in a plain call (not awaited) that blocks the thread; `path` is that of the callee."""
        if path not in self._blocking:
            self._blocking[path] = self._block(path)
        return self._blocking[path]

    def wait_of_plain_iteration(self, path: str) -> Wait | None:
        """The wait in `for x in value`, which blocks the thread; `path` is that of the value, a lazy result."""
        if path not in self._iterated:
            self._iterated[path] = self._iterate(path)
        return self._iterated[path]

    def returns(self, path: str) -> str | None:
        """The path of what a call of `path` returns, where it is not just `path` with `()`."""
        if path not in self._returned:
            callee = path.removesuffix(CALL)
            entry = self._find(callee)
            self._returned[path] = entry.returned(entry.own(callee)) if entry else None
        return self._returned[path]

    def _await(self, path: str) -> Wait | None:
        callee = path.removesuffix(CALL)
        last = last_segment(callee)
        if last == "__aenter__":
            return self.wait_of_enter(callee.removesuffix(".__aenter__"))
        if is_constructor(callee):
            return self._enter(callee)
        entry = self._find(callee)
        if entry is None or last == "__aexit__":
            return None
        own = entry.own(callee)
        if entry.is_cheap(own) or not (entry.only is None or entry.only.matches(own)):
            return None
        return entry.wait_at(callee)

    def _enter(self, path: str) -> Wait | None:
        if path.endswith(CALL):
            return self.wait_of_await(path)
        entry = self._find(path)
        return entry.wait_at(path) if entry and entry.enter.matches(entry.own(path)) else None

    def _block(self, path: str) -> Wait | None:
        callee = path.removesuffix(CALL)
        entry = self._find(callee)
        if entry is None:
            return None
        own = entry.own(callee)
        return entry.wait_at(callee) if entry.blocking.matches(own) and not entry.is_cheap(own) else None

    def _iterate(self, path: str) -> Wait | None:
        callee = path.removesuffix(CALL)
        entry = self._find(callee)
        return entry.wait_at(callee) if entry and entry.iterating.matches(entry.own(callee)) else None

    def _find(self, path: str) -> _Entry | None:
        segments = path.split(".")
        candidates = self._literal.get(segments[0].removesuffix(CALL), [])
        return next((entry for entry in [*candidates, *self._wild] if entry.claims(segments)), None)


class _Entry:
    """One import root or alias with the table that describes it."""

    __slots__ = (
        "blocking", "cheap_last", "cheap_path", "enter", "iterating", "library", "only", "returning", "root",
        "segments",
    )  # fmt: skip

    def __init__(self, root: str, claimed: str, library: Library) -> None:
        self.root = root
        self.segments = tuple(claimed.split("."))
        self.library = library
        self.only = None if library.only is None else PatternSet(library.only)
        self.blocking = PatternSet(library.blocking)
        self.iterating = PatternSet(library.iterating)
        self.enter = PatternSet(library.enter)
        self.cheap_last = PatternSet(c for c in library.cheap if "." not in c)
        self.cheap_path = PatternSet(c for c in library.cheap if "." in c)
        self.returning = tuple((PatternSet((pattern,)), value) for pattern, value in library.returns.items())

    def rank(self) -> tuple[int, int]:
        """Sort key: longest first, literal before fnmatch."""
        return -len(self.segments), sum("*" in s for s in self.segments)

    def claims(self, segments: list[str]) -> bool:
        """Whether a path, given as its segments, lies under this root."""
        return len(segments) >= len(self.segments) and all(map(segment_matches, segments, self.segments))

    def own(self, path: str) -> str:
        """The path with an alias replaced by the root, in whose terms the patterns are written."""
        segments = path.split(".", len(self.segments))
        head = ".".join(segments[: len(self.segments)])
        call = CALL if head.endswith(CALL) else ""
        return ".".join([self.root + call, *segments[len(self.segments) :]])

    def wait_at(self, path: str) -> Wait:
        """The wait at this path, under the import root as the path writes it."""
        name = ".".join(path.split(".")[: len(self.segments)]).removesuffix(CALL)
        return Wait(library=name, kind=self.library.kind, typical=self.library.typical, driver=self.library.driver)

    def is_cheap(self, path: str) -> bool:
        """Whether the call at this path is listed as never waiting."""
        return self.cheap_last.matches(last_segment(path)) or self.cheap_path.matches(path)

    def returned(self, path: str) -> str | None:
        """The path of the result of a call of this path, where the table tells."""
        return next((value for patterns, value in self.returning if patterns.matches(path)), None)
