"""Reads of expired objects in one function: a forward run over its statements.

An async session cannot load an expired attribute when it is read: the read raises `MissingGreenlet`. Only what the
function itself shows is followed; an awaited call of anything else may have loaded the objects again.
"""

from __future__ import annotations

import re

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.expiry.objects import Expiry, Naming, Object, Shape, derived, may_expire
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.scopes import functions
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.pools.worlds import dotted


class Variables(dict[str, Object]):
    """The objects that variables hold at one point. `idle`: sessions that surely have no transaction there."""

    idle: frozenset[str] = frozenset()

    def copied(self) -> Variables:
        other = Variables(self)
        other.idle = self.idle
        return other


_ENDS = re.compile(rb"\.(?:commit|rollback)\(|\.begin\(")
_QUERIES = frozenset({"get", "get_one", "execute", "scalar", "scalars", "exec", "stream", "stream_scalars"})
_SHAPES: dict[str, Shape] = {
    "get": "one", "get_one": "one", "scalar": "one", "execute": "rows", "stream": "rows",
}  # fmt: skip
_ENDINGS = frozenset({"close", "aclose", "expunge_all", "reset", "invalidate", "remove"})


class Read(msgspec.Struct, frozen=True):
    """An attribute of an expired object is read: `name.attribute`, at `span`."""

    function: FunctionInfo
    name: str
    attribute: str
    span: tree.Span
    expiry: Expiry


def in_file(analysis: Analysis, path: str) -> list[Read]:
    """The reads of expired objects in the functions of a file, in the order of the source."""
    module = analysis.project.module(path) if _ENDS.search(analysis.project.bytes_of(path)) else None
    if module is None:
        return []
    scope = analysis.project.scope(path)
    owners = {id(node): (name, owner) for name, node, owner in scope.functions}
    found: list[Read] = []
    for node in functions(module.body):
        if node.is_async and may_expire(node):
            name, owner = owners.get(id(node), (node.name, ""))
            key = names.class_info(analysis, path, owner, scope.classes[owner]).key if owner else ""
            found += reads(analysis, names.function_info(analysis, path, name, node, key))
    return sorted(found, key=lambda read: read.span)


def reads(analysis: Analysis, info: FunctionInfo) -> list[Read]:
    """The reads of expired objects in a function, the first one for each object and the call that expired it."""
    run = _Run(info, Naming(analysis, info))
    run.block(info.node.body, Variables(run.naming.parameters()))
    return list(run.found.values())


class _Run:
    def __init__(self, info: FunctionInfo, naming: Naming) -> None:
        self.info, self.naming = info, naming
        self.found: dict[tuple[str, tree.Span], Read] = {}
        self._raised: list[Variables | None] = []
        self._left: list[list[Variables]] = []
        self._statements: dict[str, tree.Expression] = {}

    def block(self, body: list[tree.Statement], state: Variables | None) -> Variables | None:
        """The variables behind a block; `None` when it is never left at its end."""
        for statement in body:
            if state is None:
                return None
            if self._raised and _may_raise(statement):
                self._raised[-1] = _either(self._raised[-1], state.copied())
            state = self._statement(statement, state)
        return state

    def _statement(self, node: tree.Statement, state: Variables) -> Variables | None:
        match node:
            case tree.Assign(targets=targets, value=value) if value is not None:
                found = self._value(value, state)
                for target in targets:
                    self._bind(target, found, value, state)
            case tree.AugmentedAssign(target=target, value=value):
                self._value(target, state)
                self._value(value, state)
            case tree.Evaluate(value=value):
                self._value(value, state)
            case tree.Return(value=value) | tree.Raise(value=value):
                if value is not None:
                    self._value(value, state)
                return None
            case tree.Break() | tree.Continue():
                if self._left:
                    self._left[-1].append(state)
                return None
            case tree.If(arms=arms, otherwise=otherwise):
                return self._if(arms, otherwise, state)
            case tree.While(test=test, body=body, otherwise=otherwise):
                return self._loop(None, test, body, otherwise, state)
            case tree.For(target=target, iterable=iterable, body=body, otherwise=otherwise):
                return self._loop(target, iterable, body, otherwise, state)
            case tree.Try():
                return self._try(node, state)
            case tree.With():
                return self._with(node, state)
            case tree.Match(subject=subject, cases=cases):
                self._value(subject, state)
                after: Variables | None = state
                for case in cases:
                    after = _either(after, self.block(case.body, state.copied()))
                return after
        return state

    def _bind(self, target: tree.Expression, found: Object | None, value: tree.Expression, state: Variables) -> None:
        match target:
            case tree.Name(id=name):
                state.pop(name, None)
                if found is not None:
                    state[name] = found
                else:
                    self._statements[name] = value
            case tree.Sequence(items=items):
                for item in items:
                    self._bind(item, None, value, state)
            case tree.Attribute(value=owner) | tree.Subscript(value=owner):
                self._value(owner, state)

    def _if(
        self,
        arms: list[tuple[tree.Expression, list[tree.Statement]]],
        otherwise: list[tree.Statement],
        state: Variables,
    ) -> Variables | None:
        after: Variables | None = None
        for test, body in arms:
            self._value(test, state)
            after = _either(after, self.block(body, state.copied()))
        return _either(after, self.block(otherwise, state))

    def _loop(
        self,
        target: tree.Expression | None,
        iterable: tree.Expression,
        body: list[tree.Statement],
        otherwise: list[tree.Statement],
        state: Variables,
    ) -> Variables | None:
        top = state
        for _ in range(2):
            found = self._value(iterable, top)
            start = top.copied()
            if target is not None:
                self._bind(target, _item(found), iterable, start)
            self._left.append([])
            end = self.block(body, start)
            for left in self._left.pop():
                end = _either(end, left)
            top = _either(top.copied(), end) or top
        return self.block(otherwise, top)

    def _try(self, node: tree.Try, state: Variables) -> Variables | None:
        self._raised.append(None)
        after = self.block(node.body, state.copied())
        caught = self._raised.pop()
        after = self.block(node.otherwise, after)
        for handler in node.handlers:
            after = _either(after, self.block(handler.body, (caught if caught is not None else state).copied()))
        if self._raised and caught is not None:
            self._raised[-1] = _either(self._raised[-1], caught.copied())
        return self.block(node.final, after)

    def _with(self, node: tree.With, state: Variables) -> Variables | None:
        begun, opened = [], []
        for item in node.items:
            self._value(item.value, state)
            if isinstance(item.target, tree.Name):
                state.pop(item.target.id, None)
                opened.append(item.target.id)
            match item.value:
                case tree.Call(function=tree.Attribute(value=owner, name="begin")):
                    begun.append(dotted(owner))
        after = self.block(node.body, state)
        if after is None:
            return None
        for session in begun:
            self._expire(after, session, Expiry("commit", node.span))
        for name in opened:
            _forget(after, name)
        return after

    def _value(self, node: tree.Expression, state: Variables) -> Object | None:
        """The object that an expression gives, if it is one; what it reads and does on the way happens."""
        match node:
            case tree.Name(id=name):
                return state.get(name)
            case tree.Attribute(value=tree.Name(id=name), name=attribute, span=span):
                self._read(name, attribute, span, state)
                return None
            case tree.Await(value=tree.Call(function=tree.Attribute(value=owner, name=method)) as call, span=span):
                for argument in call.arguments:
                    self._value(argument.value, state)
                return self._awaited(dotted(owner), method, call, span, state)
            case tree.Await(value=inner):
                self._value(inner, state)
                _reload(state)
                return None
            case tree.Call():
                return self._call(node, state)
            case tree.Subscript(value=inner, index=index):
                found = self._value(inner, state)
                self._value(index, state)
                return _item(found)
            case tree.Lambda():
                return None
            case tree.Comprehension(element=element, clauses=clauses):
                for clause in clauses:
                    found = self._value(clause.iterable, state)
                    self._bind(clause.target, _item(found), clause.iterable, state)
                    for condition in clause.conditions:
                        self._value(condition, state)
                self._value(element, state)
                return None
            case tree.Either(parts=parts):
                values = [self._value(part, state) for part in parts]
                return next((value for value in values if value is not None), None)
            case tree.Conditional(test=test, body=body, otherwise=otherwise):
                self._value(test, state)
                found = self._value(body, state)
                return found or self._value(otherwise, state)
            case _:
                for part in _parts(node):
                    self._value(part, state)
                return None

    def _call(self, node: tree.Call, state: Variables) -> Object | None:
        owner = None
        if isinstance(node.function, tree.Attribute):
            inner = node.function.value
            owner = self._value(inner, state)
            if isinstance(inner, tree.Name) and owner is not None and owner.shape == "one":
                self._read(inner.id, node.function.name, node.function.span, state)
        values = [self._value(argument.value, state) for argument in node.arguments]
        match node.function:
            case tree.Attribute(value=session, name="add" | "add_all" | "delete" | "expunge" as method):
                self._managed(dotted(session), method, node, state)
                return None
            case tree.Attribute(name=method):
                return derived(owner, method) if owner is not None else None
            case tree.Name(id="list" | "sorted" | "reversed" | "tuple") if values and values[0] is not None:
                return msgspec.structs.replace(values[0], shape="many")
            case tree.Name():
                model = self.naming.model(node.function)
                return Object(model, "", is_new=True) if model else None
        return None

    def _managed(self, session: str, method: str, node: tree.Call, state: Variables) -> None:
        """`db.add(user)`: from now on it belongs to the session; `db.expunge(user)`: no longer."""
        state.idle -= {session}
        for argument in node.arguments:
            items = argument.value.items if isinstance(argument.value, tree.Sequence) else [argument.value]
            for item in items:
                if isinstance(item, tree.Name) and item.id in state:
                    known = state[item.id]
                    if method == "expunge":
                        del state[item.id]
                    elif not known.session:
                        state[item.id] = msgspec.structs.replace(known, session=session)

    def _awaited(self, session: str, method: str, call: tree.Call, span: tree.Span, state: Variables) -> Object | None:
        if method in ("commit", "rollback") and session and not call.arguments:
            self._expire(state, session, Expiry(method, span))
            return None
        if method in _ENDINGS and session:
            _forget(state, session)
            return None
        if method == "sleep":
            return None
        if method in ("flush", "delete") and session:
            state.idle -= {session}
            return None
        if method == "refresh" and session:
            state.idle -= {session}
            for argument in call.arguments[:1]:
                if isinstance(argument.value, tree.Name) and argument.value.id in state:
                    state[argument.value.id] = msgspec.structs.replace(state[argument.value.id], expired=None)
            return None
        state.idle -= {session}
        if method in _QUERIES and session and call.arguments:
            return self._queried(session, method, call.arguments[0].value, state)
        _reload(state)
        return None

    def _queried(self, session: str, method: str, statement: tree.Expression, state: Variables) -> Object | None:
        if isinstance(statement, tree.Name) and statement.id in self._statements:
            statement = self._statements[statement.id]
        if method in ("get", "get_one"):
            model: str | None = self.naming.model(statement)
        else:
            model = self.naming.selected(statement)
        _reload(state, model)
        if not model:
            return None
        return Object(model, session, _SHAPES.get(method, "scalars"))

    def _expire(self, state: Variables, session: str, expiry: Expiry) -> None:
        """A commit or rollback: a new object that is rolled back is nobody's and keeps its values.

        Where no transaction has begun there is nothing to roll back, and nothing expires.
        """
        if session in state.idle and expiry.method == "rollback":
            return
        state.idle |= {session}
        for name, known in list(state.items()):
            if known.session != session:
                continue
            if known.is_new and expiry.method == "rollback":
                del state[name]
            elif known.shape in ("one", "many"):
                state[name] = msgspec.structs.replace(known, is_new=False, expired=expiry)

    def _read(self, name: str, attribute: str, span: tree.Span, state: Variables) -> None:
        known = state.get(name)
        if known is None or known.expired is None or known.shape != "one":
            return
        if self.naming.is_column(known.model, attribute):
            key = (name, known.expired.span)
            self.found.setdefault(key, Read(self.info, name, attribute, span, known.expired))


def _item(found: Object | None) -> Object | None:
    """One of several objects; a row of a result is none."""
    if found is None or found.shape not in ("many", "scalars"):
        return None
    return msgspec.structs.replace(found, shape="one")


def _parts(node: tree.Node) -> list[tree.Expression]:
    found: list[tree.Expression] = []
    waiting = [getattr(node, field) for field in node.__struct_fields__]
    for part in waiting:
        if isinstance(part, list):
            found += [one for one in part if isinstance(one, tree.Node)]  # type: ignore[misc]  # what a statement has but blocks are expressions
        elif isinstance(part, tree.Node):
            found.append(part)  # type: ignore[arg-type]  # the same
    return found


def _reload(state: Variables, model: str | None = None) -> None:
    """Objects may have been loaded again: those of one class, or of any, and so of a session that is not known."""
    if not model:
        state.idle = frozenset()
    for name, known in state.items():
        if known.expired is not None and (not model or known.model == model):
            state[name] = msgspec.structs.replace(known, expired=None)


def _forget(state: Variables, session: str) -> None:
    for name in [name for name, known in state.items() if known.session == session]:
        del state[name]


def _may_raise(statement: tree.Statement) -> bool:
    """Whether a statement calls anything; what does not is taken to end well."""
    return any(isinstance(part, tree.Call | tree.Await) for part in tree.walk(statement))


def _rank(known: Object) -> int:
    return 0 if known.expired is None else 1 if known.expired.method == "commit" else 2


def _either(left: Variables | None, right: Variables | None) -> Variables | None:
    """What may be true behind either way: an object is expired where it is on one of them, by a rollback at worst."""
    if left is None or right is None:
        return right if left is None else left
    for name, known in right.items():
        mine = left.get(name)
        if mine is None:
            left[name] = known
            continue
        # What is new on one way, and so keeps its values in a rollback, is given the benefit of the doubt.
        worse = known if _rank(mine) < _rank(known) else mine
        left[name] = msgspec.structs.replace(worse, is_new=mine.is_new or known.is_new)
    left.idle &= right.idle
    return left
