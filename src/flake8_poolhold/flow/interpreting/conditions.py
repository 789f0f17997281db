"""Conditions: whether a test is known to hold, and what a branch knows because it does or does not."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import CLOSED, HolderState, State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    Loaded,
    Series,
    Suspended,
    Table,
    Unknown,
    Value,
    join,
    options,
)
from flake8_poolhold.flow.naming import guards, hierarchy, objects


def condition(frame: Frame, state: State, test: tree.Expression) -> bool | None:
    """Whether `test` is known to hold or to fail; evaluates it."""
    match test:
        case tree.Not(value=inner):
            truth = condition(frame, state, inner)
            return None if truth is None else not truth
        case tree.Constant(value=literal):
            return bool(literal)
        case tree.NoneTest(value=inner, negated=negated):
            value = expressions.evaluate(frame, state, inner)
            if value == NONE:
                return negated is False
            if isinstance(value, Literally) or (isinstance(inner, tree.Name) and inner.id in frame.not_none):
                return negated
            return None
        case tree.Either(operator=operator, parts=parts):
            expressions.evaluate(frame, state, test)
            decisive = operator == "or"
            truths = [_truth(state, part) for part in parts]
            if decisive in truths:
                return decisive
            return None if None in truths else not decisive
        case tree.Call(
            function=tree.Name(id="isinstance"),
            arguments=[tree.Argument(value=tree.Name(id=name)), tree.Argument(value=of)],
        ):
            expressions.evaluate(frame, state, test)
            value = state.env.get(name, UNKNOWN)
            return False if all(_is_other(frame, state, one, of, True) for one in options(value)) else None
        case tree.Call(
            function=tree.Name(id="hasattr"),
            arguments=[tree.Argument(value=tree.Name(id=name)), tree.Argument(value=tree.Constant(value=str(method)))],
        ) if isinstance(suspended := state.env.get(name), Suspended):
            return _can_be(frame, suspended, method)
        case tree.Compare(
            operator="in", left=tree.Constant(value=str(name)), right=tree.Call(function=tree.Name(id="locals"))
        ):
            return (name in state.env) != test.negated
        case _:
            value = expressions.evaluate(frame, state, test)
            return bool(value.value) if isinstance(value, Literally) and isinstance(test, tree.Name) else None


_DRIVEN_BY = {
    ("generator", True): ("__aiter__", "__anext__", "asend", "athrow", "aclose"),
    ("generator", False): ("__iter__", "__next__", "send", "throw", "close"),
    ("coroutine", True): ("__await__", "send", "throw", "close"),
}
"""By what it is, and whether its function is async: the methods of what a call of a function gives."""


def _can_be(frame: Frame, suspended: Suspended, method: str) -> bool | None:
    """Whether a generator or a coroutine of the project's has a method; `None` for other objects and methods."""
    if not isinstance(suspended.target, FunctionOf):
        return None
    is_async = frame.analysis.functions[suspended.target.function].node.is_async
    driven_by = _DRIVEN_BY.get((suspended.kind, is_async))
    known = any(method in methods for methods in _DRIVEN_BY.values())
    return method in driven_by if driven_by is not None and known else None


def _truth(state: State, part: tree.Expression) -> bool | None:
    """Whether a part of `a and b` is known to be true or false; evaluates nothing."""
    match part:
        case tree.Not(value=inner):
            truth = _truth(state, inner)
            return None if truth is None else not truth
        case tree.Name(id=name):
            value = state.env.get(name)
            return bool(value.value) if isinstance(value, Literally) else None
        case _:
            return None


def narrow(frame: Frame, state: State, test: tree.Expression, holds: bool) -> None:
    """What a branch knows of a variable that its test compares with `None`."""
    match test:
        case tree.Not(value=inner):
            narrow(frame, state, inner, not holds)
        case tree.NoneTest(value=tree.Name(id=name), negated=negated) if negated != holds:
            _is_none(state, name)
        case tree.Name(id=name) if not holds and not _may_be_empty(state.env.get(name, UNKNOWN)):
            _is_none(state, name)
        case tree.NoneTest(value=tree.Attribute() as field, negated=negated):
            _field_is_tested(frame, state, field, is_none=negated != holds)
        case tree.Attribute():
            _field_is_tested(frame, state, test, is_none=not holds)
        case tree.Call(function=tree.Attribute(value=tree.Name(id=name), name="in_transaction")) if not holds:
            _has_ended(state, state.env.get(name, UNKNOWN))
        case tree.Call(function=tree.Attribute(value=tree.Name(id=name), name=method), arguments=[]) if not holds:
            owner = state.env.get(name, UNKNOWN)
            if isinstance(owner, Instance):
                for field in sorted(guards.empty_unless(frame.analysis, owner.cls, method)):
                    state.set_field(owner.place, field, NONE)
        case tree.Call(
            function=tree.Name(id="hasattr"),
            arguments=[tree.Argument(value=tree.Name(id=name)), tree.Argument(value=tree.Constant(value=str(field)))],
        ):
            value = state.env.get(name, UNKNOWN)
            kept = [one for one in options(value) if not _contradicts(frame, one, field, holds)]
            state.env[name] = join(kept)
        case tree.Call(
            function=tree.Name(id="isinstance"),
            arguments=[tree.Argument(value=tree.Name(id=name)), tree.Argument(value=of)],
        ):
            value = state.env.get(name, UNKNOWN)
            kept = [one for one in options(value) if not _is_other(frame, state, one, of, holds)]
            if len(kept) < len(options(value)):
                state.env[name] = join(kept)
        case tree.Either(operator="and", parts=parts) if holds:
            for part in parts:
                narrow(frame, state, part, True)
        case tree.Either(operator="or", parts=parts) if not holds:
            for part in parts:
                narrow(frame, state, part, False)
        case _:
            return


def _contradicts(frame: Frame, value: Value, field: str, holds: bool) -> bool:
    """Whether `value` cannot be what is looked at where `hasattr(value, field)` is `holds`."""
    return not holds and isinstance(value, Instance) and hierarchy.always_has(frame.analysis, value.cls, field)


def _is_other(frame: Frame, state: State, value: Value, of: tree.Expression, holds: bool) -> bool:
    """Whether a holder cannot be what is looked at where `isinstance(value, of)` is `holds`."""
    if not isinstance(value, Holder):
        return value == NONE and holds
    tested = expressions.evaluate(frame, state, of)
    known = frame.analysis.holders.by_path.get(tested.path) if isinstance(tested, Library) else None
    if known is None:
        return False
    classes = frame.analysis.holders.classes
    if holds:
        return classes[known].is_async != classes[value.kind].is_async
    return known == value.kind


def _is_none(state: State, name: str) -> None:
    """Here the variable is `None`: the holder that it may have been does not exist on this path."""
    _has_ended(state, state.env.get(name, UNKNOWN))
    state.env[name] = NONE


def _field_is_tested(frame: Frame, state: State, field: tree.Attribute, *, is_none: bool) -> None:
    """Here an attribute, such as `self.db`, is `None`; or it is what it was, whatever the other branch makes it."""
    if not isinstance(field.value, tree.Name):
        return
    owner = state.env.get(field.value.id, UNKNOWN)
    if isinstance(owner, Instance):
        value = objects.attribute(frame, state, owner, field.name)
        if any(isinstance(option, Holder) for option in options(value)):
            if is_none:
                _has_ended(state, value)
            state.set_field(owner.place, field.name, NONE if is_none else value)


def _has_ended(state: State, value: Value) -> None:
    """Nothing is checked out by the holders that `value` may be."""
    for option in options(value):
        if isinstance(option, Holder) and option.place.origin.how == "new":
            state.holders.pop(option.place, None)
        elif isinstance(option, Holder):
            state.holders[option.place] = HolderState(frozenset({CLOSED}))


def _may_be_empty(value: Value) -> bool:
    """Whether a false value of a variable need not be `None`: an empty list, a zero, anything unknown."""
    return any(isinstance(option, Unknown | Literally | Series | Table | Loaded) for option in options(value))
