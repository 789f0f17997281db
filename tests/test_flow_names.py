"""Names, types and classes: how the analysis knows that something is a session or a client."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, Files, case, check, found, marks

LLM = """
import httpx

async def ask(prompt=""):
    async with httpx.AsyncClient() as client:
        return await client.post("/")
"""
DB = """
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

maker = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"), expire_on_commit=False)

async def get_db():
    async with maker() as session:
        yield session
"""
START = "from sqlalchemy import select\nfrom sqlalchemy.ext.asyncio import AsyncSession\n"


def user(imports: str, call: str = "ask()", session: str = "db: AsyncSession") -> str:
    """A module that holds a session and makes a call that it imports."""
    body = f"    await db.execute(select(1))\n    await {call}  # error: PHL101\n"
    return f"{START}{imports}\nasync def f({session}):\n{body}"


MODULES = [
    case("absolute import", {"app.py": user("from llm import ask"), "llm.py": LLM}),
    case("import of a module", {"app.py": user("import llm", "llm.ask()"), "llm.py": LLM}),
    case(
        "import of a submodule",
        {"app.py": user("import svc.llm", "svc.llm.ask()"), "svc/__init__.py": "", "svc/llm.py": LLM},
    ),
    case(
        "import of a submodule with an alias",
        {
            "app.py": user("import svc.llm as model", "model.ask()"),
            "svc/__init__.py": "",
            "svc/llm.py": LLM,
        },
    ),
    case("alias", {"app.py": user("from llm import ask as go", "go()"), "llm.py": LLM}),
    case(
        "re-export",
        {
            "app.py": user("from svc import ask"),
            "svc/__init__.py": "from svc.llm import ask",
            "svc/llm.py": LLM,
        },
    ),
    case(
        "re-export of a re-export with aliases",
        {
            "app.py": user("from svc import go as stop", "stop()"),
            "svc/__init__.py": "from .inner import run as go",
            "svc/inner.py": "from .llm import ask as run",
            "svc/llm.py": LLM,
        },
    ),
    case("star import", {"app.py": user("from llm import *"), "llm.py": LLM}),
    case(
        "star import of a star import",
        {
            "app.py": user("from svc import *"),
            "svc/__init__.py": "from .llm import *\nfrom json import *",
            "svc/llm.py": LLM,
        },
    ),
    case(
        "a member that comes from a star import",
        {
            "app.py": user("from svc import ask"),
            "svc/__init__.py": "from .llm import *",
            "svc/llm.py": LLM,
        },
    ),
    case(
        "relative import",
        {
            "svc/__init__.py": "",
            "svc/app.py": user("from .llm import ask"),
            "svc/llm.py": LLM,
        },
    ),
    case(
        "relative import from the parent",
        {
            "svc/__init__.py": "",
            "svc/api/__init__.py": "",
            "svc/api/app.py": user("from ..llm import ask\nfrom .. import llm"),
            "svc/llm.py": LLM,
        },
    ),
    case(
        "relative import of a module",
        {
            "svc/__init__.py": "",
            "svc/api/__init__.py": "",
            "svc/api/app.py": user("from .. import llm", "llm.ask()"),
            "svc/llm.py": LLM,
        },
    ),
    case(
        "relative import that leads nowhere",
        {
            "app.py": START + "from ...nowhere import ask\nasync def f(db: AsyncSession):\n"
            "    await db.execute(select(1))\n    await ask()\n",
        },
    ),
    case(
        "try import",
        {
            "app.py": user("try:\n    from fast_llm import ask\nexcept ImportError:\n    from llm import ask"),
            "llm.py": LLM,
        },
    ),
    case(
        "platform branches",
        {
            "app.py": user(
                "import sys\nif sys.platform == 'win32':\n    from llm import ask\n"
                "else:\n    async def ask():\n        pass"
            ),
            "llm.py": LLM,
        },
    ),
    case(
        "import in a function",
        {
            "app.py": f"{START}async def f(db: AsyncSession):\n    from llm import ask as go\n"
            "    await db.execute(select(1))\n    await go()  # error: PHL101\n",
            "llm.py": LLM,
        },
    ),
    case(
        "star import in a class does nothing",
        {
            "app.py": user("from llm import ask\ndef g():\n    import json as ask"),
            "llm.py": LLM,
        },
    ),
    case("namespace package", {"app.py": user("from svc.llm import ask"), "svc/llm.py": LLM}),
    case("member of a namespace package", {"app.py": user("from svc import llm", "llm.ask()"), "svc/llm.py": LLM}),
    case(
        "a member of a namespace package that is not there",
        {
            "app.py": START + "from svc import nothing\nasync def f(db: AsyncSession):\n"
            "    await db.execute(select(1))\n    await nothing()\n",
            "svc/llm.py": LLM,
        },
    ),
    case(
        "src layout",
        {
            "pyproject.toml": "",
            "src/app/__init__.py": "",
            "src/app/main.py": user("from app.llm import ask"),
            "src/app/llm.py": LLM,
        },
    ),
    case(
        "src layout seen from the scripts",
        {
            "pyproject.toml": "",
            "src/app/__init__.py": "",
            "scripts/main.py": user("from app.llm import ask"),
            "src/app/llm.py": LLM,
        },
    ),
    case(
        "backend layout",
        {
            "README.md": "",
            "backend/app/__init__.py": "",
            "backend/app/api/__init__.py": "",
            "backend/app/api/routes.py": user("from app.llm import ask"),
            "backend/app/llm.py": LLM,
        },
    ),
    case(
        "two services with modules of one name",
        {
            "one/main.py": user("from llm import ask"),
            "one/llm.py": LLM,
            "two/main.py": START + "from llm import ask\nasync def f(db: AsyncSession):\n"
            "    await db.execute(select(1))\n    await ask()\n",
            "two/llm.py": "async def ask():\n    return 1\n",
        },
    ),
    case(
        "a monorepo with project files",
        {
            "libs/llm/pyproject.toml": "",
            "libs/llm/llm_client/__init__.py": LLM,
            "apps/api/main.py": user("from llm_client import ask"),
        },
        wrong="a folder with a project file but no modules of its own is no import root",
    ),
    case(
        "stub files",
        {
            "app.py": user("from llm import client", "client.get('/')"),
            "llm.pyi": "import httpx\nclient: httpx.AsyncClient\n",
        },
    ),
    case(
        "a module without a package is no package",
        {
            "app.py": START
            + "import llm\nasync def f(db: AsyncSession):\n    await db.execute(select(1))\n    await llm.ask.more()\n",
            "llm.py": "ask = 3\n",
        },
    ),
    case(
        "a project module that shadows a library",
        {
            "app.py": START + "import httpx\nasync def f(db: AsyncSession):\n    await db.execute(select(1))\n"
            "    await httpx.AsyncClient().get('/')\n",
            "httpx.py": "class AsyncClient:\n    async def get(self, path):\n        return path\n",
        },
    ),
    case(
        "circular imports",
        {
            "app.py": user("from llm import ask\nx = 1"),
            "llm.py": f"from app import x\nfrom app import y as z\n{LLM}",
        },
    ),
    case(
        "a file with a syntax error is unknown",
        {
            "app.py": START + "from broken import ask\nasync def f(db: AsyncSession):\n"
            "    await db.execute(select(1))\n    await ask()\n",
            "broken.py": "x = 1\n",
        },
    ),
]

GLOBALS = [
    case(
        "a session factory in another module",
        {
            "db.py": DB,
            "app.py": f"from db import maker\n{LLM}\n{START}async def f():\n    async with maker() as db:\n"
            "        await db.execute(select(1))\n        await ask()  # error: PHL101\n",
        },
    ),
    case(
        "a module global set in an init function",
        """
        sessions = None

        def init(url: str):
            global sessions
            own = create_async_engine(url)
            sessions = async_sessionmaker(own)

        async def f():
            async with sessions() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a module global declared by its annotation",
        """
        sessions: async_sessionmaker[AsyncSession] | None = None

        async def f():
            async with sessions() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a module global set from a typed parameter",
        """
        sessions = None
        http = None

        def init(given: "async_sessionmaker[AsyncSession]", other: httpx.AsyncClient):
            global sessions, http
            if given:
                sessions = given
            http = other

        async def f():
            async with sessions() as db:
                await db.execute(select(1))
                await http.get("/")  # error: PHL101
    """,
    ),
    case(
        "a global without a binding at import",
        {
            "state.py": "import httpx\ndef init():\n    global http\n    http = httpx.AsyncClient()\n",
            "app.py": user("from state import http\nimport state", "http.get('/')"),
        },
    ),
    case(
        "a client in the module",
        """
        http = httpx.AsyncClient()
        first, second = http, http

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await second.get("/")  # error: PHL101
    """,
    ),
    case(
        "an annotated client in the module",
        """
        from elsewhere import make
        http: httpx.AsyncClient

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await http.get("/")  # error: PHL101
    """,
    ),
    case(
        "a session in the module",
        """
        db = maker()

        async def f():
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a scoped session",
        """
        from sqlalchemy.orm import scoped_session
        scoped = scoped_session(sync_maker)

        def f():
            scoped.execute(select(1))
            httpx.get("/")  # error: PHL101
            scoped.remove()
            httpx.get("/")

        def g():
            scoped().execute(select(1))
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "an async scoped session",
        """
        from sqlalchemy.ext.asyncio import async_scoped_session
        scoped = async_scoped_session(maker, scopefunc=asyncio.current_task)

        async def f():
            await scoped.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "many bindings of a name",
        """
        def pick(): ...
        async def go(): ...
        async def go():
            await client.get("/1")
        async def go(): ...
        async def go(): ...

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await go()  # error: PHL101
    """,
    ),
    case(
        "a parameter hides a module's name",
        """
        async def f(db: AsyncSession, client):
            await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a local variable hides a module's name",
        """
        class Cache:
            async def get(self, key): ...

        async def f(db: AsyncSession):
            client = Cache()
            await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "nonsense is unknown",
        """
        for loop_variable in range(3):
            pass

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await loop_variable.get("/")
            await missing_name.get("/")
            await (3).get("/")
    """,
    ),
]

TYPES = [
    case(
        "ways to annotate a session",
        """
        import typing
        import typing as t
        from typing import Annotated, ClassVar, Final, NewType, Optional, TypeAlias, Union
        from sqlalchemy.ext import asyncio as sa
        import sqlalchemy.ext.asyncio as sa2
        import sqlalchemy

        Alias = AsyncSession
        Second: TypeAlias = AsyncSession
        Db = NewType("Db", AsyncSession)
        Dep = Annotated[AsyncSession, "a note"]

        async def a(db: Optional[AsyncSession]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def b(db: Union[AsyncSession, None]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def c(db: AsyncSession | None):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def d(db: "AsyncSession"):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def e(db: Optional["AsyncSession"]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def f(db: Alias):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def g(db: Second):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def h(db: Db):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def i(db: Dep):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def j(db: Annotated["AsyncSession", 1]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def k(db: sa.AsyncSession):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def l(db: sa2.session.AsyncSession):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def m(db: sqlalchemy.ext.asyncio.AsyncSession):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def n(db: t.Optional[Alias] = None):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def o(db: "AsyncSession | None"):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def p(db: typing.Union["sa.AsyncSession", int]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "PEP 695",
        """
        type Db = AsyncSession
        type Maybe[T] = T | None
        type Dep = "AsyncSession"

        async def f(db: Db):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        async def g[T](db: Dep, x: T) -> T:
            await db.execute(select(1))
            await client.get("/")  # error: PHL101

        class Repo[Model]:
            def __init__(self, db: Db):
                self.db = db
            async def load(self) -> Model:
                await self.db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def h(repo: Repo[int]):
            await repo.db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an alias that is a string",
        """
        from typing import TypeAlias
        Db: TypeAlias = "AsyncSession"

        async def f(db: Db):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
        wrong="the string value of a `TypeAlias` is not read as a type",
    ),
    case(
        "a generic alias gives its argument",
        """
        type Maybe[T] = T | None

        async def f(db: Maybe[AsyncSession]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
        wrong="type parameters of an alias are not substituted",
    ),
    case(
        "TYPE_CHECKING",
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from sqlalchemy.ext.asyncio import AsyncSession as Db

        async def f(db: "Db"):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a parameter that is a factory",
        """
        from collections.abc import Callable
        from contextlib import AbstractAsyncContextManager
        from typing import Coroutine, Awaitable

        async def a(make: Callable[[], AsyncSession]):
            async with make() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def b(make: async_sessionmaker[AsyncSession]):
            async with make() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def c(make: async_sessionmaker):
            async with make() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def d(make: Callable[..., AbstractAsyncContextManager[AsyncSession]]):
            async with make() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def e(make: sessionmaker[Session]):
            with make() as db:
                db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def g(scope: AbstractAsyncContextManager[AsyncSession]):
            async with scope as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def h(job: Awaitable[AsyncSession], other: Callable, third: Callable[[], int]):
            db = await job
            await db.execute(select(1))
            other(), third()
            await client.get("/")  # error: PHL101

        async def i(make: Callable[[], async_sessionmaker[AsyncSession]]):
            async with make()() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a field that is a factory",
        """
        class Maker:
            make: async_sessionmaker[AsyncSession]
            own: sessionmaker
            async def f(self):
                async with self.make() as db:
                    await db.execute(select(1))
                    await client.get("/")  # error: PHL101
                with self.own() as db:
                    await client.get("/")
    """,
    ),
    case(
        "lists of sessions and clients",
        """
        async def f(db: AsyncSession, clients: list[httpx.AsyncClient], sessions: tuple[AsyncSession, ...]):
            await db.execute(select(1))
            for one in clients:
                await one.get("/")  # error: PHL101
            await db.commit()
            await sessions[0].execute(select(1))
            await clients[0].get("/")  # error: PHL101
    """,
    ),
    case(
        "a typed dict of clients",
        """
        async def f(db: AsyncSession, clients: dict[str, httpx.AsyncClient]):
            await db.execute(select(1))
            await clients["a"].get("/")  # error: PHL101
    """,
        wrong="the values of an annotated dict are not known",
    ),
    case(
        "a returned type",
        """
        from elsewhere import container

        def http() -> httpx.AsyncClient:
            return container["client"]

        async def session() -> AsyncSession:
            return container["db"]

        async def f():
            db = await session()
            await db.execute(select(1))
            await http().get("/")  # error: PHL101
    """,
        wrong="the declared type is not asked when the returned value comes from an unknown library",
    ),
    case(
        "a returned type of an unknown value",
        """
        def http(container) -> httpx.AsyncClient:
            return container["client"]

        async def session(container) -> AsyncSession:
            return container["db"]

        async def f(container):
            db = await session(container)
            await db.execute(select(1))
            await http(container).get("/")  # error: PHL101
    """,
    ),
    case(
        "a returned iterator type",
        """
        from collections.abc import AsyncIterator

        async def provider(container) -> AsyncIterator[AsyncSession]:
            yield container["db"]

        @app.get("/")
        async def f(db=Depends(provider)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a subclass of AsyncSession",
        """
        class Db(AsyncSession):
            async def load(self):
                return await self.scalar(select(1))
            async def slow(self):
                await self.load()
                await client.get("/")  # error: PHL101
            async def done(self):
                await super().commit()

        own = async_sessionmaker(engine, class_=Db)

        async def f(db: Db):
            await db.load()
            await client.get("/")  # error: PHL101

        async def g(db: Db):
            await db.execute(select(1))
            await db.done()
            await client.get("/")

        async def h():
            async with Db(engine) as db:
                await db.load()
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a factory of a subclass knows its methods",
        """
        class Db(AsyncSession):
            async def load(self):
                return await self.scalar(select(1))

        own = async_sessionmaker(engine, class_=Db)

        async def f():
            async with own() as db:
                await db.load()
                await client.get("/")  # error: PHL101
    """,
        wrong="a factory with `class_` forgets the methods of the project's session class",
    ),
    case(
        "sqlmodel",
        """
        import sqlmodel
        from sqlmodel import Session as ModelSession
        from sqlmodel.ext.asyncio.session import AsyncSession as ModelAsyncSession

        async def f(db: ModelAsyncSession):
            await db.exec(select(1))
            await client.get("/")  # error: PHL101

        def g():
            with ModelSession(sync_engine) as db:
                db.exec(select(1))
                httpx.get("/")  # error: PHL101

        def h(db: sqlmodel.Session):
            db.exec(select(1))
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "flask style and legacy makers",
        """
        legacy = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        bound = sessionmaker(bind=engine)
        odd = sessionmaker(**{"bind": engine, "expire_on_commit": False})

        async def a():
            async with legacy() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        async def b():
            async with bound() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "types that are no sessions",
        """
        from typing import Any, Literal
        import aiohttp

        async def f(db: int, session: aiohttp.ClientSession, other: Literal["AsyncSession"], x: dict[str, int]):
            await db.execute(select(1))
            await session.get("/")
            await client.get("/")

        async def g(db: "not a type", x: "[", y: 3):
            await client.get("/")

        async def h(engine: "create_async_engine"):
            await client.get("/")
    """,
    ),
]

CLASSES = [
    case(
        "a field from __init__",
        """
        class Repo:
            def __init__(self, db: AsyncSession) -> None:
                self.db = db
            async def load(self):
                await self.db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a dataclass",
        """
        from dataclasses import dataclass

        @dataclass
        class Repo:
            db: AsyncSession
            http: httpx.AsyncClient = None
            async def load(self):
                await self.db.execute(select(1))
                await self.http.get("/")  # error: PHL101

        async def f(db: AsyncSession):
            await Repo(db, http=client).load()
            await client.get("/")  # error: PHL101

        async def g(db: AsyncSession):
            repo = Repo(db=db)
            await repo.db.execute(select(1))
            await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "an inherited dataclass",
        """
        from dataclasses import dataclass

        @dataclass
        class Base:
            db: AsyncSession

        @dataclass
        class Repo(Base):
            name: str

        async def f(db: AsyncSession):
            repo = Repo(db, "x")
            await repo.db.execute(select(1))
            await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "a class attribute",
        """
        class Api:
            http = httpx.AsyncClient()
            sessions: async_sessionmaker[AsyncSession]
            async def f(self):
                async with self.sessions() as db:
                    await db.execute(select(1))
                    await self.http.get("/")  # error: PHL101

        async def g(db: AsyncSession):
            await db.execute(select(1))
            await Api.http.get("/")  # error: PHL101
            await Api.missing.get("/")
    """,
    ),
    case(
        "inheritance",
        """
        class Base:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                await self.db.execute(select(1))

        class Repo(Base):
            async def work(self):
                await self.load()
                await client.get("/")  # error: PHL101

        async def f(db: AsyncSession):
            await Repo(db).load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a generic base",
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")

        class Base(Generic[T]):
            model: type[T]
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                await self.db.execute(select(self.model))

        class Repo(Base[int]):
            model = int

        async def f(repo: Repo):
            await repo.load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an abstract method stands for its implementations",
        """
        from abc import ABC, abstractmethod

        class Client(ABC):
            @abstractmethod
            async def complete(self): ...

        class Fake(Client):
            async def complete(self):
                return 1

        class Real(Client):
            async def complete(self):
                return await client.get("/")

        async def f(db: AsyncSession, llm: Client):
            await db.execute(select(1))
            await llm.complete()  # error: PHL101
    """,
    ),
    case(
        "a method that raises NotImplementedError is abstract",
        """
        class Client:
            async def complete(self):
                raise NotImplementedError
            async def other(self):
                raise NotImplementedError()

        class Real(Client):
            async def complete(self):
                return await client.get("/")

        async def f(db: AsyncSession, llm: Client):
            await db.execute(select(1))
            await llm.complete()  # error: PHL101
            await llm.other()
    """,
    ),
    case(
        "a protocol stands for the classes that fit it",
        """
        from typing import Protocol

        class Client(Protocol):
            async def complete(self): ...
            async def close(self): ...

        class Half:
            async def complete(self):
                return await client.get("/")

        class Whole:
            async def complete(self):
                return 1
            async def close(self): ...

        async def f(db: AsyncSession, llm: Client):
            await db.execute(select(1))
            await llm.complete()
            await llm.close()
    """,
    ),
    case(
        "a service and its repository share one session",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                return await self.db.scalar(select(1))

        class Service:
            def __init__(self, db: AsyncSession):
                self.db = db
                self.repo = Repo(db)
            async def held(self):
                await self.repo.load()
                await client.get("/")  # error: PHL101
            async def free(self):
                await self.repo.load()
                await self.db.commit()
                await client.get("/")
    """,
    ),
    case(
        "two repositories share one session",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                return await self.db.scalar(select(1))
            async def done(self):
                await self.db.commit()

        class Service:
            def __init__(self, db: AsyncSession):
                self.one = Repo(db)
                self.two = Repo(db)
            async def free(self):
                await self.one.load()
                await self.two.done()
                await client.get("/")
    """,
    ),
    case(
        "a service with two sessions",
        """
        class Service:
            def __init__(self, db: AsyncSession, other: AsyncSession):
                self.db = db
                self.other = other
            async def work(self):
                await self.db.execute(select(1))
                await self.other.commit()
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a field that a method sets",
        """
        class Job:
            async def open(self):
                self.db = maker()
            async def work(self):
                await self.db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a field that a with statement sets",
        """
        class Job:
            async def work(self):
                async with maker() as self.db:
                    await self.load()
                    await client.get("/")  # error: PHL101
            async def load(self):
                await self.db.execute(select(1))
    """,
    ),
    case(
        "a field that a tuple sets",
        """
        class Job:
            def __init__(self, db: AsyncSession, x):
                self.db, self.x = db, x
            async def work(self):
                await self.db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a field of a field",
        """
        class Clients:
            def __init__(self):
                self.http = httpx.AsyncClient()

        class Service:
            def __init__(self, db: AsyncSession, clients: Clients):
                self.db = db
                self.clients = clients
            async def work(self):
                await self.db.execute(select(1))
                await self.clients.http.get("/")  # error: PHL101
    """,
    ),
    case(
        "an untyped field that the caller has set",
        """
        class Box:
            def __init__(self, thing):
                self.thing = thing
            async def load(self):
                await self.thing.execute(select(1))

        async def f(db: AsyncSession):
            await Box(db).load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a field of another object is set",
        """
        class Box:
            db: AsyncSession
            def fill(self, other, db: AsyncSession):
                other.db = db

        async def f(db: AsyncSession, x, one: Box, two: Box):
            box = one if x else two
            box.db = db
            await box.db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a nested class as a namespace",
        """
        class Outer:
            class Inner:
                async def go(self):
                    await client.get("/")
            async def f(self, db: AsyncSession):
                await db.execute(select(1))
                await Outer.Inner().go()  # error: PHL101
    """,
    ),
    case(
        "a base of a library",
        """
        class Own(httpx.AsyncClient):
            async def ask(self):
                return await self.get("/")

        async def f(db: AsyncSession, own: Own):
            await db.execute(select(1))
            await own.ask()  # error: PHL101
            await own.post("/")  # error: PHL101
            await Own.options("/")  # error: PHL101
    """,
    ),
    case(
        "pydantic fields and enums are no waits",
        """
        import enum
        import pydantic

        class Kind(enum.Enum):
            A = 1

        class Model(pydantic.BaseModel):
            name: str

        async def f(db: AsyncSession, model: Model):
            await db.execute(select(1))
            model.model_dump()
            Kind.A.value
            await model.something()
    """,
    ),
    case(
        "a property that queries",
        """
        class Repo:
            def __init__(self, db: Session):
                self.db = db
            @property
            def user(self):
                return self.db.scalar(select(1))
            @functools.cached_property
            def other(self):
                return self.db

        def f(repo: Repo):
            repo.user
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "a property that waits does so where it is read",
        """
        class Tariff:
            def __init__(self, db: Session):
                self.db = db
            @property
            def name(self):
                return self.db.scalar(select(1))
            @property
            def price(self):
                return httpx.get("/").text
            def both(self):
                name = self.name
                return name + self.price  # error: PHL101
            def by_getattr(self):
                self.db.execute(select(1))
                return getattr(self, "price")  # error: PHL101
            def compared(self):
                self.db.execute(select(1))
                if self.price is None:  # error: PHL101
                    return
    """,
    ),
    case(
        "classes that inherit from each other",
        """
        class A(B): ...
        class B(A):
            async def go(self):
                await client.get("/")

        async def f(db: AsyncSession, a: A):
            await db.execute(select(1))
            await a.go()  # error: PHL101
    """,
    ),
    case(
        "a singleton of the module",
        """
        class Llm:
            def __init__(self):
                self.http = httpx.AsyncClient()
            async def complete(self):
                return await self.http.post("/")

        llm = Llm()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await llm.complete()  # error: PHL101
    """,
    ),
    case(
        "a redefined method and __slots__",
        """
        class Repo:
            __slots__ = ("db",)
            name = "x"
            def __init__(self, db: AsyncSession):
                self.db: AsyncSession = db
                self.count: int
                self.count += 1
            async def load(self):
                await self.db.execute(select(self.name))
                await client.get("/")  # error: PHL101
    """,
    ),
]

EVIDENCE = [
    case(
        "an awaited statement",
        """
        async def f(db):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a builder with methods",
        """
        import sqlalchemy as sa

        async def f(db):
            await db.execute(select(1).where(1 == 1).limit(3))
            await client.get("/")  # error: PHL101

        async def g(db):
            await db.execute(sa.select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a sync session",
        """
        def f(db):
            db.query(int).all()
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "add and commit",
        """
        async def f(db, user):
            db.add(user)
            await db.flush()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "commit and refresh",
        """
        async def f(db, user):
            await db.commit()
            await db.refresh(user)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "scalars alone",
        """
        async def f(db: "Any"):
            await db.scalars("x")
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "passed on",
        """
        async def load(db: AsyncSession):
            await db.execute(select(1))

        async def f(db):
            await load(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "passed on by keyword",
        """
        async def load(x, *, db: AsyncSession):
            await db.execute(select(1))

        async def f(db):
            await load(1, db=db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "passed on twice",
        """
        async def load(db: AsyncSession):
            await db.execute(select(1))

        async def middle(x, db):
            await load(db)

        async def f(db, *rest):
            print(db, *rest)
            await middle(1, db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "passed on to a function that takes no session",
        """
        def log(x): ...

        async def f(db):
            log(db)
            log(x=db)
            log(1, 2, db)
            await db.execute("x")
            await client.get("/")
    """,
    ),
    case(
        "passed on to itself",
        """
        async def f(db, n):
            if n:
                await f(db, n - 1)
            await client.get("/")
    """,
    ),
    case(
        "passed on to an unknown callee",
        """
        async def f(db, x):
            await x.y.z(db)
            await client.get("/")
    """,
    ),
    case(
        "a method of itself",
        """
        class Repo:
            async def load(self, db: AsyncSession):
                await db.execute(select(1))
            async def work(self, db):
                await self.load(db)
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a statement in a variable",
        """
        async def f(db, user):
            query = select(1)
            query = query.where(user)
            await db.execute(query)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an aiohttp session",
        """
        async def f(session):
            async with session.get("/") as response:
                await response.json()
            await session.post("/")
            await client.get("/")
    """,
    ),
    case(
        "redis",
        """
        async def f(redis, session):
            await redis.execute("GET", "x")
            await redis.execute_command("SET")
            await session.commit()
            await client.get("/")
    """,
    ),
    case(
        "a dict or set",
        """
        async def f(db, session):
            db.update({"a": 1})
            session.add(3)
            db.get("a")
            await client.get("/")
    """,
    ),
    case(
        "annotated with something else",
        """
        async def f(db: int, other: "Redis"):
            await db.execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "*args is no session",
        """
        async def f(*db):
            await db.execute(select(1))
            await client.get("/")
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), MODULES)
def test_modules(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), GLOBALS)
def test_globals(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), TYPES)
def test_types(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), CLASSES)
def test_classes(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), EVIDENCE)
def test_untyped_parameters(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_a_file_that_does_not_parse_is_unknown_to_those_that_import_it(tmp_path: Path) -> None:
    files = {
        "app.py": HEAD + "from broken import helper\n\n\nasync def f():\n    await helper()\n",
        "broken.py": "def (:\n",
    }
    result = check(tmp_path, files)
    assert result.findings == ()
    assert [problem.path for problem in result.problems] == ["broken.py"]


def test_named_import_roots_win(tmp_path: Path) -> None:
    files = {
        "code/app/main.py": user("from app.llm import ask"),
        "code/app/llm.py": LLM,
        "app/llm.py": "async def ask():\n    pass\n",
    }
    result = check(tmp_path, files, src=("./code/",))
    assert [(one.path, one.code) for one in result.findings] == [("code/app/main.py", "PHL101")]


def test_a_file_gives_the_same_findings_alone_and_with_the_others(tmp_path: Path) -> None:
    from flake8_poolhold import engine
    from flake8_poolhold.config import Settings

    whole = check(tmp_path, {"app.py": user("from llm import ask"), "llm.py": LLM, "db.py": DB})
    alone = engine.check([tmp_path / "app.py"], Settings(select=("PHL101",)), root=tmp_path, cache=False)
    assert alone.findings == whole.findings
    assert len(alone.findings) == 1
