"""An engine uses pooled connections without a test whether they are alive.

## What it does
Opt-in. Reports engines with a queue of connections that set neither `pool_pre_ping` nor `pool_recycle`. SQLite is left
alone.

## Why is this bad?
When the server restarts, fails over, or a proxy drops idle connections, the pool still has them. The next requests get
dead ones and fail, one for each connection in the pool. `pool_pre_ping` tests a connection before it is given out,
`pool_recycle` replaces those that are old. The test costs a round trip for each checkout.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app")
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_pre_ping=True)
```

## Fix safety
`pool-pre-ping` passes `pool_pre_ping=True`. It is not safe: the round trip is a price to be agreed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.flow.pools import habits
from flake8_poolhold.flow.repairing import settings
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL511", fixes=("pool-pre-ping",), opt_in=True)
def no_pre_ping(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        if habits.is_pooled_engine(made) and all(habits.may_serve_dead_connections(way.arguments) for way in made.ways):
            message = (
                f"`{made.name}` gives out connections that the server may have closed; "
                "set `pool_pre_ping=True`, or `pool_recycle`"
            )
            remedies = [settings.pre_ping(made)] if flow.repairs else []
            yield _pools.at_call("PHL511", "no-pre-ping", message, made, made.ways[0], remedies=remedies)
