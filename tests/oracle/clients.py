"""The client's end: responses that are streamed to it, and websockets. Who sends to a client waits for it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any
from unittest import mock

from starlette.responses import FileResponse, StreamingResponse
from starlette.websockets import WebSocket

KIND = "client"
METHOD = "WEBSOCKET"
"""The method of a request that opens a websocket; its body is the list of texts that the client sends."""


def waits(stack: ExitStack, on_wait: Callable[[str], None]) -> None:
    """Call `on_wait("client")` when a streamed response starts and when a websocket receives or sends."""

    def announced(original: Any) -> Any:
        @functools.wraps(original)
        async def call(*args: Any, **kwargs: Any) -> Any:
            on_wait(KIND)
            return await original(*args, **kwargs)

        return call

    places = [(StreamingResponse, "__call__"), (FileResponse, "__call__")]
    places += [(WebSocket, name) for name in ("receive_text", "receive_json", "send_text", "send_json", "close")]
    with suppress(ModuleNotFoundError):
        places.append((importlib.import_module("sse_starlette").EventSourceResponse, "__call__"))
    for owner, name in places:
        stack.enter_context(mock.patch.object(owner, name, announced(getattr(owner, name))))


async def talk(app: Any, path: str, texts: list[str]) -> tuple[int, list[str]]:
    """Open a websocket, send `texts`, and hang up: the status and the texts that came back."""
    coming = [{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": text} for text in texts)]
    coming.append({"type": "websocket.disconnect", "code": 1000})
    answers: list[str] = []
    accepted = 403

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if len(coming) > 1 else coming[0]

    async def send(message: dict[str, Any]) -> None:
        nonlocal accepted
        if message["type"] == "websocket.accept":
            accepted = 101
        elif message["type"] == "websocket.send":
            answers.append(message["text"])

    scope = {
        "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "subprotocols": [], "scheme": "ws", "server": ("fixture", 80), "client": ("client", 1), "root_path": "",
        "asgi": {"version": "3.0", "spec_version": "2.4"}, "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return accepted, answers
