"""A second connection is checked out while one is held.

## What it does
Reports the statement, or the call that leads to it, with which a session or connection that was made for the purpose
checks a connection out of the pool while another session of the same request or job holds one.

## Why is this bad?
Each of the requests needs two connections at once. When as many requests as the pool has connections hold their first
one, all of them wait for a second that nobody can give back: the service deadlocks until `pool_timeout`, then every one
of them fails. It needs no slow call, only as many users as connections.

## Example
```python
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def rename(db: AsyncSession) -> None:
    user = await db.scalar(select(User))
    async with sessions() as audit:
        await audit.execute(select(User))
    await db.delete(user)
```

## Use instead
```python
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

async def rename(db: AsyncSession) -> None:
    user = await db.scalar(select(User))
    await db.execute(select(User))
    await db.delete(user)
```

## Fix safety
No fix is offered: use the session that is there, or end its transaction before the second one starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL106")
def nested_checkout(flow: Flow) -> Iterator[Finding]:
    for hold in flow.holds:
        if hold.waiting.wait.kind != "checkout" or not flow.same_pool(hold):
            continue
        yield _wording.finding(
            "PHL106",
            "nested-checkout",
            f"a second connection is checked out here while `{hold.name}` holds one; "
            "use one session, or commit the first before the second starts",
            hold.function,
            hold.span,
            trail=(*_wording.checkout_steps(hold), *_wording.wait_steps(hold.waiting)),
            notes=_wording.whole_way(hold.waiting),
        )
