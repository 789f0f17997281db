"""FastAPI: in which state a handler starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import HEAD, Files, case, found, holds, marks

AUTH = """
async def user(db: AsyncSession = Depends(get_db)):
    return await db.scalar(select(1))
"""

FORMS = [
    case(
        "a parameter that the request fills is not its default",
        """
        async def get_user(token: str | None = None, deep: bool = False, db: AsyncSession = Depends(get_db)):
            if not token or deep:
                raise ValueError
            return await db.scalar(select(User).where(User.token == token))

        class Guard:
            def __init__(self, user=Depends(get_user), role: str | None = None):
                if role is None and not role:
                    raise ValueError

        @app.get("/a")
        async def read(user=Depends(get_user)):
            return await ask()  # error: PHL101

        @app.get("/b")
        async def read_guarded(guard: Guard = Depends()):
            return await ask()  # error: PHL101
        """,
    ),
    case(
        "a default",
        """
        @app.get("/")
        async def f(db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a default without annotation",
        """
        @app.get("/")
        async def f(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "Annotated",
        """
        from typing import Annotated

        @app.get("/")
        async def f(db: Annotated[AsyncSession, Depends(get_db)]):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an alias of Annotated",
        """
        from typing import Annotated
        Db = Annotated[AsyncSession, "doc", Depends(get_db)]

        @app.get("/")
        async def f(db: Db, name: str = "x"):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "the dependency keyword",
        """
        @app.get("/")
        async def f(db: AsyncSession = Depends(dependency=get_db)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "Security",
        AUTH
        + """
@app.get("/")
async def f(me=Security(user, scopes=["me"])):
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an auth dependency leaves the shared session held",
        AUTH
        + """
@app.get("/")
async def f(me=Depends(user), db: AsyncSession = Depends(get_db)):
    await client.get("/")  # error: PHL101
    await db.commit()
    await client.get("/")
    """,
    ),
    case(
        "an auth dependency of its own session",
        """
        async def user():
            async with maker() as db:
                return await db.scalar(select(1))

        @app.get("/")
        async def f(me=Depends(user)):
            await client.get("/")
    """,
    ),
    case(
        "use_cache=False gives another session",
        AUTH
        + """
@app.get("/")
async def f(me=Depends(user), db: AsyncSession = Depends(get_db, use_cache=False)):
    await db.commit()
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "nested dependencies",
        AUTH
        + """
async def admin(me=Depends(user)):
    return me

@app.get("/")
async def f(me=Depends(admin)):
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a dependency that releases",
        AUTH
        + """
async def admin(me=Depends(user), db: AsyncSession = Depends(get_db)):
    await db.commit()
    return me

@app.get("/")
async def f(me=Depends(admin)):
    await client.get("/")
    """,
    ),
    case(
        "a dependency that waits",
        AUTH
        + """
async def verify(me=Depends(user)):
    await client.get("/")

@app.get("/")
async def f(me=Depends(verify)):  # error: PHL101
    return me
    """,
    ),
    case(
        "a dependency that waits before the query",
        AUTH
        + """
async def verify():
    await client.get("/")

@app.get("/")
async def f(token=Depends(verify), me=Depends(user)):
    return me
    """,
    ),
    case(
        "dependencies of the route",
        AUTH
        + """
@app.get("/", dependencies=[Depends(user)])
async def f():
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a repository provider",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db
            async def load(self):
                return await self.db.scalar(select(1))

        def repo(db: AsyncSession = Depends(get_db)) -> Repo:
            return Repo(db)

        @app.get("/")
        async def f(repo: Repo = Depends(repo), db: AsyncSession = Depends(get_db)):
            await repo.load()
            await client.get("/1")  # error: PHL101
            await db.commit()
            await client.get("/2")
    """,
    ),
    case(
        "a class as a dependency",
        """
        class Service:
            def __init__(self, db: AsyncSession = Depends(get_db)):
                self.db = db
            async def load(self):
                return await self.db.scalar(select(1))

        @app.get("/1")
        async def f(service: Service = Depends()):
            await service.load()
            await client.get("/")  # error: PHL101

        @app.get("/2")
        async def g(service: Service = Depends(Service)):
            await service.load()
            await client.get("/")  # error: PHL101

        async def h(service: Service = Depends(Service)):
            await service.load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a dataclass as a dependency",
        """
        from dataclasses import dataclass

        @dataclass
        class Service:
            db: AsyncSession = Depends(get_db)
            name: str = "x"
            other = 3

        @app.get("/1")
        async def f(service: Service = Depends()):
            await service.db.scalar(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a callable instance",
        """
        class Checker:
            def __init__(self, role):
                self.role = role
            async def __call__(self, db: AsyncSession = Depends(get_db)):
                await db.execute(select(1))

        class NotCallable: ...

        @app.get("/1", dependencies=[Depends(Checker("admin"))])
        async def f():
            await client.get("/")  # error: PHL101

        @app.get("/2")
        async def g(x=Depends(NotCallable())):
            await client.get("/")
    """,
    ),
    case(
        "a bound method as a dependency",
        """
        class Auth:
            async def user(self, db: AsyncSession = Depends(get_db)):
                await db.execute(select(1))

        auth = Auth()

        @app.get("/1")
        async def f(me=Depends(auth.user)):
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a library's dependency",
        """
        from fastapi.security import OAuth2PasswordBearer
        scheme = OAuth2PasswordBearer("x")

        @app.get("/1")
        async def f(token=Depends(scheme), x=Depends(httpx.get), y=Depends(unknown)):
            await client.get("/")
    """,
    ),
    case(
        "a partial as a dependency",
        """
        async def load(x, db: AsyncSession = Depends(get_db)):
            await db.execute(select(x))

        @app.get("/1")
        async def f(x=Depends(functools.partial(load, 1))):
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a sessionmaker as a dependency, which asks the client for `local_kw`",
        """
        @app.get("/1")
        async def f(db=Depends(maker)):
            await db.execute(select(1))
            await client.get("/")
    """,
        select=("PHL101",),
    ),
    case(
        "a function that makes dependencies",
        """
        def needs(role):
            async def check(db: AsyncSession = Depends(get_db)):
                await db.execute(select(role))
            return check

        @app.get("/1", dependencies=[Depends(needs("x"))])
        async def f():
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a sync provider runs in a thread",
        """
        def get_sync():
            with sync_maker() as db:
                httpx.get("/")
                yield db

        @app.get("/1")
        async def f(db: Session = Depends(get_sync)):
            db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a provider that always raises",
        """
        async def forbidden():
            raise ValueError

        @app.get("/1")
        async def f(x=Depends(forbidden), db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an untyped marker says what the provider gives",
        """
        async def helper(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a class as a provider of an untyped helper",
        """
        class Repo:
            def __init__(self, db: AsyncSession):
                self.db = db

        async def f(repo=Depends(Repo)):
            await repo.db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a marker without a known provider",
        """
        from elsewhere import provide

        @app.get("/1")
        async def f(db: AsyncSession = Depends(provide)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an untyped marker without a known provider, used as a session",
        """
        from elsewhere import provide

        async def f(db=Depends(provide)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
        wrong="an untyped parameter with an unknown provider is not judged by its use",
    ),
]

ROUTERS = [
    case(
        "dependencies of the application",
        AUTH
        + """
main = FastAPI(dependencies=[Depends(user)])

@main.get("/")
async def f():
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "dependencies of a router",
        AUTH
        + """
router = APIRouter(dependencies=[Depends(user)])

@router.post("/")
async def f():
    await client.get("/")  # error: PHL101

@app.post("/")
async def g():
    await client.get("/")
    """,
    ),
    case(
        "dependencies of include_router",
        AUTH
        + """
router = APIRouter()
other = APIRouter()

@router.api_route("/")
async def f():
    await client.get("/")  # error: PHL101

@other.api_route("/")
async def g():
    await client.get("/")

app.include_router(router, prefix="/x", dependencies=[Depends(user)])
app.include_router(other)
app.include_router()
include_router(router)
    """,
    ),
    case(
        "nested routers in other files",
        {
            "db.py": HEAD + AUTH,
            "leaf.py": "from db import *\nrouter = APIRouter()\n\n@router.get('/')\nasync def f():\n"
            "    await client.get('/')  # error: PHL101\n",
            "middle.py": "from fastapi import APIRouter\nimport leaf\nrouter = APIRouter()\n"
            "router.include_router(leaf.router)\n",
            "main.py": "from db import user\nfrom fastapi import Depends, FastAPI\nfrom middle import router\n"
            "app = FastAPI()\n"
            "app.include_router(router, dependencies=[Depends(user)])\n",
        },
    ),
    case(
        "an application that is made in a function",
        {
            "db.py": HEAD + AUTH,
            "leaf.py": "from db import *\nrouter = APIRouter()\n\n@router.get('/')\nasync def f():\n"
            "    await client.get('/')  # error: PHL101\n",
            "main.py": "from fastapi import Depends, FastAPI\ndef create_app():\n    from db import user\n"
            "    from leaf import router\n"
            "    app = FastAPI(dependencies=[Depends(user)])\n    app.include_router(router)\n    return app\n",
        },
    ),
    case(
        "a router that includes itself",
        AUTH
        + """
router = APIRouter()
router.include_router(router, dependencies=[Depends(user)])

@router.get("/")
async def f():
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "include_router of something else",
        AUTH
        + """
from elsewhere import other
app.include_router(other, dependencies=[Depends(user)])
other.include_router(APIRouter(), dependencies=[Depends(user)])

@app.get("/")
async def f():
    await client.get("/")
    """,
    ),
    case(
        "a handler of an unknown router",
        """
        from elsewhere import router

        def setup(router):
            @router.get("/")
            async def inner(db: AsyncSession = Depends(get_db)):
                await db.execute(select(1))
                await client.get("/")  # error: PHL101

        @router.get("/")
        async def f(db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a handler of an unknown router with an auth dependency",
        AUTH
        + """
@routers["x"].get("/")
async def f(me=Depends(user)):
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a decorator that looks like a route",
        AUTH
        + """
@cache.get("/")
async def f(me):
    await client.get("/")

@app.exception_handler(ValueError)
async def g(me):
    await client.get("/")

@app.on_event("startup")
async def h():
    await client.get("/")
    """,
    ),
    case(
        "a handler in a function",
        AUTH
        + """
def create():
    own = FastAPI()

    @own.get("/")
    async def f(me=Depends(user)):
        await client.get("/")  # error: PHL101
    return own
    """,
    ),
    case(
        "a websocket",
        AUTH
        + """
@app.websocket("/ws")
async def f(websocket, me=Depends(user)):
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a sync handler",
        """
        def get_sync():
            with sync_maker() as db:
                yield db

        @app.get("/")
        def f(db: Session = Depends(get_sync)):
            db.execute(select(1))
            httpx.get("/")  # error: PHL101
    """,
    ),
    case(
        "a method as a handler",
        """
        class Views:
            router = APIRouter()

            @router.get("/")
            async def f(self, db: AsyncSession = Depends(get_db)):
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "include_router of something that is no router",
        AUTH
        + """
app.include_router(user, dependencies=[Depends(user)])

def install(thing):
    own = other = thing
    own = make()
    own = client.get
    app.include_router(own.router, dependencies=[Depends(user)])

@app.get("/")
async def f():
    await client.get("/")
    """,
    ),
    case(
        "a router in a list of routers",
        AUTH
        + """
routers = [APIRouter(), APIRouter()]

@routers[0].get("/")
async def f():
    await client.get("/")  # error: PHL101

for router in routers:
    app.include_router(router, dependencies=[Depends(user)])
    """,
        wrong="`include_router` in a loop is not understood",
    ),
    case(
        "dependencies in a name",
        AUTH
        + """
GUARD = [Depends(user)]
router = APIRouter(dependencies=GUARD)

@router.get("/")
async def f():
    await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "add_api_route",
        AUTH
        + """
async def f(me=Depends(user)):
    await client.get("/")  # error: PHL101

app.add_api_route("/", f)
    """,
    ),
    case(
        "a router of two arms",
        AUTH
        + """
router = APIRouter() if app else APIRouter(dependencies=[Depends(user)])

@router.get("/")
async def f():
    await client.get("/")  # error: PHL101
    """,
    ),
]


BACKGROUND = [
    case(
        "tasks of every kind",
        """
        from starlette.background import BackgroundTask
        from fastapi.responses import JSONResponse

        class Mailer:
            async def send(self, to):
                await client.post("/", json=to)

        async def cheap():
            return 1

        @app.get("/")
        async def f(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            tasks.add_task(ask)  # error: PHL103
            tasks.add_task(Mailer().send, "a")  # error: PHL103
            tasks.add_task(client.get, "/")  # error: PHL103
            tasks.add_task(cheap)
            tasks.add_task(db.expunge_all)
            tasks.add_task()

        @app.get("/")
        async def g(db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            return JSONResponse(1, background=BackgroundTask(ask))  # error: PHL103
    """,
        select=("PHL103",),
    ),
    case(
        "what is held when the handler returns counts",
        """
        @app.get("/")
        async def committed(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            tasks.add_task(ask)
            await db.commit()

        @app.get("/")
        async def queried_later(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
            tasks.add_task(ask)  # error: PHL103
            await db.execute(select(1))

        @app.get("/")
        async def other_path(tasks: BackgroundTasks, flag: bool, db: AsyncSession = Depends(get_db)):
            if flag:
                tasks.add_task(ask)
                return 1
            return await db.scalar(select(1))

        @app.get("/")
        async def either_path(tasks: BackgroundTasks, flag: bool, db: AsyncSession = Depends(get_db)):
            if flag:
                tasks.add_task(ask)  # error: PHL103
            else:
                tasks.add_task(client.get, "/")  # error: PHL103
            return await db.scalar(select(1))

        @app.get("/")
        async def own_session(tasks: BackgroundTasks):
            tasks.add_task(ask)
            async with maker() as db:
                return await db.scalar(select(1))

        @app.get("/")
        async def exits_early(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db, scope="function")):
            tasks.add_task(ask)
            return await db.scalar(select(1))

        async def no_handler(tasks: BackgroundTasks, db: AsyncSession):
            tasks.add_task(ask)
            return await db.scalar(select(1))
    """,
        select=("PHL103",),
    ),
]


@pytest.mark.parametrize(("files", "select"), BACKGROUND)
def test_background_tasks(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_dependencies_exit_before_background_tasks_in_between(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi==0.110.0\n")
    source = """
        @app.get("/")
        async def f(tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
            await db.execute(select(1))
            tasks.add_task(ask)
    """
    assert found(tmp_path, source, ("PHL103",)) == set()


@pytest.mark.parametrize(("files", "select"), FORMS)
def test_dependencies(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


@pytest.mark.parametrize(("files", "select"), ROUTERS)
def test_routers(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_the_hold_names_the_provider_and_its_checkout(tmp_path: Path) -> None:
    source = AUTH + "\n\n@app.get('/')\nasync def f(me=Depends(user)):\n    await client.get('/')\n"
    (hold,) = holds(tmp_path, source)
    assert (hold.function.name, hold.name, hold.expression) == ("f", "get_db", "")
    assert hold.provider.partition(":")[0] == "app.py"
    assert [step.role for step in hold.state.since] == ["call", "checkout"]


def test_a_session_of_the_handler_is_spelled_by_its_parameter(tmp_path: Path) -> None:
    source = (
        AUTH + "\n\n@app.get('/')\nasync def f(me=Depends(user), session=Depends(get_db)):\n    await client.get('/')\n"
    )
    (hold,) = holds(tmp_path, source)
    assert (hold.name, hold.expression, hold.keeps_loaded) == ("session", "session", True)
