"""A network or LLM call starts while a pooled connection is checked out.

## What it does
Follows every session and connection from the statement that checks a connection out of the pool to the one that gives
it back, through calls, files and FastAPI dependencies, and reports the network waits in between: awaited calls,
`async for` over a stream, `async with` on a request, and blocking calls.

A finding stands in the innermost function that can see both the checkout and the wait. Its trail leads from the
checkout to the library call. A caller that has checked out by itself before the call holds too, whatever the callee
does about its own queries, and is told as well: mostly a handler whose auth dependency has read the user.

## Why is this bad?
A query needs its connection for some milliseconds; an LLM call takes 2 to 60 seconds. The default pool has 15
connections, so 15 users who wait for a model stop every other endpoint of the process, health check included. More
connections only move the limit. Read, release, call, and check out again to write: a connection is then held for
milliseconds.

If the work cannot be split, take the call out of the request altogether: hand it to a worker through a queue and let
the request answer at once; cache answers so that equal questions need no call; log completions through a queue rather
than in the request's transaction.

## Example
```python
import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

async def reply(db: AsyncSession, client: httpx.AsyncClient) -> str:
    name = await db.scalar(select(User.name))
    answer = await client.post("https://llm.example/chat", json={"name": name})
    return answer.text
```

## Use instead
```python
import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

async def reply(db: AsyncSession, client: httpx.AsyncClient) -> str:
    name = await db.scalar(select(User.name))
    await db.commit()
    answer = await client.post("https://llm.example/chat", json={"name": name})
    return answer.text
```

## Fix safety
`commit-before` inserts a commit before the wait. It is safe where all of this is proved: the session was made with
`expire_on_commit=False`; nothing is pending, flushed or changed on any path, nor by code that was not understood; the
session is not inside `begin()` or a savepoint and not bound to a connection; no server-side cursor is open; no lock,
temporary table or isolation level is in force; the wait is not in an `except` or `finally`; nothing lazy is read in the
waiting statement; nobody in the project listens to commits; every caller is known.

It is unsafe where some of it is unknown; the message names what. It is not offered where a commit would lose a lock,
fail, or expire an object that is read afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL101", fixes=("commit-before",))
def network_wait_while_held(flow: Flow) -> Iterator[Finding]:
    yield from _wording.held(flow, "PHL101", "network-wait-while-held", _wording.NETWORK)
