"""The pools of all processes together may open more connections than the database server takes.

## What it does
Reports an engine or pool where workers × replicas × (`pool_size` + `max_overflow`) is above the server's
`max_connections`. `workers`, `replicas` and `max-connections` come from `[tool.poolhold]`. Without them the workers are
read from literal gunicorn, uvicorn, hypercorn, granian or `fastapi run` commands in a Dockerfile, Procfile, compose
file or start script, or from `gunicorn.conf.py`, else 1 is taken, as for the replicas; `max_connections` is read from a
compose file, else the server's default is taken: 100 for PostgreSQL, 151 for MySQL and MariaDB. Defaults of settings
classes and of environment variables count, as nothing in the source says otherwise.

## Why is this bad?
Under load the server refuses connections (`FATAL: sorry, too many clients already`), to this service and to all
others that use it. A pool that is larger than the server never makes anyone wait, so nothing slows the rush down.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_size=100, max_overflow=100)
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_size=20, max_overflow=10)
```

## Fix safety
No fix is offered: the numbers follow from the load and from the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL506")
def pool_exceeds_server(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        found = flow.pools.excess(made)
        if found is None:
            continue
        many = [f"{found.workers} workers × "] if found.workers > 1 else []
        many += [f"{found.replicas} replicas × "] if found.replicas > 1 else []
        sum_up = f"{''.join(many)}({found.said}) = {found.total}"
        message = (
            f"`{made.name}` may open {sum_up} connections, above {found.server}; "
            "make it smaller, or set `max-connections` in [tool.poolhold]"
        )
        notes = (f"the number of workers is from {found.file}",) if found.file else ()
        keywords = ("pool_size", "max_overflow", "max_size")
        yield _pools.at_call("PHL506", "pool-exceeds-server", message, made, found.way, keywords=keywords, notes=notes)
