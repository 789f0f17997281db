"""A blocking HTTP, LLM or cloud client is called from an `async def`: through helpers, or while a connection is held.

## What it does
Reports calls of clients that wait for the network and block the thread (requests, `httpx.Client`, `OpenAI`, boto3,
stripe, smtplib, Celery's `delay` and many more) and run on the event loop: in an `async def` itself, or in any chain of
plain functions that it calls. One finding for each call out of async code, with the way to the client. What is handed
to a thread (`asyncio.to_thread`, `run_in_threadpool`, `run_in_executor`) is fine, and so are sync endpoints and sync
dependencies, which FastAPI runs in a thread. Where nobody else waits nothing is reported: in pytest's tests and
fixtures, in coroutines that only `asyncio.run` runs and that start no tasks, and for what a cached function
(`functools.lru_cache`) does to make an object. The settings `waits` and `minimum-wait` choose here too; by default
every class of calls counts, those to queues included.

Some direct calls in an `async def` are known to ruff and flake8-async: `requests.get`, `httpx.get`, `urlopen`,
`urllib3.request` (ASYNC210), methods of a variable that holds an `httpx.Client` (ASYNC212), subprocesses (ASYNC220 to
222), `open()` (ASYNC230) and `time.sleep` (ASYNC251). These are not reported again, unless a pooled connection is held
during the call. Turn on ruff's `ASYNC` rules beside this one.

## Why is this bad?
The event loop stands still until the peer answers: 2 to 60 seconds for a model. Every other request of the process
waits too, timeouts fire late, health checks fail, and connections that are held meanwhile stay held.

## Example
```python
import requests

def fetch_rate(currency: str) -> float:
    return requests.get(f"https://rates.example/{currency}").json()["rate"]

async def price(amount: float, currency: str) -> float:
    return amount * fetch_rate(currency)
```

## Use instead
```python
import asyncio
import requests

def fetch_rate(currency: str) -> float:
    return requests.get(f"https://rates.example/{currency}").json()["rate"]

async def price(amount: float, currency: str) -> float:
    return amount * await asyncio.to_thread(fetch_rate, currency)
```

## Fix safety
No fix is offered. A thread is the quick way out, an async client (`httpx.AsyncClient`, `AsyncOpenAI`, aioboto3) the
right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL303")
def blocking_network_in_async(flow: Flow) -> Iterator[Finding]:
    for entry in flow.entries:
        if entry.sort == "network" and not entry.linted:
            yield _wording.blocking(
                "PHL303",
                "blocking-network-in-async",
                f"this {_wording.noun(entry.block)} blocks the event loop; "
                "run it in a thread (`asyncio.to_thread`) or use an async client",
                entry,
            )
