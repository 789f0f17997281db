"""What is found about the lifetimes of holders: escapes, sharing, leaks; and of engines and ORM objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from flake8_poolhold.facts import tree
    from flake8_poolhold.finding import Step
    from flake8_poolhold.flow.model.frames import FunctionInfo
    from flake8_poolhold.flow.model.values import Holder, Place, Value

Into = Literal["background", "stream", "task", "thread", "queue", "cache"]
"""Where work that outlives its caller runs, or where a holder is kept."""

Owner = Literal["request", "caller", "block"]
"""Who closes a holder: the dependency that gave it, whoever passed it in, or a `with` block of the function."""

How = Literal["next", "anext", "loop", "delegate", "unentered"]


Leaves = Literal["never", "failing", "unended", "returning"]
"""Where work leaves a connection checked out: on no path, only where an exception leaves it, also where it returns but
not on all paths that end a transaction, where it returns."""


class Escape(msgspec.Struct, frozen=True, eq=False):
    """A holder that is given to work which outlives it.

    `carrier` is the class of the object that carries it, or empty; `into` the name of the task. `early`: the provider
    exits before the response is sent, so that a background task finds the holder closed; `None` where no version tells.
    `used`: the work is seen to use it, it is not only given it. `run` is the call that the work makes, `provider` the
    id of the dependency that gave the holder, `unsaved`: writes may be uncommitted when the work is handed over.
    `leaves`: where the work leaves it checked out, as far as that is seen.
    """

    function: FunctionInfo
    span: tree.Span
    name: str
    place: Place
    carrier: str
    into: str
    kind: Into
    owner: Owner
    early: bool | None
    used: bool = True
    run: Value | None = None
    provider: str = ""
    unsaved: bool = False
    leaves: Leaves = "returning"

    @property
    def finds_it_closed(self) -> bool:
        """Whether the work runs when the request's dependency has closed the session, and uses it all the same."""
        return self.kind in ("background", "stream") and self.owner == "request" and bool(self.early) and self.used


class Shared(msgspec.Struct, frozen=True, eq=False):
    """A holder that several branches, which run at once, use.

    `how` starts them (`gather`, `TaskGroup`, `create_task`); `branches` are their names, one alone if it runs many
    times; `held`: its connection is checked out by then, `None` if only the callers know; `ends`: a branch commits,
    rolls back or closes; `users`: how many branches of one call use it, 0 if they are not those of one; `waits`: a
    branch waits for more than its database; `steps`: where the branches get it, if not where they are started.
    """

    function: FunctionInfo
    span: tree.Span
    name: str
    place: Place
    kind: str
    how: str
    branches: tuple[str, ...]
    held: bool | None
    ends: bool
    users: int = 0
    waits: bool = False
    steps: tuple[Step, ...] = ()


class InstanceEscape(msgspec.Struct, frozen=True, eq=False):
    """An ORM instance that work reads which outlives its session; `into` is the name of the task or container."""

    function: FunctionInfo
    span: tree.Span
    name: str
    kind: Into
    into: str


class Started(msgspec.Struct, frozen=True, eq=False):
    """A task or thread: the call that it runs, where it was started, the holders that it uses and does not close.

    `raced` are those that it uses outside of any lock, `left` says where it leaves which of them checked out; `into`
    is its name; `instance` an ORM instance that it reads.
    """

    value: Value
    span: tree.Span
    kind: Into
    uses: frozenset[Place]
    raced: frozenset[Place]
    into: str
    instance: InstanceEscape | None = None
    left: dict[Place, Leaves] = {}


class Driven(msgspec.Struct, frozen=True, eq=False):
    """A provider, a generator that gives a holder, that is driven by hand and not finished.

    `how`: by `next` or `anext`, as a `loop` that is left early, as a `delegate` whose holder is yielded on, or as a
    context manager that is used `unentered`; `bound`: a variable keeps the generator; `places` are what it gave;
    `source` is the provider, where that is known; `skips`: something follows its `yield` that does not run then;
    `closes`: the session is closed by hand on some path.
    """

    function: FunctionInfo
    span: tree.Span
    provider: str
    how: How
    bound: bool
    places: frozenset[Place]
    source: FunctionInfo | None = None
    skips: bool = True
    closes: bool = False


class Leaking(msgspec.Struct, frozen=True, eq=False):
    """A provider that does not close what it gives: never, not when the request fails, or because it returns it.

    `holder` is what it gives, where it makes that itself.
    """

    function: FunctionInfo
    span: tree.Span
    how: Literal["never", "failing", "returned"]
    holder: Holder | None = None


class Cancellable(msgspec.Struct, frozen=True, eq=False):
    """A holder that every good path and every `Exception` gives back, and a cancellation does not.

    `how`: nothing gives it back then (`skipped`); its `close` is cancelled itself, under an old SQLAlchemy
    (`interrupted`); it is given back when a generator is thrown away (`thrown`).
    """

    function: FunctionInfo
    span: tree.Span
    name: str
    how: Literal["skipped", "interrupted", "thrown"]
    holder: Holder | None = None


class Unclosed(msgspec.Struct, frozen=True, eq=False):
    """A holder that some path of its maker does not close; `raising` when only a raising path does not. `perhaps`: the
    call that made it may as well have given something else, such as a session that is not to be closed."""

    function: FunctionInfo
    span: tree.Span
    name: str
    raising: bool
    used: Step | None
    holder: Holder | None = None
    perhaps: bool = False


class Unawaited(msgspec.Struct, frozen=True, eq=False):
    """A coroutine of a holder or engine that is never awaited; `name` as it is written, `method` its last part."""

    function: FunctionInfo
    span: tree.Span
    name: str
    method: str


class PoolPerCall(msgspec.Struct, frozen=True, eq=False):
    """An engine or pool that each call of a function makes, and nobody keeps or disposes of."""

    function: FunctionInfo
    span: tree.Span


class ProcessWide(msgspec.Struct, frozen=True, eq=False):
    """A session that the whole process shares.

    It is in a `module`'s variable, a `global`, the state of an `app`, or an object whose methods are the `handlers`.
    """

    function: FunctionInfo
    span: tree.Span
    name: str
    where: Literal["module", "global", "app", "handlers"]
