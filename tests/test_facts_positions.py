"""Facts: the spans of calls, awaits, blocks and loops are those that libcst sees, and in the file as it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import libcst as cst
import pytest

from flake8_poolhold import facts
from flake8_poolhold.facts import tree
from flake8_poolhold.fixes._positions import spans
from flake8_poolhold.flow.naming.evidence import walk

ODD = {
    "plain": "async def f():\n    await g(h(1))\n",
    "tabs": "async def f():\n\tif x:\n\t\tawait g(\n\t\t\th()\n\t\t)\n",
    "CRLF": "async def f():\r\n    await g()\r\n    with a() as b:\r\n        c()\r\n",
    "form feed": "x()\n\x0c\nasync def f():\n    await g()\n",
    "form feed in a margin": "async def f():\n    a()\n  \x0c    b(); await g()\n"
    "\x0c    with b():\n        await g()\n\x0cf()\n",
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
    "walrus, ternary, subscript": "x = (y := f()) if g() else h()[i():j()]\n",
    "yield": "def f():\n    x = yield g()\n    yield from h()\n",
    "mixed newlines": "f()\r\ng()\nh()\r\n",
    "continuation at the start": "x = 1\nif a and \\\n   f():\n    g()\n",
    "attributes": "x = (a.b).c()\ny = (  a . b)\n(é.b).c = a.é.d, 'é', b.c\n",
    "multi-line f-strings": "x = f'''é {\n  a.b} {f(1)}\n  {g(2)!r:>{h(3)}}''' f'{i(4)}' 'é'\n"
    "y = (\n    'a'\n    f'é{b.c}'\n    rf\"{f'{d.e}'}\"\n)\n",
    "with items": "with (a()) as b, (c()) as (d), (e) as (f, g), (h()): pass\nwith (a() as b, (c.d) as d,): pass\n"
    "with ((a())): pass\nwith (a()): pass\nwith (a()).b(): pass\nwith (a(), b()) as c: pass\nwith (x := a()): pass\n"
    "with ((x := a()), b()): pass\nwith ((a()) as b): pass\nwith (a,): pass\nwith (b for b in c), (d): pass\n"
    "with (yield): pass\n",
    "with items over lines": "with (  # (\n    # )\n    (  # é(\n        a()  # )\n    ) as b,  # (\n"
    "    é() as (  # )\n        d\n    ),\n    ('é', (c())\n     ),\n):\n    pass\n"
    "with \\\n  (a()) \\\n  as b: pass\n",
    "starred": "f(*a.b, c=d.e, *g.h, **i.j)\n[*a.b, *(c.d)]\nx[a.b:c.d, ...] = y\n",
    "nested places": "class A(B.c, metaclass=D.e):\n    @f.g\n    class H: pass\n    async def i(self):\n"
    "        return lambda: j.k()\n",
    "annotations": "def f(a: g() = h(), *b: i()) -> j():\n    x: k() = l()\n",
}

KINDS: dict[type[cst.CSTNode], str] = {
    cst.Assign: "Assign", cst.Attribute: "Attribute", cst.Await: "Await", cst.Call: "Call", cst.ClassDef: "Class",
    cst.For: "For", cst.FunctionDef: "Function", cst.Lambda: "Lambda", cst.Raise: "Raise", cst.Return: "Return",
    cst.With: "With", cst.WithItem: "WithItem", cst.Yield: "Yield",
}  # fmt: skip
BLOCKS = {"Class", "For", "Function", "With"}
"""Of these only the start is compared: for libcst a block ends on the next line that is not empty."""


def by_libcst(source: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Where libcst sees the nodes that have a place: the codemods find them there."""
    module = cst.parse_module(source)
    found = spans(module, frozenset(KINDS), source)
    waiting: list[cst.CSTNode] = [module]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        kind = KINDS.get(type(node))
        if kind is not None:
            yield kind, found[id(node)][: 2 if kind in BLOCKS else 4]


def by_facts(source: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    lambdas = set()
    for node in walk(facts.extract("x.py", source).body):
        kind, span = type(node).__name__, getattr(node, "span", ())
        if isinstance(node, tree.Lambda):
            lambdas |= {id(node.function), id(node.function.body[0])}  # the function, and what it returns
            yield kind, node.function.span
        elif kind in KINDS.values() and id(node) not in lambdas and getattr(node, "annotation", None) is None:
            yield kind, span[: 2 if kind in BLOCKS else 4]


@pytest.mark.parametrize("name", ODD)
def test_places_are_those_where_the_codemods_look(name: str) -> None:
    assert Counter(by_facts(ODD[name])) == Counter(by_libcst(ODD[name]))


@pytest.mark.parametrize("name", ODD)
def test_calls_end_where_their_bracket_closes(name: str) -> None:
    source = ODD[name]
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
    assert ("Await", (3, len(indent) * 2 + 1, 3, len(indent) * 2 + 10)) in set(by_facts(source))


def test_a_file_of_bare_carriage_returns() -> None:
    assert set(by_facts("f()\rg()\r")) == {("Call", (1, 1, 1, 4)), ("Call", (2, 1, 2, 4))}


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
