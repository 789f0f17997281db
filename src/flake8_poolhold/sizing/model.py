"""What is asked: the load, where it runs, and the pool that there is. Valid once made."""

from __future__ import annotations

import msgspec

from flake8_poolhold.config.settings import MAX_CONNECTIONS, MAX_REPLICAS, MAX_WORKERS

_MAX_BUSY = 1_000_000
_HOUR = 3600.0


class SizingError(ValueError):
    """A number that makes no sense: the field that it stands in, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of the whole service, all replicas together, do at their busiest time.

    rate            requests per second that use the database
    query_time      seconds of database time of one request, all its queries together; its reads with `write_time`
    wait_time       seconds of network wait of one request; 0 when there is none
    fan_out         connections that a request queries with at a time
    burst           requests that arrive at one moment; None when they arrive independently
    write_time      seconds of database time of the writes of one request, in a pool of their own; None for one pool
    write_fan_out   connections that a request writes with at a time
    may_wait        share of checkouts, above 0 and below 1, that may have to wait for a connection

    Raises SizingError.
    """

    rate: float
    query_time: float
    wait_time: float = 0.0
    fan_out: int = 1
    burst: int | None = None
    write_time: float | None = None
    write_fan_out: int = 1
    may_wait: float = 0.01

    def __post_init__(self) -> None:
        _above_zero("rate", self.rate, 1_000_000, "requests per second")
        _above_zero("query_time", self.query_time, _HOUR, "seconds")
        _within("wait_time", self.wait_time, 0, _HOUR, "seconds")
        _within("fan_out", self.fan_out, 1, 1_000)
        if self.burst is not None:
            _within("burst", self.burst, 1, 1_000_000)
        if self.write_time is not None:
            _above_zero("write_time", self.write_time, _HOUR, "seconds")
        elif self.write_fan_out != 1:
            raise SizingError("write_fan_out", "has no meaning without a time of the writes")
        _within("write_fan_out", self.write_fan_out, 1, 1_000)
        if not 0 < self.may_wait < 1:
            raise SizingError("may_wait", f"must be above 0% and below 100%, is {self.may_wait * 100:g}%")
        busy = self.rate * (self.connection_time + self.wait_time)
        if busy > _MAX_BUSY:
            raise SizingError("rate", f"{busy:,.0f} requests would have a connection at a time; look at the units")

    @property
    def connection_time(self) -> float:
        """Seconds that a request has connections for when none is held during the wait; parallel ones add up."""
        return self.query_time + (self.write_time or 0.0)


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """Where the service runs: each worker process of each replica has pools of its own, all share one server.

    `reserved` connections of `max_connections` are not for the service: the server's own superuser_reserved_connections
    (3 in PostgreSQL), migrations, monitoring, other services. Raises SizingError.
    """

    workers: int = 1
    replicas: int = 1
    max_connections: int = 100
    reserved: int = 3
    pgbouncer: bool = False

    def __post_init__(self) -> None:
        _within("workers", self.workers, 1, MAX_WORKERS)
        _within("replicas", self.replicas, 1, MAX_REPLICAS)
        _within("max_connections", self.max_connections, 1, MAX_CONNECTIONS)
        _within("reserved", self.reserved, 0, MAX_CONNECTIONS)
        if self.reserved >= self.max_connections:
            raise SizingError("reserved", f"{self.reserved} of {self.max_connections} connections leave none")

    @property
    def processes(self) -> int:
        """Processes with pools of their own."""
        return self.workers * self.replicas

    @property
    def usable(self) -> int:
        """Connections that the service may have, all processes together."""
        return self.max_connections - self.reserved


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The pool that each process has today; the defaults are SQLAlchemy's. Raises SizingError."""

    pool_size: int = 5
    max_overflow: int = 10

    def __post_init__(self) -> None:
        _within("pool_size", self.pool_size, 1, 10_000)
        _within("max_overflow", self.max_overflow, 0, 10_000)


def _within(field: str, value: float, low: float, high: float, unit: str = "") -> None:
    if not low <= value <= high:
        raise SizingError(field, f"must be from {low:,} to {high:,.0f}{unit and ' '}{unit}, is {_said(value)}")


def _above_zero(field: str, value: float, high: float, unit: str) -> None:
    if not 0 < value <= high:
        raise SizingError(field, f"must be above 0 and at most {high:,.0f} {unit}, is {_said(value)}")


def _said(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
