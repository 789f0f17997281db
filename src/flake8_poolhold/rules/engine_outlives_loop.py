"""Each task runs in an event loop of its own, and they share an engine on asyncpg.

## What it does
Reports `asyncio.run`, `anyio.run`, or `run_until_complete` of a new loop, called directly or by a helper of the
project, in a task of Celery, Dramatiq, Huey, RQ or APScheduler, or in the target of a thread, when the coroutine uses
an engine or a sessionmaker that a module has made, and the engine keeps a pool of asyncpg's connections. Silent with
`NullPool`, with another driver, and where the work disposes of an engine.

## Why is this bad?
A connection of asyncpg belongs to the loop in which it was opened. The first task works and leaves its connection in
the pool; the next one gets it in another loop and fails: `RuntimeError: … got Future … attached to a different loop`.

## Example
```python
import asyncio
from celery import Celery
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app")
queue = Celery()

async def clean() -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM drafts"))

@queue.task
def clean_drafts() -> None:
    asyncio.run(clean())
```

## Use instead
```python
import asyncio
from celery import Celery
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine("postgresql+asyncpg://localhost/app", poolclass=NullPool)
queue = Celery()

async def clean() -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM drafts"))

@queue.task
def clean_drafts() -> None:
    asyncio.run(clean())
```

## Fix safety
No fix is offered: an engine for the tasks, `NullPool`, or one loop for all of them are different designs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Step
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL510")
def engine_outlives_loop(flow: Flow) -> Iterator[Finding]:
    for loop in flow.pools.loops:
        where = _wording.place(loop.engine.path, loop.engine.span[0])
        message = (
            f"`{loop.name}` ({where}) keeps asyncpg connections of a loop that ends with this call, in {loop.kind} "
            "(RuntimeError in the next one); use an engine with `NullPool` here, or dispose of it in the loop"
        )
        step = Step(loop.engine.path, loop.engine.span[0], loop.engine.span[1], "the engine is made here", "note")
        yield _wording.finding("PHL510", "engine-outlives-loop", message, loop.function, loop.span, trail=(step,))
