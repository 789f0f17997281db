"""What libraries do, as data: TOML files beside this module and their loader."""

from __future__ import annotations

import functools

from flake8_poolhold.knowledge import tables
from flake8_poolhold.knowledge.libraries import Knowledge
from flake8_poolhold.knowledge.tables import Kind, KnowledgeError, Library, Wait

__all__ = ["Kind", "Knowledge", "KnowledgeError", "Library", "Wait", "load"]


@functools.cache
def load() -> Knowledge:
    """The shipped tables about libraries, read once per process. Raises KnowledgeError when one is damaged."""
    return Knowledge(tables.read())
