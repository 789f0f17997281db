"""Syntax newer than the interpreter: read in words that it knows, with everything where it was."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flake8_poolhold.facts import literals, newer, tree
from flake8_poolhold.facts.statements import lower_module

NEWER = {
    "type parameters": (
        "class Box[T: int = str](Base):\n    async def get[S, *P](self, x: S) -> T:\n        await call(x)\n",
        "class Box (Base):\n    async def get (self, x: S) -> T:\n        await call(x)\n",
    ),
    "type parameters on several lines": (
        "class Box[\n    T,\n\n    S: int,\n]:\n    x = 1\n\n"
        "def get[\n    T\n](x: T): ...\n\nclass A[\n    T\n] (Base): ...\n",
        "class Box(\n\n\n\n):\n    x = 1\n\ndef get(\n\nx: T): ...\n\nclass A(\n\nBase): ...\n",
    ),
    "an alias": ("type Pair[T] = tuple[T, T]\n", "Pair = tuple[T, T]\n"),
    "an alias in quotes": ('type Db = "AsyncSession"\n', "Db = AsyncSession\n"),
    "quotes in a field": ("""x = f"{a["k"]} and {b!r:>{w}}"\n""", """x = (a["k"], b,)\n"""),
    "a backslash in a field": ("""x = f"{'\\n'.join(a)}"\n""", """x = ('\\n'.join(a),)\n"""),
    "f-strings in f-strings": ("""x = f"{f"{f"{a}"}"}"\n""", """x = ((f"{a}",),)\n"""),
    "joined strings": ("""x = call("a" f"{b["c"]}" "d")\n""", """x = call((b["c"],))\n"""),
    "handlers without brackets": (
        'try:\n    f()\nexcept A, b.C:\n    pass\nexcept D, E,:  # except F, G:\n    x = """\nexcept A, B:\n"""\n',
        'try:\n    f()\nexcept A| b.C:\n    pass\nexcept D| E:  # except F, G:\n    x = """\nexcept A, B:\n"""\n',
    ),
    "handlers of groups without brackets": (
        "def f():\n    try:\n        g()\n    except* A, B :\n        pass\n",
        "def f():\n    try:\n        g()\n    except* A| B :\n        pass\n",
    ),
    "a template": ("""x = t"{a["k"]} and {b}"\n""", """x = (a["k"], b,)\n"""),
    "lines and comments in a field": ("x = f'''{\n  a['k']  # why\n} b'''\n", "x = (\na['k'],\n)\n"),
}
"""What is newer, and what is made of it but for blanks."""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", NEWER)
def test_what_is_newer_is_put_into_older_words(name: str, newline: str) -> None:
    text, expected = (one.replace("\n", newline) for one in NEWER[name])
    older = newer.older(text)
    assert older is not None
    assert older.replace(" ", "") == expected.replace(" ", "")
    assert [len(line) for line in older.splitlines()] == [len(line) for line in text.splitlines()]
    ast.parse(older, feature_version=(3, 11))


def test_f_strings_that_the_interpreter_reads_stay() -> None:
    text = "x = f'{a[\"k\"]} b'\n\ndef f[T](): ...\n"
    assert newer.older(text) == text.replace("[T]", "   ")


@pytest.mark.parametrize(
    "text",
    ["def f(:\n", "x = = 1\n", "def f[T](): x)\n", "type X = '''\n", "f'{'\n", "f'}'\n", "f'{a:{b}'\n", "f'{a!r'\n"],
)
def test_what_is_no_python_is_left_alone(text: str) -> None:
    assert newer.older(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "type = [1]\ntype [0] = 1\nx = type (a) [0]\n",
        '# def f[T](): ...\n"def f[T](): ..."\n"""\ntype X = int\n"""\n',
        "x = [\ntype  == 1]\nclassify[0]\nclass A: ...\n",
        "x = f'{a!r:>{w}} {b:%H:%M} {c=} {{d}} \\N{BULLET} {e[f]:{g}.{h}}' rf'\\{i} \\d'\n",
        "x = f'{a[\"k\"]}' f\"{b['}']}\" f'''{c['x'] != d}\n{e['\"']!s}'''\nx = a or'f{'\n",
        "f(b'{', u'}', Rb'\\'', '\\\n', r'\\\\')\n",
    ],
)
def test_what_has_always_been_python_stays(text: str) -> None:
    ast.parse(text)
    assert newer.older(text) is None


def _f_string(start: str, fields: list[str]) -> str:
    return f"{start}{{{{a{'b'.join(fields)}}}}}{start.lstrip('rRfF')}"


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions with strings of any quotes, brackets, and signs that mean something else in a field."""
    quoted = st.sampled_from(["'", '"', "'''", '"""']).map(lambda quote: f"{quote}}}:!#{{{quote}")
    fields = st.lists(st.tuples(inner, st.sampled_from(TAILS)).map("{{ {0[0]}{0[1]}}}".format), min_size=1, max_size=2)
    strings = st.builds(_f_string, st.sampled_from(["f'", 'f"', "rf'''", 'F"""', "fR'"]), fields)
    return st.one_of(
        st.tuples(inner, quoted | strings).map("{0[0]}[{0[1]}]".format),
        st.tuples(inner, inner).map("call({0[0]}, *{0[1]})".format),
        st.tuples(inner, inner).map("{0[0]} != {0[1]}".format),
        inner.map("(lambda: {})".format),
        inner.map("{{'a': {}}}['a']".format),
        inner.map("[(x:={})]".format),
        strings,
        st.tuples(strings, strings | quoted).map(" ".join),
    )


TAILS = ["", "!r", ":>3", "=", " = !s:%H:%M", ":{w}", ":{f'{w}'}.{p}", " "]
EXPRESSIONS = st.recursive(st.sampled_from(["a", "b.c", "d()"]), _expressions, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=3), st.sampled_from(["f'", 'f"', 'f"""']))
def test_the_expressions_in_any_string_are_found(expressions: list[str], start: str) -> None:
    """They are those that were put in, and stay where they are."""
    literal = _f_string(start, [f"{{ {one} }}" for one in expressions])
    found = re.match(literals.STRING, literal)
    assert found is not None
    one = literals.literal(literal, found)
    assert (one.first, one.last) == (0, len(literal))
    assert [literal[first:last] for first, last in one.fields] == expressions
    text = f"x = {literal}\n"
    older = newer.older(text)
    ast.parse(older or text)
    assert older is None or all(sign in (" ", "(", ")", ",", text[at]) for at, sign in enumerate(older))


def test_handlers_without_brackets_are_handlers_of_several_types() -> None:
    text = "try:\n    f()\nexcept A, b.C, D:\n    pass\n"
    older = newer.older(text)
    assert older is not None
    bracketed = text.replace("A, b.C, D", "(A, b.C, D)")
    (found,), (expected,) = (lower_module(ast.parse(one), one) for one in (older, bracketed))
    assert isinstance(found, tree.Try)
    assert isinstance(expected, tree.Try)
    types, wanted = found.handlers[0].types, expected.handlers[0].types
    assert isinstance(types, tree.Sequence)
    assert isinstance(wanted, tree.Sequence)
    assert [type(item) for item in types.items] == [type(item) for item in wanted.items]
    assert [getattr(item, "id", "") or getattr(item, "name", "") for item in types.items] == ["A", "C", "D"]


def test_the_calls_in_a_field_are_where_they_were() -> None:
    text = 'async def f():\n    await log(f"{await ask("who")} {len([1, 2])}")\n'
    older = newer.older(text)
    assert older is not None
    body = lower_module(ast.parse(older), older)
    calls = sorted(node.span[1] for node in tree.walk(body) if isinstance(node, tree.Call))
    assert calls == [match.start() + 1 for match in re.finditer(r"\b(log|ask|len)\(", text.splitlines()[1])]
