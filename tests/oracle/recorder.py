"""While active, records every network wait of the fixture, the connections out and the sessions open at that time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from oracle import clients, patches, pools
from oracle.frames import Frame, current_frames, current_task, forget_sources


@dataclass(frozen=True)
class Wait:
    """A point where the fixture waited for something that is not its database.

    `frames` are the fixture's places on the stack, innermost first. `checkouts` holds, for each connection that was
    out, the frames of its checkout. `fresh` are the numbers of the sessions that existed and had never checked out.
    """

    kind: str
    frames: tuple[Frame, ...]
    checkouts: tuple[tuple[Frame, ...], ...]
    fresh: tuple[int, ...]


@dataclass(frozen=True)
class Nested:
    """A checkout while another connection was out. `own`: the same task or thread holds one of those."""

    frames: tuple[Frame, ...]
    own: bool


@dataclass
class Recorder:
    """What was recorded. Waits without a frame of the fixture (of the harness, of library threads) are left out."""

    root: Path
    waits: list[Wait] = field(default_factory=list)
    used_sessions: set[int] = field(default_factory=set)
    nested: list[Nested] = field(default_factory=list)
    _owners: dict[Any, object] = field(default_factory=dict)
    _out: dict[Any, tuple[Frame, ...]] = field(default_factory=dict)
    _fresh: WeakKeyDictionary[Session, int] = field(default_factory=WeakKeyDictionary)
    _numbers: WeakKeyDictionary[Session, int] = field(default_factory=WeakKeyDictionary)
    _made: int = 0

    def wait(self, kind: str) -> None:
        """Note that the running task waits now."""
        frames = current_frames(self.root)
        if frames:
            fresh = tuple(sorted(self._fresh.values()))
            self.waits.append(Wait(kind, frames, tuple(self._out.values()), fresh))

    def where(self) -> tuple[Frame, ...]:
        """The fixture's frames now."""
        return current_frames(self.root)

    def held_since(self) -> list[tuple[Frame, ...]]:
        """The frames of the checkout of each connection that is out now."""
        return list(self._out.values())

    def fresh_then_used(self, wait: Wait) -> tuple[int, ...]:
        """The sessions that were open at the wait, had never checked out, and did so afterwards."""
        return tuple(number for number in wait.fresh if number in self.used_sessions)

    def checked_out(self, _connection: object, record: object, _proxy: object) -> None:
        self._take(record)

    def checked_in(self, _connection: object, record: object) -> None:
        self._give_back(record)

    def acquired(self, connection: Any) -> None:
        self._take(id(connection))

    def returned(self, connection: Any) -> None:
        self._give_back(id(connection))

    def _take(self, connection: object) -> None:
        frames, owner = current_frames(self.root), current_task() or threading.get_ident()
        if self._out and frames:
            self.nested.append(Nested(frames, owner in self._owners.values()))
        self._out[connection], self._owners[connection] = frames, owner

    def _give_back(self, connection: object) -> None:
        self._out.pop(connection, None)
        self._owners.pop(connection, None)

    def session_made(self, session: Session) -> None:
        self._made += 1
        self._fresh[session] = self._numbers[session] = self._made

    def session_released(self, session: Session) -> None:
        self._fresh.pop(session, None)

    def session_began(self, session: Session, _transaction: object, _connection: object) -> None:
        if self._fresh.pop(session, None) is not None:
            self.used_sessions.add(self._numbers[session])

    def transaction_ended(self, session: Session, transaction: Any) -> None:
        if transaction.parent is None:
            self.session_released(session)


@contextmanager
def recording(root: Path) -> Iterator[Recorder]:
    """Record the waits of the code under `root`, in every task and thread of this process, until the block ends."""
    forget_sources()
    recorder = Recorder(root)
    listeners = [
        (Pool, "checkout", recorder.checked_out),
        (Pool, "checkin", recorder.checked_in),
        (Pool, "detach", recorder.checked_in),
        (Session, "after_begin", recorder.session_began),
        (Session, "after_transaction_end", recorder.transaction_ended),
    ]
    with ExitStack() as stack:
        for listener in listeners:
            event.listen(*listener)
            stack.callback(event.remove, *listener)
        # Events tell neither of a new session nor of the close of one that began nothing.
        patches.session_lifetimes(stack, recorder.session_made, recorder.session_released)
        patches.waits(stack, recorder.wait, root)
        clients.waits(stack, recorder.wait)
        pools.checkouts(stack, recorder.acquired, recorder.returned)
        patches.starts(stack, recorder.where)
        yield recorder
