"""One session serves the whole process.

## What it does
Reports a session that is made at import and used by functions (in a variable of a module, or by an object in one), that
a function stores in a global, that is put into the state of the application, or that an object keeps (itself, or in an
object that it keeps) whose methods are the handlers, or define them. A scoped session is a registry of sessions, not a
session, and is silent; what a call of it gives is one. Silent, too, is a script that uses its own variable at its own
top level.

## Why is this bad?
All requests share one transaction and one identity map. Two that run at once meet in the middle: `This session is
provisioning a new connection`, `Session is already flushing`, a commit of one that publishes half of the other. One
that fails leaves the session in a failed transaction for all that follow. And the connection is held from the first
statement until somebody commits.

## Example
```python
from fastapi import FastAPI
from sqlalchemy import func, select

app = FastAPI()
db = sessions()

@app.get("/count")
async def count() -> int:
    return await db.scalar(select(func.count(User.id))) or 0
```

## Use instead
```python
from fastapi import FastAPI
from sqlalchemy import func, select

app = FastAPI()

@app.get("/count")
async def count() -> int:
    async with sessions() as db:
        return await db.scalar(select(func.count(User.id))) or 0
```

## Fix safety
No fix is offered: all users of the session have to change together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow

_WHERE = {
    "module": "made at import",
    "global": "kept in a global",
    "app": "kept in the application's state",
    "handlers": "kept in the object that serves the requests",
}


@rule(code="PHL204")
def session_shared_by_process(flow: Flow) -> Iterator[Finding]:
    for event in flow.process_wide:
        yield _wording.finding(
            "PHL204",
            "session-shared-by-process",
            f"session `{event.name}` is {_WHERE[event.where]} and shared by all requests and tasks of the process, "
            "which meet in one transaction; keep the sessionmaker there, and open a session for each unit of work",
            event.function,
            event.span,
        )
