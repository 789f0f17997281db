"""The one network of all stand-ins."""

import os
from typing import Any

import httpx


async def ask(what: str, **body: object) -> Any:
    """Ask the peer; its JSON answer."""
    async with httpx.AsyncClient(base_url=os.environ["PEER_URL"]) as client:
        return (await client.post(f"/{what}", json={key: repr(value) for key, value in body.items()})).json()


def ask_sync(what: str, **body: object) -> Any:
    """The same, blocking."""
    with httpx.Client(base_url=os.environ["PEER_URL"]) as client:
        return client.post(f"/{what}", json={key: repr(value) for key, value in body.items()}).json()
