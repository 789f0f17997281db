"""`move-call`, to the front: what a block does before it first uses its connection goes out of it, with the wait.

A connection is checked out when its block is entered, and so is that of a provider which queries before it yields. What
stands before the first use may as well run before that; nothing moves relative to it but the opening.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing import managers, owning
from flake8_poolhold.flow.releasing.moving import NAME
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings, binds
from flake8_poolhold.flow.releasing.uses import mentions


def before_block(analysis: Analysis, hold: Hold, around: Surroundings) -> Remedy:
    """Judge whether the block can begin behind the wait."""
    block = owning.block(analysis, hold, around)
    if isinstance(block, str):
        return Remedy(NAME, refused=block)
    head = [*block.level.before, block.level.statement]
    if refused := _refusal(hold, block, head):
        return Remedy(NAME, refused=refused)
    return Remedy(
        NAME,
        f"begin the block of line {block.node.span[0]} behind line {hold.span[0]}",
        doubts=tuple(_doubts(analysis, hold, block)),
        start=block.node.span[:2],
        again=owning.place(block.level.after[0]),
    )


def _refusal(hold: Hold, block: owning.Block, head: list[tree.Statement]) -> str:
    targets = [item.target for item in block.node.items if item.target is not None]
    own = {node.id for node in walk(targets) if isinstance(node, tree.Name)}
    if not block.level.after:
        return "nothing would be left in the block"
    if mentions(head, hold.carriers | own):
        return f"the block uses `{hold.name}` before the call"
    if hold.state.lock:
        return "a lock taken before the call must outlive it"
    used = {node.id for node in walk([item.value for item in block.node.items]) if isinstance(node, tree.Name)}
    if any(binds(node, name) for node in walk(head) for name in used):
        return "what opens the block is given another value before the call"
    if any(isinstance(node, tree.Yield) for node in walk(head)):
        return "the block hands control out before the call"
    return ""


def _doubts(analysis: Analysis, hold: Hold, block: owning.Block) -> Iterator[str]:
    if hold.state.dirty or hold.state.unsure:
        yield "entering the block may write"
    if block.more:
        yield "leaving the block does more than end the session"
    if any(managers.enters_more(one) for one in owning.managers(analysis, hold.place.origin)):
        yield "entering the block does more than open the session"
    headers = [item.value for item in block.node.items]
    given = [node.arguments for node in walk(headers) if isinstance(node, tree.Call)]
    if any(isinstance(node, tree.Call | tree.Await) for node in walk(given)):
        yield "what opens the block calls something else first"
