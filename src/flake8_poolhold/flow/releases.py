"""Whether a connection can be given back before a wait, and what speaks against it."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.evidence import walk
from flake8_poolhold.flow.frames import Analysis, Hold
from flake8_poolhold.flow.states import GIVEN


class Release(msgspec.Struct, frozen=True):
    """A verdict on `commit()` before a wait: `refused` says why it would be wrong, `doubts` what is not proved."""

    statement: str
    refused: str = ""
    doubts: tuple[str, ...] = ()


def before(analysis: Analysis, hold: Hold) -> Release:
    """Judge a commit right before the wait of `hold`."""
    known = analysis.holders.classes.get(hold.kind)
    is_async = known is not None and known.is_async
    statement = f"{'await ' if is_async else ''}{hold.expression}.commit()"
    refused = _refusal(hold, known.kind if known is not None else "")
    return Release(statement, refused, () if refused else tuple(_doubts(analysis, hold)))


def _refusal(hold: Hold, kind: str) -> str:
    state = hold.state
    if not hold.expression:
        return "the session has no name in this function; release it where it was used"
    if kind != "session":
        return "a connection outlives its commit; close it before the call"
    if state.lock:
        return "a lock taken before the call must outlive it"
    if state.begun:
        return "the session is inside a `begin()` block; end the block before the call"
    if state.bound:
        return "the session is bound to a connection, which its commit does not give back"
    if state.streaming:
        return "a server-side cursor is open"
    if hold.keeps_loaded is False and _reads_later(hold):
        return "objects loaded before the call are read after it, and a commit expires them (`expire_on_commit`)"
    return ""


def _doubts(analysis: Analysis, hold: Hold) -> list[str]:
    state = hold.state
    doubts = []
    if state.dirty:
        doubts.append("writes before the call would be committed even when the rest fails")
    if state.unsure:
        doubts.append("code that was not understood may have written")
    if hold.keeps_loaded is None:
        doubts.append("`expire_on_commit=False` is not proved")
    elif not hold.keeps_loaded:
        doubts.append("a commit expires loaded objects")
    if hold.place.origin.how == "param" or state.carries or GIVEN in state.kinds:
        doubts.append("the callers' transactions are not known")
    elif hold.place.origin.how == "global":
        doubts.append("the session is shared")
    elif hold.provider and _called_by_name(analysis, hold):
        doubts.append("the handler is also called directly")
    if analysis.project.naming("before_commit") or analysis.project.naming("after_commit"):
        doubts.append("the project listens to commits")
    if analysis.project.naming("autobegin"):
        doubts.append("the project turns autobegin off somewhere")
    return doubts


def _called_by_name(analysis: Analysis, hold: Hold) -> bool:
    """Whether the handler's name is used anywhere but in its own definition."""
    name = hold.function.name.rpartition(".")[2]
    elsewhere = [path for path in analysis.project.naming(name) if path != hold.function.path]
    if any(_mentions(analysis, path, name) for path in elsewhere):
        return True
    return _mentions(analysis, hold.function.path, name)


def _mentions(analysis: Analysis, path: str, name: str) -> bool:
    module = analysis.project.module(path)
    if module is None:
        return True
    return any(
        (isinstance(node, tree.Name) and node.id == name) or (isinstance(node, tree.Attribute) and node.name == name)
        for node in walk(module.body)
    )


def _reads_later(hold: Hold) -> bool:
    """Whether a variable that holds something loaded is mentioned in the function behind the last checkout."""
    mentioned = {node.id for node in walk(hold.function.node.body) if isinstance(node, tree.Name)}
    return bool(hold.loaded & mentioned)
