"""One session is used by several branches that run at once.

## What it does
Reports `gather`, `wait`, `as_completed`, a task group and several tasks of which two use the same session or
connection, or of which one that uses it runs many times: direct calls, lists and generators built before, methods of
one object that carries the session, closures. A semaphore with more than one permit does not help. Silent when only one
branch uses the session, when each opens its own, and when each use is under one lock. A sync session counts where the
branches run in threads.

## Why is this bad?
A session is for one task at a time. On a cold pool the second branch fails at once with `InvalidRequestError: This
session is provisioning a new connection; concurrent operations are not permitted`. On a warm pool plain reads pass, one
after the other, so that tests see nothing. Two flushes fail, two commits fail, and with asyncpg a commit beside a
statement gives the connection back in the middle of a transaction: it fails for whoever gets it next. With
`pool_pre_ping` the second branch fails on a warm pool too: the test of the connection is a wait inside the checkout.

## Example
```python
import asyncio

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

async def newest(db: AsyncSession) -> list[User]:
    return list(await db.scalars(select(User).order_by(User.id.desc()).limit(10)))

async def total(db: AsyncSession) -> int:
    return await db.scalar(select(func.count(User.id))) or 0

async def overview(db: AsyncSession) -> tuple[list[User], int]:
    return await asyncio.gather(newest(db), total(db))
```

## Use instead
```python
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

async def newest(db: AsyncSession) -> list[User]:
    return list(await db.scalars(select(User).order_by(User.id.desc()).limit(10)))

async def total(db: AsyncSession) -> int:
    return await db.scalar(select(func.count(User.id))) or 0

async def overview(db: AsyncSession) -> tuple[list[User], int]:
    return await newest(db), await total(db)
```

## Fix safety
`sequential-await` awaits the branches of a `gather` one after the other, which is as fast, as a session runs one
statement at a time. It is safe where the `gather` is given calls, or a comprehension of calls, that all use the
session. None is offered where a branch waits for more than the database, with `return_exceptions`, where a failure must
not stop the other branches, for task groups and for tasks that have been started: give each its own session there,
which takes as many connections from the pool as there are branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.model.lifetimes import Shared


@rule(code="PHL203", fixes=("sequential-await",))
def session_shared_by_concurrent_tasks(flow: Flow) -> Iterator[Finding]:
    for shared in flow.shared:
        fixes, why_not = _wording.mended(shared.function.path, shared.function.name, flow.sequences(shared))
        yield _wording.finding(
            "PHL203",
            "session-shared-by-concurrent-tasks",
            f"`{shared.name}` is used by {_users(shared)} at the same time ({shared.how}): {_outcome(flow, shared)}; "
            "await one after the other, or open a session in each",
            shared.function,
            shared.span,
            trail=shared.steps,
            notes=why_not,
            fixes=fixes,
        )


def _users(shared: Shared) -> str:
    if shared.how in ("GraphQL context", "inherited context"):
        return shared.branches[0]
    names = [f"`{name}`" for name in shared.branches]
    if len(names) == 1:
        return f"several runs of {names[0]}"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) < 4 else f"{names[0]} and {len(names) - 1} others"


def _outcome(flow: Flow, shared: Shared) -> str:
    if shared.ends:
        return "one ends the transaction under the other, and asyncpg gives the connection back poisoned"
    if shared.held:
        return "reads wait for each other, two flushes fail"
    if shared.held is None:
        return "unless its connection is out already, the second is refused while the first connects"
    if flow.waits_to_check_out(shared):
        return "the second is refused while the first checks out"
    return "the second is refused while the first connects, which a warm pool hides from tests"
