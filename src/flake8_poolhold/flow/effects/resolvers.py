"""GraphQL: the resolvers of sibling fields run at once, and all get what the context carries."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.interpreting import expressions, parameters
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Shared
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf, Holder, options
from flake8_poolhold.flow.naming import names

_MOST_STEPS = 8
"""A trail that is longer is not read."""


def context_shared(analysis: Analysis, info: FunctionInfo) -> Shared | None:
    """A GraphQL context that carries a session: the resolvers of sibling fields run at once, and all get it."""
    if not _is_context_getter(analysis, info):
        return None
    for index, parameter in enumerate(info.node.parameters):
        value = options(parameters.general_value(analysis, info, index, parameter))[0]
        span = _kept_at(info, parameter.name) if isinstance(value, Holder) else None
        if isinstance(value, Holder) and span is not None:
            return Shared(
                info,
                span,
                parameter.name,
                value.place,
                value.kind,
                "GraphQL context",
                ("sibling resolvers",),
                held=False,
                ends=False,
                steps=tuple(_taken_out(analysis, info, parameter.name))[:_MOST_STEPS],
            )
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


def _taken_out(analysis: Analysis, info: FunctionInfo, name: str) -> Iterator[Step]:
    """Where the code takes the holder out of the request's state again, and who calls the function that does."""
    entry = _entry(info, name)
    for path in analysis.project.naming(f"state.{entry}", entry) if entry else ():
        for around, node in analysis.project.index(path).names.get(entry, ()):
            if around is None or around[1].name == info.node.name:
                continue
            if not isinstance(node, tree.Attribute) or not isinstance(node.value, tree.Attribute):
                continue
            yield Step(path, node.span[0], node.span[1], f"`{around[0]}` takes the same session out", "note")
            yield from _calls(analysis, around[1].name)


def _entry(info: FunctionInfo, name: str) -> str:
    """The name under which a context getter puts its variable into the state of the request; empty if it does not."""
    for node in walk(info.node.body):
        match node:
            case tree.Assign(
                targets=[tree.Attribute(value=tree.Attribute(name="state"), name=entry)], value=tree.Name(id=stored)
            ) if stored == name:
                return entry
            case _:
                pass
    return ""


def _calls(analysis: Analysis, name: str) -> Iterator[Step]:
    """The calls of a function that are given an argument, such as the request whose state it looks into."""
    for path in analysis.project.naming(name, name):
        for around, call in analysis.project.index(path).calls.get(name, ()):
            if around is not None and call.arguments:
                yield Step(path, call.span[0], call.span[1], f"`{around[0]}` gets it here", "note")
