"""Syntax newer than the interpreter: read in words that it knows, with everything where it was."""

from __future__ import annotations

import ast
import re

import pytest

from flake8_poolhold.facts import newer, tree
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


@pytest.mark.parametrize("text", ["def f(:\n", "x = = 1\n", "(" * 300 + ")" * 300 + "\ntype X = int\n", "f'{'\n"])
def test_what_is_no_python_is_left_alone(text: str) -> None:
    assert newer.older(text) is None


def test_the_calls_in_a_field_are_where_they_were() -> None:
    text = 'async def f():\n    await log(f"{await ask("who")} {len([1, 2])}")\n'
    older = newer.older(text)
    assert older is not None
    body = lower_module(ast.parse(older), older)
    calls = sorted(node.span[1] for node in tree.walk(body) if isinstance(node, tree.Call))
    assert calls == [match.start() + 1 for match in re.finditer(r"\b(log|ask|len)\(", text.splitlines()[1])]
