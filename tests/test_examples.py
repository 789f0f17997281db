"""The example service: what is found in it, and that it is a service that runs."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from oracle.peer import peer

from flake8_poolhold import cli

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "chat_service"
EXPECTED = (ROOT / "tests" / "example_findings.txt").read_text().splitlines()

TEXT = {"text": "What is a leek?"}
REQUESTS: list[tuple[str, str, int, dict[str, str] | None]] = [
    ("GET", "/health", 200, None),
    ("POST", "/chat/conversations", 200, None),
    ("GET", "/chat/conversations", 200, None),
    ("POST", "/chat/conversations/{conversation_id}/messages", 200, TEXT),
    ("POST", "/chat/conversations/{conversation_id}/title", 200, None),
    ("POST", "/chat/personas/{user_id}", 200, TEXT),
    ("POST", "/chat/quick", 200, TEXT),
    ("POST", "/chat/anonymous", 200, TEXT),
    ("POST", "/chat/summary", 200, None),
    ("POST", "/chat/rewrite/{message_id}", 200, None),
    ("POST", "/documents", 200, {"title": "Soup", "body": "Leeks and potatoes."}),
    ("POST", "/documents/{document_id}/index", 202, None),
    ("GET", "/documents/statistics", 200, None),
    ("GET", "/documents/longest", 200, None),
    ("GET", "/documents/archive", 200, None),
    ("GET", "/documents/archive/size", 200, None),
]
IDS = {"conversation_id": 1, "user_id": 1, "message_id": 1, "document_id": 1}


def findings(path: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.main(["check", path, "--no-cache", "--output-format", "json"]) == 1
    return [f"{one['filename']}:{one['location']['row']} {one['code']}" for one in json.loads(capsys.readouterr().out)]


def test_findings_from_the_repository(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert findings("examples/chat_service", capsys) == EXPECTED


def test_findings_from_its_own_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(EXAMPLE)
    assert findings(".", capsys) == [line.removeprefix("examples/chat_service/") for line in EXPECTED]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The example's application, imported afresh, with a database and an archive of its own."""
    with peer() as url, monkeypatch.context() as patch:
        patch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}")
        patch.setenv("ARCHIVE_PATH", str(tmp_path / "archive.db"))
        patch.setenv("LLM_URL", url)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.syspath_prepend(EXAMPLE)
        for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
            patch.delitem(sys.modules, name)
        yield importlib.import_module("app.main").app
        for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
            del sys.modules[name]


def test_it_answers_every_request(service: Any) -> None:
    async def drive() -> list[int]:
        transport = httpx.ASGITransport(service)
        async with (
            service.router.lifespan_context(service),
            httpx.AsyncClient(transport=transport, base_url="http://example", headers={"X-Api-Key": "demo"}) as client,
        ):
            answers = [
                await client.request(method, path.format(**IDS), json=body, params={"term": "a"})
                for method, path, _, body in REQUESTS
            ]
            stranger = await client.post("/chat/quick", json=TEXT, headers={"X-Api-Key": "unknown"})
            missing = await client.post("/chat/personas/99", json=TEXT)
        return [answer.status_code for answer in (*answers, stranger, missing)]

    assert asyncio.run(drive()) == [*(status for _, _, status, _ in REQUESTS), 401, 404]


def test_every_route_is_requested(service: Any) -> None:
    routes = {(method.upper(), path) for path, methods in service.openapi()["paths"].items() for method in methods}
    assert {(method, path) for method, path, _, _ in REQUESTS} == routes
