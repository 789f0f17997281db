"""Which variables may still be read, behind a wait, with the value that they had at the wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.releasing.surroundings import Level, Surroundings

_Old = frozenset[str]
"""The variables that may still have their old value at one point; a point that is not reached is `None`."""


def still_read(around: Surroundings, variables: Collection[str]) -> frozenset[str]:
    """Those of `variables` of which the waiting statement, or what may run behind it, reads the old value.

    All of the waiting statement counts. What a function or lambda that was made before reads, it may read at any time.
    """
    old = frozenset(variables)
    run = _Run()
    for node in around.earlier():
        if isinstance(node, tree.Function | tree.Lambda):
            run.read(node, old)
    if not around.levels:
        return old
    *outer, innermost = around.levels
    now = run.block([innermost.statement, *innermost.after], old)
    part = innermost.part
    for level in reversed(outer):
        now = run.block(level.after, run.leave(level, part, now, old))
        part = level.part
    return frozenset(run.found)


def _joined(*points: _Old | None) -> _Old | None:
    reached = [point for point in points if point is not None]
    return frozenset().union(*reached) if reached else None


class _Run:
    """A run over statements in the order in which they are executed; `found` are the old values that it reads."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._breaks: list[_Old] = []
        self._continues: list[_Old] = []

    def read(self, part: object, old: _Old | None) -> None:
        """Some code is evaluated."""
        waiting: list[tuple[object, _Old]] = [(part, old or frozenset())]
        while waiting:
            one, seen = waiting.pop()
            match one:
                case list() | tuple():
                    waiting.extend((item, seen) for item in one)
                case tree.Name(id=name):
                    self.found |= {name} & seen
                case tree.Comprehension(element=element, clauses=[first, *_] as clauses):
                    waiting.append((first.iterable, seen))
                    own = seen.difference(*(_names(clause.target) for clause in clauses))
                    waiting.append((element, own))
                    waiting += [(clause.conditions, own) for clause in clauses]
                    waiting += [(clause.iterable, own) for clause in clauses[1:]]
                case tree.Node():
                    waiting.extend((getattr(one, field), seen) for field in one.__struct_fields__)
                case _:
                    pass

    def block(self, body: Iterable[tree.Statement], old: _Old | None) -> _Old | None:
        """What is left of the old values at the end of a block."""
        for statement in body:
            if old is not None:
                old = self._one(statement, old)
        return old

    def leave(self, level: Level, inner: str, old: _Old | None, at_wait: _Old) -> _Old | None:
        """The end of a block in a compound statement is reached, with what else of the statement may run then."""
        match level.statement:
            case tree.For() | tree.While() as loop if inner == "loop":
                again = _joined(old, *self._continues)
                after = _joined(again, *self._breaks)
                self._continues, self._breaks = [], []
                if again is not None:  # what a `for` runs over is from before the wait, and so is its target again
                    self._turn(loop, again, again)
                return after
            case tree.Try(handlers=handlers, otherwise=otherwise, final=final):
                if inner == "try":
                    handled = [self.block(one.body, at_wait) for one in handlers]
                    old = _joined(self.block(otherwise, old), *handled)
                if inner == "final":
                    return old
                self.block(final, at_wait)
                return self.block(final, old)
            case _:
                return old

    def _one(self, statement: tree.Statement, old: _Old) -> _Old | None:
        match statement:
            case tree.Assign(targets=targets, value=value):
                self.read(value, old)
                return self._bound(targets, old) if value is not None else old
            case tree.Delete(targets=targets):
                return self._bound(targets, old)
            case tree.Return(value=value) | tree.Raise(value=value):
                self.read(value, old)
                return None
            case tree.Break():
                self._breaks.append(old)
                return None
            case tree.Continue():
                self._continues.append(old)
                return None
            case tree.If(arms=arms, otherwise=otherwise):
                ends = []
                for test, body in arms:
                    self.read(test, old)
                    ends.append(self.block(body, old))
                return _joined(*ends, self.block(otherwise, old))
            case tree.Match(subject=subject, cases=cases):
                self.read(subject, old)
                self.read([case.guard for case in cases], old)
                return _joined(old, *(self.block(case.body, old) for case in cases))
            case tree.With(items=items, body=body):
                for item in items:
                    self.read(item.value, old)
                    old = self._bound([item.target] if item.target is not None else [], old)
                return self.block(body, old)
            case tree.For() | tree.While():
                return self._loop(statement, old)
            case tree.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
                ends = [self.block(otherwise, self.block(body, old)), *(self.block(one.body, old) for one in handlers)]
                self.block(final, old)
                return self.block(final, _joined(*ends))
            case _:
                self.read(statement, old)
                return old

    def _loop(self, loop: tree.For | tree.While, old: _Old) -> _Old:
        """A loop that begins behind the wait: it may run not at all."""
        if isinstance(loop, tree.For):
            self.read(loop.iterable, old)
            self._turn(loop, self._bound([loop.target], old), old)
        else:
            self._turn(loop, old, old)
        return old

    def _turn(self, loop: tree.For | tree.While, first: _Old, old: _Old) -> None:
        """A turn of a loop that begins with `first`, and its `else`."""
        outside = self._breaks, self._continues
        self._breaks, self._continues = [], []
        if isinstance(loop, tree.While):
            self.read(loop.test, first)
        self.block(loop.body, first)
        self.block(loop.otherwise, old)
        self._breaks, self._continues = outside

    def _bound(self, targets: list[tree.Expression], old: _Old) -> _Old:
        """Variables get new values; to set an attribute or an item of one reads it."""
        for target in targets:
            if not isinstance(target, tree.Name | tree.Sequence | tree.Starred):
                self.read(target, old)
            elif not isinstance(target, tree.Name):
                old = self._bound(target.items if isinstance(target, tree.Sequence) else [target.value], old)
            else:
                old -= {target.id}
        return old


def _names(target: tree.Expression) -> set[str]:
    return {node.id for node in walk([target]) if isinstance(node, tree.Name)}
