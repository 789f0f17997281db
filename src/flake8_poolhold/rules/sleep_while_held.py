"""A sleep, a retry's back-off, a subprocess or a wait for another task starts while a pooled connection is held.

## What it does
Reports `asyncio.sleep`, `time.sleep`, events, queues, subprocesses and retry libraries that wait, reached while a
session or connection has a connection checked out.

## Why is this bad?
The connection waits for something that is not its database. A poller that sleeps between two looks keeps it for ever; a
retry with back-off keeps it longest when the other side is in trouble, which is when the pool is needed most.

## Example
```python
import asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

async def until_named(db: AsyncSession) -> str:
    while True:
        name = await db.scalar(select(User.name))
        if name is not None:
            return name
        await asyncio.sleep(5)
```

## Use instead
```python
import asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

async def until_named(db: AsyncSession) -> str:
    while True:
        name = await db.scalar(select(User.name))
        await db.commit()
        if name is not None:
            return name
        await asyncio.sleep(5)
```

## Fix safety
`move-call`, `commit-before`, `close-before`, `split-block`, `expunge-before` and `commit-in-dependency` are offered
under the conditions of `PHL101`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(
    code="PHL104",
    fixes=("move-call", "commit-before", "close-before", "split-block", "expunge-before", "commit-in-dependency"),
)
def sleep_while_held(flow: Flow) -> Iterator[Finding]:
    yield from _wording.held(flow, "PHL104", "sleep-while-held", _wording.PAUSES)
