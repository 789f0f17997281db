"""A generator hands control to its consumer while it holds a connection.

## What it does
Reports a `yield` in a generator that has a connection checked out of a session which it opened itself or took from the
function around it. Providers are left alone: dependencies, context managers, generators that yield the session. So are
generators that read a server-side cursor, and sessions that came in as a parameter, which are the caller's.

## Why is this bad?
The generator holds the connection until it is asked for the next item. When the consumer is a client that reads a
stream, that may be never: a generator which is not driven to its end is closed only by the garbage collector.

## Example
```python
from collections.abc import AsyncIterator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def names() -> AsyncIterator[str]:
    async with sessions() as db:
        for user in await db.scalars(select(User)):
            yield user.name
```

## Use instead
```python
from collections.abc import AsyncIterator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def names() -> AsyncIterator[str]:
    async with sessions() as db:
        users = (await db.scalars(select(User))).all()
    for user in users:
        yield user.name
```

## Fix safety
No fix is offered: read first, then yield outside the block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL105")
def yield_while_held(flow: Flow) -> Iterator[Finding]:
    for hold in flow.holds:
        if hold.waiting.wait.kind != "consumer":
            continue
        yield _wording.finding(
            "PHL105",
            "yield-while-held",
            f"`{hold.name}` keeps a pooled connection while its consumer runs; read first, yield after the block",
            hold.function,
            hold.span,
            trail=(*_wording.checkout_steps(hold), *_wording.wait_steps(hold.waiting)),
        )
