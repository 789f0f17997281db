"""As many calls as there are items run at once, each with a connection of its own.

## What it does
Reports `asyncio.gather` and its like over a list of unknown length, and tasks started in a loop, where each call checks
a connection out of the pool and no semaphore limits how many do so at once: the retrieval burst, the agent that writes
its state from every step.

A list is of known length when it is written down, a slice with an end, a `range` of anything but `len(...)`, or a
batch of these. Whatever is entered with `async with` around the checkout, and is not understood, is taken for a limit.

## Why is this bad?
A gather over 200 documents asks for 200 connections in the same millisecond. The pool gives the first 15, every other
request of the process queues behind the rest, and after `pool_timeout` some of the 200 fail. One user does it alone.

## Example
```python
import asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def title_of(number: int) -> str | None:
    async with sessions() as db:
        return await db.scalar(select(Document.title).where(Document.id == number))

async def titles(numbers: list[int]) -> list[str | None]:
    return await asyncio.gather(*(title_of(number) for number in numbers))
```

## Use instead
```python
import asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))
few = asyncio.Semaphore(5)

async def title_of(number: int) -> str | None:
    async with few, sessions() as db:
        return await db.scalar(select(Document.title).where(Document.id == number))

async def titles(numbers: list[int]) -> list[str | None]:
    return await asyncio.gather(*(title_of(number) for number in numbers))
```

Better still, where one query can answer for all: `select(...).where(Document.id.in_(numbers))`.

## Fix safety
No fix is offered: how many may run at once is a decision, and one query is often the better answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL107")
def unbounded_fan_out(flow: Flow) -> Iterator[Finding]:
    for event in flow.fan_outs:
        yield _wording.finding(
            "PHL107",
            "unbounded-fan-out",
            f"`{event.task.node.name}` runs for all items at once, each with a connection of its own; "
            "limit them with a semaphore smaller than the pool, or ask for all in one query",
            event.function,
            event.span,
            trail=_wording.wait_steps(event.waiting),
            notes=_wording.whole_way(event.waiting),
        )
