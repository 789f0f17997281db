"""Who runs what it is given several times at once: agents, data loaders, tasks that inherit a context."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import concurrency
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Shared
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import BoundArgument, FunctionOf, Suspended, holders_in, options

TOOLS = {
    "pydantic_ai.Tool": "an agent's parallel tool calls",
    "pydantic_ai.tools.Tool": "an agent's parallel tool calls",
    "langchain_core.tools.StructuredTool.from_function": "an agent's parallel tool calls",
    "langchain.tools.StructuredTool.from_function": "an agent's parallel tool calls",
    "strawberry.dataloader.DataLoader": "data loaders",
    "aiodataloader.DataLoader": "data loaders",
}
"""Library callables that run a given async function as often at once as they like, and what their users call that."""

_RUNS_TOOLS = ("ToolNode", "create_react_agent", "create_agent", "AgentExecutor", "initialize_agent")
"""What calls langchain's tools, several at once; a loop over `tool_calls` need not."""

_STARTERS = ("gather", "create_task", "TaskGroup")
_NEXT = ("call_next", "app")
"""What a middleware calls to run the handler."""


def given(frame: Frame, state: State, path: str, arguments: tuple[BoundArgument, ...], span: tree.Span) -> None:
    """A library gets a function to run at will: report what it uses of the holders that are there."""
    if frame.muted or not frame.reporting or frame.function is None:
        return
    if path.startswith("langchain") and not any(_is_spelled(frame.analysis, one) for one in _RUNS_TOOLS):
        return
    for argument in arguments:
        for option in options(argument.value):
            if isinstance(option, FunctionOf) and frame.analysis.functions[option.function].node.is_async:
                again: list[concurrency.Branch] = [(Suspended("coroutine", option, ()), True)]
                concurrency.together(frame, state, again, span, TOOLS[path])


def _is_spelled(analysis: Analysis, name: str) -> bool:
    """Whether code of the project, not only a comment, has the name."""
    project = analysis.project
    return any(name in project.index(path).names for path in project.naming(name, name) if path.endswith(".py"))


def kept_in_context(
    frame: Frame, state: State, arguments: tuple[BoundArgument, ...], span: tree.Span, variable: str
) -> None:
    """`variable.set(session)`: child tasks copy the context, and the function that finds a session there shares it."""
    info = frame.function
    if frame.muted or not frame.reporting or info is None or not variable:
        return
    held = [holder for argument in arguments for holder in holders_in(argument.value)]
    known = any(one.function is info and one.name == variable for one in frame.analysis.events.shared)
    is_async = any(frame.analysis.holders.classes[holder.kind].is_async for holder in held)
    if known or not is_async or not _reuses(info, variable) or not _is_set_around_tasks(frame.analysis, info):
        return  # what one loop does with a sync session is never interrupted
    branches = ("whatever child tasks run here",)
    event = Shared(info, span, variable, held[0].place, held[0].kind, "inherited context", branches, False, False)
    frame.analysis.events.shared.append(event)


def _starts_tasks(analysis: Analysis) -> bool:
    """Whether code of the project runs anything beside anything else."""
    return any(
        name in analysis.project.index(path).calls
        for name in _STARTERS
        for path in analysis.project.naming(f"{name}(", name)
        if path.endswith(".py")
    )


def _is_set_around_tasks(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether tasks may start while the variable is set: for good, for a request, or for blocks that start some."""
    if not _starts_tasks(analysis):
        return False
    resets = any(isinstance(part, tree.Attribute) and part.name == "reset" for part in walk(info.node.body))
    if not resets or not info.node.is_generator:
        return True
    name = info.node.name
    for path in analysis.project.naming(name, name):
        index = analysis.project.index(path)
        bodies = [_body_entered(outer[1], call) if outer else None for outer, call in index.calls.get(name, ())]
        if len(bodies) < len(index.names.get(name, ())) or None in bodies:
            return True  # a dependency, or handed on otherwise
        if any(_starts_or_goes_on(body) for body in bodies if body is not None):
            return True
    return False


def _body_entered(around: tree.Function, call: tree.Call) -> list[tree.Statement] | None:
    """The block that a call makes the context of; `None` where it makes none."""
    for node in walk(around.body):
        if isinstance(node, tree.With) and any(item.value is call for item in node.items):
            return node.body
    return None


def _starts_or_goes_on(body: list[tree.Statement]) -> bool:
    """Whether a block starts a task, or runs all the rest of a request as a middleware does."""
    called = {variable_of(node.function) for node in walk(body) if isinstance(node, tree.Call)}
    return not called.isdisjoint((*_STARTERS, *_NEXT))


def _reuses(info: FunctionInfo, variable: str) -> bool:
    """Whether a function hands out what it finds in the variable, whichever task it runs in.

    To look whether something is there, and to refuse to go on, is no reuse.
    """
    parts = list(walk(info.node.body))
    names_ = {part.id for part in parts if isinstance(part, tree.Name)}
    names_ |= {part.name for part in parts if isinstance(part, tree.Attribute)}
    if "current_task" in names_:
        return False
    asked = [part.value for part in parts if isinstance(part, tree.NoneTest)]
    return any(
        isinstance(part, tree.Call)
        and isinstance(part.function, tree.Attribute)
        and part.function.name == "get"
        and variable_of(part.function.value) == variable
        and not any(part is one for one in asked)
        for part in parts
    )


def variable_of(expression: tree.Expression) -> str:
    """The last name of a variable or field."""
    match expression:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name
        case _:
            return ""
