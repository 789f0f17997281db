"""A serverless function keeps a pool of connections.

## What it does
Reports engines with a queue of connections in modules that a serverless function imports: one that wraps its
application with Mangum, apig-wsgi, awsgi, serverless-wsgi, or the ASGI adapters of Azure Functions. Silent with
`NullPool`, with `pool_size=1, max_overflow=0`, and where a Dockerfile, Procfile or compose file beside the code starts
a server, so that the adapter is not how the service runs.

## Why is this bad?
The platform freezes an instance between requests and starts others. Connections of a frozen instance stay open on the
server, which runs out of them, or are dead when the instance thaws, and the first request fails.

## Example
```python
from fastapi import FastAPI
from mangum import Mangum
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app")
app = FastAPI()
handler = Mangum(app)
```

## Use instead
```python
from fastapi import FastAPI
from mangum import Mangum
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine("postgresql+asyncpg://localhost/app", poolclass=NullPool)
app = FastAPI()
handler = Mangum(app)
```

## Fix safety
No fix is offered. With `NullPool`, put a pooler such as RDS Proxy or PgBouncer between the functions and the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Step
from flake8_poolhold.flow.pools import habits
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL509")
def pool_in_serverless(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        if not habits.is_pooled_engine(made) or any(habits.is_small_on_purpose(way.arguments) for way in made.ways):
            continue
        adapter = flow.pools.serverless(made.path)
        if adapter is not None:
            path, span, name = adapter
            message = (
                f"`{made.name}` keeps a pool in a serverless function ({name}), whose connections outlive its freezes; "
                "pass `poolclass=NullPool`"
            )
            step = Step(path, span[0], span[1], f"the function: {name}", "note")
            yield _pools.at_call("PHL509", "pool-in-serverless", message, made, made.ways[0], trail=(step,))
