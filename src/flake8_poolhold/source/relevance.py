"""Which files are worth analysing on their own: those that could hold a connection, or wait."""

from __future__ import annotations

import re

_WORDS = re.compile(
    rb"async def|[Ss]ession|SESSION|Depends|[Ee]ngine|sqlalchemy|sqlmodel|asyncpg|psycopg|"
    rb"\.query\b|\b(?:db|conn|connection|uow|pool|repo|BackgroundTasks?)\b|[Uu]nit_?[Oo]f_?[Ww]ork"
)


def relevant(data: bytes) -> bool:
    """Whether a file may give a finding; files that are called into are read all the same."""
    return _WORDS.search(data) is not None
