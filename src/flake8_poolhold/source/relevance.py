"""Which files are worth analysing on their own: those that could hold a connection, or wait.

The words come from what is known of libraries: their import names, the classes and functions that give holders, the
methods that they add. Besides there are shapes of code in which a holder comes without any of these.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from flake8_poolhold.knowledge.holders import load_holders
from flake8_poolhold.source.words import words

_PARTS = (b"async def", b"Depends", b"session", b"Session", b"SESSION", b"engine", b"Engine")
_WORDS = frozenset({b"db", b"conn", b"connection", b"uow", b"pool", b"repo", b"BackgroundTask", b"BackgroundTasks"})
_SHAPES = re.compile(rb"\.query\b|[Uu]nit_?[Oo]f_?[Ww]ork")
"""Coroutines, dependencies, and the names that holders and their carriers have where they are not imported."""


def relevant(data: bytes, own: Iterable[str] = ()) -> bool:
    """Whether a file may give a finding; files that are called into are read all the same.

    `own` are the dotted paths of the user's holders.
    """
    return (
        any(part in data for part in _PARTS)
        or not _words(tuple(own)).isdisjoint(words(data))
        or _SHAPES.search(data) is not None
    )


@functools.cache
def _words(own: tuple[str, ...]) -> frozenset[bytes]:
    known = load_holders()
    paths = {*known.by_path, *known.factories, *known.attributes, *known.queries}
    holding = {path for path, name in known.by_path.items() if known.classes[name].kind not in ("result", "attrs")}
    named = {path.partition(".")[0] for path in paths} | {_last(path) for path in {*holding, *known.factories, *own}}
    spelled = " ".join(sorted({*named, *known.fetching}))
    return _WORDS.union(words(spelled.encode()))


def _last(path: str) -> str:
    return path.rpartition(".")[2]
