"""The version of FastAPI decides whether a request's session is open while the response is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import found

from flake8_poolhold.config import Settings
from flake8_poolhold.flow.fastapi.versions import fastapi_version, held_while_streaming
from flake8_poolhold.flow.model.project import Project

STREAM = """
from fastapi.responses import StreamingResponse

@app.get("/")
async def handler(db: AsyncSession = Depends(get_db)):
    await db.execute(select(1))
    return StreamingResponse(iter(()))
"""


def project(texts: dict[str, str]) -> Project:
    return Project(["app/main.py"], [], lambda _: None, lambda path: texts.get(path, "").encode(), Settings())


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("uv.lock", '[[package]]\nname = "fastapi"\nversion = "0.115.14"\n', (0, 115)),
        ("app/poetry.lock", '[[package]]\nname = "fastapi"\nversion = "0.121.0"\n', (0, 121)),
        ("requirements.txt", "uvicorn\nfastapi==0.104.1\n", (0, 104)),
        ("requirements.lock.txt", "fastapi==0.117.1\n    # via -r requirements.in\n", (0, 117)),
        ("requirements.txt", "fastapi[all]~=0.110.0\n", (0, 110)),
        ("requirements.txt", "fastapi>=0.100,<0.110\n", (0, 109)),
        ("requirements.txt", "fastapi<=0.112\n", (0, 112)),
        ("requirements.txt", "fastapi>=0.100\n", None),
        ("requirements.txt", "fastapi\n", None),
        ("pyproject.toml", 'dependencies = [\n  "fastapi==0.116.1",\n]\n', (0, 116)),
        ("pyproject.toml", '[tool.poetry.dependencies]\nfastapi = "^0.95.0"\n', (0, 95)),
        ("pyproject.toml", 'dependencies = ["fastapi-users==0.99"]\n', None),
        ("other/uv.lock", 'name = "fastapi"\nversion = "0.115.0"\n', None),
    ],
)
def test_version(file: str, text: str, version: tuple[int, int] | None) -> None:
    assert fastapi_version(project({file: text}), "app/main.py") == version


def test_the_lock_file_wins_over_the_requirement() -> None:
    texts = {
        "app/pyproject.toml": 'dependencies = [\n"fastapi==0.110.0"]',
        "uv.lock": 'name = "fastapi"\nversion = "0.120.1"',
    }
    assert fastapi_version(project(texts), "app/main.py") == (0, 120)


@pytest.mark.parametrize(
    ("version", "held"), [("0.105.0", True), ("0.106.0", False), ("0.117.1", False), ("0.118.0", True)]
)
def test_providers_exit_before_the_response_in_between(version: str, held: bool) -> None:
    assert held_while_streaming(project({"requirements.txt": f"fastapi=={version}\n"}), "app/main.py") is held


def test_a_stream_is_reported_by_version(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert {code for _, _, code in found(tmp_path / "new", STREAM, ("PHL103",))} == {"PHL103"}
    (tmp_path / "old").mkdir()
    (tmp_path / "old/requirements.txt").write_text("fastapi==0.115.0\n", encoding="utf-8")
    assert found(tmp_path / "old", STREAM, ("PHL103",)) == set()
