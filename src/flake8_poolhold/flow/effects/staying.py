"""ORM instances that may be read when their session is gone: taken out of it, or read where they are loaded."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import origins
from flake8_poolhold.flow.fastapi.versions import exits_early
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Into
from flake8_poolhold.flow.model.states import CLOSED, State
from flake8_poolhold.flow.model.values import UNKNOWN, FunctionOf, Loaded, options
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing import habits, keeping

_TAKEN_OUT = frozenset({"make_transient", "make_transient_to_detached", "expunge"})
_LOADS = frozenset({"contains_eager", "immediateload", "joinedload", "selectinload", "subqueryload"})
_DEEPEST = 3
"""Functions that give an instance to functions: further down nothing is known."""

_EXPIRES = frozenset({"rollback", "expire", "expire_all"})


def stays(
    frame: Frame, state: State, name: str, reader: FunctionInfo, parameter: str, span: tree.Span, kind: Into
) -> bool:
    """Whether what the function `reader` reads of its `parameter` is there, given the variable `name` at `span`.

    It is when the instance was taken out of its session. A column that was loaded is there too, unless a commit or a
    rollback is known to have expired it, after the last refresh: a session that keeps what it has loaded loses it in a
    rollback only. A provider that commits when the response is sent expires it like a commit of the function. Where
    background tasks run before the request's sessions are closed, they find what the function has left. A task runs
    beside whatever else is done with the session: where a commit expires, only what its first step finds is known,
    which ends where it waits. Where nobody says whether one does, a commit has to be seen.
    """
    if frame.function is None:
        return False
    refreshed = expired = 0
    commits = _commits_later(frame)
    keeps = _keeps(frame, state, name)
    for call in _calls(frame.function.node.body, handlers=False):
        called = habits.name_of(call.function)
        commits = commits or called == "commit"
        if called in _EXPIRES or (called == "commit" and keeps is False):
            expired = max(expired, call.span[0])
        elif any(isinstance(one.value, tree.Name) and one.value.id == name for one in call.arguments):
            if called in _TAKEN_OUT and call.span < span:
                return True
            if called == "refresh" and call.span < span:
                refreshed = call.span[0]
    if (expired and expired >= refreshed) or (keeps is False and _commits_later(frame)):
        return False
    if kind == "background" and not frame.managed and exits_early(frame.analysis.project, frame.path) is False:
        return True
    is_kept = keeps is True or (keeps is None and not commits) or _is_detached(state, name)
    is_safe = kind != "task" or is_kept or reads_at_once(reader, parameter)
    return is_safe and _reads_columns(frame, reader, parameter, _loaded_with(frame.function.node))


def _is_detached(state: State, name: str) -> bool:
    """Whether the session of the instance in a variable has been closed: nothing expires it any more."""
    places = [option.place for option in options(state.env.get(name, UNKNOWN)) if isinstance(option, Loaded)]
    return bool(places) and all(state.holder(place).kinds == {CLOSED} for place in places)


def _keeps(frame: Frame, state: State, name: str) -> bool | None:
    """Whether the session of the instance in a variable keeps what it has loaded; `None` where nobody says."""
    places = {option.place for option in options(state.env.get(name, UNKNOWN)) if isinstance(option, Loaded)}
    found = {frame.known[place].keeps_loaded for place in places if place in frame.known}
    told = found.pop() if len(found) == 1 else None
    if told is None and places and all(origins.is_async(frame, place) for place in places):
        return True if keeping.all_keep(frame.analysis) else None
    return told


def _calls(body: list[tree.Statement], *, handlers: bool = True) -> Iterator[tree.Call]:
    """The calls in a body; without `handlers` not those behind an `except`, after which most functions give up."""
    left_out = set() if handlers else {id(node) for node in walk(body) if isinstance(node, tree.Handler)}
    return (node for node in walk(body, left_out) if isinstance(node, tree.Call))


def _commits_later(frame: Frame) -> bool:
    """Whether a provider of the function's sessions commits them at the end of the request."""
    providers = (frame.analysis.functions[identity] for identity in set(frame.providers.values()))
    return any(
        isinstance(call.function, tree.Attribute) and call.function.name in ("commit", "begin")
        for provider in providers
        for call in _calls(provider.node.body)
    )


def reads_at_once(reader: FunctionInfo, name: str) -> bool:
    """Whether a coroutine does something with its variable only before it first waits, and not in a loop."""
    parts = list(walk(reader.node.body))
    waits = [node.span for node in parts if isinstance(node, tree.Await | tree.Yield)]
    waits += [node.span for node in parts if isinstance(node, tree.With | tree.For) and node.is_async]
    reads = [node for node in parts if isinstance(node, tree.Attribute | tree.Call) and _takes(node, name)]
    loops = [node for node in parts if isinstance(node, tree.For | tree.While)]
    if waits and any(part is read for loop in loops for part in walk(loop) for read in reads):
        return False
    return all(read.span < wait for read in reads for wait in waits)


def _takes(node: tree.Attribute | tree.Call, name: str) -> bool:
    """Whether it reads an attribute of a variable, or is given it."""
    given = [node.value] if isinstance(node, tree.Attribute) else [one.value for one in node.arguments]
    return any(isinstance(one, tree.Name) and one.id == name for one in given)


def _loaded_with(node: tree.Function) -> set[str]:
    """The relationships that the queries of a function load with the row: `selectinload(Note.tags)`."""
    return {
        argument.value.name
        for call in _calls(node.body)
        if habits.name_of(call.function) in _LOADS
        for argument in call.arguments
        if isinstance(argument.value, tree.Attribute)
    }


def _reads_columns(frame: Frame, reader: FunctionInfo, name: str, loaded: set[str], depth: int = _DEEPEST) -> bool:
    """Whether a function, and those of the project that it gives its variable to, read only what is loaded with the
    row; what is given to others says nothing."""
    lazy = habits.habits(frame.analysis).lazy - loaded
    for node in walk(reader.node.body):
        match node:
            case tree.Attribute(value=tree.Name(id=owner), name=attribute) if owner == name and attribute in lazy:
                return False
            case tree.Return(value=tree.Name(id=given)) | tree.Assign(value=tree.Name(id=given)) if given == name:
                return False
            case tree.Call(arguments=arguments):
                for index, argument in enumerate(arguments):
                    if isinstance(argument.value, tree.Name) and argument.value.id == name:
                        taken = _taken_by(frame, reader, node, index) if depth else None
                        if taken is not None and not _reads_columns(frame, *taken, loaded, depth - 1):
                            return False
            case _:
                pass
    return True


def _taken_by(frame: Frame, caller: FunctionInfo, call: tree.Call, index: int) -> tuple[FunctionInfo, str] | None:
    """The function of a module that a call is of, and its parameter for the argument at `index`."""
    if not isinstance(call.function, tree.Name) or any(argument.star for argument in call.arguments):
        return None
    callee = names.module_name(frame.analysis, caller.path, call.function.id)
    if not isinstance(callee, FunctionOf):
        return None
    info = frame.analysis.functions[callee.function]
    keyword = call.arguments[index].keyword
    if keyword is not None:
        return info, keyword
    positional = [parameter.name for parameter in info.node.parameters if parameter.kind == "positional"]
    return (info, positional[index]) if index < len(positional) else None
