"""`sequential-await`: branches of a `gather` that share a session are awaited one after the other.

A session runs one statement at a time, so that nothing is slower, as long as the branches do nothing but query.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model.lifetimes import Shared
from flake8_poolhold.flow.releasing.habits import STARTS_TASKS, name_of
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.uses import root

NAME = "sequential-await"

_BY_HAND = "await one after the other, or open a session in each"
_MEETING = frozenset(
    {"Queue", "PriorityQueue", "LifoQueue", "Event", "Condition", "Barrier", "Future", "create_future", "Semaphore"}
)
"""What branches wait for each other with."""


def one_after_the_other(shared: Shared) -> Remedy:
    """Judge awaiting the branches in order."""
    call = _gather(shared)
    if call is None:
        why = (
            "the branches get the session from the function around them"
            if shared.how == "gather"
            else "the branches are not those of one awaited `gather`"
        )
        return Remedy(NAME, refused=f"{why}; {_BY_HAND}")
    plain = [one for one in call.arguments if not one.keyword]
    if reason := _refusal(call, plain, shared):
        return Remedy(NAME, refused=f"{reason}; {_BY_HAND}")
    line, column = shared.span[:2]
    return Remedy(
        NAME,
        f"await the branches at line {line} one after the other",
        doubts=tuple(_doubts(shared, plain)),
        parts=(Part(shared.function.path, line, column, "gather"),),
    )


def _gather(shared: Shared) -> tree.Call | None:
    """The call of `gather` that is awaited where the branches meet."""
    if shared.how != "gather":
        return None
    for node in walk(shared.function.node.body):
        if isinstance(node, tree.Await) and node.span[:2] == shared.span[:2] and isinstance(node.value, tree.Call):
            return node.value
    return None


def _refusal(call: tree.Call, plain: list[tree.Argument], shared: Shared) -> str:
    """Why the branches cannot be awaited in order, or the result would be another."""
    for one in call.arguments:
        if one.star == "**" or (one.keyword and not _is_false(one)):
            return f"a branch that fails must not stop the others (`{one.keyword or '**'}`)"
    if shared.waits:
        return "the branches wait for more than the database, which would take longer in order"
    if len(plain) > 1 and any(one.star for one in plain):
        return "some of the branches come from a list"
    if any(_starts(one.value) for one in plain):
        return "a branch is a task that has been started"
    if plain and plain[0].star:
        value = plain[0].value
        if isinstance(value, tree.Comprehension):
            return "" if isinstance(value.element, tree.Call) else "the branches come from a list"
        if not isinstance(value, tree.Name) or not _is_list_of_calls(shared, value.id):
            return "the branches come from a list that is made elsewhere"
        return ""
    return "" if all(isinstance(one.value, tree.Call) for one in plain) else "a branch is made elsewhere"


def _is_false(argument: tree.Argument) -> bool:
    value = argument.value
    return argument.keyword == "return_exceptions" and isinstance(value, tree.Constant) and value.value is False


def _starts(value: tree.Expression) -> bool:
    """Whether what an argument is, or is made of, runs already."""
    element = value.element if isinstance(value, tree.Comprehension) else value
    return isinstance(element, tree.Call) and name_of(element.function) in STARTS_TASKS


def _is_list_of_calls(shared: Shared, name: str) -> bool:
    """Whether a variable is a list of calls that have not begun, which nobody but the `gather` uses."""
    body = shared.function.node.body
    nodes = list(walk(body))
    assigns = [
        node
        for node in nodes
        if isinstance(node, tree.Assign) and any(isinstance(one, tree.Name) and one.id == name for one in node.targets)
    ]
    calls = [argument.value for node in nodes for argument in _appended(node, name)]
    uses = sum(isinstance(node, tree.Name) and node.id == name for node in nodes)
    if len(assigns) != 1 or uses != 2 + len(calls):
        return False
    match assigns[0].value:
        case tree.Comprehension(kind="list", element=tree.Call() as call):
            calls.append(call)
        case tree.Sequence(kind="list", items=items):
            calls += items
        case _:
            return False
    return all(isinstance(one, tree.Call) and not _starts(one) for one in calls)


def _appended(node: tree.Node, name: str) -> list[tree.Argument]:
    """What `name.append(...)` is given."""
    match node:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name="append"), arguments=[given]):
            return [given] if owner == name else []
        case _:
            return []


def _doubts(shared: Shared, plain: list[tree.Argument]) -> Iterator[str]:
    """What may be another behaviour."""
    if shared.users < len(plain):
        yield "a branch that does not use the session has to wait too"
    if any(one.star and isinstance(one.value, tree.Name) for one in plain):
        yield "the calls are made before they are awaited"
    names = {name_of(node.function) for node in walk(shared.function.node.body) if isinstance(node, tree.Call)}
    if names & _MEETING:
        yield "the branches may wait for each other"
    if _reads_what_changes(shared, plain):
        yield "an argument reads what an earlier branch may have changed"


def _reads_what_changes(shared: Shared, plain: list[tree.Argument]) -> bool:
    """Whether an argument of a later branch is an attribute of what an earlier branch was given."""
    given: set[str] = set()
    for one in plain:
        if not isinstance(one.value, tree.Call):
            continue
        inner = [argument.value for argument in one.value.arguments]
        read = {
            root(node) for node in walk(inner) if isinstance(node, tree.Attribute) and not _is_session(node, shared)
        }
        if given & read:
            return True
        given |= {node.id for node in inner if isinstance(node, tree.Name)}
    return False


def _is_session(node: tree.Attribute, shared: Shared) -> bool:
    return f"{root(node.value)}.{node.name}" == shared.name
