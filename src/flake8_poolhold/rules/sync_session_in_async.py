"""A synchronous session or connection is used from an `async def`, directly or through helpers.

## What it does
Reports statements of a sync `Session`, `Connection` or `Query` that run on the event loop: in an `async def` itself, or
in any chain of plain functions that it calls. One finding for each `async def` and session, at the first statement, or
at the call that leads to it; the other lines are named in a note, as one cure helps them all.

Sync endpoints and sync dependencies run in a thread, and so does what is handed to one (`asyncio.to_thread`,
`run_in_threadpool`, `run_in_executor`). The function that `AsyncSession.run_sync` runs gets a sync session whose
statements do not block. Where nobody else waits nothing is reported: in pytest's tests and fixtures, in coroutines that
only `asyncio.run` runs and that start no tasks, and for `create_all`.

## Why is this bad?
The event loop stands still until the database answers, and with it every other request of the process. When the pool
has run dry it waits up to 30 seconds for a connection, while those that have one cannot go on to give it back: the
service hangs with an idle database.

## Example
```python
from collections.abc import Iterator
from fastapi import APIRouter, Depends
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

router = APIRouter()
sessions = sessionmaker(create_engine("postgresql+psycopg://localhost/app"))

def open_session() -> Iterator[Session]:
    with sessions() as db:
        yield db

@router.get("/users/{user_id}")
async def profile(user_id: int, db: Session = Depends(open_session)) -> str:
    return db.scalar(select(User.name).where(User.id == user_id))
```

## Use instead
```python
from collections.abc import Iterator
from fastapi import APIRouter, Depends
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

router = APIRouter()
sessions = sessionmaker(create_engine("postgresql+psycopg://localhost/app"))

def open_session() -> Iterator[Session]:
    with sessions() as db:
        yield db

@router.get("/users/{user_id}")
def profile(user_id: int, db: Session = Depends(open_session)) -> str:
    return db.scalar(select(User.name).where(User.id == user_id))
```

## Fix safety
No fix is offered. A function that awaits nothing can be a plain `def` when it is an endpoint or a dependency; elsewhere
every caller changes with it. A function that does await needs an `AsyncSession`, or a thread for its database work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL302")
def sync_session_in_async(flow: Flow) -> Iterator[Finding]:
    for entry in flow.entries:
        if entry.sort == "statement":
            kind = entry.block.wait.library
            subject = f"`{entry.name}`, a sync {kind}," if entry.name else f"a sync {kind}"
            way_out = "make this a plain `def`, " if entry.plain else ""
            yield _wording.blocking(
                "PHL302",
                "sync-session-in-async",
                f"{subject} blocks the event loop here{_wording.and_more(entry)}; "
                f"{way_out}run it in a thread (`run_in_threadpool`) or use an async session",
                entry,
            )
