"""A network or LLM call starts in a session that is open, untouched so far, and used later.

## What it does
Reports a network wait while a session is open that has never checked out a connection and is used after the wait. It
never speaks of a session that was released before the wait.

## Why is this bad?
Nothing is held: a session checks out with its first statement. But the code is one line away from a hold. A query moved
above the call, a permission check in a dependency, a default that reads the database, and every request keeps a
connection for as long as the model takes. Open the session after the call, or keep the order on purpose and say so.

It is an advisory: shown by `poolhold check`, it fails nothing; the flake8 plugin reports it only when it is selected.

## Example
```python
import httpx
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def store(client: httpx.AsyncClient) -> None:
    async with sessions() as db:
        answer = await client.get("https://llm.example/idea")
        db.add(Idea(text=answer.text))
        await db.commit()
```

## Use instead
```python
import httpx
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def store(client: httpx.AsyncClient) -> None:
    answer = await client.get("https://llm.example/idea")
    async with sessions() as db:
        db.add(Idea(text=answer.text))
        await db.commit()
```

## Fix safety
No fix is offered: nothing is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL102", advisory=True)
def network_wait_in_open_session(flow: Flow) -> Iterator[Finding]:
    for idle in flow.idle_waits:
        if idle.waiting.wait.kind not in _wording.NETWORK:
            continue
        yield _wording.finding(
            "PHL102",
            "network-wait-in-open-session",
            f"`{idle.name}` is open but untouched during this {_wording.noun(idle.waiting)}; "
            "open it after the call: one query above would make it a hold",
            idle.function,
            idle.span,
            trail=_wording.wait_steps(idle.waiting),
            notes=_wording.whole_way(idle.waiting),
            advisory=True,
        )
