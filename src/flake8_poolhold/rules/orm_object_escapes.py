"""An ORM object goes to work that outlives its session.

## What it does
Reports an ORM object that a background task, a task or thread that nobody waits for, or a container of the module gets:
as an argument whose attributes are read, captured by a closure or a lambda, or stored. The work may well open a session
of its own: the object still belongs to the old one. Where the session goes the same way, PHL201 and PHL202 say so.

Silent where only columns are read that are loaded: of an object that no commit or rollback of the function has expired
since (a session with `expire_on_commit=False` expires nothing in a commit), or that was taken out of its session. A
task runs beside whatever else is done with the session: where a commit expires, it is safe up to its first wait only.

## Why is this bad?
By the time the attribute is read, the session is closed or, worse, in use by somebody else. A column that a commit or a
rollback has expired, and a relationship that was never loaded, raise `DetachedInstanceError` or `MissingGreenlet`; as
long as the session lives, reading them runs a statement on its connection. What is changed on the object is never
saved.

## Example
```python
from fastapi import APIRouter, BackgroundTasks, Depends
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

async def greet(user: User) -> None:
    print(user.name)

@router.post("/greet/{user_id}")
async def schedule(user_id: int, tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)) -> None:
    user = await db.get_one(User, user_id)
    await db.rollback()
    tasks.add_task(greet, user)
```

## Use instead
```python
from fastapi import APIRouter, BackgroundTasks, Depends
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

async def greet(name: str) -> None:
    print(name)

@router.post("/greet/{user_id}")
async def schedule(user_id: int, tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)) -> None:
    user = await db.get_one(User, user_id)
    tasks.add_task(greet, user.name)
```

## Fix safety
No fix is offered: the task's signature and all its callers have to change together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow

_INTO = {
    "background": "background task",
    "task": "task",
    "thread": "thread",
    "queue": "queue",
    "cache": "container",
}


@rule(code="PHL205")
def orm_object_escapes(flow: Flow) -> Iterator[Finding]:
    for event in flow.instances:
        yield _wording.finding(
            "PHL205",
            "orm-object-escapes",
            f"ORM object `{event.name}` goes to {_wording.named(_INTO[event.kind], event.into)}, which outlives its "
            "session: expired and unloaded attributes raise there; pass the values that are needed, or an id",
            event.function,
            event.span,
        )
