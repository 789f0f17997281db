"""Whether the facts have every mention of a variable: of arithmetic they keep only what has an effect."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo


def all_seen(analysis: Analysis, function: FunctionInfo, variables: Iterable[str]) -> bool:
    """Whether the facts have every mention of the variables in a function."""
    first, _, last, _ = function.node.span
    text = analysis.project.bytes_of(function.path).decode(errors="replace")
    lines = "\n".join(text.splitlines()[first - 1 : last])
    known = [_mentioned(node) for node in walk(function.node)]
    spelled = _spelled(lines)
    return all(spelled.count(name) <= known.count(name) for name in variables)


def _spelled(source: str) -> list[str]:
    """The names of variables and attributes in a function; all words where its syntax is not understood."""
    try:
        nodes = list(ast.walk(ast.parse(textwrap.dedent(source))))
    except SyntaxError:
        return re.findall(r"\w+", source)
    return [
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute)
    ]


def _mentioned(node: tree.Node) -> str | None:
    match node:
        case tree.Name(id=name) | tree.Parameter(name=name) | tree.Handler(name=name) | tree.Attribute(name=name):
            return name
        case tree.Argument(keyword=keyword):
            return keyword
        case _:
            return None
