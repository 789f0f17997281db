"""The settings of an engine or pool do not go together: it fails at start.

## What it does
Reports calls of `create_async_engine`, `create_engine`, `asyncpg.create_pool` and the pools of psycopg_pool whose
arguments are refused: `QueuePool` or `SingletonThreadPool` in an async engine, `AsyncAdaptedQueuePool` in a sync one,
`pool_size`, `max_overflow`, `pool_timeout` or `pool_use_lifo` with a pool that is no queue (`NullPool`, `StaticPool`,
`AssertionPool`, a ready `pool`, a SQLite database in memory), and a `min_size` above `max_size`: asyncpg's default
`min_size` is 10, psycopg_pool's is 4. Keywords are followed through dicts, branches, helper functions and callers.

## Why is this bad?
The call raises, and with it the import of the module or the start of the service. Where the settings depend on the
environment, only production finds out.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine("postgresql+asyncpg://localhost/app", poolclass=NullPool, pool_size=20)
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_size=20)
```

## Fix safety
`drop-conflicting-option` leaves out what is refused. It is safe for a pool class, in the place of which the engine
takes its own; where the class does not take a size, the size may be what was meant. None is offered where the options
are not written in the call, and for a `min_size` above `max_size`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.flow.pools.conflicts import conflict
from flake8_poolhold.flow.repairing import settings
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL502", fixes=("drop-conflicting-option",))
def pool_options_conflict(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        found = next(
            ((way, one) for way in made.ways if (one := conflict(made, way.arguments)) is not None),
            None,
        )
        if found is not None:
            way, one = found
            message = f"`{made.name}` refuses {one.what} ({one.error} at start); {one.instead}"
            name = "pool-options-conflict"
            always = all(conflict(made, other.arguments) is not None for other in made.ways)
            remedies = [settings.without_conflict(made, one, always=always)] if flow.repairs else []
            yield _pools.at_call("PHL502", name, message, made, way, keywords=one.keywords, remedies=remedies)
