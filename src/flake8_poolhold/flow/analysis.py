"""The questions that rules ask: what was found in the functions of the files that are reported on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from flake8_poolhold.finding import Gap
from flake8_poolhold.flow.blocking import entries
from flake8_poolhold.flow.effects import callers, providing, singletons
from flake8_poolhold.flow.fastapi import handlers
from flake8_poolhold.flow.model.frames import Analysis, Blocking, FanOut, FunctionInfo, Hold
from flake8_poolhold.flow.model.lifetimes import (
    Cancellable,
    Driven,
    Escape,
    InstanceEscape,
    Leaking,
    PoolPerCall,
    ProcessWide,
    Shared,
    Unawaited,
    Unclosed,
)
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.states import join_states
from flake8_poolhold.flow.naming import names, taught
from flake8_poolhold.flow.pools.questions import Pools
from flake8_poolhold.flow.releasing import choosing
from flake8_poolhold.flow.releasing.remedies import Remedy

Event = TypeVar(
    "Event",
    Blocking,
    Cancellable,
    Driven,
    Escape,
    FanOut,
    Hold,
    InstanceEscape,
    Leaking,
    PoolPerCall,
    ProcessWide,
    Shared,
    Unawaited,
    Unclosed,
)


class Flow:
    """The whole-program analysis of one project. Files are analysed as roots; what they call is read as needed.

    Raises ConfigError where the settings name a function or class that the project does not have.
    """

    def __init__(self, project: Project) -> None:
        self._analysis = Analysis(project)
        taught.learn(self._analysis)
        self._reported: set[str] = set()
        self.repairs = True
        """Whether rules look for repairs, which takes the interpretation of callers."""
        self.pools = Pools(self._analysis, lambda: self._reported)

    def report(self, paths: Iterable[str]) -> None:
        """Answer about these files from now on; what is known of the others stays known."""
        self._reported = set(paths)

    def analyse(self, path: str) -> None:
        """Analyse every function of a file on its own: handlers with their dependencies, others for any caller."""
        self._reported.add(path)
        analysis = self._analysis
        if path in analysis.analysed:
            return
        analysis.analysed.add(path)
        scope = analysis.project.scope(path)
        analysis.events.process_wide.extend(singletons.of_module(analysis, path))
        for outer in scope.functions:
            info = names.outer_function(analysis, path, outer)
            handlers.interpret(analysis, info)
            shared = callers.resolvers_context(analysis, info)
            if shared is not None:
                analysis.events.shared.append(shared)
            leaking = providing.leaks(analysis, info)
            if leaking is not None:
                analysis.events.leaking.append(leaking)
            elif (cancellable := providing.cancellable(analysis, info)) is not None:
                analysis.events.cancellable.append(cancellable)

    @property
    def holds(self) -> list[Hold]:
        """Waits that start while a connection is held, one for each wait expression and holder."""
        return _distinct(self._counted(self._analysis.events.holds))

    def same_pool(self, hold: Hold) -> bool:
        """Whether the second checkout behind a hold may be of the same pool: sync and async holders never share one."""
        classes = self._analysis.holders.classes
        held, made = classes.get(hold.kind), classes.get(hold.waiting.wait.library)
        return held is not None and made is not None and held.is_async == made.is_async

    @property
    def idle_waits(self) -> list[Hold]:
        """Waits in a session that is open, has never checked out, and is used later."""
        return _distinct(self._counted(self._analysis.events.idles))

    @property
    def entries(self) -> list[entries.Entry]:
        """Where async functions block the event loop; see `entries`."""
        counts = self._analysis.project.settings.counts_blocking
        found = entries.collected(self._analysis, self._mine(self._analysis.events.blocking))
        return [entry for entry in found if entry.sort != "network" or counts(entry.block.wait)]

    @property
    def escapes(self) -> list[Escape]:
        """Holders given to work that outlives them."""
        return list(
            {
                (event.function.path, event.span, event.name if event.kind == "background" else ""): event
                for event in self._mine(self._analysis.events.escapes)
            }.values()
        )

    @property
    def shared(self) -> list[Shared]:
        """Holders that several branches, which run at once, use; one for each place."""
        events = self._mine(self._analysis.events.shared)
        return list({(event.function.path, event.span): event for event in reversed(events)}.values())[::-1]

    @property
    def driven(self) -> list[Driven]:
        """Providers that are driven by hand and not finished."""
        return list(
            {(event.function.path, event.span): event for event in self._mine(self._analysis.events.driven)}.values()
        )

    @property
    def leaking(self) -> list[Leaking]:
        """Providers that do not close what they give."""
        return self._mine(self._analysis.events.leaking)

    @property
    def unawaited(self) -> list[Unawaited]:
        """Coroutines of holders and engines that are never awaited."""
        return list(
            {(event.function.path, event.span): event for event in self._mine(self._analysis.events.unawaited)}.values()
        )

    @property
    def engines(self) -> list[PoolPerCall]:
        """Engines and pools that each call of a function makes, and nobody keeps or disposes of."""
        return list(
            {(event.function.path, event.span): event for event in self._mine(self._analysis.events.engines)}.values()
        )

    @property
    def instances(self) -> list[InstanceEscape]:
        """ORM instances that go to work which outlives their session, where that does not go there too."""
        with_session = {(event.function.path, event.span) for event in self._analysis.events.escapes}
        events = self._mine(self._analysis.events.instances)
        found = {(event.function.path, event.span): event for event in events}
        return [event for place, event in found.items() if place not in with_session]

    @property
    def process_wide(self) -> list[ProcessWide]:
        """Sessions that the whole process shares."""
        return list(
            {
                (event.function.path, event.span): event for event in self._mine(self._analysis.events.process_wide)
            }.values()
        )

    @property
    def cancellable(self) -> list[Cancellable]:
        """Holders that only a cancellation leaves out."""
        return list(
            {
                (event.function.path, event.span): event for event in self._mine(self._analysis.events.cancellable)
            }.values()
        )

    @property
    def unclosed(self) -> list[Unclosed]:
        """Holders that some path does not close."""
        return list(
            {(event.function.path, event.span): event for event in self._mine(self._analysis.events.unclosed)}.values()
        )

    @property
    def fan_outs(self) -> list[FanOut]:
        """Calls that check out, as many at once as nobody knows; of a task that is started and gathered, the start."""
        found: dict[tuple[str, str], FanOut] = {}
        for event in sorted(self._mine(self._analysis.events.fan_outs), key=lambda event: event.span):
            found.setdefault((event.function.id, event.task.id), event)
        return list(found.values())

    @property
    def recognised(self) -> tuple[int, int]:
        """How many places that make a holder, and how many waits, were recognised in the reported files."""
        events = self._analysis.events
        return (
            sum(path in self._reported for path, _, _ in events.holders),
            sum(path in self._reported for path, _, _ in events.waits),
        )

    @property
    def gaps(self) -> list[Gap]:
        """What is not understood in the reported files, the most influential first."""
        found = []
        for ((path, line, _), text), sites in self._analysis.gaps.items():
            mine = [held for (file, _, _), held in sites.items() if file in self._reported]
            if mine:
                found.append(Gap(path, line, text, len(mine), sum(mine)))
        return sorted(found, key=lambda gap: (-gap.held, -gap.uses, gap.path, gap.line, gap.text))

    def function(self, identity: str) -> FunctionInfo | None:
        """A function by its id."""
        return self._analysis.functions.get(identity)

    def remedies(self, hold: Hold) -> list[Remedy]:
        """What would end a hold, the best first."""
        return choosing.remedies(self._analysis, hold)

    def _counted(self, holds: Iterable[Hold]) -> list[Hold]:
        settings = self._analysis.project.settings
        return [hold for hold in self._mine(holds) if settings.counts(hold.waiting.wait)]

    def _mine(self, events: Iterable[Event]) -> list[Event]:
        return [event for event in events if event.function.path in self._reported]


def _distinct(holds: list[Hold]) -> list[Hold]:
    best: dict[tuple[str, int, int, str, bool], Hold] = {}
    for hold in holds:
        is_checkout = hold.waiting.wait.kind == "checkout"
        key = (hold.function.path, hold.span[0], hold.span[1], _identity(hold), is_checkout)
        known = best.get(key)
        # A loop meets its wait several times: what speaks against a release may show in a later turn only.
        state = hold.state if known is None else join_states(known.state, hold.state)
        first = hold if known is None or _rank(hold) < _rank(known) else known
        loaded, carriers = hold.loaded, hold.carriers
        if known is not None:
            loaded, carriers = loaded | known.loaded, carriers | known.carriers
        best[key] = msgspec.structs.replace(first, state=state, loaded=loaded, carriers=carriers)
    return list(best.values())


def _identity(hold: Hold) -> str:
    """What tells the holders at one wait apart.

    Sessions that several objects carry, `self.users.db` and `self.orders.db`, are mostly one: they count as one.
    """
    return "" if hold.place.path and hold.place.origin.how != "new" else hold.name


_RANKS = ("llm", "http", "rpc", "payment", "mail", "bot", "storage", "search", "client-stream", "sleep", "subprocess")


def _rank(hold: Hold) -> tuple[int, int, int]:
    kind = hold.waiting.wait.kind
    return (_RANKS.index(kind) if kind in _RANKS else len(_RANKS), len(hold.waiting.steps), len(hold.name))
