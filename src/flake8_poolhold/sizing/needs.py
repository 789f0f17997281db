"""What the pools of a process need to carry its share of the load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from flake8_poolhold.sizing.model import Workload
from flake8_poolhold.sizing.queueing import busy, connections_for, waiting

Name = Literal["engine", "read_engine", "write_engine"]


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What one pool of one process needs.

    load        connections in use on average
    pool_size   connections with which at most `may_wait` of the checkouts wait
    waits       share of the checkouts that wait with `pool_size`, 0 to 1
    burst       connections that the process's part of a burst takes at one moment, 0 without a burst
    query_time  seconds of one query: the time of all divided by those that run at a time
    hold_time   seconds that the longest kept of a request's connections is out
    """

    name: Name
    load: float
    pool_size: int
    waits: float
    burst: int
    query_time: float
    hold_time: float


def needs(workload: Workload, wait: float, processes: int) -> tuple[Need, ...]:
    """Return what each of `processes` needs, pool by pool, with a connection held during `wait` seconds of a request.

    A process's share of random arrivals is random again, so each needs headroom of its own. Of two pools it is that of
    the writes that is held: the request is logged, the model asked, the answer stored.
    """
    rate, burst = workload.rate / processes, math.ceil((workload.burst or 0) / processes)
    if workload.write_time is None:
        return (_need("engine", workload.query_time, workload.fan_out, wait, rate, burst, workload.may_wait),)
    return (
        _need("read_engine", workload.query_time, workload.fan_out, 0.0, rate, burst, workload.may_wait),
        _need("write_engine", workload.write_time, workload.write_fan_out, wait, rate, burst, workload.may_wait),
    )


def pool_sizes(pools: Sequence[Need]) -> int:
    """Return the connections of the pools together, burst aside."""
    return sum(pool.pool_size for pool in pools)


def _need(name: Name, time: float, fan_out: int, wait: float, rate: float, burst: int, may_wait: float) -> Need:
    """A request takes its `fan_out` connections together, so requests are counted, then multiplied.

    One of the connections is held during the wait, the others for their query.
    """
    query_time = time / fan_out
    hold_time = query_time + wait
    held = connections_for(busy(rate, hold_time), may_wait)
    beside = (fan_out - 1) * connections_for(busy(rate, query_time), may_wait) if fan_out > 1 else 0
    return Need(
        name=name,
        load=busy(rate, time + wait),
        pool_size=held + beside,
        waits=waiting(busy(rate, hold_time), held),
        burst=burst * fan_out,
        query_time=query_time,
        hold_time=hold_time,
    )
