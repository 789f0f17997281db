"""`split-block`: the block ends before the wait and is opened again behind it, by the same expression."""

from __future__ import annotations

import itertools

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects.loaded import CHANGES
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing import elsewhere, managers, owning, reading
from flake8_poolhold.flow.releasing.containers import added_up
from flake8_poolhold.flow.releasing.forgetting import stays
from flake8_poolhold.flow.releasing.habits import STARTS_TASKS, habits, name_of
from flake8_poolhold.flow.releasing.later import Later
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings, binds
from flake8_poolhold.flow.releasing.uses import kept, mentions, root

NAME = "split-block"


def around_wait(analysis: Analysis, hold: Hold, around: Surroundings, *, is_async: bool) -> Remedy:
    """Judge a read block, the wait, and a write block."""
    block = owning.block(analysis, hold, around)
    if isinstance(block, str):
        return Remedy(NAME, refused=block)
    inside = list(itertools.dropwhile(lambda one: not mentions([one], hold.carriers), block.level.after))
    if refused := _refusal(hold, block, inside):
        return Remedy(NAME, refused=refused)
    lazy = habits(analysis).lazy
    later = Later(hold, around, lazy, is_async)
    if later.refused:
        return Remedy(NAME, refused=later.refused)
    if later.stale:
        return Remedy(NAME, refused="what was loaded before the call is read after the session may have changed it")
    used = later.uses
    reads: tuple[tuple[str, str, str], ...] = ()
    doubts = []
    if block.commits and added_up(analysis, hold):
        doubts.append("what was loaded is part of a sum, which is not followed")
    if used.names and (not is_async or (block.commits and not hold.keeps_loaded)):
        named = None
        if not (used.whole or later.binds):
            named = reading.named(hold.function.node, around, used.reads)
        if named is None:
            return Remedy(NAME, refused="what was loaded before the call is read after it, and cannot be read before")
        reads = named
    if block.commits and not hold.keeps_loaded and not stays(analysis, hold, around):
        doubts.append("what the block has loaded, and expires at its end, may be kept elsewhere")
    if elsewhere.is_kept(analysis, hold):
        doubts.append("the session is kept where other code finds it")
    if _is_set_up(analysis, hold, block):
        doubts.append("the session is set up in the block, and a new one would not be")
    if not _is_repeatable(hold, block):
        doubts.append("what opens the block may give another session when it runs again")
    if block.more:
        doubts.append("leaving the block does more than end the session")
    if any(managers.enters_more(one) for one in owning.managers(analysis, hold.place.origin)):
        doubts.append("entering the block does more than open the session")
    if hold.state.unsure or hold.escaped:
        doubts.append("code that was not understood may have written or kept the session")
    if any(name_of(node) in STARTS_TASKS for node in walk(block.level.before)):
        doubts.append("a task that runs beside this code may use the session")
    doubts += [doubt for doubt in habits(analysis).doubts if "isolation" in doubt or "expire" in doubt]
    first, last = block.node.span[0], hold.span[0]
    what = f"end the block of line {first} before line {last}, and open it again behind the call"
    return Remedy(
        NAME, what, doubts=tuple(doubts), start=block.node.span[:2], again=owning.place(inside[0]), reads=reads
    )


def _refusal(hold: Hold, block: owning.Block, inside: list[tree.Statement]) -> str:
    """Why the block cannot be two."""
    level = block.level
    if not level.before:
        return "the connection is checked out by the statement that waits"
    if hold.state.lock:
        return "a lock taken before the call must outlive it"
    if hold.state.streaming:
        return "a server-side cursor is open"
    if hold.state.dirty:
        return "writes before the call belong to the transaction of those after it"
    if not hold.expression or mentions([level.statement], kept(level.before, hold.carriers)):
        return f"the statement that waits uses `{hold.name}`"
    if not inside:
        return "nothing behind the call uses the session"
    if mentions(inside, kept(level.before, hold.carriers) - {hold.expression}):
        return "what was made with the session before the call is used after it"
    return ""


_INFO = (".info[", ".info.get(", ".info.setdefault(", ".info.update(", ".info.pop(")
_CONSUMES = CHANGES | {"popleft", "get_nowait", "next", "send", "acquire"}


def _is_set_up(analysis: Analysis, hold: Hold, block: owning.Block) -> bool:
    """Whether something is kept in the session itself: in `info`, an option, an attribute of a class of the project."""
    assigned = [node for node in walk(block.level.before) if isinstance(node, tree.Assign)]
    targets = [one for node in assigned for one in node.targets if isinstance(one, tree.Attribute | tree.Subscript)]
    sets = any(root(one) == hold.expression for one in targets)
    return sets or any(analysis.project.naming(word) for word in _INFO)


def _is_repeatable(hold: Hold, block: owning.Block) -> bool:
    """Whether what opens the block means the same when it is written again behind the wait."""
    headers = [item.value for item in block.node.items]
    for call in (node for node in walk(headers) if isinstance(node, tree.Call)):
        if name_of(call.function) in _CONSUMES or any(isinstance(one, tree.Call) for one in walk(call.arguments)):
            return False
    used = {node.id for node in walk(headers) if isinstance(node, tree.Name)} - {hold.expression}
    return not any(binds(node, name) for node in walk(block.node.body) for name in used)
