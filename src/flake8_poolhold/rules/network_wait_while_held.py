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
The first of these that is safe is offered, else the first that is unsafe; the message of an unsafe one names what is
not proved, and where. Where none can be offered, the finding says why and what to do by hand. None is offered where a
lock, a temporary table or an isolation level must outlive the call, or where a server-side cursor is open. At a caller
whose callee checks out again before it waits, the fix is made in the callee, where it helps all callers.

`move-call` ends the block that opens the session before the wait: the statements from the wait on lose their
indentation. It needs a block of the function itself, in which nothing from the wait on uses the session. It is safe
where leaving the block commits nothing that the call could still undo, no object is changed behind the call in a
block that commits, and nothing is loaded lazily there. What expires at the end of the block is read into variables in
it; it is safe only where nothing of it is kept anywhere else. Of a block that holds from its first line on, such as
that of a connection, what stands before the first use goes out to the front. Either way it is safe only where entering
and leaving the block does no more than to open the session and to end it.

`commit-before` inserts a commit before the wait, or before the `try` that begins with it. It is safe where all of
this is proved: the session was made with `expire_on_commit=False`, or it is the function's own and nothing that it
has loaded is read from the wait on, nor kept anywhere else; nothing is pending, flushed or changed on any path, nor
by code that was not understood; the session is not inside `begin()` or a savepoint and not bound to a connection; the
wait is not in an `except` or `finally`; nothing lazy is read in the waiting statement; nobody in the project listens
to commits, unless to work off a queue in `session.info`; neither the function nor what it calls asks whether there is
a transaction; nobody keeps the session in a context variable, a global or the state of a request; every caller is
known, and leaves a session that it gives in such a state, or the function has ended the callers' transaction itself
and all async sessions of the project are made with `expire_on_commit=False`, or the session comes out of a registry
whose scope a decorator opens anew for each run of the function; a handler that is registered several times has the
same dependencies each time. A session of another module, such as a registry, is imported for it, which is safe only
for one whose decorator comes from there. What follows is a transaction of its own: `now()` in its statements is later
than it was.

`close-before` inserts a close before the wait, which expires nothing but detaches what was loaded; a sync session's
attributes are read into variables first. It is safe where, beside the above, no loaded object is changed, refreshed,
given away or read behind later queries, and the session was not given by a caller.

`expunge-before` takes the objects that the call reads out of the session before a commit, so that they do not
expire; all else stays attached. It is safe where, beside the conditions of `commit-before`, each of them was loaded
whole by the function's own session since its last commit, and all code that is given them, across files, only reads
columns of them; where they are changed, kept, returned, given to the session or loaded lazily later, or a relationship
of theirs cascades, it is not offered.

`split-block` ends the block before the wait and opens it again behind it. It is safe under the conditions of
`close-before`, and leaves a `begin()` block whole where it has written nothing before the call.

`commit-in-dependency` inserts a commit at the end of the dependency that has queried, for handlers that do not name
the session themselves. It is safe under the conditions of `commit-before`, for every handler that asks for the
dependency, where nothing calls the dependency directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(
    code="PHL101",
    fixes=("move-call", "commit-before", "close-before", "split-block", "expunge-before", "commit-in-dependency"),
)
def network_wait_while_held(flow: Flow) -> Iterator[Finding]:
    yield from _wording.held(flow, "PHL101", "network-wait-while-held", _wording.NETWORK)
