# ruff: noqa: E501  # a case stands on a line
"""Sessions of a registry whose scope a decorator opens: new in each run, whoever calls the function."""

from __future__ import annotations

from pathlib import Path

import pytest
from harmless import assert_safe_fixes_are_harmless, written
from scope_variants import DECORATORS, KEYS, WORKS, ScopeVariant, drawn, source
from services import database, findings, on_databases
from snippets import flow_of

REGISTRY = """import functools
import uuid
from contextvars import ContextVar

from sqlalchemy.ext.asyncio import async_scoped_session, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine

import somewhere

engine = create_async_engine("postgresql+asyncpg://localhost/app")
maker = async_sessionmaker(engine, expire_on_commit=False)
"""
SCOPE = '''current = ContextVar("current")
other = ContextVar("other")


@contextlib.contextmanager
def scope(given=None):
    """A session of its own."""
    name = given or str(uuid.uuid4())
    token = current.set(name)
    try:
        yield
    finally:
        current.reset(token)


def named():
    return current.get()


def scoped(function):
    """Each run has its own session."""

    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        with scope():
            try:
                return await function(*args, **kwargs)
            finally:
                await registry.remove()

    return wrapper


registry = async_scoped_session(maker, scopefunc=named)
'''
WORK = """import asyncio
import httpx
from sqlalchemy import select, text

from scopes import current, registry, scope, scoped
from queue_of_jobs import actor

client = httpx.AsyncClient()


async def first():
    return await registry.scalar(select(1))


@actor
@scoped
async def work(flag: bool = False) -> str:
    note = await first()
    response = await client.get("/")
    return response.text + note.body


class Other:
    async def first(self):
        return None


class Notes:
    async def first(self):
        registry.add(object())


async def pending() -> str:
    registry.add(object())
    return await work()
"""
CALLERS = "the callers' transactions are not known"


def verdict(root: Path, *changes: tuple[str, str], more: str = "") -> tuple[str, str]:
    """The grade of the commit in `work`, and what is doubtful or wrong about it, of the two files changed so."""
    files = {"scopes.py": "import contextlib\n" + REGISTRY + SCOPE, "work.py": WORK}
    for old, new in changes:
        assert any(old in text for text in files.values())
        files = {name: text.replace(old, new) for name, text in files.items()}
    flow = flow_of(root, {**files, "more.py": more})
    hold = next(one for one in flow.holds if one.function.name == "work")
    one = next(one for one in flow.remedies(hold) if one.name == "commit-before")
    return "refused" if one.refused else "unsafe" if one.doubts else "safe", one.refused or "; ".join(one.doubts)


SAFE = {
    "as it is": [],
    "hex": [("str(uuid.uuid4())", "uuid.uuid4().hex")],
    "always new": [("given or str(uuid.uuid4())", "uuid.uuid4()")],
    "at once": [("token = current.set(name)", "token = current.set(given or str(uuid.uuid4()))")],
    "lambda": [("scopefunc=named", "scopefunc=lambda: current.get()")],
    "method": [("scopefunc=named", "current.get")],
    "by keyword": [("(maker, scope", "(session_factory=maker, scope")],
    "nothing removed": [("await registry.remove()", "pass")],
    "no other decorator": [("@actor\n", "")],
    "awaits": [("    return await function(*args", "    result = await function(*args")],
}
UNSAFE = {
    "not decorated": ("@scoped\n", ""),
    "another decorator between": ("@scoped\n", "@scoped\n@actor\n"),
    "the caller's scope": ("given or str(uuid.uuid4())", "given or current.get()"),
    "always the same": ("given or str(uuid.uuid4())", "given or 'work'"),
    "one for the process": ("given=None", "given=str(uuid.uuid4())"),
    "given one": ("with scope():", "with scope('work'):"),
    "set in a branch": ("    token = current.set(name)", "    token = None\n    if other.get():\n        token = current.set(name)"),
    "set twice": ("    try:\n        yield", "    current.set('work')\n    try:\n        yield"),
    "set afterwards": ("    token = current.set(name)\n    try:\n        yield", "    try:\n        yield\n        token = current.set(name)"),
    "another variable set": ("token = current.set", "token = other.set"),
    "another variable asked": ("return current.get()", "return other.get()"),
    "asked with a default": ("return current.get()", "return current.get('work')"),
    "more is asked": ("return current.get()", "return current.get() and 1"),
    "by the task": ("scopefunc=named", "scopefunc=__import__('asyncio').current_task"),
    "a variable of its own kind": ('current = ContextVar("current")', "from somewhere import current"),
    "a manager of its own kind": ("@contextlib.contextmanager", "@functools.lru_cache"),
    "no manager": ("        with scope():", "        if scope():"),
    "not awaited": ("return await function(", "return function("),
    "run in a loop": ("            try:\n                return await function(*args, **kwargs)\n            finally:", "            for _ in range(2):\n                await function(*args)\n            if True:"),
    "run twice": ("                return await function", "                await function(*args)\n                return await function"),
    "used before": ("            try:\n                return", "            await registry.execute('UPDATE')\n            try:\n                return"),
    "wrapped or not": ("    return wrapper", "    return wrapper if other else function"),
    "tasks beside": ("note = await first()", "note = (await asyncio.gather(first(), first()))[0]"),
    "scope changed": ("note = await first()", "note = await first()\n    current.set('x')"),
    "scope entered": ("note = await first()", "with scope('x'):\n        note = await first()"),
    "a call that is not known": ("note = await first()", "note = await first()\n    await flag()"),
    "scope entered inside": ("    return await registry.scalar(select(1))", "    with scope('x'):\n        return await registry.scalar(select(1))"),
    "one of several calls": ("note = await first()", "note = await first()\n    then = flag or first\n    await then()"),
    "a method of several": ("note = await first()", "note = await first()\n    await (flag or Other()).first()"),
    "a maker that is not known": ("(maker, scope", "(somewhere.maker, scope"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAFE)
def test_the_session_of_a_run_has_no_callers(case: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, *SAFE[case]) == ("safe", "")


@pytest.mark.parametrize("case", UNSAFE)
def test_what_may_share_its_session_has_callers(case: str, tmp_path: Path) -> None:
    grade, why = verdict(tmp_path, UNSAFE[case])
    assert (grade, CALLERS in why or "shared" in why) == ("unsafe", True)


@pytest.mark.parametrize(
    "more",
    [
        "from scopes import current as mine\n\n\ndef leave():\n    mine.set('work')\n",
        "from work import work\n\n\nasync def plain():\n    return await work.__wrapped__()\n",
    ],
)
def test_what_gets_around_the_decorator_is_a_caller(more: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, more=more)[0] == "unsafe"


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("registry.add(object())\n    note = await first()", "writes before"),
        ("await registry.execute(text('LOCK TABLE a'))\n    note = await first()", "lock"),
    ],
)
def test_what_the_run_itself_has_done_counts(before: str, reason: str, tmp_path: Path) -> None:
    grade, why = verdict(tmp_path, ("note = await first()", before))
    assert grade != "safe"
    assert reason in why


@pytest.mark.parametrize(("variant", "backend"), on_databases(drawn(), str, both=False))
def test_a_safe_fix_is_harmless(
    variant: ScopeVariant, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entry = written(source(variant), tmp_path)
    # the caller's session waits as well, which is another one that nobody reports: holds are not compared
    assert_safe_fixes_are_harmless(entry, database(backend, tmp_path, request), select=("PHL101",))


@pytest.mark.parametrize(
    "variant",
    [
        *(ScopeVariant(work, "adds") for work in WORKS),
        *(ScopeVariant("reads", "adds", key, decorator) for key in KEYS for decorator in DECORATORS),
    ],
    ids=str,
)
def test_what_is_safe(variant: ScopeVariant, tmp_path: Path) -> None:
    entry = written(source(variant), tmp_path)
    line = entry.read_text().splitlines().index("    answer = await ask(note.body)") + 1
    (fix,) = [one.fix for one in findings(entry) if one.line == line]
    is_own = (variant.key, variant.decorator) == ("new", "own") and variant.work in ("reads", "commits")
    assert (fix is not None and fix.applicability == "safe") == is_own, fix
