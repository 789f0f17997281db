"""What is passed to parameters without annotation, and classes that strings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, Files, case, found, marks

STORE = """
class Store:
    def __init__(self, sessions, api=None):
        self.sessions = sessions
        self._api = api

    async def load(self):
        async with self.sessions() as db:
            await db.execute("select 1")
            await self._api.get("/"){mark}
"""


def project(mark: str = "", **files: str) -> Files:
    return {
        "head.py": HEAD,
        "store.py": STORE.replace("{mark}", mark),
        **{f"{name}.py": "from head import *\n" + text for name, text in files.items()},
    }


CASES = [
    case(
        "a constructor is called in another file",
        project(
            "  # error: PHL101",
            main="""
from store import Store

def build():
    api = httpx.AsyncClient()
    return Store(maker, api=api)
""",
        ),
    ),
    case(
        "a constructor is called with what another constructor was given",
        project(
            "  # error: PHL101",
            main="""
from store import Store

class Service:
    def __init__(self, sessions, api):
        self.store = Store(sessions, api)
        self.api = api

    async def work(self):
        await self.api.get("/")

service = Service(maker, client)
""",
        ),
    ),
    case(
        "a constructor is called with what a context manager gives",
        project(
            "  # error: PHL101",
            main="""
import store

async def build():
    async with httpx.AsyncClient() as api:
        await store.Store(maker, api).load()
""",
        ),
    ),
    case(
        "a function is called in another file",
        {
            "head.py": HEAD,
            "work.py": """
from head import maker

async def work(api, other):
    async with maker() as db:
        await db.execute("select 1")
        await api.get("/")  # error: PHL101
        await other.get("/")
""",
            "main.py": "import work\nfrom head import client\n\nasync def f(cache: dict):\n"
            "    await work.work(client, cache)\n",
        },
    ),
    case("nobody calls it", project()),
    case(
        "a class in a function",
        project(
            main="""
def build(api):
    class Local:
        def __init__(self, api):
            self.api = api

        async def work(self):
            await self.api.get("/")

    return Local(api)
""",
        ),
    ),
    case(
        "another class of that name is called",
        project(
            other="""
class Store:
    def __init__(self, sessions, api):
        pass
""",
            main="from other import Store\nStore(maker, client)\n",
        ),
    ),
    case(
        "only tests call it",
        {**project(), "tests/__init__.py": "", "tests/store.py": "from store import Store\nStore(maker, client)\n"},
    ),
    case(
        "what is passed waits for nothing",
        project(
            main="""
from store import Store

class Fake:
    async def get(self, path):
        return 1

Store(maker, Fake())
"""
        ),
    ),
]


@pytest.mark.parametrize(("files", "select"), CASES)
def test_call_sites(tmp_path: Path, files: Files, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


CLIENTS = {
    "llm/__init__.py": "",
    "llm/near.py": "class Near:\n    async def ask(self, text: str) -> str:\n        return text\n",
    "llm/far.py": """
import httpx

class Far:
    def __init__(self):
        self.client = httpx.AsyncClient()

    async def ask(self, text: str) -> str:
        return (await self.client.get(text)).text
""",
}

TABLES = {
    "paths": """
TABLE = {"near": "llm.near.Near", "far": "llm.far.Far"}

def make(name):
    module, cls = TABLE[name].rsplit(".", 1)
    return getattr(importlib.import_module(module), cls)()
""",
    "a loader and a table of tuples": """
TABLE = {"near": ("llm.near.Near", 1), "far": ("llm.far.Far", 2)}

def load_class(path):
    module_path, _, name = path.rpartition(".")
    module = importlib.import_module(module_path)
    return getattr(module, name)

def make(name):
    path, size = TABLE[name]
    return load_class(path)()
""",
    "modules and names": """
TABLE = {"near": ("llm.near", "Near"), "far": ("llm.far", "Far")}

def make(name):
    module, cls = TABLE.get(name)
    return getattr(importlib.import_module(module), cls)()
""",
    "colons": """
TABLE = {"near": "llm.near:Near", "far": "llm.far:Far"}

def make(name):
    module, cls = TABLE[name].split(":")
    return getattr(importlib.import_module(module), cls)()
""",
    "a string on its own": """
def load_class(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)

def make(name):
    return load_class("llm.far.Far")()
""",
    "a helper of a library": """
from werkzeug.utils import import_string

def make(name):
    return import_string("llm.far.Far")()
""",
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("is_far", [True, False])
def test_classes_that_strings_name(tmp_path: Path, table: str, is_far: bool) -> None:
    mark = "  # error: PHL101" if is_far else ""
    body = f"""
import importlib

{table if is_far else table.replace("llm.far", "llm.near").replace("Far", "Near")}

async def f(name: str):
    async with maker() as db:
        await db.execute(select(1))
        await make(name).ask("/"){mark}
"""
    assert found(tmp_path, {**CLIENTS, "app.py": HEAD + body}, ("PHL101",)) == marks(tmp_path)


def test_a_field_that_is_needed_to_find_itself(tmp_path: Path) -> None:
    """The constructor passes its object on before all its fields are set; who asks first must not matter."""
    files = {
        "head.py": HEAD,
        "telemetry.py": "async def note(owner):\n    return owner.api\n\ndef first(owner):\n    return owner.api\n",
        "memory.py": """
from head import httpx
from telemetry import first

def make(name):
    return httpx.AsyncClient()

class Memory:
    def __init__(self, name):
        first(self)
        self.api = make(name)
""",
        "main.py": """
from head import maker
from memory import Memory

memory = Memory("x")

def get() -> Memory:
    return memory

async def f():
    async with maker() as db:
        await db.execute("select 1")
        api = get().api
        await api.get("/")  # error: PHL101
""",
    }
    assert found(tmp_path, files, ("PHL101",)) == marks(tmp_path)
