"""`move-call`: the wait, and what stands behind it, goes out of the block that holds the connection.

The end of a block is cut off: nothing in it uses the session, so it may as well run when the session is closed. Nothing
moves relative to anything else; only the end of the block comes earlier.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing import borrowing, elsewhere, owning, reading
from flake8_poolhold.flow.releasing.containers import added_up
from flake8_poolhold.flow.releasing.forgetting import stays
from flake8_poolhold.flow.releasing.habits import STARTS_TASKS, habits, name_of
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import HARMLESS, Uses, derived, kept, mentions, uses

NAME = "move-call"

LOADS = "an attribute that is loaded when it is read could not be loaded behind the block"


def out_of_block(analysis: Analysis, hold: Hold, around: Surroundings, *, is_async: bool) -> Remedy:
    """Judge whether the block can end before the wait."""
    block = owning.block(analysis, hold, around)
    if isinstance(block, str):
        return Remedy(NAME, refused=block)
    tail = [block.level.statement, *block.level.after]
    refused = _refusal(hold, block, tail)
    if refused:
        return Remedy(NAME, refused=refused)
    lazy = habits(analysis).lazy
    variables = derived(tail, hold.loaded, lazy)
    used = uses(tail, variables, () if is_async else lazy)
    if refused := _refusal_of_objects(used):
        return Remedy(NAME, refused=refused)
    reads: tuple[tuple[str, str, str], ...] = ()
    doubts = list(_doubts(analysis, hold, block))
    if block.commits and added_up(analysis, hold):
        doubts.append("what was loaded is part of a sum, which is not followed")
    if block.commits and not hold.keeps_loaded and not stays(analysis, hold, around):
        doubts.append("what the block has loaded, and expires at its end, may be kept elsewhere")
    if used.names and (not is_async or (block.commits and not hold.keeps_loaded)):
        named = None
        if not (used.whole or used.given) and not reading.binds(tail, used.names):
            named = reading.named(hold.function.node, around, used.reads)
        if named is not None:
            reads = named
        elif not hold.keeps_loaded:
            return Remedy(NAME, refused="what the block has loaded expires, and cannot be read before the call")
        else:
            return Remedy(NAME, refused=LOADS)
    elif used.given and analysis.project.naming("awaitable_attrs"):
        return Remedy(NAME, refused=LOADS)
    doubts += _doubts_of_objects(analysis, hold, block, tail, variables)
    return Remedy(
        NAME,
        f"end the block of line {block.node.span[0]} before line {hold.span[0]}",
        doubts=tuple(doubts),
        start=block.node.span[:2],
        reads=reads,
    )


def _refusal(hold: Hold, block: owning.Block, tail: list[tree.Statement]) -> str:
    if not block.level.before:
        return "the connection is checked out by the statement that waits"
    if hold.state.lock:
        return "a lock taken before the call must outlive it"
    if hold.state.streaming:
        return "a server-side cursor is open"
    if mentions(tail, kept(block.level.before, hold.carriers)):
        return f"the block uses `{hold.name}` in or behind the statement that waits"
    if any(name_of(node) == "awaitable_attrs" for node in walk(tail)):
        return "an attribute is loaded behind the call"
    return ""


def _refusal_of_objects(used: Uses) -> str:
    """Why the objects that were loaded need the session until the end of the block.

    Whether leaving the block commits is not asked: what was injected may do so without anybody seeing it.
    """
    if used.changed:
        return "an object that the block has loaded is changed behind the call"
    return ""


def _doubts_of_objects(
    analysis: Analysis, hold: Hold, block: owning.Block, tail: list[tree.Statement], variables: frozenset[str]
) -> Iterator[str]:
    """What code behind the block may do to objects that have lost their session."""
    asks = analysis.project.naming("object_session")
    if not block.commits and not asks:
        return
    lazy = habits(analysis).lazy
    inner = [node for node in walk(block.level.before) if isinstance(node, tree.Function | tree.Lambda)]
    calls = [node for node in walk(tail) if isinstance(node, tree.Call) and name_of(node.function) not in HARMLESS]
    related = [
        one for call in calls for one in call.arguments if isinstance(one.value, tree.Attribute | tree.Subscript)
    ]
    if (
        not mentions(inner, variables)
        and not uses(related, variables, lazy).whole
        and borrowing.only_read(analysis, hold.function, borrowing.receiving(calls, variables), variables, ())
    ):
        return
    if block.commits:
        yield "an object that the block has loaded is given to code that may change it"
    if asks:
        yield "an object that the block has loaded is given to code that may look for its session"


def _doubts(analysis: Analysis, hold: Hold, block: owning.Block) -> Iterator[str]:
    if block.more:
        yield "leaving the block does more than end the session"
    if _is_kept(hold, block) or elsewhere.is_kept(analysis, hold):
        yield "the session is kept in an object, and may be used behind the block"
    if block.commits and hold.state.dirty:
        yield "writes before the call would be committed even when the rest fails"
    if hold.state.unsure or hold.escaped:
        yield "code that was not understood may have kept the session"
    if any(name_of(node) in STARTS_TASKS for node in walk(block.level.before)):
        yield "a task that runs beside this code may use the session"
    if block.commits and hold.state.carries:
        yield "the callers' transactions are not known"


def _is_kept(hold: Hold, block: owning.Block) -> bool:
    """Whether the session is put into an attribute or a container: `repository.db = db`."""
    return any(
        isinstance(node, tree.Assign)
        and any(isinstance(target, tree.Attribute | tree.Subscript) for target in node.targets)
        and mentions([node.value], hold.carriers - hold.loaded)
        for node in walk(block.level.before)
    )
