"""Runs every public method from every start state and says what it did to the pool."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import tempfile
import warnings
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, MappingResult, Result, ScalarResult
from sqlalchemy.engine import RootTransaction
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncMappingResult,
    AsyncResult,
    AsyncScalarResult,
    AsyncSession,
    AsyncSessionTransaction,
    AsyncTransaction,
    async_scoped_session,
    async_sessionmaker,
)
from sqlalchemy.orm import Query, Session, SessionTransaction, scoped_session, sessionmaker
from sqlalchemy.util import greenlet_spawn

from effects import starts
from effects.arguments import CONNECTION, FACTORY, GENERIC, QUERY, SESSION, TRANSACTION, Call, NotApplicable
from effects.database import Database, database
from effects.starts import Maker, settle

UNMEASURED = "unmeasured"


@dataclass(frozen=True)
class Subject:
    """A class to measure: where its names come from, its start states, its arguments.

    `own_states` are the start states of single methods. With `tolerant`, a call that raises counts too: the object
    already holds, and the question is whether it still does. With `enters`, what the call gives is entered as a block:
    so engines and factories are used.
    """

    kind: type
    states: dict[str, Maker]
    arguments: dict[str, list[Call]] = field(default_factory=dict)
    own_states: dict[str, dict[str, Maker]] = field(default_factory=dict)
    tolerant: bool = False
    enters: bool = False


@dataclass(frozen=True)
class Sample:
    """One call: connections out before it, after the bare call, and after it was awaited or entered (a block)."""

    before: int
    called: int
    after: int
    entered: bool
    ended_transaction: bool
    raised: bool


def measure() -> dict[str, dict[str, str]]:
    """The effect of each public name of each class, as the installed SQLAlchemy shows it on a real pool.

    Effects: acquires, may_acquire, releases, neutral, ends_tx_keeps, acquires_on_enter; `unmeasured` where no call
    could be made (a new method whose arguments nobody wrote down).
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asyncio.run(_measure_all(Path(folder)))


async def _measure_all(folder: Path) -> dict[str, dict[str, str]]:
    async with database(folder) as db:
        return {
            name: {method: await _effect(db, subject, method) for method in public_names(subject.kind)}
            for name, subject in subjects().items()
        }


def public_names(kind: type) -> list[str]:
    """What a user can name on an object of the class."""
    special = {Query: ["__iter__"], sessionmaker: ["__call__"], async_sessionmaker: ["__call__"]}
    # `memoized_*` are helper classes that SQLAlchemy keeps in a mixin, not methods.
    names = [name for name in dir(kind) if not name.startswith(("_", "memoized_"))]
    return [*names, *special.get(kind, [])]


def subjects() -> dict[str, Subject]:
    """The classes to measure, by the name of their table. SQLModel's sessions stand for their bases where installed."""
    async_kind: type[AsyncSession] = _optional("sqlmodel.ext.asyncio.session", "AsyncSession") or AsyncSession
    sync_kind: type[Session] = _optional("sqlmodel", "Session") or Session
    query_states: dict[str, Maker] = {
        "fresh": starts.query_fresh,
        "read": starts.query_read,
        "committed": starts.query_committed,
    }
    connecting = {"unstarted": starts.unstarted_connection, **starts.connection_states(True)}
    return {
        "AsyncSession": Subject(async_kind, starts.session_states(starts.async_session(async_kind)), SESSION),
        "Session": Subject(
            sync_kind,
            starts.session_states(starts.sync_session(sync_kind)),
            SESSION,
            own_states={"prepare": starts.two_phase_states()},
        ),
        "async_scoped_session": Subject(async_scoped_session, starts.session_states(starts.async_scoped), SESSION),
        "scoped_session": Subject(scoped_session, starts.session_states(starts.scoped), SESSION),
        "Query": Subject(Query, query_states, QUERY),
        "AsyncConnection": Subject(AsyncConnection, connecting, CONNECTION, tolerant=True),
        "Connection": Subject(Connection, starts.connection_states(False), CONNECTION, tolerant=True),
        "AsyncEngine": Subject(AsyncEngine, starts.engine_states(True), enters=True),
        "Engine": Subject(Engine, starts.engine_states(False), enters=True),
        "AsyncTransaction": Subject(AsyncTransaction, starts.transaction_states(True), tolerant=True),
        "Transaction": Subject(RootTransaction, starts.transaction_states(False), tolerant=True),
        "AsyncSessionTransaction": Subject(
            AsyncSessionTransaction, starts.session_transaction_states(True), TRANSACTION, tolerant=True
        ),
        "SessionTransaction": Subject(
            SessionTransaction, starts.session_transaction_states(False), TRANSACTION, tolerant=True
        ),
        "AsyncResult": Subject(AsyncResult, starts.result_states(True), tolerant=True),
        "AsyncScalarResult": Subject(AsyncScalarResult, starts.result_states(True, "scalars"), tolerant=True),
        "AsyncMappingResult": Subject(AsyncMappingResult, starts.result_states(True, "mappings"), tolerant=True),
        "Result": Subject(Result, starts.result_states(False), tolerant=True),
        "ScalarResult": Subject(ScalarResult, starts.result_states(False, "scalars"), tolerant=True),
        "MappingResult": Subject(MappingResult, starts.result_states(False, "mappings"), tolerant=True),
        "CursorResult": Subject(CursorResult, starts.result_states(False, cursor=True), tolerant=True),
        "async_sessionmaker": Subject(async_sessionmaker, starts.factory_states(True), FACTORY, enters=True),
        "sessionmaker": Subject(sessionmaker, starts.factory_states(False), FACTORY, enters=True),
        "AsyncAttrs": Subject(starts.Attributes, starts.attribute_states()),
    }


def _optional(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return None


async def _effect(db: Database, subject: Subject, name: str) -> str:
    known = subject.arguments.get(name)
    samples = []
    for make in subject.own_states.get(name, subject.states).values():
        for call in known or GENERIC:
            with suppress(NotApplicable):
                sample = await _try(db, subject, make, name, call)
                if sample is not None and (subject.tolerant or not sample.raised):
                    samples.append(sample)
                    if known is None and not sample.raised:
                        break
    return _classify(samples)


async def _try(db: Database, subject: Subject, make: Maker, name: str, call: Call) -> Sample | None:
    async with AsyncExitStack() as stack:
        start = await make(db, stack)
        arguments = call(start)
        before, began = start.pool.checkedout(), start.in_transaction()
        called, entered, raised = before, False, False
        try:
            value = getattr(start.subject, name)
            if _is_method(value):
                value = value(*arguments)
            called = start.pool.checkedout()
            if subject.enters:
                entered = await _enter(stack, value)
            else:
                await settle(value)
        except (NoResultFound, MultipleResultsFound):
            pass
        except Exception:
            raised = True
        return Sample(before, called, start.pool.checkedout(), entered, began and not start.in_transaction(), raised)


async def _enter(stack: AsyncExitStack, value: Any) -> bool:
    """Enter the block that an engine's method gives (True), or await it; it is left or closed with the stack."""
    if hasattr(value, "__aenter__"):
        await stack.enter_async_context(value)
        return True
    if hasattr(value, "__enter__"):
        stack.enter_context(value)
        return True
    value = await settle(value)
    if callable(getattr(value, "close", None)):
        # A raw async connection can only be given back inside a greenlet.
        stack.push_async_callback(greenlet_spawn, value.close)
    return False


def _is_method(value: object) -> bool:
    """Whether to call what the name gave. Classes, registries and factories kept in attributes are not called."""
    return inspect.ismethod(value) or inspect.isfunction(value)


def _classify(samples: list[Sample]) -> str:
    if not samples:
        return UNMEASURED
    free = [sample for sample in samples if not sample.before]
    held = [sample for sample in samples if sample.before]
    if held and not any(sample.after for sample in samples):
        return "releases"
    if any(sample.after for sample in free):
        if not all(sample.after for sample in free):
            return "may_acquire"
        return "acquires_on_enter" if all(sample.entered and not sample.called for sample in free) else "acquires"
    if any(sample.ended_transaction for sample in samples):
        return "ends_tx_keeps"
    return "neutral"
