"""A client is streamed to while the request's connection is checked out.

## What it does
Reports a handler that returns a streaming response, server-sent events or a file while the session that a dependency
gave it has a connection checked out, one that adds a background task which waits, and a websocket handler that receives
or sends while a session has one.

The version of FastAPI decides when a dependency with `yield` exits. Up to 0.105 and from 0.118 on, that is after the
last byte was sent and the background tasks are done; from 0.106 to 0.117, before the first. The version is read from
the project's lock file or requirements; where there is none, a new one is assumed. A websocket keeps its dependencies
open in every version.

## Why is this bad?
The client decides how long the connection is held. A slow reader, a sleeping phone or an open event stream keeps it for
minutes; as many of them as the pool has connections stop the service.

## Example
```python
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

@router.get("/export")
async def export(db: AsyncSession = Depends(get_db)) -> StreamingResponse:
    users = (await db.scalars(select(User))).all()
    return StreamingResponse(f"{user.name}\\n" for user in users)
```

## Use instead
```python
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()

@router.get("/export")
async def export(db: AsyncSession = Depends(get_db)) -> StreamingResponse:
    users = (await db.scalars(select(User))).all()
    await db.commit()
    return StreamingResponse(f"{user.name}\\n" for user in users)
```

## Fix safety
`function-scope` passes `scope="function"` to the `Depends` of the session, so that it is closed before the response is
sent. It is offered from FastAPI 0.121 on, where the `Depends` stands in the signature of the handler, no other
dependency of the request may share the session, and neither the response nor a task uses it. It is safe where nothing
is uncommitted and the response reads no object that the session has loaded.

`own-session` opens a short session in the generator that is the body of the response, around what reads, and gives it
none: never safe, as it reads in another transaction than the handler. None is offered where it yields while it reads,
or is not a function of a module. By hand: commit or close before the response is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL103", fixes=("function-scope", "own-session"))
def client_stream_while_held(flow: Flow) -> Iterator[Finding]:
    for hold in flow.holds:
        if hold.waiting.wait.kind not in ("client-stream", "background"):
            continue
        how_long = "for as long as the client listens"
        if hold.waiting.wait.kind == "background":
            how_long = f"until this background task has done its {hold.waiting.wait.library} call"
        fixes, why_not = _wording.mended(hold.function.path, hold.function.name, flow.scopes(hold))
        yield _wording.finding(
            "PHL103",
            "client-stream-while-held",
            f"`{hold.name}` keeps a pooled connection {how_long}; commit or close it first",
            hold.function,
            hold.span,
            trail=(*_wording.checkout_steps(hold), *_wording.wait_steps(hold.waiting)),
            notes=(*_wording.whole_way(hold.waiting), *_wording.release_notes(flow, hold), *why_not),
            fixes=fixes,
        )
