"""What a function does, behind a wait, with the objects that it has loaded before."""

from __future__ import annotations

from collections.abc import Collection

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Hold
from flake8_poolhold.flow.releasing import borrowing, reading
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import Uses, derived, mentions, rebinds, root, uses

_NEUTRAL = frozenset({"add", "add_all", "commit", "flush", "close", "rollback"})
"""Methods of a session that change no object which it has loaded before."""


class Later:
    """What happens behind a wait to what the session has loaded before it, if the session is closed in between.

    `uses` are all uses of it; `refused` says why it must stay attached, if it must; `stale`: something is read of it
    after the session may have changed it; `binds`: a variable of it is given a new value.
    """

    def __init__(self, hold: Hold, around: Surroundings, lazy: Collection[str], is_async: bool) -> None:
        self._hold = hold
        self._statements = reading.region(around)
        self._variables = derived(self._statements, hold.loaded, lazy)
        self._in_loop = any(isinstance(level.statement, tree.For | tree.While) for level in around.levels)
        self._lazy = () if is_async else lazy
        self.uses = Uses()
        self.stale = False
        self.binds = reading.binds(self._statements, hold.loaded)
        self._read()
        self.refused = self._refusal()

    def _read(self) -> None:
        """Go through the statements in order: what is bound anew is not what was loaded before."""
        variables, used_again = set(self._variables), self._in_loop and self._session_is_used(self._statements)
        for statement in self._statements:
            found = uses([statement], variables, self._lazy)
            self.uses.reads |= found.reads
            self.uses.whole |= found.whole
            self.uses.changed |= found.changed
            self.uses.given |= found.given
            here = self._session_is_used([statement])
            compound = not isinstance(statement, tree.Assign | tree.AugmentedAssign | tree.Evaluate | tree.Return)
            if found.names and (used_again or (here and (compound or found.whole))):
                self.stale = True
            used_again = used_again or here
            if not self._in_loop and not found.whole:
                variables -= rebinds(statement)

    def _session_is_used(self, statements: list[tree.Statement]) -> bool:
        """Whether the session does more than to take new objects and to write them."""
        harmless: set[int] = set()
        for node in walk(statements):
            match node:
                case tree.Call(function=tree.Attribute(value=session, name=name)) if name in _NEUTRAL:
                    if root(session) in self._hold.carriers:
                        harmless.update(id(one) for one in walk([session]))
                case _:
                    pass
        rest = [node for node in walk(statements) if isinstance(node, tree.Name) and id(node) not in harmless]
        return mentions(rest, self._hold.carriers)

    def _refusal(self) -> str:
        if self.uses.changed:
            return "an object that was loaded before the call is changed after it"
        if any(name_of(node) == "awaitable_attrs" for node in walk(self._statements)):
            return "an attribute is loaded after the call"
        for node in walk(self._statements):
            match node:
                case tree.Call(function=tree.Attribute(value=session), arguments=arguments):
                    if root(session) in self._hold.carriers and mentions(
                        [one.value for one in arguments if isinstance(one.value, tree.Name)], self._variables
                    ):
                        return "an object that was loaded before the call is given to the session after it"
                case _:
                    pass
        if borrowing.compared(self._statements, self._variables):
            return "an object that was loaded before the call is compared behind it"
        if self.uses.given:
            return "an object that was loaded before the call is given to code that may change it"
        return ""
