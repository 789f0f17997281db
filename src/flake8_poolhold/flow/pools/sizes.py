"""How many connections an engine or pool may open, and what kind of pool it is."""

from __future__ import annotations

import msgspec

from flake8_poolhold.flow.model.values import Literally, Unknown
from flake8_poolhold.flow.pools.addresses import Address, address
from flake8_poolhold.flow.pools.bodies import Arguments
from flake8_poolhold.flow.pools.conflicts import pool_class
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.values import Setting, certain, number

ENGINES = ("engine", "async engine")
UNBOUNDED = -1

_QUEUES = ("", "QueuePool", "AsyncAdaptedQueuePool", "FallbackAsyncAdaptedQueuePool")
_SERVERS = {"postgresql": ("PostgreSQL", 100), "mysql": ("MySQL", 151), "mariadb": ("MariaDB", 151)}


class Size(msgspec.Struct, frozen=True):
    """The connections that one process may have open at once, and how they come about."""

    most: int
    said: str


def is_given(value: Setting | None) -> bool:
    """Whether an argument is there and not `None`."""
    return value is not None and certain(value) != Literally(None)


def is_queue(given: Arguments) -> bool:
    """Whether the engine has a queue of connections: its own, one that is named, or one that takes a size."""
    named = pool_class(given)
    unknown = not named and (is_given(given.get("poolclass")) or is_given(given.get("pool")))
    if unknown and not is_given(given.get("pool_size")):
        return False
    url = address(given.get("url", 0))
    return named in _QUEUES and not (url is not None and url.dialect == "sqlite")


def size(made: Made, given: Arguments) -> Size | None:
    """How many connections the call allows; `None` where it is not known. `UNBOUNDED` where nothing limits them."""
    if given.keywords.open:
        return None
    if made.kind in ENGINES:
        return _of_engine(given) if is_queue(given) else None
    if made.kind == "asyncpg pool":
        most = _or_default(given.get("max_size"), 10)
        return Size(most, f"`max_size` {most}") if most is not None else None
    if made.kind == "psycopg pool":
        least = _or_default(given.get("min_size"), 4)
        most = _or_default(given.get("max_size"), least)
        return Size(most, f"`max_size` {most}") if most is not None else None
    return None


def _of_engine(given: Arguments) -> Size | None:
    kept = _or_default(given.get("pool_size"), 5)
    overflow = _or_default(given.get("max_overflow"), 10)
    if kept == 0 or overflow == UNBOUNDED:
        return Size(UNBOUNDED, "`pool_size` 0" if kept == 0 else "`max_overflow` -1")
    if kept is None or overflow is None:
        return None
    return Size(kept + overflow, f"`pool_size` {kept} + `max_overflow` {overflow}")


def _or_default(value: Setting | None, default: int | None) -> int | None:
    return number(value) if value is not None and is_given(value) else default


def server(made: Made) -> tuple[str, int] | None:
    """The database server behind the addresses of a call, and its default `max_connections`, if they agree on one."""
    dialects = {url.dialect for url in _addresses(made) if url.dialect}
    if made.kind not in ENGINES:
        dialects = {"postgresql"}
    return _SERVERS.get(dialects.pop()) if len(dialects) == 1 else None


def _addresses(made: Made) -> list[Address]:
    found = [address(way.arguments.get("url", 0)) for way in made.ways]
    return [url for url in found if url is not None]


def is_known(value: Setting | None) -> bool:
    """Whether an argument, if it is given, has a value that is known."""
    return value is None or not isinstance(certain(value), Unknown)
