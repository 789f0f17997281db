"""`expunge-before`: what the call reads is taken out of the session before a commit, which so does not expire it.

An object that was taken out can be read, but what is changed in it is lost, and nothing more is loaded into it. Other
than behind a close, all else of the session stays attached.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.effects.loaded import CHANGES
from flake8_poolhold.flow.expiry.objects import Naming
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.model.states import GIVEN
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.pools.worlds import dotted
from flake8_poolhold.flow.releasing import borrowing, reading, releases, shapes
from flake8_poolhold.flow.releasing.cascades import cascades
from flake8_poolhold.flow.releasing.forgetting import all_seen, forgets
from flake8_poolhold.flow.releasing.habits import habits, name_of
from flake8_poolhold.flow.releasing.liveness import still_read
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.shapes import Holding, holding
from flake8_poolhold.flow.releasing.surroundings import Surroundings
from flake8_poolhold.flow.releasing.uses import gives, mentions, root, uses

NAME = "expunge-before"

ROLE = "detach"
"""The role of the parts that hold the lines of the fix before its commit."""

_EXPIRES = frozenset(
    {
        "commit", "rollback", "close", "expire", "expire_all", "expunge", "expunge_all", "begin", "begin_nested",
        "reset", "invalidate", "remove", "update", "delete", "merge", "make_transient",
    }
)  # fmt: skip
"""Names of calls behind which what was loaded may have to be loaded again, or has left the session."""
_RELOADS = frozenset({"refresh", "populate_existing", "execution_options", "setattr"})
_QUERIES = frozenset({"query", "get", "get_one", "scalar", "scalars", "execute", "exec", "add", "add_all", "flush"})


def before(analysis: Analysis, hold: Hold, given: Hold, around: Surroundings, unknown: str | None) -> Remedy:
    """Judge a commit before the wait of `hold` with what the call reads taken out of the session first.

    `given` is `hold` as its function knows it, without what is known of the callers; `unknown` is as for
    `releases.before`.
    """
    known = analysis.holders.classes.get(hold.kind)
    is_async = known is not None and known.is_async
    if refused := releases.forbidden(analysis, hold, around) or _refusal_of_place(hold, around):
        return Remedy(NAME, refused=refused)
    # What is read behind the wait, a sync session loads again.
    needed = still_read(around, hold.loaded) if is_async else hold.loaded & around.read_first()
    session = hold.expression
    naming = Naming(analysis, hold.function)
    found: dict[str, Holding] = {}
    for name in sorted(needed):
        shape = holding(naming, hold.function.node, around, session, name)
        if shape is None:
            return Remedy(NAME, refused=f"it is not clear what is loaded in `{name}`, which is read from the call on")
        found[name] = shape
    for name, one in found.items():
        if refused := _refusal(analysis, hold, around, name, one, is_async=is_async):
            return Remedy(NAME, refused=refused)
    lines = _lines(analysis, hold, given, around, found, is_async=is_async)
    if lines is None:
        return Remedy(NAME, refused="there is no free name for what is taken out of the session")
    statement = f"{'await ' if is_async else ''}{session}.commit()"
    doubts = dict.fromkeys(_doubts(analysis, hold, given, around, found, unknown, is_async=is_async))
    out = f"take what `{'`, `'.join(found)}` holds out of the session"
    what = f"{out} and insert `{statement}` before line {hold.span[0]}"
    parts = tuple(Part(hold.function.path, 0, 0, ROLE, line) for line in lines)
    return Remedy(NAME, what, statement, doubts=tuple(doubts), parts=parts)


def _refusal_of_place(hold: Hold, around: Surroundings) -> str:
    if not around.levels:
        return "the statement that waits was not found"
    if around.in_handler:
        return "in an error handler, what was loaded may have expired"
    if hold.place.origin.how == "global":
        return "the session is shared, and so is what it has loaded"
    return ""


def _refusal(analysis: Analysis, hold: Hold, around: Surroundings, name: str, one: Holding, *, is_async: bool) -> str:
    """Why the objects in the variable `name` cannot be taken out of the session."""
    lazy = frozenset({"awaitable_attrs"}) if is_async else habits(analysis).lazy
    between, region = _between(around, one), reading.region(around)
    session = hold.expression.partition(".")[0]
    variables = borrowing.holding([*between, *region], {*one.sources, *_same(analysis, hold, around, one)}) - {session}
    if any(isinstance(node, tree.Call) and name_of(node.function) in _EXPIRES for node in walk(between)):
        return f"what is loaded in `{name}` may have expired before the call, and could not be loaded again"
    if cascades(analysis, one.model):
        return f"a relationship of {_class_name(one.model)} cascades, and takes other objects out of the session, too"
    nodes = list(walk([*between, *region]))
    if any(isinstance(node, tree.Attribute) and node.name in lazy and root(node) in variables for node in nodes):
        return f"an attribute of what is loaded in `{name}` is loaded when it is read"
    calls = borrowing.receiving(nodes, variables)
    if any(
        root(call.function) in hold.carriers and any(gives(one.value, variables) for one in call.arguments)
        for call in calls
    ):
        return "an object that was loaded before the call is given to the session again"
    if not borrowing.keeps_nothing([*between, *region], variables):
        return f"what is loaded in `{name}` is returned or kept, and may be changed there"
    if uses([*between, *region], variables).changed:
        return "an object that was loaded before the call is changed after it was loaded"
    if borrowing.compared(region, variables):
        return "an object that was loaded before the call is compared behind it"
    if not borrowing.only_read(analysis, hold.function, calls, variables, lazy):
        return f"what is loaded in `{name}` is given to code that may do more than read columns of it"
    if _tells_more(analysis, one.model, lazy):
        return f"{_class_name(one.model)} loads more when it is printed"
    return ""


def _tells_more(analysis: Analysis, model: str, lazy: frozenset[str]) -> bool:
    """Whether an object, as a text, has something in it that is loaded when it is read."""
    own = [node for key in names.mro(analysis, model)[0] for node in analysis.classes[key].node.body]
    return any(
        isinstance(node, tree.Attribute) and node.name in lazy
        for method in own
        if isinstance(method, tree.Function) and method.name in ("__repr__", "__str__", "__format__")
        for node in walk(method.body)
    )


def _between(around: Surroundings, one: Holding) -> list[tree.Statement]:
    """What may run between the loading and the first wait behind it.

    What stands behind the wait in a loop runs when the objects have left the session already.
    """
    found = list(around.levels[one.depth].before[one.index + 1 :])
    for level in around.levels[one.depth + 1 :]:
        found += level.before
    return found


def _is_given(hold: Hold) -> bool:
    return hold.place.origin.how == "param" or hold.state.carries or GIVEN in hold.state.kinds


def _doubts(
    analysis: Analysis,
    hold: Hold,
    given: Hold,
    around: Surroundings,
    found: dict[str, Holding],
    unknown: str | None,
    *,
    is_async: bool,
) -> Iterator[str]:
    """What the fix relies on that is not proved."""
    yield from releases.doubts_of_writes(hold.state)
    yield from releases.doubts_of_place(analysis, hold, around, unknown)
    if _is_given(given):
        yield "a caller may have the same objects, and what it changes of them would be lost"
    if not forgets(analysis, hold, around, found):
        yield "a commit expires the other loaded objects"
    if not all_seen(analysis, hold.function, found):
        yield "not every use of what was loaded is followed"
    if any(_may_expire(hold, _between(around, one)) for one in found.values()):
        yield "what was loaded may have expired before the call"
    if any(_is_stale(analysis, hold, around, one) for one in found.values()):
        yield "what is read later may have changed by then"
    if others := _others(analysis, hold, around, found):
        yield f"`{'`, `'.join(others)}` may hold the same objects, and what is changed there would be lost"
    yield from habits(analysis).doubts


def _same(analysis: Analysis, hold: Hold, around: Surroundings, one: Holding) -> set[str]:
    """The other variables that may hold the same objects: their class is the same, or a related one."""
    models = _models(analysis, hold, around)
    return {name for name, model in models.items() if model and _related(analysis, model, one.model)}


def _others(analysis: Analysis, hold: Hold, around: Surroundings, found: dict[str, Holding]) -> list[str]:
    """The other variables with something loaded, of which nobody knows what it is."""
    return sorted(name for name, model in _models(analysis, hold, around).items() if not model and name not in found)


def _models(analysis: Analysis, hold: Hold, around: Surroundings) -> dict[str, str]:
    """The mapped classes of what is in variables that are read from the wait on; empty for one that is not known."""
    naming = Naming(analysis, hold.function)
    variables = still_read(around, hold.loaded - {hold.expression.partition(".")[0]})
    return {name: shapes.model(naming, hold.function.node, hold.expression, name) for name in variables}


def _may_expire(hold: Hold, between: list[tree.Statement]) -> bool:
    """Whether the session, or something that has it, is given to code that may end its transaction."""
    others = hold.carriers - hold.loaded - {hold.expression.partition(".")[0]}
    for node in walk(between):
        match node:
            case tree.Call(function=tree.Attribute(value=owner, name=name)) if dotted(owner) == hold.expression:
                if name not in _QUERIES:
                    return True
            case tree.Call(function=tree.Attribute(value=owner)) if root(owner) in others:
                return True
            case _:
                pass
        if isinstance(node, tree.Call) and mentions([one.value for one in node.arguments], hold.carriers - hold.loaded):
            return True
    return False


def _is_stale(analysis: Analysis, hold: Hold, around: Surroundings, one: Holding) -> bool:
    """Whether the objects are read where the session would have loaded them again: behind a commit, or an update."""
    region = reading.region(around)
    variables = borrowing.holding(region, {*one.sources, *_same(analysis, hold, around, one)}) - {
        hold.expression.partition(".")[0]
    }
    loops: list[tree.Statement] = [
        level.statement for level in around.levels if isinstance(level.statement, tree.For | tree.While)
    ]
    ended = _may_change(hold, loops)
    for index, statement in enumerate(one for one in region if one not in loops):
        ends = _may_change(hold, [statement])
        compound = not isinstance(statement, tree.Assign | tree.Evaluate | tree.Return)
        if mentions([statement], variables) and (ended or (ends and compound and index)):
            return True
        ended = ended or ends
    return False


def _may_change(hold: Hold, statements: list[tree.Statement]) -> bool:
    """Whether some code ends the transaction, writes rows by a statement, loads objects again or changes one."""
    nodes = list(walk(statements))
    calls = [node for node in nodes if isinstance(node, tree.Call)]
    if any(name_of(call.function) in _EXPIRES | _RELOADS for call in calls) or _may_expire(hold, statements):
        return True
    for node in nodes:
        match node:
            case tree.Assign(targets=targets) if any(_is_inside(one) for one in targets):
                return True
            case tree.AugmentedAssign(target=target) if _is_inside(target):
                return True
            case tree.Call(function=tree.Attribute(value=owner, name=name)) if name in CHANGES and _is_inside(owner):
                return True
            case _:
                pass
    return False


def _is_inside(target: tree.Expression) -> bool:
    """`note.body`, `note.meta["key"]`: what is set there may be seen through another variable."""
    while isinstance(target, tree.Subscript):
        target = target.value
    return isinstance(target, tree.Attribute | tree.Call)


def _related(analysis: Analysis, one: str, other: str) -> bool:
    return one in names.mro(analysis, other)[0] or other in names.mro(analysis, one)[0]


def _class_name(model: str) -> str:
    return model.rpartition("::")[2].partition(":")[0]


def _lines(
    analysis: Analysis, hold: Hold, given: Hold, around: Surroundings, found: dict[str, Holding], *, is_async: bool
) -> list[str] | None:
    """The lines that take the objects out of the session, each with its margin.

    A change that is not written yet would be lost with the object; a flush writes it.
    """
    taken = {node.id for node in walk(hold.function.node.body) if isinstance(node, tree.Name)}
    taken |= {one.name for one in hold.function.node.parameters}
    lines: list[str] = []
    writes = hold.state.dirty or hold.state.unsure or _is_given(given)
    if writes and (any(not one.flushes for one in found.values()) or analysis.project.naming("autoflush")):
        lines.append(f"{'await ' if is_async else ''}{hold.expression}.flush()")
    for name, one in found.items():
        in_loop = any(isinstance(level.statement, tree.For | tree.While) for level in around.levels[one.depth :])
        others = [other for key, other in found.items() if key != name]
        again = in_loop or one.repeats or any(_related(analysis, other.model, one.model) for other in others)
        each, margin = name, ""
        if one.shape != "one":
            each = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", analysis.classes[one.model].node.name).lower()
            if each in taken:
                each = f"loaded_{each}"
            if each in taken:
                return None
            lines.append(f"for {each} in {name}{'.values()' if one.shape == 'values' else ''}:")
            margin = "    "
        elif not one.sure and not reading.surely_there(around, name):
            lines.append(f"if {name} is not None:")
            margin = "    "
        if again:
            lines.append(f"{margin}if {each} in {hold.expression}:")
            margin += "    "
        lines.append(f"{margin}{hold.expression}.expunge({each})")
    return lines
