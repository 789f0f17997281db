"""Where the recorder listens: the functions through which a process waits for a network or starts another task.

Each is replaced for the life of an ExitStack. Libraries that are not installed are passed over.
"""

from __future__ import annotations

import asyncio
import functools
import http.client
import importlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import anyio.to_thread
import httpx
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, StreamingResponse

from oracle.frames import Frame, current_task, started_by, started_in

OnWait = Callable[[str], None]
Where = Callable[[], tuple[Frame, ...]]


def _replace(stack: ExitStack, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    stack.enter_context(mock.patch.object(owner, name, functools.wraps(original)(make(original))))


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def waits(stack: ExitStack, on_wait: OnWait, root: Path) -> None:
    """Call `on_wait(kind)` at the start of each wait: `http`, `http-body` (each part read), `sleep` or `others`.

    `others` is waiting for an event, a queue or a process: it counts where the code below `root` does it itself.
    """

    def announced(kind: str) -> Callable[[Any], Any]:
        def make(original: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                on_wait(kind)
                return original(*args, **kwargs)

            return call

        return make

    def announced_async(kind: str) -> Callable[[Any], Any]:
        def make(original: Any) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                on_wait(kind)
                return await original(*args, **kwargs)

            return call

        return make

    def announced_if_own(original: Any) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if sys._getframe(1).f_code.co_filename.startswith(f"{root}/"):
                on_wait("others")
            return await original(*args, **kwargs)

        return call

    def nap(original: Any) -> Any:
        async def call(delay: float, *args: Any, **kwargs: Any) -> Any:
            if delay > 0 and not sys._getframe(1).f_globals["__name__"].startswith(
                "sse_starlette"
            ):  # it watches for the end
                on_wait("sleep")
            return await original(delay, *args, **kwargs)

        return call

    def send_async(original: Any) -> Any:
        async def call(self: Any, request: httpx.Request) -> httpx.Response:
            on_wait("http")
            response = await original(self, request)
            response.stream = _AsyncBody(response.stream, on_wait)
            return response  # type: ignore[no-any-return]

        return call

    def send(original: Any) -> Any:
        def call(self: Any, request: httpx.Request) -> httpx.Response:
            on_wait("http")
            response = original(self, request)
            response.stream = _Body(response.stream, on_wait)
            return response  # type: ignore[no-any-return]

        return call

    _replace(stack, httpx.AsyncHTTPTransport, "handle_async_request", send_async)
    _replace(stack, httpx.HTTPTransport, "handle_request", send)
    _replace(stack, http.client.HTTPConnection, "endheaders", announced("http"))
    _replace(stack, asyncio, "sleep", nap)
    _replace(stack, anyio, "sleep", nap)
    _replace(stack, time, "sleep", announced("sleep"))
    others = [(asyncio, "create_subprocess_exec"), (asyncio.subprocess.Process, "communicate")]
    for owner, name in [*others, (asyncio.Event, "wait"), (asyncio.Queue, "get")]:
        _replace(stack, owner, name, announced_if_own)
    if requests := _optional("requests.adapters"):
        _replace(stack, requests.HTTPAdapter, "send", announced("http"))
    if aiohttp := _optional("aiohttp"):
        _replace(stack, aiohttp.ClientSession, "_request", announced_async("http"))
        _replace(stack, aiohttp.ClientResponse, "read", announced_async("http-body"))
        for name in ("read", "readany", "readline", "readchunk"):
            _replace(stack, aiohttp.StreamReader, name, announced_async("http-body"))


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream, on_wait: OnWait) -> None:
        self._body = body
        self._on_wait = on_wait

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._on_wait("http-body")
        async for part in self._body:
            yield part
            self._on_wait("http-body")

    async def aclose(self) -> None:
        await self._body.aclose()


class _Body(httpx.SyncByteStream):
    def __init__(self, body: httpx.SyncByteStream, on_wait: OnWait) -> None:
        self._body = body
        self._on_wait = on_wait

    def __iter__(self) -> Iterator[bytes]:
        self._on_wait("http-body")
        for part in self._body:
            yield part
            self._on_wait("http-body")

    def close(self) -> None:
        self._body.close()


def starts(stack: ExitStack, where: Where) -> None:
    """Let what a task, thread, response or background task runs know the frames that started or made it."""

    @contextmanager
    def starting(frames: tuple[Frame, ...]) -> Iterator[None]:
        token = started_by.set(frames)
        try:
            yield
        finally:
            started_by.reset(token)

    def task(original: Any) -> Any:
        def call(self: Any, coro: Any, **kwargs: Any) -> Any:
            if kwargs.get("context") is None:
                kwargs["context"] = copy_context()
                kwargs["context"].run(started_by.set, where())
                kwargs["context"].run(started_in.set, current_task())
            return original(self, coro, **kwargs)

        return call

    def thread(original: Any) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            with starting(where()):
                return await original(*args, **kwargs)

        return call

    def executor(original: Any) -> Any:
        def call(self: Any, pool: Any, func: Any, *args: Any) -> Any:
            context = copy_context()
            context.run(started_by.set, where())
            return original(self, pool, functools.partial(context.run, func), *args)

        return call

    def made(original: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> None:
            self._made_by = where()
            original(self, *args, **kwargs)

        return call

    def run(original: Any) -> Any:
        async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            with starting((*getattr(self, "_made_by", ()), *started_by.get())):
                return await original(self, *args, **kwargs)

        return call

    _replace(stack, asyncio.BaseEventLoop, "create_task", task)
    _replace(stack, asyncio.BaseEventLoop, "run_in_executor", executor)
    _replace(stack, asyncio, "to_thread", thread)
    _replace(stack, anyio.to_thread, "run_sync", thread)
    for kind in (BackgroundTask, StreamingResponse, FileResponse, *_event_streams()):
        _replace(stack, kind, "__init__", made)
        _replace(stack, kind, "__call__", run)


def _event_streams() -> list[Any]:
    """The streaming responses that do not inherit from Starlette's."""
    module = _optional("sse_starlette")
    return [module.EventSourceResponse] if module else []


def session_lifetimes(stack: ExitStack, made: Callable[[Session], None], released: Callable[[Session], None]) -> None:
    """Call `made(session)` for each new session (or sync half of one) and `released(session)` when it closes."""

    def init(original: Any) -> Any:
        def call(self: Session, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            made(self)

        return call

    def close(original: Any) -> Any:
        def call(self: Session) -> None:
            original(self)
            released(self)

        return call

    _replace(stack, Session, "__init__", init)
    _replace(stack, Session, "close", close)
