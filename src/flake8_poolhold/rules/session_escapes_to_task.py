"""A session, or an object that carries one, is used by a task or thread that nobody waits for.

## What it does
Reports `create_task`, `ensure_future`, `start_soon`, a thread and an executor that run something which uses a session
that somebody else closes: the request's dependency, the caller, the `with` block around. The session may be passed, be
captured by a closure or a lambda, or be carried by an object whose method runs; the call may start the task itself or
through a helper. Also reports such a session that is put into a queue. Silent when the function waits for the task
before it ends, when the task closes the session, or when it is done with a request's sync session before it first
waits: the exit of a plain generator lets it go first.

## Why is this bad?
The task goes on when its session's owner is done. It finds the session closed, checks out a connection again, and
nothing gives that one back until the garbage collector destroys it: with every such request the pool loses one. If the
owner closes while the task runs a statement, one of them fails with `IllegalStateChangeError`. This is so in every
version of FastAPI.

## Example
```python
import asyncio

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

async def count(db: AsyncSession, user_id: int) -> None:
    await db.execute(increment(user_id))

@router.post("/ask/{user_id}")
async def ask(user_id: int, db: AsyncSession = Depends(get_db)) -> None:
    asyncio.create_task(count(db, user_id))
```

## Use instead
```python
import asyncio

from fastapi import APIRouter

router = APIRouter()
running = set()

async def count(user_id: int) -> None:
    async with sessions() as db:
        await db.execute(increment(user_id))
        await db.commit()

@router.post("/ask/{user_id}")
async def ask(user_id: int) -> None:
    task = asyncio.create_task(count(user_id))
    running.add(task)
    task.add_done_callback(running.discard)
```

## Fix safety
`background-own-session` opens a session in the task with the project's own factory, or its provider as a context
manager, around what uses it, and takes the parameter away, in the task, at all places that hand it over, and where a
handler asked for the session only to give it away: in all files, or in none. It is safe where the caller has committed
what it wrote, the task is handed over in the caller's file, and no test overrides the provider. An object of the
session becomes its `id`, by which the task reads it: never safe, as it may have changed. None is offered where the
task is also called directly, is a method or closure, or is given an object that has no `id` of its own as its only
key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow

_INTO = {"task": "task", "thread": "thread", "queue": "queue"}
_LONGER = {
    "request": "outlives the request",
    "caller": "may outlive the caller's session",
    "block": "outlives the block around",
}


@rule(code="PHL202", fixes=("background-own-session",))
def session_escapes_to_task(flow: Flow) -> Iterator[Finding]:
    for escape in flow.escapes:
        if escape.kind not in _INTO:
            continue
        carrier = f", inside `{escape.carrier}`," if escape.carrier else ""
        fixes, why_not = _wording.mended(escape.function.path, escape.function.name, flow.own_sessions(escape))
        yield _wording.finding(
            "PHL202",
            "session-escapes-to-task",
            f"`{escape.name}`{carrier} goes to {_wording.named(_INTO[escape.kind], escape.into)}, which "
            f"{_LONGER[escape.owner]}: used after the close, it {_wording.checks_out_again(escape)}; "
            "pass ids and open a session there",
            escape.function,
            escape.span,
            notes=why_not,
            fixes=fixes,
        )
