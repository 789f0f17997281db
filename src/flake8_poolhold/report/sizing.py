"""The answer of `poolhold size`: for people a table, the engine call and PgBouncer's settings; for programs JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from flake8_poolhold.sizing import Advice, Engine, Need, PgBouncer, Plan, Scenario

_WIDTH = 100
_MANY = 300
"""Beyond so many connections a PostgreSQL server does worse, not better; no text advises to raise the limit further."""

_CONNECT_ARGS = """\
    connect_args={  # asyncpg; with psycopg {"prepare_threshold": None}
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
    },
"""


def as_json(plan: Plan) -> str:
    """Return the plan as one JSON object: its structs as they are, in seconds, connections and shares of 1."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2).decode() + "\n"


def render(plan: Plan, assumed: Sequence[str]) -> str:
    """Return the plan as text: what was asked, what it needs, what follows, what to set.

    `assumed` names what was not given.
    """
    advice = plan.released.advice
    parts = [
        "".join(f"{line}\n" for line in _asked(plan, assumed)),
        "".join(f"{line}\n" for line in _table(plan)),
        "".join(f"{textwrap.fill(sentence, _WIDTH)}\n" for sentence in _verdicts(plan)),
        code(plan),
        pgbouncer(advice),
    ]
    return "\n".join(filter(None, parts))


def code(plan: Plan) -> str:
    """Return the Python that makes the engines, for connections released before the wait.

    It runs where DATABASE_URL is defined, with asyncpg when PgBouncer is in front.
    """
    advice = plan.released.advice
    imports = "from sqlalchemy.ext.asyncio import create_async_engine\n"
    if advice.through == "pgbouncer":
        imports = f"from uuid import uuid4\n\n{imports}"
    calls = [
        _call(engine, need, plan, _CONNECT_ARGS if advice.through == "pgbouncer" else "")
        for engine, need in zip(advice.engines, plan.released.needs, strict=True)
    ]
    return "\n".join([imports, *calls])


def pgbouncer(advice: Advice) -> str:
    """Return the lines for pgbouncer.ini."""
    settings: PgBouncer = advice.pgbouncer
    lines = ["[pgbouncer]"]
    if advice.through == "server":
        why = "is not needed" if advice.enough else "would not be enough"
        lines.insert(0, f"; PgBouncer {why}. `--pgbouncer` prints the engine that goes with it. Its own settings:")
    lines += [f"{name} = {getattr(settings, name)}" for name in settings.__struct_fields__]
    return "".join(f"{line}\n" for line in lines)


def _call(engine: Engine, need: Need, plan: Plan, connect_args: str) -> str:
    advice, processes = plan.released.advice, plan.processes
    each = f"{processes:,} × {sum(one.connections for one in advice.engines):,} = {advice.connections:,} connections"
    both = "both engines: " if len(advice.engines) > 1 else ""
    to = " to PgBouncer" if advice.through == "pgbouncer" else ""
    arguments = [
        (f"pool_size={engine.pool_size}", _size_reason(engine, need)),
        (f"max_overflow={engine.max_overflow}", f"{both}{each}{to}"),
        (f"pool_timeout={engine.pool_timeout:g}", "seconds; fails instead of growing a queue"),
        (f"pool_recycle={engine.pool_recycle}", "seconds"),
        (f"pool_pre_ping={engine.pool_pre_ping}", "replaces connections that died in the pool"),
    ]
    lines = "".join(f"    {argument},  # {reason}\n" for argument, reason in arguments)
    return f"{engine.name} = create_async_engine(\n    DATABASE_URL,\n{lines}{connect_args})\n"


def _size_reason(engine: Engine, need: Need) -> str:
    if engine.pool_size < need.pool_size:
        return f"{need.pool_size:,} would be needed"
    reason = f"{_number(need.load)} in use on average, {_percent(need.waits)} of checkouts wait"
    return reason if engine.pool_size == need.pool_size else f"{reason} with {need.pool_size}; no less than the default"


def _asked(plan: Plan, assumed: Sequence[str]) -> Iterable[str]:
    load, where = plan.workload, plan.deployment
    work = f"{_time(load.query_time)} of database time"
    if load.write_time is not None:
        work = f"{_time(load.query_time)} of reads, {_time(load.write_time)} of writes"
    wait = f", {_time(load.wait_time)} of network wait" if load.wait_time else ""
    yield f"{_number(load.rate)} requests per second, each with {work}{wait}."
    processes = f"{where.workers} × {where.replicas} = {_count(plan.processes, 'process', 'processes')}"
    server = f"{where.max_connections} - {where.reserved} = {_count(plan.usable_connections, 'connection')}"
    yield f"Workers × replicas: {processes}. The server has {server} for them."
    if assumed:
        yield f"Assumed, because not given: {', '.join(assumed)}."


def _table(plan: Plan) -> Iterable[str]:
    scenarios = [one for one in (plan.held, plan.released) if one]
    heads = ["held during the wait", "released before it"] if plan.held else [""]
    rows = [["", *heads]] if plan.held else []
    rows += [[label, *(cell(one) for one in scenarios)] for label, cell in _rows(plan)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for label, *cells in rows:
        yield label.ljust(widths[0]) + "".join(
            f"   {cell.rjust(width)}" for cell, width in zip(cells, widths[1:], strict=True)
        )


def _rows(plan: Plan) -> Iterable[tuple[str, Callable[[Scenario], str]]]:
    load, today = plan.workload, plan.today
    yield "a request has its connections for", lambda one: _time(one.connection_time)
    yield f"in use on average, {_number(load.rate)}/s × that time", lambda one: _number(one.mean)
    if load.burst:
        yield f"in use at once by a burst of {load.burst}", lambda one: f"{one.peak:,}"
    for index, need in enumerate(plan.released.needs):
        which = "pool_size" if need.name == "engine" else f"pool_size of the {need.name}"
        label = f"{which}, so that at most {_percent(load.may_wait)} of checkouts wait"
        yield label, lambda one, index=index: f"{one.needs[index].pool_size:,}"  # type: ignore[misc]  # a default binds the loop's value
    processes = _count(plan.processes, "process", "processes")
    yield f"for {processes}; the server has {plan.usable_connections:,}", lambda one: _against(one.connections, plan)
    if plan.processes > 1:
        yield "for all of them with one pool, PgBouncer's", lambda one: _against(one.shared, plan)
    pool = f"{today.pool_size} + {today.max_overflow}"
    yield f"the pool of today, {pool} in each process, runs dry at", lambda one: _limit(one.carries, load.rate)


def _verdicts(plan: Plan) -> Iterable[str]:
    today, most = plan.today, plan.usable_connections
    opened = plan.processes * (today.pool_size + today.max_overflow)
    if opened > most and not plan.deployment.pgbouncer:
        pools = f"{plan.processes} × ({today.pool_size} + {today.max_overflow})"
        yield f"The pools of today can open {pools} = {opened:,} connections, the server has {most:,}."
    if plan.held:
        yield _held(plan.held)
    yield from _released(plan)


def _held(held: Scenario) -> str:
    which = " (of two pools, that of the writes)" if len(held.needs) > 1 else ""
    advice = held.advice
    if not advice.enough:
        return (
            f"Held during the wait{which}, no pool is enough, not even PgBouncer's: the open transaction keeps its"
            " connection there too. What follows is for the service that releases its connection before the wait;"
            " `poolhold check` finds where it does not."
        )
    pools = "; ".join(
        f"{_named(engine)}pool_size={engine.pool_size}, max_overflow={engine.max_overflow}" for engine in advice.engines
    )
    through = " behind PgBouncer" if advice.through == "pgbouncer" else ""
    return (
        f"As long as it is held during the wait{which}, set{through}: {pools}. What follows is for the service that"
        " releases its connection before the wait."
    )


def _released(plan: Plan) -> Iterable[str]:
    one, most = plan.released, plan.usable_connections
    advice = one.advice
    needed = one.connections if advice.through == "server" else one.shared
    if needed > most:
        wait = "the queue grows without end" if one.mean >= most else "more checkouts wait than may"
        raised = needed + plan.deployment.reserved
        more = f", or raise max_connections to {raised:,}" if raised <= _MANY else ""
        yield (
            f"Not enough: {needed:,} connections are needed, the server has {most:,}, so {wait}."
            f" Shorten the queries{more}."
        )
    elif advice.through == "pgbouncer" and not plan.deployment.pgbouncer:
        yield f"Pools in each process do not fit the server, PgBouncer's one pool for all does: {needed:,} connections."
    if plan.workload.burst and advice.burst_wait is not None and needed <= most:
        yield _burst(plan.workload.burst, advice.burst_wait, late=not advice.enough)


def _burst(size: int, wait: float, *, late: bool) -> str:
    if not wait:
        return f"All {size:,} of a burst get their connections at once."
    too_late = ", longer than the timeout: requests fail" if late else ""
    return f"The last of a burst of {size:,} waits {_time(wait)} for its connection{too_late}."


def _named(engine: Engine) -> str:
    return "" if engine.name == "engine" else f"{engine.name} "


def _against(connections: int, plan: Plan) -> str:
    over = connections - plan.usable_connections
    return f"{connections:,}, {over:,} too many" if over > 0 else f"{connections:,}"


def _limit(carries: float, rate: float) -> str:
    return f"{_number(carries)}/s{', exceeded' if rate >= carries else ''}"


def _time(seconds: float) -> str:
    return f"{seconds:.4g} s" if seconds >= 1 or not seconds else f"{seconds * 1000:.4g} ms"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def _percent(share: float) -> str:
    return "<0.01%" if share < 0.0001 else f"{share * 100:.2g}%"


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
