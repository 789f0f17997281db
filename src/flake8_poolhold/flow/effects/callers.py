"""Who runs what it is given several times at once: agents, data loaders, resolvers, tasks that inherit a context."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import concurrency
from flake8_poolhold.flow.interpreting import expressions, parameters
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Shared
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import BoundArgument, FunctionOf, Holder, Suspended, holders_in, options
from flake8_poolhold.flow.naming import names

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

_STARTERS = ("asyncio.gather(", "create_task(", "TaskGroup(")


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
    if not held or not _reuses(info, variable) or not any(frame.analysis.project.naming(one) for one in _STARTERS):
        return
    branches = ("whatever child tasks run here",)
    event = Shared(info, span, variable, held[0].place, held[0].kind, "inherited context", branches, False, False)
    frame.analysis.events.shared.append(event)


def _reuses(info: FunctionInfo, variable: str) -> bool:
    """Whether a function hands out what it finds in the variable, whichever task it runs in."""
    parts = list(walk(info.node.body))
    names_ = {part.id for part in parts if isinstance(part, tree.Name)}
    names_ |= {part.name for part in parts if isinstance(part, tree.Attribute)}
    if "current_task" in names_:
        return False
    return any(
        isinstance(part, tree.Call)
        and isinstance(part.function, tree.Attribute)
        and part.function.name == "get"
        and variable_of(part.function.value) == variable
        for part in parts
    )


def variable_of(expression: tree.Expression) -> str:
    """The last name of a variable or field."""
    match expression:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name
        case _:
            return ""


def resolvers_context(analysis: Analysis, info: FunctionInfo) -> Shared | None:
    """A GraphQL context that carries a session: the resolvers of sibling fields run at once, and all get it."""
    if not _is_context_getter(analysis, info):
        return None
    for index, parameter in enumerate(info.node.parameters):
        value = options(parameters.general_value(analysis, info, index, parameter))[0]
        span = _kept_at(info, parameter.name) if isinstance(value, Holder) else None
        if isinstance(value, Holder) and span is not None:
            users = ("sibling resolvers",)
            return Shared(info, span, parameter.name, value.place, value.kind, "GraphQL context", users, False, False)
    return None


def _is_context_getter(analysis: Analysis, info: FunctionInfo) -> bool:
    name = info.name
    for path in analysis.project.naming("context_getter"):
        if not analysis.project.names_word(path, name):
            continue
        module = analysis.project.module(path)
        for node in walk(module.body if module is not None else []):
            if not isinstance(node, tree.Call):
                continue
            for argument in node.arguments:
                if argument.keyword == "context_getter" and isinstance(argument.value, tree.Name):
                    value = expressions.evaluate(names.module_frame(analysis, path), State(), argument.value)
                    if isinstance(value, FunctionOf) and value.function == info.id:
                        return True
    return False


def _kept_at(info: FunctionInfo, name: str) -> tree.Span | None:
    """Where a context getter puts its variable into the context: into the request's state, or into what it returns."""
    for node in walk(info.node.body):
        match node:
            case tree.Assign(targets=[tree.Attribute()], value=tree.Name(id=stored), span=span) if stored == name:
                return span
            case tree.Return(value=value, span=span) if value is not None:
                if any(isinstance(part, tree.Name) and part.id == name for part in walk(value)):
                    return span
            case _:
                pass
    return None
