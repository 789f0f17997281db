"""What a service runs when it starts or stops: handlers that are decorated, registered, or made by a factory."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis

_DECORATORS = frozenset({"on_event", "on_startup", "before_serving", "before_first_request", "listener"})
_KEYWORDS = frozenset({"lifespan", "on_startup", "on_shutdown"})
_REGISTERS = frozenset({"add_event_handler", "register_listener"})
_LISTS = frozenset({"on_startup", "on_shutdown", "on_cleanup", "cleanup_ctx", "startup", "shutdown"})
"""Attributes that keep handlers: `app.on_startup.append(f)`, `dispatcher.startup.register(f)`."""

_WORDS = ("add_event_handler", "register_listener", "lifespan", "startup", "shutdown", "cleanup")
"""One of these is in every file that registers a handler."""


def is_decorated(node: tree.Function) -> bool:
    """Whether a decorator says that a server runs the function when it starts or stops."""
    for decorator in node.decorators:
        target = tree.undressed(decorator)
        if isinstance(target, tree.Attribute) and target.name in _DECORATORS:
            return True
    return False


def is_registered(analysis: Analysis, name: str) -> bool:
    """Whether the project names a function, or what a function of this name makes, as a handler of start or stop."""
    return any(
        registers(call, name)
        for path in analysis.project.naming(name, name)
        if path.endswith(".py") and any(analysis.project.names_word(path, word) for word in _WORDS)
        for calls in analysis.project.index(path).calls.values()
        for _, call in calls
    )


def registers(call: tree.Call, name: str) -> bool:
    """Whether a call takes the function `name`, or the result of calling it, as a handler of start or stop."""
    target = call.function
    method = target.name if isinstance(target, tree.Attribute) else ""
    kept = target.value.name if isinstance(target, tree.Attribute) and isinstance(target.value, tree.Attribute) else ""
    everything = method in _REGISTERS or kept in _LISTS
    return any(
        _is(value, name)
        for argument in call.arguments
        if everything or argument.keyword in _KEYWORDS
        for value in _values(argument.value)
    )


def _values(value: tree.Expression) -> list[tree.Expression]:
    return value.items if isinstance(value, tree.Sequence) else [value]


def _is(value: tree.Expression, name: str) -> bool:
    """Whether a value is the function: itself, what calling it gives, or a `partial` of it."""
    parts = (
        [value.function, *(argument.value for argument in value.arguments)] if isinstance(value, tree.Call) else [value]
    )
    return any(
        (isinstance(part, tree.Name) and part.id == name) or (isinstance(part, tree.Attribute) and part.name == name)
        for part in parts
    )


def nested_around(outer: tree.Function, call: tree.Call) -> tree.Function | None:
    """The function inside `outer` that a call lies in: the outermost of them; `None` where it lies in none."""
    for node in walk(outer.body):
        if isinstance(node, tree.Function) and any(part is call for part in walk(node)):
            return node
    return None


def uses(outer: tree.Function, name: str) -> tuple[int, int, int, int]:
    """How often a function mentions one of its own, calls it, registers it to run at start or stop, and returns it."""
    mentioned = called = registered = returned = 0
    for node in walk(outer.body):
        match node:
            case tree.Name(id=used) if used == name:
                mentioned += 1
            case tree.Call(function=tree.Name(id=used)) if used == name:
                called += 1
            case tree.Call() if registers(node, name):
                registered += 1
            case tree.Return(value=tree.Name(id=used)) if used == name:
                returned += 1
            case _:
                pass
    return mentioned, called, registered, returned
