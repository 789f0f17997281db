"""Whether a commit before a wait is harmless: what refuses it, and what is not proved."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from snippets import HEAD, flow_of

from flake8_poolhold.flow.analysis import Flow
from flake8_poolhold.flow.model.frames import Hold
from flake8_poolhold.flow.releasing.releases import NAME
from flake8_poolhold.flow.releasing.remedies import Remedy

PROVIDERS = """
async def get_bound():
    async with engine.connect() as connection:
        async with AsyncSession(connection, expire_on_commit=False) as session:
            yield session


async def get_begun():
    async with maker() as session:
        await session.begin()
        yield session


expiring = async_sessionmaker(engine)


async def get_expiring():
    async with expiring() as session:
        yield session


def get_sync():
    with sync_maker() as session:
        yield session


async def user(db: AsyncSession = Depends(get_db)):
    return await db.scalar(select(1))
"""


def of(flow: Flow, hold: Hold) -> Remedy:
    """The verdict on a commit."""
    (verdict,) = [remedy for remedy in flow.remedies(hold) if remedy.name == NAME]
    return verdict


def release(
    root: Path, body: str, *, provider: str = "get_db", extra: dict[str, str] | None = None, before: str = ""
) -> Remedy:
    """The verdict on the first hold of a handler with this body; `before` stands before it in the module."""
    head = f"\n\n@app.get('/')\nasync def handler(x: int, db=Depends({provider})):\n"
    handler = head + textwrap.indent(textwrap.dedent(body), "    ")
    flow = flow_of(root, {"app.py": HEAD + PROVIDERS + before + handler, **(extra or {})})
    mine = [hold for hold in flow.holds if hold.function.name == "handler"]
    first = min(mine, key=lambda hold: (hold.span, hold.name != "db"))
    return of(flow, first)


READ = "await db.execute(select(1))\n"
CALL = "await client.get('/')\n"


def test_a_read_before_the_call_is_safely_committed(tmp_path: Path) -> None:
    verdict = release(tmp_path, READ + CALL)
    assert (verdict.statement, verdict.refused, verdict.doubts) == ("await db.commit()", "", ())


def test_a_sync_session_is_committed_without_await(tmp_path: Path) -> None:
    verdict = release(tmp_path, "db.execute(select(1))\nhttpx.get('/')\n", provider="get_sync")
    assert (verdict.statement, verdict.refused, verdict.doubts) == ("db.commit()", "", ())


REFUSED = [
    pytest.param(
        "me = await user(db)\ndel db\n" + CALL, "get_db", "may be something else", id="the session's name is deleted"
    ),
    pytest.param(
        "async with engine.connect() as connection:\n    await client.get('/')\n",
        "get_db",
        "a connection outlives",
        id="connection",
    ),
    pytest.param("await db.execute(select(1).with_for_update())\n" + CALL, "get_db", "a lock", id="lock"),
    pytest.param(
        "async with db.begin():\n    await db.execute(select(1))\n    " + CALL, "get_db", "`begin()` block", id="begin"
    ),
    pytest.param(READ + CALL, "get_bound", "bound to a connection", id="bound"),
    pytest.param("rows = await db.stream(select(1))\n" + CALL, "get_db", "cursor is open", id="stream"),
    pytest.param(
        "me = await db.get(int, 1)\n" + CALL + "print(me.name)\n",
        "get_expiring",
        "expires them",
        id="objects are read after it",
    ),
    pytest.param(
        "if x:\n    db = maker()\n" + READ + CALL, "get_db", "`db` may be one of several", id="rebound in an arm"
    ),
    pytest.param("if x:\n    db = db\n" + READ + CALL, "get_db", "may be something else", id="rebound"),
    pytest.param("await db.begin()\n" + READ + CALL, "get_db", "begun by hand", id="begun by hand"),
    pytest.param(READ + CALL, "get_begun", "begun by hand", id="begun by hand in the provider"),
]


@pytest.mark.parametrize(("body", "provider", "reason"), REFUSED)
def test_refused(body: str, provider: str, reason: str, tmp_path: Path) -> None:
    verdict = release(tmp_path, body, provider=provider)
    assert reason in verdict.refused
    assert verdict.doubts == ()


def test_refused_where_the_session_has_no_name(tmp_path: Path) -> None:
    source = HEAD + PROVIDERS + "\n\n@app.get('/')\nasync def handler(me=Depends(user)):\n    await client.get('/')\n"
    flow = flow_of(tmp_path, {"app.py": source})
    (hold,) = flow.holds
    assert "no name in this function" in of(flow, hold).refused


def test_refused_where_the_call_is_given_the_connection(tmp_path: Path) -> None:
    source = """
async def archive(conn: AsyncConnection):
    await client.get("/")

async def once(given: bool):
    async with engine.connect() as conn:
        await conn.execute(select(1))
        if given:
            await archive(conn)
        else:
            await client.get("/")
"""
    flow = flow_of(tmp_path, {"app.py": HEAD + source})
    reasons = [of(flow, hold).refused for hold in sorted(flow.holds, key=lambda hold: hold.span)]
    assert reasons == [
        "the call is given the connection `conn`; let it return what it has read, and wait behind the block",
        "a connection outlives its commit; close it before the call",
    ]


DOUBTS = [
    pytest.param("db.add(1)\nawait db.flush()\n" + CALL, "get_db", "writes before the call", id="dirty"),
    pytest.param("await unknown(db)\n" + CALL, "get_db", "not understood", id="unsure"),
    pytest.param(READ + CALL, "get_expiring", "expires loaded objects", id="expiring"),
    pytest.param(
        "try:\n    await db.execute(select(1))\nexcept ValueError:\n    await client.get('/')\n",
        "get_db",
        "error handler",
        id="handler",
    ),
    pytest.param(
        "try:\n    await db.execute(select(1))\nfinally:\n    await client.get('/')\n",
        "get_db",
        "error handler",
        id="finally",
    ),
    pytest.param("asyncio.create_task(ask())\n" + READ + CALL, "get_db", "runs beside", id="task"),
    pytest.param(READ + CALL + "print(db.in_transaction())\n", "get_db", "in which transaction", id="asks"),
    pytest.param(
        "me = await db.get(int, 1)\nawait client.get(await me.awaitable_attrs.tags)\n",
        "get_db",
        "loaded when it is read",
        id="awaitable",
    ),
    pytest.param(
        "me = await db.get(int, 1)\nme.name = 'x'\n" + CALL, "get_db", "writes before the call", id="object is changed"
    ),
    pytest.param(
        "me = await db.get(int, 1)\nme.tags.append('x')\n" + CALL,
        "get_db",
        "writes before the call",
        id="list is changed",
    ),
]


@pytest.mark.parametrize(("body", "provider", "reason"), DOUBTS)
def test_doubts(body: str, provider: str, reason: str, tmp_path: Path) -> None:
    verdict = release(tmp_path, body, provider=provider)
    assert verdict.refused == ""
    assert any(reason in doubt for doubt in verdict.doubts), verdict.doubts


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("for one in range(3):\n    await db.execute(select(1))\n    await client.get('/')\n", id="loop"),
        pytest.param("while x:\n    await db.execute(select(1))\n    await client.get('/')\n", id="while"),
        pytest.param("if x:\n    await db.execute(select(1))\n    await client.get('/')\n", id="arm"),
        pytest.param(
            "match x:\n    case 1:\n        await db.execute(select(1))\n        await client.get('/')\n", id="match"
        ),
        pytest.param(
            "async with asyncio.timeout(3):\n    await db.execute(select(1))\n    await client.get('/')\n", id="with"
        ),
        pytest.param(
            "try:\n    await db.execute(select(1))\n    await client.get('/')\nexcept ValueError:\n    pass\n", id="try"
        ),
        pytest.param(
            "for one in range(3):\n    pass\nelse:\n    await db.execute(select(1))\n    await client.get('/')\n",
            id="else",
        ),
        pytest.param("rows = [await client.get(x) for x in [await db.scalar(select(1))]]\n", id="comprehension"),
    ],
)
def test_the_place_of_the_wait_is_found_in_every_block(body: str, tmp_path: Path) -> None:
    verdict = release(tmp_path, body)
    assert (verdict.refused, verdict.doubts) == ("", ())


HABITS = [
    pytest.param(
        "from sqlalchemy import event\n@event.listens_for(object, 'after_commit')\ndef on(db):\n    audit(db)\n",
        "listens to commits",
        id="listener",
    ),
    pytest.param(
        "from sqlalchemy import event\nevent.listen(object, 'commit', print)\n",
        "listens to commits",
        id="listen to a connection",
    ),
    pytest.param("options = {'autobegin': False}\n", "autobegin", id="autobegin"),
    pytest.param("make = sessionmaker(autobegin=False)\n", "autobegin", id="autobegin keyword"),
    pytest.param("create_engine(isolation_level='SERIALIZABLE')\n", "isolation level", id="isolation"),
    pytest.param("create_engine(isolation_level=LEVEL)\n", "isolation level", id="isolation by name"),
    pytest.param("engine.execution_options(isolation_level='SERIALIZABLE')\n", "isolation level", id="of an engine"),
    pytest.param("maker.configure(expire_on_commit=True)\n", "changed after", id="configure"),
    pytest.param("session.expire_on_commit = True\n", "changed after", id="assignment"),
    pytest.param(
        "from sqlalchemy.ext.asyncio import AsyncSession\nclass Own(AsyncSession):\n    async def commit(self): ...\n",
        "overrides",
        id="own commit",
    ),
]


@pytest.mark.parametrize(("module", "reason"), HABITS)
def test_habits_of_the_project(module: str, reason: str, tmp_path: Path) -> None:
    verdict = release(tmp_path, READ + CALL, extra={"other.py": module})
    assert any(reason in doubt for doubt in verdict.doubts), verdict.doubts


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(
            "async def own(db):\n    await db.connection(execution_options={'isolation_level': 'SERIALIZABLE'})\n",
            id="isolation of one transaction",
        ),
        pytest.param(
            "async def own(conn):\n    await conn.execution_options(isolation_level='SERIALIZABLE')\n",
            id="isolation of one connection",
        ),
        pytest.param("create_engine(isolation_level='AUTOCOMMIT')\n", id="autocommit"),
        pytest.param("from sqlalchemy import event\nevent.listen(object, 'connect', print)\n", id="another event"),
        pytest.param("class Own:\n    async def commit(self): ...\n    # Session\n", id="commit of something else"),
        pytest.param("maker.configure(bind=1)  # expire_on_commit\n", id="configured otherwise"),
        pytest.param("# autobegin after_commit isolation_level\n", id="words in comments"),
    ],
)
def test_habits_that_do_not_matter(module: str, tmp_path: Path) -> None:
    assert release(tmp_path, READ + CALL, extra={"other.py": module}).doubts == ()


LAZY = """
from sqlalchemy.orm import DeclarativeBase, relationship, mapped_column

class Base(DeclarativeBase): ...

class User(Base):
    tags = relationship("Tag")
    text = mapped_column(deferred=True)
    name = mapped_column()

    @property
    def count(self): return len(self.tags)

    @property
    def title(self): return self.name.title()

    @property
    def summary(self): return f"{self.count} of {self.name}"
"""


@pytest.mark.parametrize(
    ("argument", "lazy"),
    [
        pytest.param("me.tags", True, id="a relationship"),
        pytest.param("me.text", True, id="a deferred column"),
        pytest.param("me", True, id="the whole object"),
        pytest.param("me.name", False, id="a column"),
        pytest.param("me.count", True, id="a property that reads a relationship"),
        pytest.param("me.summary", True, id="a property that reads such a property"),
        pytest.param("me.title", False, id="a property that reads a column"),
    ],
)
def test_lazy_attributes_of_sync_sessions(argument: str, lazy: bool, tmp_path: Path) -> None:
    body = f"me = db.get(int, 1)\nhttpx.get({argument})\n"
    verdict = release(tmp_path, body, provider="get_sync", extra={"models.py": LAZY})
    assert any("loaded when it is read" in doubt for doubt in verdict.doubts) is lazy


def test_who_else_may_use_the_session(tmp_path: Path) -> None:
    source = HEAD + textwrap.dedent(
        """
        async def given(db: AsyncSession):
            await db.execute(select(1))
            await client.get("/")

        @app.get("/called")
        async def called(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")

        @app.get("/one")
        @app.get("/two")
        async def alike(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")

        @app.get("/three")
        @app.get("/four", dependencies=[Depends(given)])
        async def twice(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")

        async def added(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")

        app.add_api_route("/five", added)
        app.add_api_route("/six", added)

        async def differently(db=Depends(get_db)):
            await db.execute(select(1))
            await client.get("/")

        app.add_api_route("/seven", differently)
        app.add_api_route("/eight", differently, dependencies=[Depends(given)])

        REGISTERED = [called]
        """
    )
    flow = flow_of(tmp_path, {"app.py": source})
    doubts = {hold.function.name: of(flow, hold).doubts for hold in flow.holds}
    assert any(one.startswith("the callers' transactions are not known") for one in doubts["given"])
    assert any(one.startswith("the handler is also called directly") for one in doubts["called"])
    twice = "the handler is registered more than once, with different dependencies"
    assert twice in doubts["twice"]
    assert twice in doubts["differently"]
    assert doubts["alike"] == doubts["added"] == ()


def test_a_session_of_the_module_is_shared(tmp_path: Path) -> None:
    source = """
        shared = maker()

        async def f():
            db = shared
            await db.commit()
            await db.execute(select(1))
            await client.get("/")
    """
    flow = flow_of(tmp_path, source)
    (hold,) = flow.holds
    verdict = of(flow, hold)
    assert verdict.statement == "await db.commit()"
    assert "the session is shared" in verdict.doubts


HELPERS = """
    def plain(user): return httpx.get(user.name)
    def loads(user): return httpx.get(len(user.tags))
    def further(user): return loads(user)
    def by_name(user): return httpx.get(getattr(user, "name"))
    def by_lazy_name(user): return httpx.get(getattr(user, "tags"))
    def by_any_name(user, name): return httpx.get(getattr(user, name))
    def looped(user):
        for one in ("name", "id"):
            httpx.get(getattr(user, one))
    def lazily_looped(user):
        for one in ("name", "tags"):
            httpx.get(getattr(user, one))
    def given(call, user): return httpx.get(call(user))
    def rendered(user): return httpx.get(template.render(user=user))
    def sent(user): return httpx.post("/", data=user)
    class Mail:
        def send(self, user): return httpx.get(user.tags)
    def mailed(mail, user): return httpx.get(mail.send(user))
    def counted(user: int): return httpx.post("/", data=user)
"""


@pytest.mark.parametrize(
    ("call", "lazy"),
    [
        ("plain(me)", False),
        ("loads(me)", True),
        ("further(me)", True),
        ("by_name(me)", False),
        ("by_lazy_name(me)", True),
        ("by_any_name(me, 'name')", True),
        ("looped(me)", False),
        ("lazily_looped(me)", True),
        ("given(len, me)", True),
        ("rendered(me)", True),
        ("sent(me)", True),
        ("mailed(db, me)", True),
        ("counted(me)", False),
    ],
)
def test_what_a_helper_loads_from_what_it_is_given(call: str, lazy: bool, tmp_path: Path) -> None:
    body = f"me = db.get(int, 1)\n{call}\n"
    helpers = textwrap.dedent(HELPERS)
    verdict = release(tmp_path, body, provider="get_sync", extra={"models.py": LAZY}, before=helpers)
    assert any("loaded when it is read" in doubt for doubt in verdict.doubts) is lazy
