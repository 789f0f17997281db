"""A session of another module that the waiting function reaches through others only: a commit names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from services import contents, fixed

from flake8_poolhold import engine
from flake8_poolhold.config import Settings

FILES = {
    "pyproject.toml": "[project]\nname = 'app'\nversion = '1'\ndependencies = ['sqlalchemy>=2']\n",
    "app/__init__.py": "",
    "app/registry.py": """from sqlalchemy.ext.asyncio import async_scoped_session, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine

maker = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"), expire_on_commit=False)
registry = async_scoped_session(maker, scopefunc=lambda: 1)


def helper() -> None: ...
""",
    "app/notes.py": """from sqlalchemy import select

from app.registry import registry


async def first() -> int | None:
    return await registry.scalar(select(1))
""",
    "app/work.py": """import httpx
{imports}
from app.notes import first


async def work({parameter}) -> str:
    number = await first()
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://peer/{{number}}")
    return response.text
""",
}


def project(root: Path, imports: str, parameter: str) -> Path:
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.format(imports=imports, parameter=parameter) if name == "app/work.py" else text)
    return root


@pytest.mark.parametrize(
    ("imports", "after"),
    [
        ("", "\nfrom app.notes import first\nfrom app.registry import registry\n"),
        ("from app.registry import helper\n", "\nfrom app.registry import helper, registry\n"),
        ("from app.registry import registry\n", "\nfrom app.registry import registry\n"),
    ],
)
def test_the_session_is_imported(imports: str, after: str, tmp_path: Path) -> None:
    root = project(tmp_path, imports, "")
    result = fixed(root, unsafe=True)
    assert [one.undone for one in result.applied] == [""]
    text = contents(root)["app/work.py"].decode()
    assert after in text
    assert text.count("registry import") == 1
    assert "\n        await registry.commit()\n        response = " in text or "\n    await registry.commit()\n" in text
    assert not [one for one in result.remaining.findings if one.code == "PHL101"]


@pytest.mark.parametrize(
    ("imports", "parameter"),
    [("", "registry: str"), ("from app.notes import first as registry\n", "")],
)
def test_a_name_that_means_something_else_is_not_used(imports: str, parameter: str, tmp_path: Path) -> None:
    root = project(tmp_path, imports, parameter)
    checked = engine.check([root / "app/work.py"], Settings(select=("PHL101",)), root=root, cache=False)
    (finding,) = checked.findings
    assert finding.fix is None
    assert "has no name" in " ".join(finding.notes)
