"""Whether the project listens to commits in a way that a commit more would be noticed, of a session with no writes.

A listener that works off a queue in `session.info` finds it empty then, and one that the insert of an object registers
for the commit behind it is gone by then.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis

_EVENTS = frozenset(
    {"before_commit", "after_commit", "after_transaction_end", "after_transaction_create", "commit_twophase", "commit"}
)
_REGISTERING = ("listens_for", "listen")
_WRITES = frozenset(
    f"{when}_{what}" for when in ("before", "after") for what in ("insert", "update", "delete", "flush", "attach")
)
_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "trace", "log", "print"})
_READS = frozenset({"pop", "get", "list", "tuple", "set", "setdefault", "len", "id", "cast"})


def listens(analysis: Analysis) -> bool:
    """Whether some listener may do something at a commit of a session that has written nothing."""
    words = (*(_EVENTS - {"commit"}), "listens_for", "event.listen")
    paths = sorted({path for word in words for path in analysis.project.naming(word)})
    return any(_noticed(analysis, path) for path in paths)


_WRITING = frozenset({"add", "add_all", "merge", "delete", "flush", "append", "insert", "update", "setdefault", "pop"})
_RUNNING = frozenset({"do_orm_execute", "after_begin"})


def runs_more(node: tree.Node) -> bool:
    """Whether a function is registered for each statement, or each transaction, and does more than to set it up.

    One that is registered by name is not followed.
    """
    match node:
        case tree.Function(decorators=decorators, body=body):
            heard = any(_RUNNING & set(_words(one)) for one in decorators)
            return heard and any(_writes(one) for one in walk(body))
        case tree.Call(function=tree.Attribute(name="listen") | tree.Name(id="listen")):
            return bool(_RUNNING & set(_words(node)))
        case _:
            return False


def _writes(node: tree.Node) -> bool:
    """Whether a node sets something, or calls what may write: `execute` of `SET` and the like sets a transaction up."""
    match node:
        case tree.Call(function=tree.Attribute(name=name)):
            return name in _WRITING
        case tree.Assign(targets=targets):
            return any(
                isinstance(one, tree.Subscript) or (isinstance(one, tree.Attribute) and one.name != "statement")
                for one in targets
            )
        case tree.AugmentedAssign() | tree.Global():
            return True
        case _:
            return False


def _noticed(analysis: Analysis, path: str) -> bool:
    module = analysis.project.module(path)
    if module is None:
        return True
    nodes = list(walk(module.body))
    functions = [node for node in nodes if isinstance(node, tree.Function)]
    harmless: set[int] = set()
    for function in functions:
        for call in function.decorators:
            if _registers(call) and (_drains(function) or (_is_once(call) and _is_inside_write(function, functions))):
                harmless.update(id(part) for part in walk([call]))
    for node in nodes:
        match node:
            case tree.Call(arguments=[_, _, tree.Argument(value=tree.Name(id=name)), *_]) if _registers(node):
                if any(_drains(function) for function in functions if function.name == name):
                    harmless.update(id(part) for part in walk([node]))
            case _:
                pass
    return any(_hears(node) for node in nodes if id(node) not in harmless)


def _hears(node: tree.Node) -> bool:
    """Whether a node names the event. A plain "commit" is one only where something is registered for it."""
    match node:
        case tree.Constant(value=str(name)) | tree.Name(id=name) | tree.Attribute(name=name):
            return name in _EVENTS and name != "commit"
        case tree.Call():
            return _registers(node) and "commit" in _words(node)
        case _:
            return False


def _registers(node: tree.Expression | tree.Node) -> bool:
    match node:
        case tree.Call(function=tree.Attribute(name=name) | tree.Name(id=name)):
            return name in _REGISTERING and bool(_EVENTS & set(_words(node)))
        case _:
            return False


def _words(call: tree.Node) -> Iterator[str]:
    for argument in call.arguments if isinstance(call, tree.Call) else ():
        if isinstance(argument.value, tree.Constant) and isinstance(argument.value.value, str):
            yield argument.value.value


def _is_once(call: tree.Expression) -> bool:
    return isinstance(call, tree.Call) and any(
        one.keyword == "once" and isinstance(one.value, tree.Constant) and one.value.value is True
        for one in call.arguments
    )


def _is_inside_write(function: tree.Function, functions: list[tree.Function]) -> bool:
    """Whether the listener is registered by one that a write has called: only a session that writes has it."""
    around = [one for one in functions if one is not function and any(node is function for node in walk(one.body))]
    return any(
        isinstance(call, tree.Call) and bool(_WRITES & set(_words(call))) for one in around for call in one.decorators
    )


def _drains(function: tree.Function) -> bool:
    """Whether all that a listener does is to work off what it finds in `session.info`."""
    if not function.parameters:
        return False
    return _does_nothing(function.body, function.parameters[0].name, set()) is not False


def _does_nothing(body: list[tree.Statement], session: str, queues: set[str]) -> bool | None:
    """Whether a block does nothing while the queues are empty; `None`: it is left then."""
    for statement in body:
        match statement:
            case tree.Assign(targets=[tree.Name(id=name)], value=value) if value is not None and _is_quiet(value):
                if _is_queue(value, session, queues):
                    queues.add(name)
            case tree.Evaluate(value=value) if _is_quiet(value):
                pass
            case tree.Import() | tree.ImportFrom():
                pass
            case tree.Return(value=None):
                return None
            case tree.For(iterable=iterable, otherwise=[]) if _is_queue(iterable, session, queues):
                pass
            case tree.If(arms=[(tree.Not(value=test), inside)], otherwise=[]) if _is_queue(test, session, queues):
                if _does_nothing(inside, session, queues) is None:
                    return None
            case tree.If(arms=[(test, _)], otherwise=[]) if _is_queue(test, session, queues):
                pass
            case _:
                return False
    return True


def _is_queue(value: tree.Expression, session: str, queues: set[str]) -> bool:
    """Whether a value is what `session.info` has, or nothing."""
    names = {node.id for node in walk([value]) if isinstance(node, tree.Name)}
    return bool(names & queues) or any(
        isinstance(node, tree.Attribute)
        and node.name == "info"
        and isinstance(node.value, tree.Name)
        and node.value.id == session
        for node in walk([value])
    )


def _is_quiet(value: tree.Expression) -> bool:
    calls = [node for node in walk([value]) if isinstance(node, tree.Call | tree.Await)]
    return all(
        isinstance(call, tree.Call)
        and isinstance(call.function, tree.Name | tree.Attribute)
        and (call.function.id if isinstance(call.function, tree.Name) else call.function.name) in _LOGS | _READS
        for call in calls
    )
