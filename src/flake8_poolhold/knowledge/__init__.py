"""What libraries do, as data: TOML files beside this module and their loader."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from flake8_poolhold.knowledge import tables
from flake8_poolhold.knowledge.libraries import Knowledge
from flake8_poolhold.knowledge.tables import AS_IT_TAKES, Kind, KnowledgeError, Library, Wait, WaitClass, longest

__all__ = ["AS_IT_TAKES", "Kind", "Knowledge", "KnowledgeError", "Library", "Wait", "WaitClass", "load", "longest"]


@functools.cache
def _shipped() -> dict[str, Library]:
    return tables.read()


def load(own: Mapping[str, Library]) -> Knowledge:
    """The shipped tables about libraries, read once per process, and a user's own, which take their place.

    Raises KnowledgeError when a shipped table is damaged.
    """
    claimed = {name for root, library in own.items() for name in (root, *library.aliases)}
    shipped = {root: library for root, library in _shipped().items() if claimed.isdisjoint((root, *library.aliases))}
    return Knowledge({**shipped, **own})
