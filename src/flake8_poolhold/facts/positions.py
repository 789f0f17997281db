"""Positions of the nodes that become facts, from one walk of libcst's own code generator.

libcst's `PositionProvider` computes a range for every node through its metadata machinery; the analysis needs a few
node types only. The generator is run once with a state that counts lines and columns and notes those few.
"""

from __future__ import annotations

from types import TracebackType

import libcst as cst
from libcst._nodes.internal import CodegenState

from flake8_poolhold.facts.tree import Span

WANTED: frozenset[type] = frozenset(
    {
        cst.Arg,
        cst.Assign,
        cst.Attribute,
        cst.Await,
        cst.Call,
        cst.ClassDef,
        cst.DictComp,
        cst.For,
        cst.FunctionDef,
        cst.GeneratorExp,
        cst.Lambda,
        cst.ListComp,
        cst.Raise,
        cst.Return,
        cst.SetComp,
        cst.With,
        cst.WithItem,
        cst.Yield,
    }
)

"""The nodes whose positions become facts."""


class Spans(dict[int, Span]):
    """Spans by the `id()` of a node; valid for as long as the libcst module is alive.

    The descent also counts here the `yield`s it has met, which tells a generator function from a plain one.
    """

    yields: int = 0


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
        self.spans = Spans()

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


def spans(module: cst.Module, wanted: frozenset[type] = WANTED) -> Spans:
    """Return the span of each node of `module` of a wanted type, by the node's `id()`.

    A block's span ends where its body ends.
    """
    state = _CountingState(module, wanted)
    module._codegen(state)
    return state.spans
