"""libcst trees and the positions of their nodes, from one walk of libcst's own code generator.

libcst's `PositionProvider` computes a range for every node through its metadata machinery; a codemod needs a few node
types only. The generator is run once with a state that counts lines and columns and notes those few.
"""

from __future__ import annotations

import ast
from types import TracebackType

import libcst as cst
from libcst._nodes.internal import CodegenState

from flake8_poolhold.facts.tree import Span
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import code_of
from flake8_poolhold.source.text import lines

DEEPEST = 500
"""Expressions may nest this deep, or have this many operands: libcst takes seconds for the double."""

Spans = dict[int, Span]
"""Spans by the `id()` of a node; valid for as long as the libcst module is alive."""


def parse(text: str) -> cst.Module:
    """The libcst tree of a file. Raises `CannotFixError` where it is no Python, or libcst is not up to it."""
    if _depth(code_of(text).tree) > DEEPEST:
        raise CannotFixError(f"an expression of the file has more than {DEEPEST} operands or levels; take it apart")
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise CannotFixError(f"libcst, which finds the places, cannot read line {error.raw_line}") from error


def _depth(tree: ast.AST) -> int:
    """How deep the expressions of a tree nest; a chain such as `a + b + c` nests with each operand."""
    deepest = 0
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(one, 0 if isinstance(one, ast.stmt) else depth + 1) for one in ast.iter_child_nodes(node)]
    return deepest


class _Ignore:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None


class _Record:
    __slots__ = ("_node", "_start", "_state")

    def __init__(self, state: _CountingState, node: cst.CSTNode) -> None:
        self._state, self._node = state, node

    def __enter__(self) -> None:
        self._start = (self._state.line, self._state.column)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        state = self._state
        state.spans[id(self._node)] = (*self._start, state.line, state.column)


_IGNORE = _Ignore()


class _CountingState(CodegenState):
    """Generates no text: counts where the text would be."""

    def __init__(self, module: cst.Module, wanted: frozenset[type]) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.wanted = wanted
        self.line = 1
        self.column = 1
        self.spans: Spans = {}

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.column += len(token)

    def add_token(self, value: str) -> None:
        if "\n" in value or "\r" in value:
            lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            self.line += len(lines) - 1
            self.column = len(lines[-1]) + 1
        else:
            self.column += len(value)

    def record_syntactic_position(  # type: ignore[override]  # a plain context manager is several times faster than libcst's generator
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> _Record | _Ignore:
        return _Record(self, node) if type(node) in self.wanted else _IGNORE


def spans(module: cst.Module, wanted: frozenset[type], text: str) -> Spans:
    """Return the span of each node of `module`, the tree of `text`, of a wanted type, by the node's `id()`.

    A block's span ends where its body ends, on the next line that is not empty. Raises `CannotFixError` when libcst
    has not understood the margins.
    """
    state = _CountingState(module, wanted)
    module._codegen(state)
    if "\f" not in text or module.code == text:
        return state.spans
    dropped: dict[int, int] = {}
    for number, (ours, theirs) in enumerate(zip(lines(text), lines(module.code), strict=False), 1):
        if "\f" in ours:
            code = ours.strip()
            if theirs.strip() != code:
                raise CannotFixError("the form feeds in the margins of the file mislead libcst, which finds the places")
            dropped[number] = ours.find(code) - theirs.find(code)

    def true(span: Span) -> Span:
        line, column, last, end = span
        return line, column + dropped.get(line, 0), last, end + dropped.get(last, 0) if end > 1 else end

    return {node: true(span) for node, span in state.spans.items()}
