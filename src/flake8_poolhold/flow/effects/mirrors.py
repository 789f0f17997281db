"""Writes that write nothing new: another session has stored the same value in the same row, and committed it.

    async with maker() as own:
        await own.execute(update(Key).where(Key.id == key.id).values(used_at=now))
        await own.commit()
    key.used_at = now

Whether the session of `key` commits or rolls back, the row is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.expiry import objects
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Factory, Library
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing import habits, shapes, surroundings
from flake8_poolhold.source.paths import is_test

_HEARD = ("after_flush", "after_flush_postexec", "after_update", "before_flush", "before_update", "version_id_col")
"""What a project may name where an update does more than to store its values."""
_MAKERS = ("sessionmaker", "async_sessionmaker")
_DOES = frozenset({"execute", "commit"})
_MADE_BY_UPDATES = frozenset({"onupdate", "server_onupdate"})


def is_stored(frame: Frame, state: State, name: str, span: tree.Span) -> bool:
    """Whether the attribute `name` of an object, set at `span`, gets a value that its row has already."""
    project = frame.analysis.project
    if frame.function is None or f"{name}=".encode() not in project.bytes_of(frame.path):
        return False
    found = _found(frame.function.node.body, span)
    if found is None:
        return False
    before, statement = found
    match before, statement:
        case tree.With(
            items=[tree.WithItem(value=tree.Call(function=maker), target=tree.Name(id=session))]
        ), tree.Assign(targets=[tree.Attribute(value=tree.Name(id=variable))], value=tree.Name(id=value)):
            factory = expressions.evaluate(frame, state.copy(), maker)
            return (
                isinstance(factory, Factory)
                and _stores(frame, before, session, variable, name, value)
                and _is_the_only_one(frame.analysis, frame.function, factory)
                and not _hears(frame.analysis)
            )
    return False


def _is_the_only_one(analysis: Analysis, function: FunctionInfo, factory: Factory) -> bool:
    """Whether all sessions that may come to a function are made by one factory, and so go to one database.

    What a script that nobody imports makes is its own.
    """
    made = 0
    for word in (*_MAKERS, factory.kind):
        for path in analysis.project.naming(f"{word}(", word):
            index = analysis.project.uses(path, word) if not is_test(path) else None
            if index is not None and (_is_imported(analysis, path) or function.node.name in index.names):
                made += len(index.calls.get(word, ()))
    return made == 1


def _is_imported(analysis: Analysis, path: str) -> bool:
    """Whether another file of the project, that is no test, imports something of this name."""
    stem = PurePosixPath(path).stem if not path.endswith("__init__.py") else PurePosixPath(path).parent.name
    for other in analysis.project.naming(stem, stem):
        index = analysis.project.uses(other, stem) if other != path and not is_test(other) else None
        for node in index.imports if index is not None else ():
            symbol = node.symbol if isinstance(node, tree.ImportFrom) else ""
            if stem in (symbol, *node.module.split(".")):
                return True
    return False


def _hears(analysis: Analysis) -> bool:
    """Whether the project listens to updates and flushes, or counts the versions of rows."""

    def names_one(node: tree.Node) -> bool:
        match node:
            case tree.Constant(value=str(text)):
                return text in _HEARD
            case tree.Name(id=name) | tree.Argument(keyword=name):
                return name in _HEARD
            case _:
                return False

    paths = {path for word in _HEARD for path in analysis.project.naming(word) if not is_test(path)}
    return any(habits.mentions(analysis, path, names_one) for path in sorted(paths))


def _found(body: list[tree.Statement], span: tree.Span) -> tuple[tree.Statement, tree.Assign] | None:
    """The assignment that sets an attribute at `span`, and the statement right before it in its block."""
    waiting = [body]
    while waiting:
        block = waiting.pop()
        for index, statement in enumerate(block):
            if isinstance(statement, tree.Assign) and index:
                targets = [one for one in statement.targets if isinstance(one, tree.Attribute)]
                if any(one.span[:2] == span[:2] for one in targets):
                    return block[index - 1], statement
            waiting += [inner for _, inner in surroundings.blocks(statement)]
    return None


def _stores(frame: Frame, block: tree.With, session: str, variable: str, name: str, value: str) -> bool:
    """Whether a block surely stores the value of a variable in the row of an object, and commits."""
    assert frame.function is not None
    function = frame.function.node
    naming = objects.Naming(frame.analysis, frame.function)
    done = [_called(statement, session) for statement in block.body]
    stored = [index for index, (method, _) in enumerate(done) if method == "execute"]
    if (
        len(stored) != 1
        or ("commit", None) not in done[stored[0] + 1 :]
        or not _DOES.issuperset(method for method, _ in done)
    ):
        return False
    update = done[stored[0]][1]
    model, conditions, values = _update(naming, update)
    given = [one.value for one in values if one.keyword == name]
    if not model or not any(isinstance(one, tree.Name) and one.id == value for one in given):
        return False
    if shapes.model(naming, function, "", variable) != model:
        return False
    if shapes.binder(function, value) is None or _changes_more(frame, model):
        return False
    keys = [one for one in conditions if _is_key(frame, function, model, variable, one)]
    return bool(keys) and all(one in keys or _is_joined(function, one) for one in conditions)


def _called(statement: tree.Statement, session: str) -> tuple[str, tree.Expression | None]:
    """The method of the session that a statement calls, with its only argument; empty for another statement."""
    match statement:
        case tree.Evaluate(value=tree.Await(value=tree.Call() as call)) | tree.Evaluate(value=tree.Call() as call):
            match call:
                case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=method), arguments=arguments):
                    if owner == session and len(arguments) < 2:
                        return method, arguments[0].value if arguments else None
    return "", None


def _update(
    naming: objects.Naming, node: tree.Expression | None
) -> tuple[str, list[tree.Expression], list[tree.Argument]]:
    """The class that `update(...)` changes, its conditions and its values; no class for another statement."""
    conditions: list[tree.Expression] = []
    values: list[tree.Argument] = []
    while isinstance(node, tree.Call):
        match node:
            case tree.Call(function=tree.Attribute(value=inner, name="where" | "filter"), arguments=arguments):
                conditions += [one.value for one in arguments]
                node = inner
            case tree.Call(function=tree.Attribute(value=inner, name="values"), arguments=arguments):
                values += arguments
                node = inner
            case tree.Call(function=tree.Name() as made, arguments=[only]):
                callee = naming.value(made)
                is_update = isinstance(callee, Library) and callee.path.endswith(".update")
                return (naming.model(only.value) if is_update else ""), conditions, values
            case _:
                break
    return "", conditions, values


def _changes_more(frame: Frame, model: str) -> bool:
    """Whether an update of the class changes columns that nobody has named."""
    classes = [frame.analysis.classes[key].node for key in names.mro(frame.analysis, model)[0]]
    return any(isinstance(node, tree.Argument) and node.keyword in _MADE_BY_UPDATES for node in walk(classes))


def _is_key(frame: Frame, function: tree.Function, model: str, variable: str, condition: tree.Expression) -> bool:
    """`Key.id == key.id`, the primary key, or a variable that was assigned it."""
    match condition:
        case tree.Compare(operator="==", negated=False, left=tree.Attribute(name=column), right=right):
            if isinstance(right, tree.Name):
                bound = shapes.binder(function, right.id)
                right = bound.value if bound is not None and bound.value is not None else right
            match right:
                case tree.Attribute(value=tree.Name(id=owner), name=read):
                    return owner == variable and read == column and column in _keys(frame, model)
    return False


def _keys(frame: Frame, model: str) -> Iterator[str]:
    """The names of the primary key of a class, if it is one column."""
    found = []
    for key in names.mro(frame.analysis, model)[0]:
        for node in frame.analysis.classes[key].node.body:
            match node:
                case tree.Assign(targets=[tree.Name(id=name)], value=tree.Call(arguments=arguments)):
                    if any(one.keyword == "primary_key" for one in arguments):
                        found.append(name)
    return iter(found if len(found) == 1 else ())


def _is_joined(function: tree.Function, condition: tree.Expression) -> bool:
    """`Key.user_id.in_(select(User.id))`, where the function has joined `User` on just that."""
    match condition:
        case tree.Call(
            function=tree.Attribute(value=tree.Attribute(value=tree.Name(id=mine), name=column), name="in_"),
            arguments=[
                tree.Argument(
                    value=tree.Call(
                        function=tree.Name(id="select"),
                        arguments=[tree.Argument(value=tree.Attribute(value=tree.Name(id=other), name=theirs))],
                    )
                )
            ],
        ):
            wanted = ((mine, column), (other, theirs))
            return any(_joins(node, other) in (wanted, wanted[::-1]) for node in walk(function.body))
        case _:
            return False


def _joins(node: tree.Node, other: str) -> tuple[tuple[str, str], tuple[str, str]] | None:
    match node:
        case tree.Call(
            function=tree.Attribute(name="join"),
            arguments=[
                tree.Argument(value=tree.Name(id=joined)),
                tree.Argument(
                    value=tree.Compare(
                        operator="==",
                        negated=False,
                        left=tree.Attribute(value=tree.Name(id=left), name=first),
                        right=tree.Attribute(value=tree.Name(id=right), name=second),
                    )
                ),
            ],
        ) if joined == other:
            return (left, first), (right, second)
        case _:
            return None
