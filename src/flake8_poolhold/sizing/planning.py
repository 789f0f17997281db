"""The answer: the same load with the connection held during the wait, and with the connection released before it."""

from __future__ import annotations

import msgspec

from flake8_poolhold.sizing.advising import Advice, advice
from flake8_poolhold.sizing.model import Deployment, Pool, Workload
from flake8_poolhold.sizing.needs import Need, needs, pool_sizes
from flake8_poolhold.sizing.queueing import busy


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one way to write the service.

    connection_time     seconds that a request has connections for; parallel ones add up
    mean                connections in use on average, all processes together: Little's law
    peak                connections that a burst takes at one moment, None without a burst
    needs               what each process needs, pool by pool
    connections         what all processes need, burst aside
    shared              what they need when they share one pool, that of PgBouncer, burst aside
    carries             requests per second at which the pools of today are in use throughout, or the server is
    """

    connection_time: float
    mean: float
    peak: int | None
    needs: tuple[Need, ...]
    connections: int
    shared: int
    carries: float
    advice: Advice


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and the answers. `held` is None when there is no wait that a connection could be held in.

    `processes` have pools of their own; `usable_connections` is what the server has for all of them.
    """

    workload: Workload
    deployment: Deployment
    today: Pool
    processes: int
    usable_connections: int
    held: Scenario | None
    released: Scenario


def plan(workload: Workload, deployment: Deployment, today: Pool) -> Plan:
    """Return the pools that the workload needs. Takes time in proportion to the connections, a second for a million."""
    return Plan(
        workload=workload,
        deployment=deployment,
        today=today,
        processes=deployment.processes,
        usable_connections=deployment.usable,
        held=_scenario(workload, deployment, today, workload.wait_time) if workload.wait_time else None,
        released=_scenario(workload, deployment, today, 0.0),
    )


def _scenario(workload: Workload, deployment: Deployment, today: Pool, wait: float) -> Scenario:
    each, shared = needs(workload, wait, deployment.processes), needs(workload, wait, 1)
    connection_time = workload.connection_time + wait
    opened = deployment.processes * (today.pool_size + today.max_overflow)
    return Scenario(
        connection_time=connection_time,
        mean=busy(workload.rate, connection_time),
        peak=sum(need.burst for need in shared) or None,
        needs=each,
        connections=deployment.processes * pool_sizes(each),
        shared=pool_sizes(shared),
        carries=min(opened, deployment.usable) / connection_time,
        advice=advice(each, shared, deployment),
    )
