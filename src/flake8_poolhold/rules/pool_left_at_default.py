"""An async engine of a service that waits on language models has a pool that nobody has sized.

## What it does
Opt-in. Reports `create_async_engine` without `pool_size`, `max_overflow` or `poolclass`, or with a pool that nothing
limits (`max_overflow=-1`, `pool_size=0`), in a project that imports a library of language models outside of its tests.

## Why is this bad?
The default is 5 connections and 10 more in a rush. Where a request holds its connection while a model answers, 15
users are all that the service can take. Without a limit the pool takes all that the server has, and the server refuses
everybody.

## Example
```python
from openai import AsyncOpenAI
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app")
model = AsyncOpenAI()
```

## Use instead
```python
from openai import AsyncOpenAI
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_size=10, max_overflow=10)
model = AsyncOpenAI()
```

## Fix safety
No fix is offered: the size follows from the load.
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


@rule(code="PHL501", opt_in=True)
def pool_left_at_default(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        if made.kind != "async engine" or not habits.is_pooled_engine(made):
            continue
        way = made.ways[0]
        keywords: tuple[str, ...] = ()
        if all(habits.is_left_at_default(way.arguments) for way in made.ways):
            what = "has the default pool of 5 + 10 connections"
        elif all(habits.is_unbounded(made, way.arguments) for way in made.ways):
            what, keywords = "has a pool without a limit", ("max_overflow", "pool_size")
        else:
            continue
        library = flow.pools.model_library
        if library:
            message = f"`{made.name}` {what} in a service that waits for {library}; give it a `pool_size` and a limit"
            yield _pools.at_call("PHL501", "pool-left-at-default", message, made, way, keywords=keywords)
