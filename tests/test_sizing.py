"""The arithmetic of pool sizes: formulas against known values and a simulation, the articles' examples, properties."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flake8_poolhold.sizing import Deployment, Plan, Pool, SizingError, Workload, plan
from flake8_poolhold.sizing.queueing import busy, connections_for, waiting


def planned(rate: float, query_time: float, today: Pool | None = None, **more: Any) -> Plan:
    """A plan; what is no field of the deployment is one of the workload."""
    where = {name: more.pop(name) for name in Deployment.__struct_fields__ if name in more}
    return plan(Workload(rate=rate, query_time=query_time, **more), Deployment(**where), today or Pool())


def erlang_c(load: Fraction, connections: int) -> Fraction:
    """The formula as textbooks print it, in exact fractions."""
    terms = [load**n / math.factorial(n) for n in range(connections + 1)]
    all_busy = terms[-1] * connections / (connections - load)
    return all_busy / (sum(terms[:-1]) + all_busy)


@pytest.mark.parametrize(("load", "connections"), [("1/2", 1), ("1", 2), ("2", 3), ("5/2", 6), ("19", 31), ("60", 61)])
def test_waiting_is_the_formula_of_the_textbooks(load: str, connections: int) -> None:
    assert waiting(float(Fraction(load)), connections) == pytest.approx(float(erlang_c(Fraction(load), connections)))


def test_known_values() -> None:
    assert waiting(0.3, 1) == pytest.approx(0.3)
    assert waiting(1, 2) == pytest.approx(1 / 3)
    assert waiting(2, 3) == pytest.approx(4 / 9)
    assert waiting(3, 3) == waiting(4, 3) == 1
    assert connections_for(2.5, 0.1) == 6
    assert busy(10, 0.2) == 2


HOLD_TIMES: dict[str, Callable[[random.Random], float]] = {
    "exponential": lambda draw: draw.expovariate(1),
    "constant": lambda _: 1.0,
    "log-normal": lambda draw: draw.lognormvariate(-0.5, 1),
    "one in ten is long": lambda draw: 0.1 if draw.random() < 0.9 else 9.1,
}


@pytest.mark.parametrize("hold_time", HOLD_TIMES.values(), ids=HOLD_TIMES)
@pytest.mark.parametrize(("load", "connections"), [(0.5, 2), (2.0, 4), (18.8, 25)])
def test_the_share_that_waits_is_that_of_a_simulated_pool(
    load: float, connections: int, hold_time: Callable[[random.Random], float]
) -> None:
    draw = random.Random(1)
    free_at, now, waited, checkouts = [0.0] * connections, 0.0, 0, 60_000
    for _ in range(checkouts):
        now += draw.expovariate(load)
        free = heapq.heappop(free_at)
        waited += free > now
        heapq.heappush(free_at, max(free, now) + hold_time(draw))
    assert waited / checkouts == pytest.approx(waiting(load, connections), rel=0.15)


@given(st.floats(1e-6, 3_000), st.floats(0.0001, 0.9))
def test_no_fewer_connections_would_do(load: float, may_wait: float) -> None:
    connections = connections_for(load, may_wait)
    assert waiting(load, connections) <= may_wait
    assert waiting(load, connections - 1) > may_wait


@pytest.mark.parametrize("load", [50.0, 500.0, 5_000.0])
def test_large_loads_follow_the_square_root_rule(load: float) -> None:
    headroom = (connections_for(load, 0.01) - load) / math.sqrt(load)
    assert 2.3 < headroom < 2.6


class TestTheArticles:
    def test_ten_milliseconds_and_fifteen_seconds(self) -> None:
        twenty = Pool(pool_size=20, max_overflow=0)
        assert planned(10, 0.010, twenty).released.carries == pytest.approx(2_000)
        held = planned(1, 0.010, twenty, wait_time=15.0).held
        assert held
        assert round(held.carries, 1) == 1.3

    def test_little(self) -> None:
        one = planned(10, 0.200).released
        assert one.mean == 2
        assert 3 <= one.needs[0].pool_size / one.mean <= 5

    def test_a_burst_of_twenty_with_five_queries_each(self) -> None:
        answer = planned(10, 0.200, burst=20, fan_out=5, max_connections=200).released
        assert (answer.mean, answer.peak) == (2, 100)
        (engine,) = answer.advice.engines
        assert engine.connections == 100
        assert answer.advice.burst_wait == 0

    @pytest.mark.parametrize(("writes", "peak"), [(5, 100), (10, 200)])
    def test_twenty_agents(self, writes: int, peak: int) -> None:
        answer = planned(1, 0.050, burst=20, write_time=0.1, write_fan_out=writes).released
        assert answer.peak == 20 + peak
        assert [need.burst for need in answer.needs] == [20, peak]

    def test_time_in_the_database_as_a_share_of_the_request(self) -> None:
        # 100 requests at a time that take 4 s each are 25 a second; 50 ms of each are the database's.
        one = planned(100 / 4.0, 0.050).released
        assert one.mean == 1.25
        assert one.needs[0].pool_size <= 10

    def test_the_default_pool_and_long_queries(self) -> None:
        # 50 requests a second fill 5 connections when each takes 100 ms.
        one = planned(50, 0.100, Pool(pool_size=5, max_overflow=0)).released
        assert one.mean == one.carries * 0.100 == 5

    def test_workers_times_pool(self) -> None:
        answer = planned(1, 0.005, wait_time=4.0, workers=4)
        assert answer.held
        assert answer.held.carries == pytest.approx(4 * (5 + 10) / 4.005)

    def test_five_requests_to_a_model_take_the_default_pool(self) -> None:
        held = planned(1, 0.005, Pool(pool_size=5, max_overflow=0), wait_time=5.0).held
        assert held
        assert held.mean == pytest.approx(5, rel=0.01)
        assert held.carries < 1


def test_a_process_has_headroom_of_its_own_and_one_pool_needs_less() -> None:
    answer = planned(100, 0.050, workers=4, replicas=2, max_connections=100).released
    (need,) = answer.needs
    assert need.load == pytest.approx(5 / 8)
    assert need.pool_size == connections_for(5 / 8, 0.01)
    assert answer.connections == 8 * need.pool_size
    assert answer.shared == connections_for(5, 0.01) < answer.connections


def test_a_hold_keeps_one_connection_and_the_fan_out_the_others() -> None:
    held = planned(10, 0.200, fan_out=5, wait_time=10.0).held
    assert held
    (need,) = held.needs
    assert need.load == pytest.approx(10 * (0.2 + 10))
    assert need.pool_size == connections_for(10 * 10.04, 0.01) + 4 * connections_for(10 * 0.04, 0.01)


def test_of_two_pools_that_of_the_writes_is_held() -> None:
    answer = planned(10, 0.200, write_time=0.020, wait_time=5.0)
    assert answer.held
    assert answer.held.needs[0] == answer.released.needs[0]
    assert [engine.name for engine in answer.released.advice.engines] == ["read_engine", "write_engine"]
    assert answer.held.needs[1].load == pytest.approx(10 * 5.02)
    assert [engine.pool_timeout for engine in answer.released.advice.engines] == [0.5, 5.0]


def test_pgbouncer_is_advised_where_it_helps() -> None:
    for more, through, enough in (
        ({"workers": 4}, "server", True),
        ({"workers": 4, "pgbouncer": True}, "pgbouncer", True),
        ({"workers": 8, "replicas": 10}, "pgbouncer", True),  # 80 pools of 2 for 97 connections
        ({"workers": 10, "replicas": 10}, "pgbouncer", True),  # more pools than connections
        ({"workers": 4, "max_connections": 8}, "server", False),  # no fewer connections with one pool
        ({"workers": 10, "max_connections": 5}, "pgbouncer", False),
    ):
        advice = planned(300, 0.030, **more).released.advice  # type: ignore[arg-type]
        assert (advice.through, advice.enough) == (through, enough), more


def test_pgbouncer_does_not_shorten_a_hold() -> None:
    answer = planned(20, 0.010, wait_time=10.0, workers=4, pgbouncer=True)
    assert answer.held
    assert not answer.held.advice.enough
    assert answer.released.advice.enough


def test_a_burst_that_does_not_fit_is_late_or_too_late() -> None:
    late = planned(10, 0.200, burst=20, fan_out=5).released.advice
    assert late.enough
    # 100 queries of 40 ms through 97 connections, of which the others use 2: two waves, the second 40 ms late.
    assert late.burst_wait == pytest.approx(0.040)
    too_late = planned(1, 2.0, burst=1000).released.advice
    assert too_late.burst_wait == pytest.approx((math.ceil(1000 / (97 - 2)) - 1) * 2.0)
    assert not too_late.enough
    assert planned(100, 2.0, burst=1000).released.advice.burst_wait is None


def test_a_server_pool_lets_a_burst_queue_as_long_as_the_timeout_allows() -> None:
    # A burst has 5 s, or 101 waves of 50 ms: 10 connections for it, and the 0.5 that the other load uses.
    small = planned(10, 0.050, burst=1_000, pgbouncer=True).released.advice
    assert small.enough
    assert small.pgbouncer.default_pool_size == 11
    assert small.burst_wait == pytest.approx((math.ceil(1_000 / 10.5) - 1) * 0.050)


def test_a_small_pool_gets_the_default_where_there_is_room() -> None:
    for connections, sizes in ((100, (5, 5)), (10, (5, 2)), (7, (4, 0)), (4, (1, 0))):
        advice = planned(0.5, 0.020, max_connections=connections).released.advice
        (engine,) = advice.engines
        assert (engine.pool_size, engine.max_overflow) == sizes
        assert advice.enough


def test_a_pool_does_not_time_out_before_one_query_is_done() -> None:
    for query_time, pool_timeouts in ((0.5, [0.5, 5]), (0.6, [1, 5]), (7.5, [8, 8])):
        advice = planned(0.1, query_time, write_time=query_time).released.advice
        assert [engine.pool_timeout for engine in advice.engines] == pool_timeouts


WORKLOADS = st.builds(
    Workload,
    rate=st.floats(0.001, 2_000),
    query_time=st.floats(0.0001, 5),
    wait_time=st.one_of(st.just(0.0), st.floats(0.01, 60)),
    fan_out=st.integers(1, 20),
    burst=st.one_of(st.none(), st.integers(1, 5_000)),
    write_time=st.floats(0.0001, 1),
    write_fan_out=st.integers(1, 20),
    may_wait=st.floats(0.0001, 0.5),
) | st.builds(
    Workload,
    rate=st.floats(0.001, 2_000),
    query_time=st.floats(0.0001, 5),
    wait_time=st.one_of(st.just(0.0), st.floats(0.01, 60)),
    fan_out=st.integers(1, 20),
    burst=st.one_of(st.none(), st.integers(1, 5_000)),
)
DEPLOYMENTS = st.builds(
    Deployment,
    workers=st.integers(1, 64),
    replicas=st.integers(1, 50),
    max_connections=st.integers(11, 5_000),
    reserved=st.integers(0, 10),
    pgbouncer=st.booleans(),
)


@settings(deadline=None)
@given(WORKLOADS, DEPLOYMENTS)
def test_nothing_is_advised_beyond_the_server(workload: Workload, deployment: Deployment) -> None:
    answer = plan(workload, deployment, Pool())
    for scenario in filter(None, (answer.held, answer.released)):
        advice = scenario.advice
        opened = deployment.processes * sum(engine.pool_size + engine.max_overflow for engine in advice.engines)
        assert opened == advice.connections
        if advice.through == "server":
            assert opened <= deployment.usable
        assert advice.pgbouncer.default_pool_size <= advice.pgbouncer.max_db_connections == deployment.usable
        assert advice.pgbouncer.max_client_conn >= opened
        assert all(engine.pool_size >= 1 and engine.max_overflow >= 0 for engine in advice.engines)
        if advice.enough and advice.through == "server":
            assert all(
                engine.pool_size == need.pool_size or need.pool_size < engine.pool_size <= 5
                for engine, need in zip(advice.engines, scenario.needs, strict=True)
            )
        if advice.enough:
            assert scenario.mean < deployment.usable


@settings(deadline=None)
@given(WORKLOADS, DEPLOYMENTS)
def test_a_hold_never_needs_less(workload: Workload, deployment: Deployment) -> None:
    answer = plan(workload, deployment, Pool())
    assert (answer.held is None) == (workload.wait_time == 0)
    if answer.held:
        assert answer.held.mean > answer.released.mean
        assert answer.held.connections >= answer.released.connections
        assert answer.held.shared >= answer.released.shared
        assert answer.held.carries < answer.released.carries
        assert answer.released.advice.enough or not answer.held.advice.enough


@settings(deadline=None)
@given(WORKLOADS, DEPLOYMENTS, st.sampled_from(["rate", "query_time", "wait_time", "burst"]), st.floats(1, 5))
def test_more_load_never_needs_less(workload: Workload, deployment: Deployment, field: str, factor: float) -> None:
    values = {name: getattr(workload, name) for name in Workload.__struct_fields__}
    assume(values[field])
    values[field] = math.ceil(values[field] * factor) if field == "burst" else values[field] * factor
    fewer, more = (plan(load, deployment, Pool()) for load in (workload, Workload(**values)))
    for one, other in ((fewer.held, more.held), (fewer.released, more.released)):
        if one and other:
            assert one.mean <= other.mean
            assert (one.peak or 0) <= (other.peak or 0)
            assert one.connections <= other.connections
            assert one.shared <= other.shared
            assert one.carries >= other.carries
            assert one.advice.enough or not other.advice.enough
            assert one.advice.pgbouncer.default_pool_size <= other.advice.pgbouncer.default_pool_size


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("make", "values", "field", "reason"),
    [
        (Workload, {"rate": 0.0}, "rate", "must be above 0 and at most 1,000,000 requests per second, is 0"),
        (Workload, {"rate": -3.5}, "rate", "is -3.5"),
        (Workload, {"rate": NAN}, "rate", "is nan"),
        (Workload, {"rate": INF}, "rate", "is inf"),
        (Workload, {"rate": 1e7}, "rate", "is 1e+07"),
        (Workload, {"query_time": 0.0}, "query_time", "must be above 0 and at most 3,600 seconds, is 0"),
        (Workload, {"query_time": 3601.0}, "query_time", "is 3601"),
        (Workload, {"query_time": NAN}, "query_time", "is nan"),
        (Workload, {"wait_time": -0.1}, "wait_time", "must be from 0 to 3,600 seconds, is -0.1"),
        (Workload, {"wait_time": NAN}, "wait_time", "is nan"),
        (Workload, {"fan_out": 0}, "fan_out", "must be from 1 to 1,000, is 0"),
        (Workload, {"burst": 0}, "burst", "must be from 1 to 1,000,000, is 0"),
        (Workload, {"write_time": 0.0}, "write_time", "must be above 0"),
        (Workload, {"write_fan_out": 2}, "write_fan_out", "has no meaning without a time of the writes"),
        (Workload, {"write_time": 1.0, "write_fan_out": 0}, "write_fan_out", "must be from 1 to 1,000, is 0"),
        (Workload, {"may_wait": 0.0}, "may_wait", "must be above 0% and below 100%, is 0%"),
        (Workload, {"may_wait": 1.5}, "may_wait", "is 150%"),
        (Workload, {"may_wait": NAN}, "may_wait", "is nan%"),
        (Workload, {"rate": 1e6, "wait_time": 60.0}, "rate", "60,010,000 requests would have a connection at a time"),
        (Deployment, {"workers": 0}, "workers", "must be from 1 to 1,000, is 0"),
        (Deployment, {"replicas": -1}, "replicas", "must be from 1 to 10,000, is -1"),
        (Deployment, {"max_connections": 262_144}, "max_connections", "must be from 1 to 262,143, is 262,144"),
        (Deployment, {"reserved": -1}, "reserved", "must be from 0 to"),
        (Deployment, {"reserved": 100}, "reserved", "100 of 100 connections leave none"),
        (Pool, {"pool_size": 0}, "pool_size", "must be from 1 to 10,000, is 0"),
        (Pool, {"max_overflow": -1}, "max_overflow", "must be from 0 to 10,000, is -1"),
    ],
)
def test_numbers_that_make_no_sense(make: Any, values: dict[str, float], field: str, reason: str) -> None:
    if make is Workload:
        values = {"rate": 1.0, "query_time": 0.010, **values}
    with pytest.raises(SizingError) as caught:
        make(**values)
    assert caught.value.field == field
    assert reason in caught.value.reason
    assert str(caught.value) == f"{field}: {caught.value.reason}"


def test_more_workers_than_connections_is_an_answer() -> None:
    answer = planned(10, 0.010, workers=1000, replicas=100)
    assert answer.processes == 100_000
    assert answer.released.advice.through == "pgbouncer"
