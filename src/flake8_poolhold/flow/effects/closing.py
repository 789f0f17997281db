"""Who closes what: a `finally` that closes under a condition, or that gives the session to somebody who may."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import FunctionInfo


def closes_by_flag(info: FunctionInfo, name: str) -> str:
    """Where `name` is closed under a condition: in a `finally`, on the `way`, or nowhere (empty).

    `if owns_session:` stands for a condition that the analysis does not follow.
    """
    if not name:
        return ""
    finals = [node.final for node in walk(info.node.body) if isinstance(node, tree.Try)]
    if hands_on(finals, name):
        return "finally"
    return "way" if closes_under_flag(info.node.body, name) else ""


def closes_perhaps(finals: object, name: str) -> bool:
    """Whether a `finally` closes the variable unless some condition says that somebody else will."""
    arms = [body for node in walk(finals) if isinstance(node, tree.If) for _, body in node.arms]
    return any(_closes(body, name) for body in arms)


def hands_on(finals: object, name: str) -> bool:
    """Whether a `finally` gives the variable to some function: to close it, however that does so."""
    return any(
        isinstance(argument.value, tree.Name) and argument.value.id == name
        for node in walk(finals)
        if isinstance(node, tree.Call)
        for argument in node.arguments
    )


def closes_under_flag(body: object, name: str) -> bool:
    """Whether a block closes the variable where a flag is set, such as `own`, or `own and db`."""
    arms = [arm for node in walk(body) if isinstance(node, tree.If) for arm in node.arms]
    return any(_closes(inner, name) for test, inner in arms if _is_flag(test))


def _is_flag(test: tree.Expression | None) -> bool:
    parts = test.parts if isinstance(test, tree.Either) and test.operator == "and" else [test]
    return all(isinstance(part, tree.Name | tree.Attribute) for part in parts)


def _closes(body: list[tree.Statement], name: str) -> bool:
    for node in walk(body):
        match node:
            case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name="close" | "aclose")):
                if owner == name:
                    return True
            case _:
                pass
    return False


def gives_up(info: FunctionInfo) -> bool:
    """Whether a provider leaves its session to somebody else under a condition: the project moves its ownership."""
    return any(closes_perhaps(finals, name) for finals, name in yielded(info))


def yielded(info: FunctionInfo) -> Iterator[tuple[list[list[tree.Statement]], str]]:
    """The variables that are yielded, each with the `finally` blocks of the function."""
    finals = [node.final for node in walk(info.node.body) if isinstance(node, tree.Try)]
    for node in walk(info.node.body):
        if isinstance(node, tree.Yield) and isinstance(node.value, tree.Name):
            yield finals, node.value.id
