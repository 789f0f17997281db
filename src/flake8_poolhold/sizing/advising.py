"""From what is needed to what to set, within what the server can take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from flake8_poolhold.sizing.model import Deployment, Pool
from flake8_poolhold.sizing.needs import Name, Need, pool_sizes

_POOL_TIMEOUT = 5.0
_READ_POOL_TIMEOUT = 0.5
_RECYCLE = 3600
_RECYCLE_BEHIND_PGBOUNCER = 300
_MIN_CLIENTS = 100


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `create_async_engine`, in its own units: connections and seconds."""

    name: Name
    pool_size: int
    max_overflow: int
    pool_timeout: float
    pool_recycle: int
    pool_pre_ping: bool = True

    @property
    def connections(self) -> int:
        """Connections that one process can open."""
        return self.pool_size + self.max_overflow


class PgBouncer(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of pgbouncer.ini, in its own units: connections and seconds."""

    pool_mode: str = "transaction"
    default_pool_size: int
    max_db_connections: int
    max_client_conn: int
    query_wait_timeout: int


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What to set. Never more connections to the server than it has for the service.

    through         what the engines connect to: the server, or PgBouncer in front of it
    enough          whether this carries the load; if not, it is the most that the server can take
    engines         one, or one for reads and one for writes
    connections     what the engines of all processes can open
    burst_wait      seconds that the last of a burst waits for a connection; None without a burst, or when it never ends
    pgbouncer       settings for PgBouncer in front, also where the engines do not need it
    """

    through: Literal["server", "pgbouncer"]
    enough: bool
    engines: tuple[Engine, ...]
    connections: int
    burst_wait: float | None
    pgbouncer: PgBouncer


class _Way(msgspec.Struct, frozen=True):
    """One way to connect: its engines, whether they carry the load, and how long the last of a burst waits."""

    engines: tuple[Engine, ...]
    enough: bool
    burst_wait: float


def advice(each: Sequence[Need], shared: Sequence[Need], deployment: Deployment) -> Advice:
    """Return what to set for processes that need `each`, and `shared` if one pool served them all.

    PgBouncer is advised where it is asked for, and where it helps: when one pool for all fits the server and pools for
    each process do not, or when the server has fewer connections than there are pools.
    """
    pool = min(max(sum(_doubled(need) for need in shared), _for_burst(shared)), deployment.usable)
    pooled = _pooled(each, shared, pool)
    direct = _direct(each, deployment.usable // deployment.processes)
    use_direct = direct and not deployment.pgbouncer and (direct.enough or not pooled.enough)
    way = direct if direct and use_direct else pooled
    connections = deployment.processes * sum(engine.connections for engine in way.engines)
    return Advice(
        through="server" if way is direct else "pgbouncer",
        enough=way.enough,
        engines=way.engines,
        connections=connections,
        burst_wait=way.burst_wait if math.isfinite(way.burst_wait) and any(need.burst for need in each) else None,
        pgbouncer=PgBouncer(
            default_pool_size=pool,
            max_db_connections=deployment.usable,
            # While a deployment replaces processes, the old and the new ones are connected.
            max_client_conn=max(_MIN_CLIENTS, 2 * connections),
            query_wait_timeout=math.ceil(max(engine.pool_timeout for engine in way.engines)),
        ),
    )


def _direct(each: Sequence[Need], budget: int) -> _Way | None:
    """Engines that connect to the server, `budget` connections for each process; None if that is not one per pool."""
    if budget < len(each):
        return None
    engines = _engines(each, budget, _RECYCLE)
    waits = [_burst_wait((need,), engine.connections) for need, engine in zip(each, engines, strict=True)]
    in_time = all(wait <= _patience(need) for need, wait in zip(each, waits, strict=True))
    return _Way(engines, pool_sizes(each) <= budget and in_time, max(waits))


def _pooled(each: Sequence[Need], shared: Sequence[Need], pool: int) -> _Way:
    """Engines that connect to PgBouncer, which has `pool` connections to the server for all of them."""
    wait = _burst_wait(shared, pool)
    in_time = wait <= max(_patience(need) for need in shared)
    engines = _engines(each, max(pool, len(each)), _RECYCLE_BEHIND_PGBOUNCER)
    return _Way(engines, pool_sizes(shared) <= pool and in_time, wait)


def _doubled(need: Need) -> int:
    """Connections to the double of what is needed, or of SQLAlchemy's default.

    They are opened when they are used and cost nothing before, and a pool of twice the size carries more than twice the
    rate. The default is there for what the numbers do not know, such as a second checkout beside the first.
    """
    return 2 * max(need.pool_size, Pool().pool_size)


def _engines(pools: Sequence[Need], budget: int, recycle: int) -> tuple[Engine, ...]:
    """One engine per pool, together at most `budget` connections, at least one for each: first needs, then room."""
    sizes: list[int] = []
    for index, need in enumerate(pools):
        left, rest = budget - sum(sizes), pools[index + 1 :]
        fair = left * need.pool_size // (need.pool_size + pool_sizes(rest))
        sizes.append(min(need.pool_size, max(1, min(fair, left - len(rest)))))
    spare = budget - sum(sizes)
    engines: list[Engine] = []
    for index, (need, size) in enumerate(zip(pools, sizes, strict=True)):
        room = min(max(0, max(_doubled(need), need.burst) - size), spare // (len(pools) - index))
        spare -= room
        pool_size = max(size, min(size + room, Pool().pool_size))
        engines.append(
            Engine(
                name=need.name,
                pool_size=pool_size,
                max_overflow=size + room - pool_size,
                pool_timeout=_pool_timeout(need),
                pool_recycle=recycle,
            )
        )
    return tuple(engines)


def _patience(need: Need) -> float:
    """Seconds to wait for a connection: few, but enough for one query. A late write is better than none."""
    return max(_READ_POOL_TIMEOUT if need.name == "read_engine" else _POOL_TIMEOUT, need.query_time)


def _pool_timeout(need: Need) -> float:
    patience = _patience(need)
    return patience if patience == _READ_POOL_TIMEOUT else float(math.ceil(patience))


def _burst_wait(pools: Sequence[Need], connections: int) -> float:
    """Seconds until the last of a burst has a connection: it goes in waves through what the other load leaves free."""
    burst, free = sum(need.burst for need in pools), connections - sum(need.load for need in pools)
    if free <= 0:
        return math.inf
    waves = 1 if burst <= connections else math.ceil(burst / free)
    return (waves - 1) * max(need.hold_time for need in pools)


def _for_burst(pools: Sequence[Need]) -> int:
    """Connections that a burst needs to be through in time; a server does better with a queue than with all at once."""
    burst, load = sum(need.burst for need in pools), sum(need.load for need in pools)
    patience, hold_time = max(_patience(need) for need in pools), max(need.hold_time for need in pools)
    waves = math.floor(patience / hold_time) + 1
    return min(burst, math.ceil(load + burst / waves))
