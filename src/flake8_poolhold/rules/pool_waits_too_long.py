"""A request waits half a minute or longer for a pooled connection.

## What it does
Opt-in. Reports engines with a queue of connections whose `pool_timeout` is 30 seconds, which is the default, or more.
A note says so when there is no time limit for connecting or for a statement either.

## Why is this bad?
When the pool is dry, requests pile up for 30 seconds before the first one fails. Clients have given up long before,
health checks hang, and nothing is logged: a shortage shows as latency, not as an error. With a few seconds the first
requests fail quickly, with a clear error, and the others get their turn.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_size=10)
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(
    "postgresql+asyncpg://localhost/app",
    pool_size=10,
    pool_timeout=5,
    connect_args={"timeout": 5, "command_timeout": 30},
)
```

## Fix safety
No fix is offered: how long a request may wait is a decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.flow.pools import habits
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL507", opt_in=True)
def pool_waits_too_long(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        if not habits.is_pooled_engine(made):
            continue
        seconds = [habits.waits(way.arguments) for way in made.ways]
        shortest = min((one for one in seconds if one is not None), default=0)
        if None in seconds or shortest < habits.LONGEST_WAIT:
            continue
        given = made.ways[0].arguments
        default = ", the default," if given.get("pool_timeout") is None else ""
        message = (
            f"a request waits up to {shortest} s{default} for a connection of this `{made.name}`; "
            "set `pool_timeout` to a few seconds"
        )
        missing = habits.missing_limits(given)
        notes = (f"nor is there a {' or '.join(missing)} timeout in `connect_args`",) if missing else ()
        keywords = ("pool_timeout",)
        way = made.ways[0]
        yield _pools.at_call("PHL507", "pool-waits-too-long", message, made, way, keywords=keywords, notes=notes)
