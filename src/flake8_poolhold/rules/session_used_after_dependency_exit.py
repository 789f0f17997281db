"""A response body or a background task uses the request's session when its dependency has exited.

## What it does
Reports a streaming response whose generator uses a session of the request, and a background task that does, where the
dependency exits before the response is sent: on FastAPI 0.106 to 0.117, and everywhere with
`Depends(..., scope="function")`. The version is read from the project's lock file or requirements. On other versions
the session is still open then, which PHL103 and PHL201 are about.

## Why is this bad?
The session was closed before its first use, and a closed session opens itself again: the first statement checks out a
connection, and nothing is left that would give it back. Each such response takes one connection from the pool.

## Example
```python
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

async def names(db: AsyncSession):
    for name in await db.scalars(select(User.name)):
        yield name

@router.get("/names")
async def export(db: AsyncSession = Depends(get_db, scope="function")) -> StreamingResponse:
    return StreamingResponse(names(db))
```

## Use instead
```python
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import select

router = APIRouter()

async def names():
    async with sessions() as db:
        found = (await db.scalars(select(User.name))).all()
    for name in found:
        yield name

@router.get("/names")
async def export() -> StreamingResponse:
    return StreamingResponse(names())
```

## Fix safety
`background-own-session` opens a session in the task with the project's own factory, or its provider as a context
manager, around what uses it, and takes the parameter away, in the task, at all places that hand it over, and where a
handler asked for the session only to give it away: in all files, or in none. It is safe where the caller has committed
what it wrote, the task is handed over in the caller's file, and no test overrides the provider. An object of the
session becomes its `id`, by which the task reads it: never safe, as it may have changed. None is offered where the
task is also called directly, is a method or closure, or is given an object that has no `id` of its own as its only
key.

`own-session` does the same with the generator that is the body of a response, in a block that ends before its first
`yield`: never safe, as it reads in another transaction than the handler.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow

_USER = {"background": "background task", "stream": "response body"}


@rule(code="PHL206", fixes=("background-own-session", "own-session"))
def session_used_after_dependency_exit(flow: Flow) -> Iterator[Finding]:
    for escape in flow.escapes:
        if not escape.finds_it_closed:
            continue
        fixes, why_not = _wording.mended(escape.function.path, escape.function.name, flow.own_sessions(escape))
        yield _wording.finding(
            "PHL206",
            "session-used-after-dependency-exit",
            f"`{escape.name}` is closed before {_wording.named(_USER[escape.kind], escape.into)} uses it: it "
            f"{_wording.checks_out_again(escape)}; open a session there",
            escape.function,
            escape.span,
            notes=why_not,
            fixes=fixes,
        )
