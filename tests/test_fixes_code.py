"""Where fixes see statements in the interpreter's tree: where libcst, which keeps comments and brackets, sees them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest

from flake8_poolhold.fixes import CannotFixError, _code, _places
from flake8_poolhold.source.text import lines

FIXTURES = sorted((Path(__file__).parent / "fixtures").rglob("*.py"))
ODD = {
    "comments at the end of blocks": (
        "def f():\n    if a:\n        b\n        # inner\n    # outer\n\n# none\ndef g():\n    with a:\n        b\n"
        "      # between\n        # last\n\n  # less\n\n    # in g\nc\n"
    ),
    "a comment after white space": "if a:\n    b\n  # low\n    \n# none\nc\n",
    "comments at the end of the file": "def f():\n    b\n    # last\n\n  # less\n",
    "blocks on one line": "if a: b\n# none\nfor x in a: b; c\nelse: d\nwhile a: \\\n  b\nwith a: b\n",
    "statements on one line": "a; b;\nc  # x; y\nd; \\\n  e\n# \\\nf\n",
    "elif and else": "if a:\n    b\nelif c:\n    d\n    # last\nelse:\n    if e: f\n    # end\n",
    "try": "try:\n    a\nexcept b as c:\n    d\nelse:\n    e\nfinally:\n    f\n    # last\n\ntry: a\nexcept* b: c\n",
    "match": (
        "match a:\n    case {'k': b, **c}:\n        d\n    case E(f=g) as h:\n        i\n        # last\n    # case\n"
        "# none\nmatch a:\n  case _: b\n  # case\n"
    ),
    "decorated": "@a\n@b(\n)\nasync def f(x: y = z, *w: v, u=t, **s) -> r:\n    global q\n    import m.n as o\n",
    "no newline at the end": "class A(B, metaclass=C):\n    def f(self): return lambda p: self.x(k=p)",
    "carriage returns": "if a:\r    b\r    # last\r\rc\r",
}
TEXTS = {**ODD, **{str(file.relative_to(FIXTURES[0].parents[2])): file.read_text() for file in FIXTURES[::12]}}
BLOCKS = (cst.If, cst.For, cst.While, cst.With, cst.Try, cst.TryStar, cst.Match, cst.FunctionDef, cst.ClassDef)
CONSTANTS = {"None", "True", "False"}


def both(text: str) -> Iterator[tuple[cst.CSTNode, ast.stmt]]:
    """The statements of a text: the node of libcst, and the interpreter's that begins in the same place."""
    module, found = _places.parsed(text)
    code = _code.code_of(text)
    ours = {code.span(node)[:2]: node for node in _code.below(code.tree) if isinstance(node, ast.stmt)}
    for node in _places.below(module):
        if isinstance(node, (*BLOCKS, cst.BaseSmallStatement)) and id(node) in found:
            yield node, ours[found[id(node)][:2]]


@pytest.mark.parametrize("name", TEXTS)
def test_statements_end_where_libcst_sees_them_end(name: str) -> None:
    module, found = _places.parsed(TEXTS[name])
    code, rows = _code.code_of(TEXTS[name]), lines(TEXTS[name])
    statements = [pair for pair in both(TEXTS[name]) if isinstance(pair[0], BLOCKS)]
    for theirs, ours in statements:
        assert _code.end_row(ours, code) == _places.end_row(theirs, found, rows)
    assert len(statements) == sum(isinstance(node, BLOCKS) for node in _places.below(module))


@pytest.mark.parametrize("name", TEXTS)
def test_names_are_those_that_libcst_sees(name: str) -> None:
    for theirs, ours in both(TEXTS[name]):
        expected = {node.value for node in _places.below(theirs) if isinstance(node, cst.Name)}
        assert _code.names(ours) == expected - CONSTANTS


@pytest.mark.parametrize("name", TEXTS)
def test_what_leads_its_line_is_what_libcst_puts_first(name: str) -> None:
    module, _ = _places.parsed(TEXTS[name])
    code = _code.code_of(TEXTS[name])
    first = {id(node.body[0]) for node in _places.below(module) if isinstance(node, cst.SimpleStatementLine)}
    for theirs, ours in both(TEXTS[name]):
        if isinstance(theirs, cst.BaseSmallStatement):
            assert _code.leads(ours, code) == (id(theirs) in first)


def test_the_statements_around_a_place() -> None:
    code = _code.code_of(
        "def f():\n    if a:\n        b\n    elif c:\n        for d in e:\n            async def g(): h\n"
    )
    around = list(_code.enclosing(code.tree.body, (6, 28), code))
    assert [type(node).__name__ for node in around] == ["FunctionDef", "If", "For", "AsyncFunctionDef", "Expr"]
    assert around[1] is code.tree.body[0].body[0]  # type: ignore[attr-defined]  # the `if`, not its `elif`
    assert _code.function_around((6, 28), code) is around[3]
    assert _code.function_around((4, 10), code) is around[0]
    assert _code.function_around((9, 1), code) is code.tree
    assert _code.function_at((6, 13), code) is around[3]
    with pytest.raises(CannotFixError, match="may have changed"):
        _code.function_at((6, 14), code)
    assert _code.find(code.tree.body, (4, 10), code) == (around[1], True)
    assert _code.find(code.tree.body, (6, 28), code) == (around[4], False)
