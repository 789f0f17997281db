"""A request's session, or an object that carries one, is given to a background task.

## What it does
Reports `BackgroundTasks.add_task(...)` and `BackgroundTask(...)` whose arguments hold a session that somebody else
closes: the session itself, a service or repository made with it, a bound method that uses it, a `partial`, a closure.

## Why is this bad?
The task runs after the response, and what it finds depends on the version of FastAPI. Up to 0.105 and from 0.118 on,
the dependency that owns the session exits only after the task: the connection is held for as long as the task runs.
From 0.106 to 0.117 the session was closed before the task starts; the task's first statement checks out again, and
nothing ever gives that connection back until the garbage collector destroys it. In every version two tasks that run at
once share one session. Where the handler itself gets the session and the version tells that it is closed, PHL206
reports the task.

## Example
```python
from fastapi import APIRouter, BackgroundTasks, Depends
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

async def count(db: AsyncSession, user_id: int) -> None:
    await db.execute(increment(user_id))

@router.post("/ask/{user_id}")
async def ask(user_id: int, tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)) -> None:
    tasks.add_task(count, db, user_id)
```

## Use instead
```python
from fastapi import APIRouter, BackgroundTasks

router = APIRouter()

async def count(user_id: int) -> None:
    async with sessions() as db:
        await db.execute(increment(user_id))
        await db.commit()

@router.post("/ask/{user_id}")
async def ask(user_id: int, tasks: BackgroundTasks) -> None:
    tasks.add_task(count, user_id)
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
    from flake8_poolhold.flow.model.lifetimes import Escape


@rule(code="PHL201", fixes=("background-own-session",))
def request_session_in_background_task(flow: Flow) -> Iterator[Finding]:
    for escape in flow.escapes:
        if escape.kind != "background" or escape.finds_it_closed:
            continue  # what PHL206 tells of is told there
        carrier = f", inside `{escape.carrier}`," if escape.carrier else ""
        fixes, why_not = _wording.mended(escape.function.path, escape.function.name, flow.own_sessions(escape))
        yield _wording.finding(
            "PHL201",
            "request-session-in-background-task",
            f"`{escape.name}`{carrier} goes to {_wording.named('background task', escape.into)}, {_outcome(escape)}; "
            "pass ids and let the task open its own session",
            escape.function,
            escape.span,
            notes=why_not,
            fixes=fixes,
        )


_LEAKS = {"never": "", "failing": ", or on one that an exception leaks", "returning": ", or on one that leaks"}


def _outcome(escape: Escape) -> str:
    """What the task finds, by the version of FastAPI where that is known and decides it."""
    if escape.owner == "block":
        return "which runs when the block has closed it"
    if escape.early is None:
        return f"which outlives the handler: it runs on a connection that is held until it ends{_LEAKS[escape.leaves]}"
    if escape.early:
        return f"which finds it closed, {_wording.checks_out_again(escape)}"
    return "which keeps its connection until the task ends"
