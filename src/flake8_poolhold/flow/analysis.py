"""The questions that rules ask: what was found in the functions of the file that is reported on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from flake8_poolhold.finding import Gap
from flake8_poolhold.flow import roots
from flake8_poolhold.flow.blocking import entries
from flake8_poolhold.flow.model.frames import Analysis, FanOut, FunctionInfo, Hold
from flake8_poolhold.flow.model.grouping import Event
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
from flake8_poolhold.flow.model.states import HELD, UNTOUCHED, join_states
from flake8_poolhold.flow.model.tracking import WHOLE, Question
from flake8_poolhold.flow.model.values import Holder
from flake8_poolhold.flow.naming import taught
from flake8_poolhold.flow.pools.questions import Pools
from flake8_poolhold.flow.releasing import callers, choosing
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.repairing import awaiting, background, driving, finishing, scopes, sequences
from flake8_poolhold.flow.repairing import blocks as opening


class Flow:
    """The whole-program analysis of one project. Files are analysed as roots; what they call is read as needed.

    Raises ConfigError where the settings name a function or class that the project does not have.
    """

    def __init__(self, project: Project) -> None:
        self._analysis = Analysis(project)
        with project.tracker.finding(WHOLE):
            taught.learn(self._analysis)
        self._reported: set[str] = set()
        self._gaps: dict[str, list[Gap]] | None = None
        self.repairs = True
        """Whether rules look for repairs, which takes the interpretation of callers."""
        self.pools = Pools(self._analysis, lambda: self._reported)

    def analyse(self, path: str) -> None:
        """Analyse the functions of a file, and answer about it too from now on."""
        self._reported.add(path)
        roots.analyse(self._analysis, path)

    @contextmanager
    def about(self, path: str) -> Iterator[None]:
        """Answer about this file alone, inside."""
        outside, self._reported = self._reported, {path}
        try:
            with self._analysis.tracker.finding(roots.node(path)):
                yield
        finally:
            self._reported = outside

    def reads(self, path: str) -> None:
        """The text of this file matters for what is said about the one that is reported on."""
        self._analysis.tracker.ask(("file", path))

    def questions(self, paths: Iterable[str]) -> Iterator[list[Question]]:
        """Of each file: what was asked about the project to find out what was told about it."""
        return self._analysis.tracker.questions(roots.node(path) for path in paths)

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
        found = {(event.function.path, event.span): event for event in reversed(events)}
        return [self._with_callers(event) for event in found.values()][::-1]

    def _with_callers(self, event: Shared) -> Shared:
        """The event, with what all callers are known to leave of the session that they give."""
        if event.held is not None or event.place.origin.how != "param":
            return event
        given = callers.given(self._analysis, event.function, event.place, UNTOUCHED)
        is_out = isinstance(given, callers.Given) and given.state.kinds == {HELD}
        return msgspec.structs.replace(event, held=True) if is_out else event

    def waits_to_check_out(self, shared: Shared) -> bool:
        """Whether even a warm pool makes a session wait for its connection, as its engine tests that first."""
        return self._analysis.holders.classes[shared.kind].is_async and self.pools.all_ping

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
        with_session = {(event.function.path, event.span) for event in self._mine(self._analysis.events.escapes)}
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

    def is_sync(self, holder: Holder | None) -> bool:
        """Whether a holder is known to be a sync one."""
        return holder is not None and not self._analysis.holders.classes[holder.kind].is_async

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
        """How many places that make a holder, and how many waits, were recognised in the file."""
        events = self._analysis.events
        holders, waits = (
            [len(group.get(path, ())) for path in self._reported] for group in (events.holders, events.waits)
        )
        return sum(holders), sum(waits)

    @property
    def gaps(self) -> list[Gap]:
        """What is not understood in the file."""
        if self._gaps is None:
            found: dict[str, dict[tuple[str, int, str], list[bool]]] = {}
            for ((path, line, _), text), sites in self._analysis.gaps.items():
                for (file, _, _), held in sites.items():
                    found.setdefault(file, {}).setdefault((path, line, text), []).append(held)
            self._gaps = {
                file: [Gap(*place, len(held), sum(held)) for place, held in gaps.items()]
                for file, gaps in found.items()
            }
        return [gap for path in self._reported for gap in self._gaps.get(path, ())]

    @property
    def exceeded(self) -> list[FunctionInfo]:
        """The functions of the file that have more ways through them than are followed."""
        found = (self._analysis.functions[identity] for identity in sorted(self._analysis.exceeded))
        return [info for info in found if info.path in self._reported]

    def function(self, identity: str) -> FunctionInfo | None:
        """A function by its id."""
        return self._analysis.functions.get(identity)

    def openings(self, function: FunctionInfo, holder: Holder | None, *, perhaps: bool = False) -> list[Remedy]:
        """What would open a session that a function makes so that it is closed; none if no repairs are looked for."""
        return [opening.around_uses(self._analysis, function, holder, perhaps=perhaps)] if self.repairs else []

    def sequences(self, shared: Shared) -> list[Remedy]:
        """What would keep branches from using one session at once."""
        return [sequences.one_after_the_other(shared)] if self.repairs else []

    def entries_of(self, driven: Driven) -> list[Remedy]:
        """What would enter a provider that is driven by hand."""
        if not self.repairs:
            return []
        entered = driving.entered(self._analysis, driven)
        return [entered, finishing.finished(self._analysis, driven)] if entered.refused else [entered]

    def awaits(self, event: Unawaited) -> list[Remedy]:
        """What would await a coroutine that is dropped."""
        return [awaiting.awaited(event)] if self.repairs else []

    def own_sessions(self, escape: Escape) -> list[Remedy]:
        """What would give work, which outlives a session, one of its own."""
        return [background.own_session(self._analysis, escape)] if self.repairs else []

    def scopes(self, hold: Hold) -> list[Remedy]:
        """What would close the request's session before the response is sent."""
        if not self.repairs:
            return []
        bodies = [
            one
            for one in self._analysis.by_file.of(self._analysis.events.escapes, hold.function.path)
            if one.kind == "stream" and one.function.id == hold.function.id and one.place == hold.place
        ]
        own = [background.own_session(self._analysis, one) for one in bodies[:1]]
        return [*own, scopes.of_session(self._analysis, hold)]

    def remedies(self, hold: Hold) -> list[Remedy]:
        """What would end a hold, the best first."""
        return choosing.remedies(self._analysis, hold)

    def remedies_inside(self, hold: Hold) -> tuple[Hold, list[Remedy]] | None:
        """What would end a hold in the callee that checks out again, the best first, with the hold there."""
        return choosing.inside(self._analysis, hold)

    def _counted(self, holds: list[Hold]) -> list[Hold]:
        settings = self._analysis.project.settings
        return [hold for hold in self._mine(holds) if settings.counts(hold.waiting.wait)]

    def _mine(self, events: list[Event]) -> list[Event]:
        return [event for path in sorted(self._reported) for event in self._analysis.by_file.of(events, path)]


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
