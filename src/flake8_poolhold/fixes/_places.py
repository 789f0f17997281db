"""Finding the nodes that a fix is about, and saying where they are in the text."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import libcst as cst

from flake8_poolhold.facts.tree import Span
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._positions import Spans, parse, spans

_WANTED: frozenset[type] = frozenset(
    {
        cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.With, cst.Try, cst.TryStar, cst.Match, cst.FunctionDef,
        cst.ClassDef, cst.Attribute, cst.SimpleString, cst.FormattedString, cst.Await, cst.Call, cst.Arg, cst.Param,
        cst.AnnAssign, cst.Assert, cst.Assign, cst.AugAssign, cst.Del, cst.Expr, cst.Raise, cst.Return, cst.TypeAlias,
        cst.Lambda, cst.GeneratorExp,
    }
)  # fmt: skip

Position = tuple[int, int]


@functools.lru_cache(maxsize=1)
def parsed(text: str) -> tuple[cst.Module, Spans]:
    """The tree of a file and where its statements are; a file's findings come one after the other.

    Raises `CannotFixError` where there is no such tree.
    """
    module = parse(text)
    return module, spans(module, _WANTED, text)


def end_row(node: cst.CSTNode, found: Spans, source: Sequence[str]) -> int:
    """The last line of a statement; the span of a block runs on to the next line that is not empty."""
    row, column = found[id(node)][2:]
    if column == 1:
        row -= 1
    while not source[row - 1].strip():
        row -= 1
    return row


def newline(line: str, module: cst.Module) -> str:
    return line[len(line.rstrip("\r\n")) :] or module.default_newline


def contains(span: Span | None, at: Position) -> bool:
    return span is not None and span[:2] <= at < span[2:]


def node_at(root: cst.CSTNode, kind: type[cst.CSTNode], start: Position, found: Spans) -> cst.CSTNode:
    """The node of a kind that begins at `start`. Raises `CannotFixError` when there is none."""
    for node in below(root):
        if isinstance(node, kind) and found.get(id(node), (0, 0))[:2] == start:
            return node
    raise CannotFixError("the block to be changed was not found; the file may have changed")


def below(root: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """All nodes of a tree but white space, comments and punctuation; of two that are in one list, the last first."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        for name in _fields(type(node)):
            value = getattr(node, name)
            if isinstance(value, cst.CSTNode):
                waiting.append(value)
            elif isinstance(value, list | tuple):
                waiting.extend(value)


@functools.cache
def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """The fields of nodes of a type that hold others. `CSTNode.children` makes a new node to tell them."""
    return tuple(field.name for field in dataclasses.fields(kind) if not field.name.startswith(_LAYOUT))


_LAYOUT = (
    "whitespace", "leading_", "lines_", "trailing_", "header", "footer", "lpar", "rpar", "lbra", "rbra", "comma",
    "semicolon", "colon", "first_line", "empty_lines", "dot",
)  # fmt: skip
"""How the names of the other fields begin."""


def function_around(root: cst.CSTNode, at: Position, found: Spans) -> cst.CSTNode:
    """The innermost function around a position."""
    around = [node for node in below(root) if isinstance(node, cst.FunctionDef) and contains(found[id(node)], at)]
    return max(around, key=lambda node: found[id(node)][:2], default=root)


def suites(node: cst.CSTNode) -> list[cst.BaseSuite]:
    """All blocks of a compound statement, those of its `elif`s, handlers and cases included."""
    match node:
        case cst.If():
            suites, rest = [node.body], node.orelse
            while isinstance(rest, cst.If):
                suites.append(rest.body)
                rest = rest.orelse
            return [*suites, rest.body] if rest is not None else suites
        case cst.For() | cst.While():
            return [node.body, *([node.orelse.body] if node.orelse else [])]
        case cst.Try() | cst.TryStar():
            suites = [node.body, *(handler.body for handler in node.handlers)]
            suites += [part.body for part in (node.orelse, node.finalbody) if part is not None]
            return suites
        case cst.Match():
            return [case.body for case in node.cases]
        case cst.With() | cst.FunctionDef() | cst.ClassDef():
            return [node.body]
        case _:
            return []
