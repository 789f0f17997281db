"""Facts: what of a module's syntax they keep, and that they survive being written and read."""

from __future__ import annotations

import sys
import textwrap

import msgspec
import pytest
from reading import readable

from flake8_poolhold import facts
from flake8_poolhold.facts import tree
from flake8_poolhold.source import deep


def body(source: str) -> list[tree.Statement]:
    return facts.extract("x.py", textwrap.dedent(source)).body


def expression(source: str) -> tree.Expression:
    (statement,) = body(f"x = {source}\n")
    assert isinstance(statement, tree.Assign)
    assert statement.value is not None
    return statement.value


def annotation(source: str) -> tree.Expression:
    (statement,) = body(f"x: {source}\n")
    assert isinstance(statement, tree.Assign)
    assert statement.annotation is not None
    return statement.annotation


def plain(node: object) -> object:
    """A node as plain data, to be compared."""
    return msgspec.to_builtins(node)


def function(source: str) -> tree.Function:
    (statement,) = body(source)
    assert isinstance(statement, tree.Function)
    return statement


EVERYTHING = '''
"""A docstring."""
from __future__ import annotations
import a.b, c.d as e
from . import f
from ..g import h as i, j
from k import *
X: "int" = 1
Y: int
x = y = 1
x += 1
(a, *b), [c] = {1, 2}, [3]
a.b[1:2, ::3] = lambda p, /, q=1, *r, s, t=2, **u: p
assert x, "y"
del x, y
if a: pass
elif b: pass
else: pass
while a:
    break
else:
    pass
for i in j:
    continue
else:
    ...
try:
    pass
except (A, B) as e:
    raise
except C:
    raise D from e
else:
    pass
finally:
    pass
try:
    pass
except* A:
    pass
with a as b, c: pass
match a:
    case {"x": 1, **rest} if b: pass
    case [1, *others] | C(z=d) as whole: pass
    case _: pass
@deco
@deco(1)
async def fun(p, /, q: int = 1, *args: "T", s, t=2, **kw) -> "AsyncIterator[T]":
    global G
    nonlocal_ = 1
    async with a: pass
    async for x in y: pass
    z = await w
    yield
    yield 1
    return [x async for x in y if x if z], {x: y for x in z}, {x for x in y}, (x for y in z for x in y)
class K(Base[int], metaclass=M):
    def f(self):
        nonlocal X
        yield from g(*a, b=1, **c)
        return f"{a!r:>{w}}" "b" 'c', b"bytes", 1.5, 1j, 10**30, x if y else z, not x, -x, x is None, x is not None
lambda: (yield)
x = (y := 3) or z and w
x = a < b < c, a @ b, a | b, ~a, "a" "b", None, True, False, ...
'''
if sys.version_info >= (3, 12):
    EVERYTHING += "type Alias[T] = list[T]\nasync def generic[T: int](p: T) -> T: ...\n"


def test_facts_survive_a_round_trip() -> None:
    module = facts.extract("pkg/x.py", EVERYTHING)
    again = facts.load("pkg/x.py", facts.dump(module))
    assert again is not None
    assert plain(again) == plain(module)
    assert facts.dump(again) == facts.dump(module)


def test_the_path_is_not_among_the_bytes() -> None:
    assert facts.dump(facts.extract("a.py", EVERYTHING)) == facts.dump(facts.extract("b.py", EVERYTHING))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xff", b"[[1]]", b"\x91\x92\xa4Name"])
def test_damaged_bytes_are_none(data: bytes) -> None:
    assert facts.load("x.py", data) is None


def test_every_truncation_is_none() -> None:
    whole = facts.dump(facts.extract("x.py", "import a\nasync def f():\n    await b(c)\n"))
    assert all(facts.load("x.py", whole[:length]) is None for length in range(len(whole)))


def test_the_version_is_stable() -> None:
    assert facts.version() == facts.version()
    assert len(facts.version()) == 32


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = (\n", 1),
        ("a\nb = = c\n", 2),
        ("def f(:\n    pass\n", 1),
        ("x = 1\n\tif y:\n", 2),
        ("x = '\ud800'\n", 0),
        ("\0", 0),
    ],
)
def test_a_syntax_error_tells_its_line(source: str, line: int) -> None:
    with pytest.raises(facts.FactsError, match="syntax error") as caught:
        facts.extract("x.py", source)
    assert caught.value.line == line
    assert caught.value.reason.startswith("syntax error")
    assert str(caught.value) == f"line {line}: {caught.value.reason}"


GENERATORS = [
    ("def f():\n    yield\n", True),
    ("def f():\n    yield from x\n", True),
    ("def f():\n    x = yield 1\n", True),
    ("async def f():\n    await g((yield))\n", True),
    ("def f():\n    return 1\n", False),
    ("def f():\n    def g():\n        yield\n", False),
    ("def f():\n    class C:\n        def g(self):\n            yield\n", False),
    ("def f():\n    def g():\n        yield\n    yield\n", True),
    ("def f():\n    yield\n    def g():\n        return\n", True),
    ("def f():\n    if x:\n        for y in z:\n            with w:\n                yield y\n", True),
    ("def f():\n    try:\n        pass\n    finally:\n        yield\n", True),
    ("def f():\n    match x:\n        case 1 if (yield):\n            pass\n", True),
    ("def f():\n    return [x for x in (yield)]\n", True),
    ("def f(x=1):\n    return f'{(yield)}'\n", True),
    ("def f():\n    assert (yield)\n", True),
    ("def f():\n    del x[(yield)]\n", True),
]


@pytest.mark.parametrize(("source", "expected"), GENERATORS, ids=[source for source, _ in GENERATORS])
def test_generators_are_told_from_functions(source: str, expected: bool) -> None:
    assert function(source).is_generator is expected


LAMBDAS = [
    ("def f():\n    g = lambda: (yield)\n", False),
    ("def f(x=lambda: (yield)):\n    return x\n", False),
]


@pytest.mark.parametrize(("source", "expected"), LAMBDAS)
def test_a_lambda_that_yields_makes_no_generator_of_its_function(source: str, expected: bool) -> None:
    assert function(source).is_generator is expected


def test_string_annotations_are_parsed() -> None:
    assert plain(annotation("'B | None'")) == plain(annotation("B | None"))
    assert plain(annotation("'a.B'"))[:3] == plain(annotation("a.B"))[:3]
    assert plain(annotation("Optional['B']")) == plain(annotation("Optional[B]"))
    assert plain(annotation("Annotated['B', 'C']")) == plain(annotation("Annotated[B, C]"))
    assert plain(annotation("Callable[['A'], 'B']")) == plain(annotation("Callable[[A], B]"))
    assert plain(annotation("'B' | None")) == plain(annotation("B | None"))


def test_strings_that_are_no_types_stay_strings() -> None:
    assert plain(annotation("'not a type'")) == plain(tree.Constant("not a type"))
    assert plain(annotation("Literal['B']")) == plain(tree.Subscript(tree.Name("Literal"), tree.Constant("B")))
    assert plain(annotation("''")) == plain(tree.Constant(""))
    assert plain(annotation("f'{x}'")) == plain(tree.Text([tree.Name("x")]))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_pep_695() -> None:
    alias, generic = body("type A = 'B'\ntype C[T: int, *U, **V] = D[T]\n")
    assert plain(alias) == plain(tree.Assign([tree.Name("A")], tree.Name("B"), None))
    assert plain(generic) == plain(tree.Assign([tree.Name("C")], tree.Subscript(tree.Name("D"), tree.Name("T")), None))
    assert function("def f[T](x: T) -> T: ...\n").parameters[0].name == "x"


def test_match() -> None:
    (statement,) = body(
        """
        match x:
            case {"a": a, **rest} if g(a): y
            case [b, *others] | C(d=b) as whole: pass
            case _: pass
            case other: pass
        """
    )
    assert isinstance(statement, tree.Match)
    assert [case.names for case in statement.cases] == [["a", "rest"], ["b", "others", "whole"], [], ["other"]]
    assert [case.irrefutable for case in statement.cases] == [False, False, True, True]
    assert statement.cases[0].guard is not None


def test_parameters_and_arguments() -> None:
    node = function("def f(a, /, b, c: int = 1, *d, e, g=2, **h): ...\n")
    assert [(one.name, one.kind) for one in node.parameters] == [
        ("a", "positional"), ("b", "positional"), ("c", "positional"), ("d", "star"), ("e", "keyword"),
        ("g", "keyword"), ("h", "double-star"),
    ]  # fmt: skip
    call = expression("f(a, *b, c=d, **e)")
    assert isinstance(call, tree.Call)
    assert [(one.keyword, one.star) for one in call.arguments] == [(None, ""), (None, "*"), ("c", ""), (None, "**")]


def test_a_keyword_on_a_line_of_its_own_has_a_position() -> None:
    call = expression("f(a, b=1,\n    c=2,\n)")
    assert isinstance(call, tree.Call)
    assert [one.at for one in call.arguments] == [None, None, (2, 5)]


EXPRESSIONS = [
    ("None", tree.Constant(None)),
    ("True", tree.Constant(True)),
    ("False", tree.Constant(False)),
    ("0x_ff", tree.Constant(255)),
    ("1_000", tree.Constant(1000)),
    ("123456789012345678901234567890", tree.Compute([])),
    ("1.5", tree.Compute([])),
    ("...", tree.Compute([])),
    ("b'x'", tree.Compute([])),
    ("'a' 'b' \"c\"", tree.Constant("abc")),
    ("'a' f'{b}'", tree.Text([tree.Constant("a"), tree.Name("b")])),
    ("f'a{{{b}' f'c' 'd'", tree.Text([tree.Constant("a{"), tree.Name("b"), tree.Constant("cd")])),
    ("f''", tree.Constant("")),
    ("f'a\\n{b}\\x41'", tree.Text([tree.Constant("a\n"), tree.Name("b"), tree.Constant("A")])),
    ("f'{a=}'", tree.Text([tree.Constant("a="), tree.Compute([])])),
    ("f'\\ud83d{b}'", tree.Text([tree.Compute([]), tree.Name("b")])),
    ("f'{a!r}{b:>{c}}'", tree.Text([tree.Compute([]), tree.Compute([])])),
    ("'a' + b + f'c{d}'", tree.Text([tree.Constant("a"), tree.Name("b"), tree.Constant("c"), tree.Name("d")])),
    ("'a' + 'b'", tree.Constant("ab")),
    ("'a' * b + 'c'", tree.Compute([])),
    ("a + b", tree.Compute([])),
    (f"f'{'x' * 250}{{a}}'", tree.Compute([])),
    ("'a' b'b'" if False else "r'\\d'", tree.Constant("\\d")),
    (f"'{'x' * 1000}'", tree.Constant("x" * 1000)),
    (f"'{'x' * 600}' '{'x' * 600}'", tree.Compute([])),
    ("not x", tree.Not(tree.Name("x"))),
    ("-x", tree.Compute([])),
    ("-1", tree.Constant(-1)),
    ("+1", tree.Compute([])),
    ("x is None", tree.NoneTest(tree.Name("x"), False)),
    ("x is not None", tree.NoneTest(tree.Name("x"), True)),
    ("x is y", tree.Compare("is", False, tree.Name("x"), tree.Name("y"))),
    ("x != 1", tree.Compare("==", True, tree.Name("x"), tree.Constant(1))),
    ("'x' not in y", tree.Compare("in", True, tree.Constant("x"), tree.Name("y"))),
    ("x < y", tree.Compute([])),
    ("x == y == z", tree.Compute([])),
    ("x is None is y", tree.Compute([])),
    ("a or b or c", tree.Either("or", [tree.Name("a"), tree.Name("b"), tree.Name("c")])),
    ("a | b | c", tree.Either("or", [tree.Name("a"), tree.Name("b"), tree.Name("c")])),
    ("a or b and c", tree.Either("or", [tree.Name("a"), tree.Either("and", [tree.Name("b"), tree.Name("c")])])),
    ("{1: a, **b}", tree.Mapping([tree.Constant(1), None], [tree.Name("a"), tree.Name("b")])),
    (r'"\ud83d"', tree.Compute([])),
    ("a[1]", tree.Subscript(tree.Name("a"), tree.Constant(1))),
    ("a[1:2]", tree.Subscript(tree.Name("a"), tree.Slice(tree.Compute([]), ends=True))),
    (
        "a[b():]",
        tree.Subscript(tree.Name("a"), tree.Slice(tree.Compute([tree.Call(tree.Name("b"), [], (1, 7, 1, 10))]), False)),
    ),
    ("a[b, c]", tree.Subscript(tree.Name("a"), tree.Sequence("tuple", [tree.Name("b"), tree.Name("c")]))),
    ("(y := a)", tree.Walrus(tree.Name("y"), tree.Name("a"))),
    ("a if b else c", tree.Conditional(tree.Name("b"), tree.Name("a"), tree.Name("c"))),
    ("a[*b]", tree.Subscript(tree.Name("a"), tree.Sequence("tuple", [tree.Starred(tree.Name("b"))]))),
    ("a + b | c", tree.Either("or", [tree.Compute([]), tree.Name("c")])),
    ("[a, *b]", tree.Sequence("list", [tree.Name("a"), tree.Starred(tree.Name("b"))])),
]


@pytest.mark.parametrize(("source", "expected"), EXPRESSIONS, ids=[source[:40] for source, _ in EXPRESSIONS])
def test_expressions(source: str, expected: tree.Expression) -> None:
    assert plain(expression(source)) == plain(expected)


def test_imports() -> None:
    source = "import a.b, c.d as e\nfrom ..g import h as i\nfrom . import j\nfrom k import *\n"
    assert [plain(one) for one in body(source)] == [
        plain(one)
        for one in (
            tree.Import("a", "a"), tree.Import("a.b", "a.b"), tree.Import("c.d", "e"),
            tree.ImportFrom("g", 2, "h", "i"),
            tree.ImportFrom("", 1, "j", "j"), tree.ImportFrom("k", 0, "*", "*"),
        )
    ]  # fmt: skip


def test_what_has_no_effect_is_left_out() -> None:
    assert body('"""Doc."""\nx\n1\n...\npass\n') == []
    assert len(body("f()\nx + f()\n")) == 2


DEEP = 3000


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("x = " + " + ".join(["a"] * DEEP) + "\n", id="a long sum"),
        pytest.param("x = " + " or ".join(["a"] * DEEP) + "\n", id="a long or"),
        pytest.param("x = " + " | ".join(["a"] * DEEP) + "\n", id="a long union"),
        pytest.param("x = (\n" + "\n".join(["'a'"] * DEEP) + ")\n", id="a long concatenation"),
        pytest.param("x = a" + ".b()" * 500 + "\n", id="a long chain of calls"),
        pytest.param("if a:\n    pass\n" + "elif a:\n    pass\n" * 1000, id="a long elif chain"),
        pytest.param("".join("    " * n + "if x:\n" for n in range(90)) + "    " * 90 + "pass\n", id="deep blocks"),
    ],
)
def test_deep_nesting_survives(source: str) -> None:
    if not readable(source):
        pytest.skip("beyond the interpreter's own parser")
    module = deep.run(lambda: facts.extract("x.py", source))
    again = deep.run(lambda: facts.load("x.py", facts.dump(module)))
    assert len(module.body) == 1
    assert again is None or len(again.body) == 1  # what nests deeper than the decoder goes is read from the text again
