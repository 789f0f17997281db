"""Random small programs: the analysis neither fails nor depends on anything but the program."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snippets import HEAD, check, flow_of

from flake8_poolhold.finding import Finding

EVERY = ("PHL1", "PHL2", "PHL3", "PHL4")

VALUES = st.sampled_from(
    [
        "db", "other", "x", "None", "maker()", "db or maker()", "client", "[db, other]", "{'a': db}", "{x: other}",
        "Repo(db)", "Repo(db).db", "lambda: db", "helper", "functools.partial(helper, db)", "get_db()", "scope(db)",
        "(db, x)", "engine", "db if x else other", "(y := db)", "await helper(db)", "[z for z in (db, other)]",
        "Repo", "Repo(db).load", "box['a']", "box.get(x)", "helper(db)", "self_made", "getattr(db, 'execute')",
        "maker", "asyncio.create_task(helper(db))",
    ]
)  # fmt: skip
EXPRESSIONS = st.sampled_from(
    [
        "await db.execute(select(1))", "await db.commit()", "await db.rollback()", "await db.close()",
        "await client.get('/')", "db.add(x)", "await db.flush()", "await other.scalar(select(1))",
        "await other.commit()", "await helper(db)", "await helper(other, x=db)", "await helper(*[db, other])",
        "await helper(**{'db': db})", "await Repo(db).load()", "await asyncio.gather(helper(db), client.get('/'))",
        "await asyncio.gather(*[helper(y) for y in (db, x)])", "await y", "await y()", "y()",
        "x and await db.commit()", "x or await client.get('/')", "[await client.get(z) async for z in rows(db)]",
        "await asyncio.wait_for(helper(db), 3)", "await asyncio.to_thread(print, db)", "await recursive(db, x)",
        "await box['a'].commit()", "box.append(db)", "box.update(a=db)",
        "await db.run_sync(lambda s: s.query(int).all())", "await y.execute(select(1))", "await (y := db).commit()",
        "await asyncio.sleep(1)", "y.name = db", "yield db", "yield", "await later",
    ]
)  # fmt: skip
TARGETS = st.sampled_from(["y", "x", "db", "box", "other", "y.name", "box['a']", "y, x", "(y, *x)", "self_made"])
TESTS = st.sampled_from(
    [
        "x", "not x", "x is None", "db is not None", "x and y", "x or db is None", "x > 1", "await client.get('/')",
        "True",
    ]
)  # fmt: skip
ITEMS = st.sampled_from(
    [
        "maker() as y", "maker()", "db", "db.begin()", "db.begin_nested() as y", "engine.connect() as y",
        "engine.begin() as box", "scope(db) as y", "get_db() as x", "maker.begin() as db",
        "contextlib.AsyncExitStack() as stack", "contextlib.aclosing(maker()) as y",
        "contextlib.nullcontext(db) as y", "Repo(db) as y", "asyncio.timeout(3)", "client.stream('GET', '/') as y",
        "maker() as x, maker() as y",
    ]
)  # fmt: skip
ITERABLES = st.sampled_from(
    ["rows(db)", "get_db()", "y", "[db, other]", "client.stream('GET', '/').aiter_lines()", "box.values()", "Repo(db)"]
)

PRELUDE = """
class Repo:
    def __init__(self, db):
        self.db = db
        self.inner = None
    async def load(self, *args, **kwargs):
        return await self.db.execute(select(1))
    async def __aenter__(self):
        return self.db
    async def __aexit__(self, *args):
        await self.db.close()
    async def __aiter__(self):
        yield self.db
    def __getitem__(self, key):
        return self.db


@contextlib.asynccontextmanager
async def scope(db):
    try:
        yield db
        await db.commit()
    finally:
        await db.close()


async def rows(db: AsyncSession):
    async for row in await db.stream(select(1)):
        yield row


async def recursive(db: AsyncSession, n):
    if n:
        await recursive(db, n - 1)
    await target(db, db)
"""


def simple() -> st.SearchStrategy[list[str]]:
    """One statement without blocks, as lines."""
    lines = st.one_of(
        EXPRESSIONS.filter(lambda one: "yield" not in one),
        st.builds("{} = {}".format, TARGETS, VALUES),
        st.builds("{} += {}".format, st.sampled_from(["x", "y", "y.name"]), VALUES),
        st.builds("return {}".format, VALUES),
        st.sampled_from(
            [
                "pass",
                "raise ValueError",
                "raise",
                "return",
                "del x",
                "assert x",
                "global G",
                "import httpx as y",
                "async_ = 1",
            ]
        ),
        st.sampled_from(["yield db", "yield"]),
    )
    return lines.map(lambda line: [line])


def compound(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    """A statement with blocks, as lines."""
    block = st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: ["    " + line for part in parts for line in part]
    )
    loops = st.lists(st.one_of(inner, st.sampled_from([["break"], ["continue"]])), min_size=1, max_size=3).map(
        lambda parts: ["    " + line for part in parts for line in part]
    )
    return st.one_of(
        st.builds(lambda test, a, b: [f"if {test}:", *a, "else:", *b], TESTS, block, block),
        st.builds(lambda test, a, b: [f"if {test}:", *a, "elif x:", *b], TESTS, block, block),
        st.builds(lambda test, a: [f"while {test}:", *a], TESTS, loops),
        st.builds(lambda test, a, b: [f"while {test}:", *a, "else:", *b], TESTS, loops, block),
        st.builds(lambda target, it, a: [f"async for {target} in {it}:", *a], TARGETS, ITERABLES, loops),
        st.builds(
            lambda target, it, a, b: [f"for {target} in {it}:", *a, "else:", *b], TARGETS, ITERABLES, loops, block
        ),
        st.builds(lambda item, a: [f"async with {item}:", *a], ITEMS, block),
        st.builds(lambda a, b: ["try:", *a, "except ValueError:", *b], block, block),
        st.builds(lambda a, b: ["try:", *a, "finally:", *b], block, block),
        st.builds(
            lambda a, b, c, d: ["try:", *a, "except (KeyError, Exception) as y:", *b, "else:", *c, "finally:", *d],
            block,
            block,
            block,
            block,
        ),
        st.builds(
            lambda a, b: [
                "match x:",
                "    case [y, *_] if y:",
                *("    " + one for one in a),
                "    case _:",
                *("    " + one for one in b),
            ],
            block,
            block,
        ),
        st.builds(lambda a: ["async def later():", *a], block),
        st.builds(lambda a: ["class Inner:", "    async def later(self):", *("    " + one for one in a)], block),
    )


BODIES = st.lists(st.recursive(simple(), compound, max_leaves=8), min_size=1, max_size=5).map(
    lambda parts: [line for part in parts for line in part]
)


def parses(source: str) -> bool:
    """Whether it is a program: a `return` of a value in an async generator is none."""
    try:
        compile(source, "x.py", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def program(target: list[str], helper: list[str]) -> str:
    indented = "\n".join("    " + line for line in target)
    other = "\n".join("    " + line for line in helper)
    return (
        f"{HEAD}{PRELUDE}\n\n"
        "async def target(db: AsyncSession, other: AsyncSession, x=None, y=None, box=None, later=None):\n"
        f"{indented}\n\n\n"
        f"async def helper(db, x=None, y=None, box=None, other=None, later=None):\n{other}\n\n\n"
        "@app.get('/')\nasync def handler(x: int, db: AsyncSession = Depends(get_db)):\n"
        "    await target(db, maker(), x)\n"
    )


def findings(root: Path, source: str) -> tuple[Finding, ...]:
    result = check(root, {"app.py": source}, EVERY)
    assert result.problems == ()
    return result.findings


def ways(root: Path, source: str) -> list[tuple[str, tuple[int, ...], str]]:
    return [(hold.function.name, hold.span, hold.name) for hold in flow_of(root, {"app.py": source}).holds]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(BODIES, BODIES)
def test_the_analysis_never_fails_and_repeats_itself(target: list[str], helper: list[str]) -> None:
    source = program(target, helper)
    if not parses(source):
        return
    with tempfile.TemporaryDirectory() as folder:
        first = findings(Path(folder), source)
        assert findings(Path(folder), source) == first
        assert ways(Path(folder), source) == ways(Path(folder), source)
    lines = source.splitlines()
    for finding in first:
        assert 1 <= finding.line <= finding.end_line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1
        assert finding.message


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(BODIES)
def test_a_call_before_anything_is_held_is_never_reported(body: list[str]) -> None:
    """Whatever follows, the first statement of a function whose caller is unknown holds nothing."""
    source = textwrap.dedent(program(["await client.get('/first')", *body], ["pass"]))
    if not parses(source) or any("target" in line or "recursive" in line for line in body):
        return
    at = next(number for number, line in enumerate(source.splitlines(), 1) if "/first" in line)
    with tempfile.TemporaryDirectory() as folder:
        found = findings(Path(folder), source)
    assert (at, "PHL101") not in {(finding.line, finding.code) for finding in found}
