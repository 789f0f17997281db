"""The interpreter's own data: the analysis as a whole, the function being interpreted, its summary and its events."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.model.grouping import Grouped
from flake8_poolhold.flow.model.lifetimes import (
    Cancellable,
    Driven,
    Escape,
    InstanceEscape,
    Leaking,
    PoolPerCall,
    ProcessWide,
    Shared,
    Started,
    Unawaited,
    Unclosed,
)
from flake8_poolhold.flow.model.pending import Pending
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.reach import Reach
from flake8_poolhold.flow.model.scopes import Scope
from flake8_poolhold.flow.model.states import Fields, Heap, HolderState, State, Steps, merge_raised
from flake8_poolhold.flow.model.tracking import Memo
from flake8_poolhold.flow.model.values import Depends, FunctionOf, Holder, Place, Value
from flake8_poolhold.knowledge import Wait

if TYPE_CHECKING:
    from flake8_poolhold.flow.fastapi.dependencies import Route
    from flake8_poolhold.flow.interpreting.watching import Callees, Met, Missed, Unmet, Watch
    from flake8_poolhold.flow.releasing.habits import Habits
    from flake8_poolhold.flow.releasing.tables import Calling

Mode = Literal["call", "enter", "exit"]
"""`call` runs a function to its end; `enter` up to its `yield`, `exit` from there on."""


Interruption = Literal["failed", "cancelled", "cancelled-old"]
"""An `Exception` at the `yield` of a generator; a cancellation, under a new SQLAlchemy or an old one."""


class FunctionInfo(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A function of the project. `owner` is the key of its class or empty; `name` its qualified name."""

    id: str
    path: str
    name: str
    node: tree.Function
    owner: str


class ClassInfo(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A class of the project, by its key."""

    key: str
    path: str
    name: str
    node: tree.Class
    scope: Scope


class Role(msgspec.Struct, frozen=True):
    """What the user has taught of a function or class: a call of it waits, gives a holder like `gives`, or releases."""

    wait: Wait | None = None
    gives: str = ""
    releases: bool = False


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A wait that a function reaches, as its caller sees it.

    `steps` lead from the function to the library; `touched` are the states of the holders that the function had used by
    then; `reported` the holders for which the hold was already reported inside; `limited`: a semaphore was entered.
    """

    wait: Wait
    steps: Steps
    touched: tuple[tuple[Place, HolderState], ...]
    reported: frozenset[Place]
    limited: bool = False


class Block(msgspec.Struct, frozen=True, gc=False):
    """A call that blocks the thread it runs in, as a caller sees it: `steps` lead from the function to it.

    `path` is what is called, `requests.get` or `Session.execute`; `holder` is the sync session or connection whose
    statement it is, where the caller can tell.
    """

    wait: Wait
    path: str
    steps: Steps
    holder: Place | None = None


Blocked = tuple[Block, tree.Span]
"""A blocking call, and where the function makes it."""


class Effects(msgspec.Struct, frozen=True, gc=False):
    """What a function leaves behind on one kind of exit: holder states and fields written."""

    holders: dict[Place, HolderState]
    heap: Heap


class Summary(msgspec.Struct, frozen=True, gc=False):
    """A function as seen from a caller: `None` for an exit that is never taken.

    `left` are calls of its callers' making that it leaves running in a task; `joined` are those that it waits for.
    `engines` are the sites of what it has made and returns: engines, and sessionmakers on them; `stored` are the
    holders that it has put somewhere else, too.
    """

    returns: Value
    normal: Effects | None
    raised: Effects | None
    waits: tuple[Waiting, ...]
    blocks: tuple[Block, ...] = ()
    left: tuple[Value, ...] = ()
    joined: tuple[Value, ...] = ()
    engines: frozenset[str] = frozenset()
    stored: frozenset[Place] = frozenset()


class Asked(msgspec.Struct, frozen=True, eq=False):
    """A dependency that ran before a handler: its arguments, and the state of a session before and after it."""

    function: FunctionInfo
    parameters: tuple[tuple[str, Value], ...]
    before: HolderState
    after: HolderState


class Hold(msgspec.Struct, frozen=True, eq=False):
    """A wait that starts while a holder is, or may be, held (or open, for an idle wait that is used later).

    `expression` is how the function can spell the holder, empty if it cannot; `provider` the id of the dependency that
    gave it; `loaded` the variables that hold what came out of it, `carriers` those through which it, or what came out
    of it, can be reached otherwise; `again`: the callee that waits holds by itself too; `escaped`:
    it was given to code that is not understood;
    `asked` are the dependencies that ran before a handler and can have used the session.
    """

    function: FunctionInfo
    span: tree.Span
    place: Place
    name: str
    expression: str
    kind: str
    keeps_loaded: bool | None
    state: HolderState
    waiting: Waiting
    provider: str
    loaded: frozenset[str]
    carriers: frozenset[str]
    again: bool
    escaped: bool
    asked: tuple[Asked, ...] = ()


class Blocking(msgspec.Struct, frozen=True, eq=False):
    """A call in an async function that blocks the event loop.

    `name` is that of the holder whose statement it is, else empty; `held` says that some holder is held meanwhile.
    """

    function: FunctionInfo
    span: tree.Span
    block: Block
    name: str
    held: bool


class FanOut(msgspec.Struct, frozen=True, eq=False):
    """A call that runs as many times at once as nobody knows, and the checkout behind each."""

    function: FunctionInfo
    span: tree.Span
    task: FunctionInfo
    waiting: Waiting


class Events(msgspec.Struct):
    """What the interpretation of the functions of one file found."""

    holds: list[Hold] = []
    idles: list[Hold] = []
    blocking: list[Blocking] = []
    escapes: list[Escape] = []
    shared: list[Shared] = []
    fan_outs: list[FanOut] = []
    unclosed: list[Unclosed] = []
    cancellable: list[Cancellable] = []
    driven: list[Driven] = []
    leaking: list[Leaking] = []
    unawaited: list[Unawaited] = []
    instances: list[InstanceEscape] = []
    process_wide: list[ProcessWide] = []
    engines: list[PoolPerCall] = []
    holders: dict[str, set[tuple[int, int]]] = {}
    """By file: the places where a function that is reported on makes a holder."""
    waits: dict[str, set[tuple[int, int]]] = {}
    asked: dict[str, dict[str, tuple[FunctionInfo, HolderState]]] = {}
    """By the ids of a dependency and of a handler that asks for it: the handler, and its session afterwards."""


Site = tuple[str, int, int]
"""A file, a line and a column."""

Gaps = dict[tuple[Site, str], dict[Site, bool]]
"""By where and what to declare: the calls that are not understood without it, and whether something may be held."""


_GIVES_BACK = frozenset({"close", "aclose", "rollback"})
"""What is taken not to fail where it cleans up."""


class Analysis:
    """Everything shared by the interpretation of all functions: the project, the knowledge, what is known so far."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.tracker = project.tracker
        self.knowledge = project.knowledge
        self.holders = project.holders
        self.functions: dict[str, FunctionInfo] = {}
        self.classes: dict[str, ClassInfo] = {}
        self.implementations: Memo[tuple[str, str], list[FunctionInfo]] = Memo(self.tracker)
        self.serving: Memo[str, frozenset[str]] = Memo(self.tracker)
        self.logs: Memo[str, bool] = Memo(self.tracker)
        self.mros: Memo[str, tuple[tuple[str, ...], tuple[str, ...]]] = Memo(self.tracker)
        self.aliases: Memo[str, tuple[tuple[tuple[str, ...], str, tuple[str, ...], Holder], ...]] = Memo(self.tracker)
        self.results: Memo[object, Any] = Memo(self.tracker)
        """Summaries by their context; values of parameters, fields and names by what they are of."""
        self.pending = Pending()
        self.reach = Reach(project)
        self.contexts: dict[tuple[str, str], set[object]] = {}
        self.analysed: set[str] = set()
        """The files whose functions have been analysed on their own."""
        self.habits: Habits | None = None
        self.keeping: bool | None = None
        """Whether all async sessions of the project keep what they have loaded, where somebody has asked for it."""
        self.watch: Watch | Missed | Callees | None = None
        self.met: Memo[str, list[Met] | Unmet] = Memo(self.tracker)
        """By the id of a function: all calls of it, or why some are not known."""
        self.callees: Memo[str, dict[tree.Span, list[FunctionInfo]]] = Memo(self.tracker)
        """By the id of a function: what it calls, where somebody has asked for it."""
        self.tables: Memo[str, str] = Memo(self.tracker)
        """By the id of a function: where it may be called through a value, under a lock."""
        self.calling: dict[str, Calling] = {}
        """By the id of a function: what of it calls values."""
        self.inclusions: dict[str, list[Depends]] | None = None
        self.added: dict[str, list[Route]] | None = None
        self.tested: dict[str, frozenset[str]] = {}
        self.kinds: Memo[Place, str] = Memo(self.tracker)
        """The kinds of the holders that any function has used."""
        self.assigning: dict[str, list[tuple[str, frozenset[str], bool]]] = {}
        """By class: its methods, the fields that they assign, and whether they call the constructor above."""
        self.captures: dict[str, frozenset[str]] = {}
        self.importing: dict[str, bool] = {}
        """By the id of a function: whether it imports what a string names."""
        self.inside: dict[int, tuple[Fields, set[Place], list[Place]]] = {}
        """By the `id()` of the fields of an object: themselves, so that no others get that id, and the holders
        and objects in them."""
        self.awaited_calls: dict[str, frozenset[tree.Span]] = {}
        self.closed_items: dict[str, frozenset[tuple[str, object]]] = {}
        """By the id of a function: the names of containers and the keys under which it closes something there."""
        self.untyped: Memo[tuple[str, str], str] = Memo(self.tracker)
        self.roles: dict[str, Role] = {}
        """By the id of a function, the key of a class."""
        self.events = Events()
        self.by_file = Grouped(operator.attrgetter("path"))
        self.by_function = Grouped(operator.attrgetter("id"))
        self.gaps: Gaps = {}
        self.awaited: dict[str, frozenset[str]] = {}
        self.guarded: Memo[tuple[str, str], frozenset[str]] = Memo(self.tracker)
        self.locals: dict[str, dict[str, list[object]]] = {}
        self.exceeded: set[str] = set()
        """The ids of functions with more ways through them than are followed: they count as doing nothing."""


class Frame:
    """The interpretation of one function in one context."""

    threaded = False
    """Whether what is called now runs in a thread, so that it does not block the event loop."""
    steps = 0
    """How many statements have been interpreted."""
    in_loop = False
    """Whether the statement runs as often as nobody knows: in a loop over something that is not `few`."""
    guards = 0
    """How many semaphores, or managers that nobody knows, have been entered."""
    declared_only = False
    """Whether calls are not followed, because only types are asked for."""
    in_greenlet = False
    """Whether what is called now runs under `run_sync`, where statements give way to the event loop."""
    raised: State | None = None
    yielded: State | None = None
    undecided: list[Blocked] | None = None
    """The blocking calls of one of several functions that may be called, until it is known what the others do."""
    not_none: frozenset[str] = frozenset()
    streams = False
    """Whether a handler's session is still open while its response is sent."""
    unwinding = False
    """Whether an exception is on its way out: a block is left, or a `finally` run, because of it."""
    locks = 0
    """How many locks are held here: what is done under one is never done twice at once."""
    interrupted: Interruption | None = None
    """Set when it is asked what an interruption leaves behind: then nothing else is raised."""
    shields = 0
    cleaning = 0
    """How many `finally` blocks are run."""
    unfailing = False
    """Whether it is asked what happens when nothing fails."""
    testing = 0
    """How many conditions are evaluated: where it cleans up, none is taken to fail."""
    handling = 0
    """How many handlers of exceptions are around."""
    suppressing = 0
    """How many blocks are around that swallow exceptions, and in which code likes to clean up."""
    thrown = 0
    """Whether a generator that is thrown away cleans up here."""
    calling = ""
    """The last name of what is being called, empty if it has none."""
    guesses = 0
    """How many times it is open here which of several holders is meant."""
    grouped: list[Value] | None = None
    """The tasks of the innermost task group that is open."""

    def __init__(
        self, analysis: Analysis, path: str, function: FunctionInfo | None, mode: Mode, reporting: bool
    ) -> None:
        self.analysis = analysis
        self.path = path
        self.function = function
        self.mode = mode
        self.reporting = reporting
        self.muted = mode == "exit"
        self.handlers: list[State | None] = []
        self.asked: dict[Place, list[Asked]] = {}
        """By session: the dependencies of this handler, in the order in which they ran."""
        self.breaks: list[State] = []
        self.continues: list[State] = []
        self.returned_at: list[State] = []
        self.returns: list[Value] = []
        self.yields: list[Value] = []
        self.yielded_at: dict[Place, list[tree.Span]] = {}
        """By holder: where a generator gives it."""
        self.waits: dict[object, Waiting] = {}
        self.blocks: dict[object, Block] = {}
        self.made: dict[Place, tuple[tree.Span, str]] = {}
        self.received: dict[Place, tuple[tree.Span, str]] = {}
        """Holders that functions of the project have made for this one."""
        self.perhaps: set[Place] = set()
        """Those of them in whose stead the function may have given something else."""
        self.stored: set[Place] = set()
        """Holders that were put into a global, an object or a container."""
        self.dropped: set[Value] = set()
        """Calls that a statement made and did nothing with."""
        self.shelved: set[Value] = set()
        """Tasks that were put into a global, an object or a container, where others find them."""
        self.driven: list[Driven] = []
        self.rounds: State | None = None
        """How the rounds of loops that never end leave things where nothing fails."""
        self.engines: dict[str, tuple[tree.Span, frozenset[str]]] = {}
        """Engines made here, by site, each with its own site and those of the sessionmakers on it."""
        self.used_for: set[Place] = set()
        """Holders of which a method was called that does more than to end them."""
        self.opened_on: dict[Place, frozenset[str]] = {}
        """By session or connection: the engine or sessionmaker that it comes from."""
        self.kept_engines: set[str] = set()
        self.connecting: set[str] = set()
        """Sites of engines and sessionmakers that something was done with."""
        self.nested: dict[str, FunctionOf] = {}
        self.providers: dict[Place, str] = {}
        self.known: dict[Place, Holder] = {}
        self.idle_holds: list[Hold] = []
        self.told_idle: set[int] = set()
        """Which of them are among the events already."""
        self.managed: set[Place] = set()
        self.exited: set[Place] = set()
        """Holders of a handler whose providers exit before the response is sent (`scope="function"`)."""
        self.stacked: list[Callable[[State], None]] = []
        self.started: dict[Value, Started] = {}
        """Tasks and threads that run beside this function, until it waits for them."""
        self.joined: dict[Value, None] = {}
        """Tasks of somebody else that this function waits for."""
        self.doubled: set[Value] = set()
        """Tasks of which it is reported already that they share a holder."""
        self.escaped: set[Place] = set()
        self.handed_on: set[Place] = set()
        """Holders given to code that is not understood."""
        self.outer_names: set[str] = set()
        """Names that belong to the module or the function around: what is assigned to them outlives the function."""

    @property
    def is_import(self) -> bool:
        """Whether this is code that runs at import, of which nothing is reported."""
        return self.function is None

    @property
    def is_async(self) -> bool:
        return self.function is not None and self.function.node.is_async

    def may_raise(self, state: State) -> None:
        """An exception may leave here: its handler starts in any of these states."""
        gives_back = (self.cleaning or self.handling or self.suppressing) and self.calling in _GIVES_BACK
        gives_back = gives_back or (self.suppressing and self.calling == "commit")
        is_test = self.cleaning and self.testing
        if self.interrupted is None and not gives_back and not is_test:
            self.goes_on(state)

    def may_be_cancelled(self, state: State) -> None:
        """The function waits here for something that is not its database, whose statements give up their connection."""
        if self.is_cancelled and not self.shields:
            self.goes_on(state)

    def is_thrown_at(self, state: State) -> None:
        """The generator is resumed here, after its consumer has failed or was cancelled."""
        if self.interrupted is not None:
            self.goes_on(state)

    @property
    def is_cancelled(self) -> bool:
        return self.interrupted in ("cancelled", "cancelled-old")

    def goes_on(self, state: State) -> None:
        """What was raised, or the cancellation, goes on to the block around."""
        if self.unfailing:
            return
        if self.handlers:
            caught = self.handlers[-1]
            if caught is None:
                self.handlers[-1] = state.copy()
            else:
                merge_raised(caught, state, variables=True)
        elif self.raised is None:
            self.raised = state.copy()
        else:
            merge_raised(self.raised, state, variables=False)

    def step(
        self, span: tree.Span, text: str, role: Literal["checkout", "call", "wait", "release", "lock", "note"]
    ) -> Step:
        return Step(self.path, span[0], span[1], text, role)
