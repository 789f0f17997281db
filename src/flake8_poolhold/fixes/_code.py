"""Where the statements of a file are, told by the interpreter's own parser.

It is much faster than libcst, which a fix needs only when it looks into the layout of brackets.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flake8_poolhold import facts
from flake8_poolhold.facts.places import Locate, Places
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.source.text import lines

Position = tuple[int, int]
Function = ast.FunctionDef | ast.AsyncFunctionDef

_NEWLINE = re.compile(r"\r\n|\n|\r")
_MARGIN = re.compile(r"[ \t\f]*")


class Code(NamedTuple):
    """The tree of a file, where its nodes are, its lines, and the newline that its first line ends with."""

    tree: ast.Module
    span: Locate
    source: Sequence[str]
    newline: str

    def has(self, node: ast.expr | ast.stmt, at: Position) -> bool:
        """Whether a node spans a place."""
        line, column, last, end = self.span(node)
        return (line, column) <= at < (last, end)


class Waiting(NamedTuple):
    """The smallest statement that waits, and whether it is the first one on its line."""

    node: ast.stmt
    leads: bool


@functools.lru_cache(maxsize=4)
def code_of(text: str) -> Code:
    """The code of a file. Raises `CannotFixError` on a syntax error.

    A file's findings come one after the other, and some fixes change the same few files.
    """
    try:
        tree = facts.syntax(text)
    except facts.FactsError as error:
        raise CannotFixError(str(error)) from error
    first = _NEWLINE.search(text)
    return Code(tree, Places(text).span, lines(text), first.group() if first is not None else "\n")


def margin(line: str) -> str:
    """The white space that a line begins with."""
    found = _MARGIN.match(line)
    return found.group() if found is not None else ""


def plain(indent: str) -> str:
    """The margin behind its last form feed, where Python begins to count it."""
    return indent.rpartition("\f")[2]


def newline(line: str, code: Code) -> str:
    """The newline of a line, or the file's where it has none."""
    return line[len(line.rstrip("\r\n")) :] or code.newline


def find(body: Sequence[ast.stmt], at: Position, code: Code) -> Waiting:
    """The statement of a block, or of a block inside it, that waits."""
    for node in body:
        if code.has(node, at):
            for block in blocks(node, code):
                if any(code.has(inner, at) for inner in block):
                    return find(block, at, code)
            return Waiting(node, isinstance(node, _COMPOUND) or leads(node, code))
    raise CannotFixError("the waiting statement was not found; the file may have changed")


def enclosing(body: Sequence[ast.stmt], at: Position, code: Code) -> Iterator[ast.stmt]:
    """The statements around a place, outermost first."""
    for node in body:
        if code.has(node, at):
            yield node
            for block in blocks(node, code):
                yield from enclosing(block, at, code)
            return


def function_around(at: Position, code: Code) -> ast.AST:
    """The innermost function around a place, or the whole file."""
    return [code.tree, *(node for node in enclosing(code.tree.body, at, code) if isinstance(node, Function))][-1]


def function_at(start: Position, code: Code) -> Function:
    """The function that begins at a place. Raises `CannotFixError` when there is none."""
    for node in enclosing(code.tree.body, start, code):
        if isinstance(node, Function) and code.span(node)[:2] == start:
            return node
    raise CannotFixError("the block to be changed was not found; the file may have changed")


def blocks(node: ast.stmt, code: Code) -> list[list[ast.stmt]]:
    """All blocks of a compound statement, those of its `elif`s, handlers and cases included."""
    match node:
        case ast.If():
            found = [node.body]
            while (inner := elif_of(node, code)) is not None:
                node = inner
                found.append(node.body)
            return [*found, node.orelse]
        case ast.For() | ast.AsyncFor() | ast.While():
            return [node.body, node.orelse]
        case ast.Try() | ast.TryStar():
            return [node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody]
        case ast.Match():
            return [case.body for case in node.cases]
        case ast.With() | ast.AsyncWith() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.body]
        case _:
            return []


def elif_of(node: ast.If, code: Code) -> ast.If | None:
    """The `elif` that follows on an `if` or `elif`."""
    match node.orelse:
        case [ast.If() as inner]:
            line, column = code.span(inner)[:2]
            return inner if code.source[line - 1].startswith("elif", column - 1) else None
        case _:
            return None


def end_row(node: ast.stmt, code: Code) -> int:
    """The last line of a statement, with the comments at its end that are indented as its last block is."""
    row = end = comment = code.span(node)[2]
    inner = _inner_margin(node, code)
    while inner and row < len(code.source) and code.source[row].strip()[:1] in ("", "#"):
        line = code.source[row]
        row += 1
        comment = row if line.strip() else comment
        end = comment if line.startswith(inner) else end
    return end


def _inner_margin(node: ast.stmt, code: Code) -> str:
    """The margin of the lines in the last block of a statement; empty when none are indented."""
    if isinstance(node, ast.Match):
        return margin(code.source[node.cases[-1].pattern.lineno - 1])
    last = next((block[0] for block in reversed(blocks(node, code)) if block), None)
    return margin(code.source[code.span(last)[0] - 1]) if last is not None and leads(last, code) else ""


def below(root: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a tree, in no particular order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def names(root: ast.AST) -> set[str]:
    """All names in a tree: those of variables, attributes, keywords, what is bound or imported."""
    found: set[str] = set()
    for node in below(root):
        if isinstance(node, ast.Constant):
            continue
        for _, value in ast.iter_fields(node):
            if isinstance(value, str):
                found.update(value.split("."))
            elif isinstance(value, list):
                found.update(one for one in value if isinstance(one, str))
    return found


_COMPOUND = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match, ast.With, ast.AsyncWith,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip


def leads(node: ast.stmt, code: Code) -> bool:
    """Whether nothing stands before a statement, neither on its line nor on one that it continues."""
    line, column = code.span(node)[:2]
    if code.source[line - 1][: column - 1].strip():
        return False
    above = code.source[line - 2].rstrip("\r\n") if line > 1 else ""
    return not above.endswith("\\") or above.lstrip().startswith("#")
