"""What the rules that report waits share: the words for a kind of wait, the trail, the notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from flake8_poolhold.finding import Finding, FixOffer, Step

if TYPE_CHECKING:
    from flake8_poolhold.facts.tree import Span
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.blocking.entries import Entry
    from flake8_poolhold.flow.model.frames import Block, FunctionInfo, Hold, Waiting
    from flake8_poolhold.flow.model.lifetimes import Escape
    from flake8_poolhold.flow.releasing.remedies import Remedy

NETWORK = frozenset({"llm", "http", "rpc", "mail", "storage", "payment", "search", "bot", "cache", "queue"})
"""The classes of waits that cross a network to something that is not the service's own database."""

PAUSES = frozenset({"sleep", "subprocess"})
"""The classes of waits that wait for time, another task or another process."""

_NOUNS = {
    "llm": "LLM call",
    "http": "HTTP call",
    "rpc": "RPC call",
    "mail": "mail delivery",
    "storage": "storage call",
    "payment": "payment call",
    "search": "search call",
    "bot": "chat API call",
    "cache": "cache call",
    "queue": "queue call",
    "sleep": "pause",
    "subprocess": "subprocess",
    "database": "database call",
}


def noun(waiting: Waiting | Block) -> str:
    """What kind of wait it is, with its library and typical duration: `LLM call (openai, typically 2–60 s)`."""
    wait = waiting.wait
    return f"{_NOUNS.get(wait.kind, 'wait')} ({wait.library}, typically {wait.typical})"


def place(path: str, line: int) -> str:
    return f"{path}:{line}"


def finding(
    code: str,
    name: str,
    message: str,
    function: FunctionInfo,
    span: Span,
    *,
    trail: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
    fixes: Sequence[FixOffer] = (),
    advisory: bool = False,
) -> Finding:
    """A finding at `span` in the file of `function`."""
    fix = fixes[0] if fixes else None
    return Finding(code, name, message, function.path, *span, trail, notes, fix, advisory, tuple(fixes[1:]))


def wait_steps(waiting: Waiting | Block) -> tuple[Step, ...]:
    """The way from the function to the library; the first step says where it ends."""
    first, *rest = waiting.steps
    if not rest:
        return (first,)
    last = rest[-1]
    arrow = f"waits: {place(last.path, last.line)} → {last.text.removeprefix('waits: ')}"
    return (Step(first.path, first.line, first.column, arrow, "wait"),)


def whole_way(waiting: Waiting | Block) -> tuple[str, ...]:
    """The calls between, as a note, when there are any to tell of."""
    if len(waiting.steps) < 3:
        return ()
    return (
        "through " + " → ".join(f"{place(s.path, s.line)} {s.text.removeprefix('calls ')}" for s in waiting.steps[:-1]),
    )


def blocking(code: str, name: str, message: str, entry: Entry) -> Finding:
    """The finding of a call that blocks the event loop."""
    notes = whole_way(entry.block)
    if entry.more:
        notes += (f"the same on line{'s' if len(entry.more) > 1 else ''} {', '.join(map(str, entry.more))}",)
    if entry.plain:
        notes += (f"{entry.function.name} awaits nothing: as a plain `def`, FastAPI runs it in a thread",)
    return finding(code, name, message, entry.function, entry.span, trail=wait_steps(entry.block), notes=notes)


def named(what: str, name: str) -> str:
    """Work that is started: "the task `f`", or "a task" where it is a lambda."""
    return f"the {what} `{name}`" if name else f"a {what}"


_LEAKS = {
    "never": ", beside what its owner does with it",
    "failing": " and an exception in it leaks that connection",
    "unended": " and leaks that connection unless a commit or rollback comes last",
    "returning": " and leaks that connection",
}


def checks_out_again(escape: Escape) -> str:
    """What becomes of a session that work uses when its owner has closed it."""
    return f"checks out again{_LEAKS[escape.leaves]}"


def and_more(entry: Entry) -> str:
    """How many lines of the function a finding speaks for besides its own, as words that follow `here`."""
    lines = len(entry.more)
    return f" and on {lines} more line{'s' if lines > 1 else ''}" if lines else ""


def checkout_steps(hold: Hold) -> tuple[Step, ...]:
    """Where the connection was checked out, seen from the function that holds it."""
    if not hold.state.since:
        return ()
    first, last = hold.state.since[0], hold.state.since[-1]
    text = last.text if first is last else f"{last.text} in {place(last.path, last.line)}"
    return (Step(first.path, first.line, first.column, text, "checkout"),)


def release_notes(flow: Flow, hold: Hold) -> tuple[str, ...]:
    """What releases the connection in the end, and what forbids to do it earlier."""
    notes: list[str] = []
    provider = flow.function(hold.provider)
    if provider is not None:
        where = place(provider.path, provider.node.span[0])
        notes.append(f"nothing gives it back before the call; {provider.name} ({where}) does when it exits")
    return tuple(notes)


def offers(flow: Flow, hold: Hold) -> tuple[list[FixOffer], tuple[str, ...]]:
    """The fixes of a hold, the best first; or why there is none."""
    if not flow.repairs:
        return [], ()
    if hold.again and not hold.state.lock:
        return _inside(flow, hold)
    remedies = flow.remedies(hold)
    possible = [one for one in remedies if not one.refused] if not hold.again else []
    if possible:
        return [_offered(hold, one) for one in possible], ()
    if hold.state.lock:
        step = hold.state.lock[-1]
        return [], (
            f"no fix: {place(step.path, step.line)} {step.text}, which a release before the call would lose; "
            "call before that, or after the end of the transaction",
        )
    return [], (f"no fix: {next(one.refused for one in remedies if one.name == 'commit-before')}",)


def mended(path: str, scope: str, remedies: Sequence[Remedy]) -> tuple[list[FixOffer], tuple[str, ...]]:
    """The fixes of what is no hold, in the file at `path`, the best first; or why there is none."""
    possible = sorted((one for one in remedies if not one.refused), key=lambda one: bool(one.doubts))
    if possible or not remedies:
        return [_offer(one, path, scope) for one in possible], ()
    return [], (f"no fix: {remedies[0].refused}",)


def _inside(flow: Flow, hold: Hold) -> tuple[list[FixOffer], tuple[str, ...]]:
    """The fixes in the callee, where a release helps both."""
    found = flow.remedies_inside(hold)
    where = f"{found[0].function.name} ({place(found[0].function.path, found[0].span[0])})" if found else ""
    possible = [one for one in found[1] if not one.refused and not one.path] if found else []
    if found and possible:
        return [_offered(found[0], one, f"in {where}, which checks out again: ") for one in possible], ()
    refused = [one.refused for one in (found[1] if found else ()) if one.refused and one.name == "commit-before"]
    why = "".join(f": {one}" for one in refused)
    begin = f"so begin there{where and f', in {where}'}{why}"
    return [], (f"no fix here: the callee checks out again before it waits, {begin}",)


def _offer(remedy: Remedy, path: str, scope: str, inside: str = "") -> FixOffer:
    message = f"{inside}{remedy.what}"
    if remedy.doubts:
        message += f" (not proved harmless: {'; '.join(remedy.doubts)})"
    return FixOffer(
        remedy.name,
        "unsafe" if remedy.doubts else "safe",
        message,
        statement=remedy.statement,
        scope=f"{remedy.path or path}::{remedy.start if remedy.path else scope}",
        path=remedy.path or (path if inside else ""),
        start=remedy.start,
        again=remedy.again,
        reads=remedy.reads,
        session=remedy.session,
        objects=remedy.objects,
        parts=remedy.parts,
    )


def _offered(hold: Hold, remedy: Remedy, inside: str = "") -> FixOffer:
    """The offer of a repair; `inside` says in which other function it is made, at the wait of `hold` there."""
    return msgspec.structs.replace(
        _offer(remedy, hold.function.path, hold.function.name, inside),
        site=hold.span[:2] if inside else (0, 0),
        session=tuple(sorted(hold.carriers)),
        objects=remedy.objects,
    )


def held(flow: Flow, code: str, name: str, kinds: frozenset[str]) -> Iterator[Finding]:
    """The findings of a rule about waits of some classes that start while a connection is held."""
    for hold in flow.holds:
        if hold.waiting.wait.kind not in kinds:
            continue
        fixes, why_not = offers(flow, hold)
        way_out = "move the call out of the lock" if hold.state.lock else "commit or close it first"
        yield finding(
            code,
            name,
            f"`{hold.name}` keeps a pooled connection during this {noun(hold.waiting)}; {way_out}",
            hold.function,
            hold.span,
            trail=(*checkout_steps(hold), *hold.state.lock[-1:], *wait_steps(hold.waiting)),
            notes=(*whole_way(hold.waiting), *release_notes(flow, hold), *why_not),
            fixes=fixes,
        )
