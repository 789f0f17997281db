"""Tests: whether they hold in a world, and what a world knows once they do."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.values import UNKNOWN, ClassOf, Library, Literally, Unknown
from flake8_poolhold.flow.pools import reading, texts
from flake8_poolhold.flow.pools.bodies import Body
from flake8_poolhold.flow.pools.values import (
    Assumed,
    Items,
    Options,
    Record,
    Setting,
    Text,
    certain,
    pieces,
    text,
)
from flake8_poolhold.flow.pools.worlds import World, dotted, spelled

Decided = list[tuple[World, bool]]


def is_test(node: tree.Expression) -> bool:
    """Whether an expression is a test by its form."""
    match node:
        case tree.Compare() | tree.NoneTest() | tree.Not():
            return True
        case tree.Call(function=tree.Attribute(name="startswith" | "endswith")):
            return True
        case tree.Either(parts=parts):
            return all(is_test(part) for part in parts)
        case _:
            return False


def decide(body: Body, world: World, test: tree.Expression) -> Decided:
    """The ways on from a test: each a world of its own, and whether the test holds in it."""
    match test:
        case tree.Not(value=inner):
            return [(there, not truth) for there, truth in decide(body, world, inner)]
        case tree.Either(operator=operator, parts=parts):
            return _either(body, world, parts, ends=operator == "or")
        case tree.NoneTest(value=inner, negated=negated):
            return _flipped(_equal(body, world, test, inner, tree.Constant(None)), negated)
        case tree.Compare(operator="in", negated=negated, left=left, right=right):
            return _flipped(_inside(body, world, test, left, right), negated)
        case tree.Compare(negated=negated, left=left, right=right):
            return _flipped(_equal(body, world, test, left, right), negated)
        case tree.Call(function=tree.Attribute(value=owner, name="startswith"), arguments=[argument]):
            return _starts(body, world, test, owner, argument.value)
        case _:
            found: Decided = []
            for there, value in reading.evaluate(body, world, test):
                found += _judged(there, test, dotted(test), value, _truth(value))
            return found


def _either(body: Body, world: World, parts: list[tree.Expression], *, ends: bool) -> Decided:
    """`or` ends with the first part that holds, `and` with the first that does not."""
    ended: Decided = []
    going = [world]
    for part in parts:
        decided = [one for there in going for one in decide(body, there, part)]
        ended += [(there, truth) for there, truth in decided if truth is ends]
        going = [there for there, truth in decided if truth is not ends]
    return ended + [(there, not ends) for there in going]


def _flipped(decided: Decided, negated: bool) -> Decided:
    return [(there, truth is not negated) for there, truth in decided]


def _equal(body: Body, world: World, test: tree.Expression, left: tree.Expression, right: tree.Expression) -> Decided:
    found: Decided = []
    for between, one in reading.evaluate(body, world, left):
        for there, other in reading.evaluate(body, between, right):
            truth = _same(certain(one), certain(other))
            found += _judged(there, _positive(test), dotted(left), one, truth, other)
    return found


def _same(one: Setting, other: Setting) -> bool | None:
    match one, other:
        case (Unknown(), _) | (_, Unknown()):
            return None
        case Literally(value=first), Literally(value=second):
            return first == second
        case (Library(path=first), Library(path=second)) if not first.endswith("()"):
            # One class has many import paths: `sqlalchemy.NullPool`, `sqlalchemy.pool.NullPool`.
            return True if first.rpartition(".")[2] == second.rpartition(".")[2] else None
        case (Options() | Record() | Library() | ClassOf(), Literally()):
            return False
        case (Text(), Literally(value=None)):
            return False
        case (Text(), Literally(value=str(second))):
            return False if one.pieces[0] is not None and not second.startswith(one.pieces[0]) else None
        case _:
            return None


def _inside(body: Body, world: World, test: tree.Expression, left: tree.Expression, right: tree.Expression) -> Decided:
    """`"sqlite" in url`, `"connect_args" in kwargs`, `env in ("test", "dev")`."""
    found: Decided = []
    for between, one in reading.evaluate(body, world, left):
        for there, other in reading.evaluate(body, between, right):
            part = certain(one)
            if not isinstance(part, Literally) or not isinstance(part.value, str):
                found += _judged(there, _positive(test), "", one, _member(part, certain(other)))
                continue
            match certain(other):
                case Options(open=False) as table:
                    found += _judged(there, _positive(test), "", one, table.get(part.value) is not None)
                case _:
                    truth = texts.contains(other, part.value)
                    holds = text([None, part.value, None])
                    found += _judged(there, _positive(test), dotted(right), other, truth, holds)
    return found


def _member(one: Setting, other: Setting) -> bool | None:
    if not isinstance(other, Items):
        return None
    answers = [_same(one, certain(item)) for item in other.items]
    return True if True in answers else None if None in answers else False


def _starts(
    body: Body, world: World, test: tree.Expression, owner: tree.Expression, prefix: tree.Expression
) -> Decided:
    found: Decided = []
    for between, value in reading.evaluate(body, world, owner):
        for there, start in reading.evaluate(body, between, prefix):
            answer = texts.method(certain(value), "startswith", [start], {})
            truth = bool(answer.value) if isinstance(answer, Literally) else None
            known = pieces(start)
            holds = text([*known, None]) if known is not None else UNKNOWN
            found += _judged(there, test, dotted(owner), value, truth, holds)
    return found


def _truth(value: Setting) -> bool | None:
    match certain(value):
        case Literally(value=known):
            return bool(known)
        case Options(items=items, open=False):
            return bool(items)
        case Record() | Library() | ClassOf():
            return None if isinstance(value, Library) and value.path.endswith("()") else True
        case Text(pieces=found):
            return True if any(found) else None
        case _:
            return None


def _positive(test: tree.Expression) -> tree.Expression:
    """A test without its negation, so that `x is None` and `x is not None` are one question."""
    match test:
        case tree.Compare(operator=operator, left=left, right=right):
            return tree.Compare(operator, False, left, right)
        case tree.NoneTest(value=value):
            return tree.NoneTest(value, False)
        case _:
            return test


def _judged(
    world: World,
    test: tree.Expression,
    subject: str,
    value: Setting,
    truth: bool | None,
    holds: Setting = UNKNOWN,
) -> Decided:
    """The ways on. A test on a default may go either way: where it goes against the default, that is not the value.

    `subject` is the variable that the test is about, `holds` what it is then known to be.
    """
    if truth is not None and not isinstance(value, Assumed):
        return [(world, truth)]
    key = spelled(test)
    if key in world.tests:
        return [(world, world.tests[key])]
    ways: Decided = []
    for answer in (True, False):
        there = world.copy()
        if truth is not None and truth is not answer:
            there.doubt()
        known = truth is answer
        if subject and known:
            there.env[subject] = value
        elif subject and truth is not None:
            there.env[subject] = holds if answer else UNKNOWN
        elif subject and answer and isinstance(certain(value), Unknown) and not isinstance(holds, Unknown):
            there.env[subject] = holds
        there.tests[key] = answer
        ways.append((there, answer))
    return ways
