"""Facts: the spans of calls, awaits, blocks and loops are those that the interpreter's own parser sees."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from flake8_poolhold import facts
from flake8_poolhold.facts import tree
from flake8_poolhold.flow.naming.evidence import walk

ODD = {
    "plain": "async def f():\n    await g(h(1))\n",
    "tabs": "async def f():\n\tif x:\n\t\tawait g(\n\t\t\th()\n\t\t)\n",
    "CRLF": "async def f():\r\n    await g()\r\n    with a() as b:\r\n        c()\r\n",
    "form feed": "x()\n\x0c\nasync def f():\n    await g()\n",
    "wide characters": "é = f('日本', g())\nasync def h():\n    '\U0001d4b3'; await é(f(), '🎉', g())\n",
    "combining characters": "x = f('e\u0301'), g()\n",
    "decorators": "@a()\n@b(\n    c(),\n)\nasync def f():\n    await d()\n",
    "multi-line": "x = f(\n    a,\n    g(\n        b\n    ),\n)(h)\n",
    "backslash": "x = f(1) + \\\n    g(2)\nwith a() as b, \\\n        c() as d:\n    pass\n",
    "semicolons": "f(); g(); x = h()\n",
    "comments": "# first\nf(  # why\n    a,  # because\n)  # end\n# last\ng()\n",
    "brackets around": "x = (f())\ny = (  (  g()  )  )\nasync def h():\n    return (await (i()))\n",
    "no newline at the end": "f(g())",
    "nested f-string": "x = f'{f(1)} {g(2):>{h(3)}}'\n",
    "triple quotes": 'x = f("""a\nb""", g())\n',
    "blocks on one line": "if f(): g()\nwhile a(): b()\nfor i in c(): d()\n",
    "for and with": "async def f():\n    async for x in g():\n        async with h() as i, j():\n            k()\n"
    "    for y in l(): pass\n",
    "parenthesized with": "with (\n    a() as b,\n    c() as d,\n):\n    e()\n",
    "lambda and comprehension": "x = [f(y) for y in g() if h(y)]\nz = lambda a=i(): j(a)\n",
    "chains": "x = a().b().c(d()).e\n",
    "keyword arguments": "f(a=g(), *h(), **i())\n",
    "class": "@a()\nclass C(b(), metaclass=c()):\n    x = d()\n    def f(self): return e()\n",
    "try and match": "try:\n    f()\nexcept g():\n    h()\nfinally:\n    i()\nmatch j():\n    case 1 if k(): l()\n",
    "blank lines and spaces": "\n\n   \nf()\n   \n\n  # x\ng()\n",
    "byte order mark": "\ufefff()\ng()\n",
    "walrus, ternary, subscript": "x = (y := f()) if g() else h()[i():j()]\n",
    "yield": "def f():\n    x = yield g()\n    yield from h()\n",
    "mixed newlines": "f()\r\ng()\nh()\r\n",
    "continuation at the start": "x = 1\nif a and \\\n   f():\n    g()\n",
    "annotations": "def f(a: g() = h(), *b: i()) -> j():\n    x: k() = l()\n",
}

NAMES = {ast.Call: "Call", ast.Await: "Await", ast.For: "For", ast.AsyncFor: "For", ast.With: "With",
         ast.AsyncWith: "With",
         ast.Yield: "Yield", ast.YieldFrom: "Yield", ast.Return: "Return", ast.Raise: "Raise"}  # fmt: skip
BLOCKS = frozenset({"For", "With"})


def by_parser(source: str) -> Iterator[tuple[str, int, int]]:
    """What the interpreter's parser says: kind, line, column, all 1-based, columns in code points."""
    text = source.removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").split("\n")
    for node in ast.walk(ast.parse(text)):
        name = NAMES.get(type(node))
        if name is not None:
            line: int = node.lineno  # type: ignore[attr-defined]
            encoded = lines[line - 1].encode()
            column = len(encoded[: node.col_offset].decode()) + 1  # type: ignore[attr-defined]
            yield name, line, column


def by_facts(source: str) -> Iterator[tuple[str, int, int]]:
    body = facts.extract("x.py", source).body
    implied = {id(node.function.body[0]) for node in walk(body) if isinstance(node, tree.Lambda)}
    for node in walk(body):
        if id(node) in implied:  # what a lambda returns
            continue
        name = type(node).__name__
        span = getattr(node, "span", None)
        if name in NAMES.values() and span is not None:
            yield name, span[0], span[1]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="columns inside f-strings are known since Python 3.12")
def test_columns_inside_f_strings() -> None:
    source = ODD["nested f-string"]
    assert Counter(by_facts(source)) == Counter(by_parser(source))


@pytest.mark.parametrize("name", [name for name in ODD if name != "nested f-string"])
def test_places_are_those_of_the_parser(name: str) -> None:
    assert Counter(by_facts(ODD[name])) == Counter(by_parser(ODD[name]))


@pytest.mark.parametrize("name", ODD)
def test_calls_end_where_their_bracket_closes(name: str) -> None:
    source = ODD[name].removeprefix("\ufeff")
    lines = source.replace("\r\n", "\n").split("\n")
    calls = [node for node in walk(facts.extract("x.py", ODD[name]).body) if isinstance(node, tree.Call)]
    assert calls
    for call in calls:
        line, column, end_line, end_column = call.span
        assert (line, column) < (end_line, end_column)
        assert lines[end_line - 1][: end_column - 1].endswith(")")


@pytest.mark.parametrize("indent", ["\t", " ", "  ", "        ", "\t  "])
def test_every_indent_counts(indent: str) -> None:
    source = f"async def f():\n{indent}if x:\n{indent * 2}await g()\n"
    assert ("Await", 3, len(indent) * 2 + 1) in set(by_facts(source))


def test_a_file_of_bare_carriage_returns() -> None:
    assert set(by_facts("f()\rg()\r")) == {("Call", 1, 1), ("Call", 2, 1)}


def test_names_and_lines_of_functions_and_classes() -> None:
    source = "@a\n@b\ndef f():\n    pass\n\n\n@c\nclass D:\n    @e\n    async def g(self): pass\n"
    found = {
        (node.name, node.span[:2])
        for node in walk(facts.extract("x.py", source).body)
        if isinstance(node, tree.Function | tree.Class)
    }
    assert {name for name, _ in found} == {"f", "D", "g"}
    expected = {("f", 3), ("D", 8), ("g", 10)}
    assert {(name, span[0]) for name, span in found} == expected
