"""A synchronous database driver is called from an `async def`, directly or through helpers.

## What it does
Reports calls of psycopg2, PyMySQL, sqlite3 and other blocking drivers that run on the event loop: in an `async def`
itself, or in any chain of plain functions that it calls. One finding for each `async def` and driver, at the first call
that leads to it, with the way to the driver; the other lines are named in a note, as one cure helps them all. What is
handed to a thread (`asyncio.to_thread`, `run_in_threadpool`, `run_in_executor`) is fine, and so are sync endpoints and
sync dependencies, which FastAPI runs in a thread. Where nobody else waits nothing is reported: in pytest's tests and
fixtures, and in coroutines that only `asyncio.run` runs and that start no tasks.

## Why is this bad?
The event loop stands still until the database answers. Every other request of the process waits too, those that hold a
connection keep it, and the pool runs dry although the database is idle.

## Example
```python
import psycopg2

def load(user_id: int) -> list:
    connection = psycopg2.connect("dbname=app")
    cursor = connection.cursor()
    cursor.execute("select * from users where id = %s", (user_id,))
    return cursor.fetchall()

async def profile(user_id: int) -> list:
    return load(user_id)
```

## Use instead
```python
import asyncio
import psycopg2

def load(user_id: int) -> list:
    connection = psycopg2.connect("dbname=app")
    cursor = connection.cursor()
    cursor.execute("select * from users where id = %s", (user_id,))
    return cursor.fetchall()

async def profile(user_id: int) -> list:
    return await asyncio.to_thread(load, user_id)
```

## Fix safety
No fix is offered. A thread is the quick way out, an async driver (asyncpg, psycopg 3) the right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL301")
def sync_driver_in_async(flow: Flow) -> Iterator[Finding]:
    for entry in flow.entries:
        if entry.sort == "driver":
            yield _wording.blocking(
                "PHL301",
                "sync-driver-in-async",
                f"the sync driver {entry.block.wait.library} blocks the event loop here{_wording.and_more(entry)}; "
                "run it in a thread (`asyncio.to_thread`) or use an async driver",
                entry,
            )
