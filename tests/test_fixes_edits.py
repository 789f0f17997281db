"""The edits of `commit-before`: one statement is inserted, in the right place, and no other byte changes."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass

import libcst as cst
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from flake8_poolhold.finding import Edit, Finding, FixOffer, Step
from flake8_poolhold.fixes import CannotFixError, apply, edits
from flake8_poolhold.fixes._positions import spans
from flake8_poolhold.source.text import decode, encode

COMMIT = "await db.commit()"
HEAD = "async def work(db, a, b):\n"


def finding_in(text: str, *trail: Step, statement: str = COMMIT) -> Finding:
    """A finding on the only call of `ask` in `text`, where the facts would place it."""
    module = cst.parse_module(text)
    found = spans(module, frozenset({cst.Await, cst.Call, cst.For, cst.With}), text)
    best: list[tuple[int, int, int, int]] = []

    def visit(node: cst.CSTNode) -> None:
        inner = node.expression if isinstance(node, cst.Await) else node
        if isinstance(inner, cst.Call) and isinstance(inner.func, cst.Name) and inner.func.value == "ask":
            best.append(found[id(node)])
            return
        for child in node.children:
            visit(child)

    visit(module)
    (span,) = best
    offer = FixOffer("commit-before", "safe", "", statement=statement)
    return Finding("PHL101", "network-wait-while-held", "", "service.py", *span, trail=trail, fix=offer)


def repaired(text: str) -> str:
    """`text` with the fix made, checked to be `text` with one insertion and one more statement."""
    (change,) = edits(finding_in(text), lambda _: text)
    assert (change.line, change.column) == (change.end_line, change.end_column)
    after = apply(text, (change,))
    begin = after.index(change.content)
    assert any(
        after[:start] + after[start + len(change.content) :] == text
        for start in range(begin, len(after))
        if after.startswith(change.content, start)
    )
    assert COMMIT in change.content
    assert without_commit(after) == ast.dump(ast.parse(text))
    return after


def without_commit(text: str) -> str:
    class Drop(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
            return None if ast.unparse(node) == COMMIT else node

    return ast.dump(Drop().visit(ast.parse(text)))


# `|` marks where a line of its own is inserted, `!` where the statement shares the line.
PLACES = {
    "statement": "    |await ask()\n",
    "assignment": "    |x: int = await ask()\n",
    "augmented": "    |a += await ask()\n",
    "return": "    |return await ask()\n",
    "raise": "    |raise a(await ask())\n",
    "assert": "    |assert await ask()\n",
    "delete": "    |del a[await ask()]\n",
    "yield": "    |yield await ask()\n",
    "no newline at the end": "    |await ask()",
    "tab": "\t|await ask()\n",
    "comments": "    # why\n\n    |await ask()  # what\n",
    "second on its line": "    a(); !await ask()\n",
    "first on its line": "    |await ask(); a()\n",
    "behind a wide character": "    'ü😀'; !await ask()\n",
    "continued line": "    a(); \\\n    !await ask()\n",
    "continued assignment": "    |x = \\\n  await ask()\n",
    "call of several lines": "    |a(\n  b,\n  await ask(),\n    )\n",
    "string of several lines": "    b('''\n\u2028\x0c'''); !await ask()\n",
    "line separator above": "    b = '\u2028\x0c\x1c'\n    |await ask()\n",
    "one-line if": "    if a: !await ask()\n",
    "one-line if, continued": "    if a: \\\n        !await ask()\n",
    "one-line else": "    if a: b()\n    else: !await ask()\n",
    "one-line try": "    try: !await ask()\n    finally: b()\n",
    "one-line case": "    match a:\n        case 1: !await ask()\n",
    "block of a case": "    match a:\n      case 1:\n       |await ask()\n",
    "subject of a match": "    |match await ask():\n        case 1: b()\n",
    "if header": "    |if await ask():\n        b()\n",
    "block of elif": "    if a: b()\n    elif b:\n        |await ask()\n",
    "else of an elif": "    if a: b()\n    elif b: a()\n    else:\n        |await ask()\n",
    "for header": "    |for x in await ask():  # type: int\n        b()\n",
    "async for": "    |async for x in ask():\n        b()\n",
    "else of a loop": "    for x in a: b()\n    else:\n        |await ask()\n",
    "body of while": "    while a:\n        |await ask()\n",
    "with header": "    |async with ask() as x:\n        b()\n",
    "handler": "    try: a()\n    except a as e:\n        |await ask()\n",
    "first of a try": "    |try:\n        await ask()\n    except a: b()\n",
    "first of nested tries": "    |try:\n      try:\n        x = await ask()\n      except a: b()\n    except b: a()\n",
    "first of a commented try": "    |# why\n    try:\n      # what\n      await ask()\n    except a: b()\n",
    "a comment right above": "    a()\n    |# first\n    # second\n    await ask()\n",
    "a comment of the block around": "    if a:\n    # first\n        |await ask()\n",
    "second of a try": "    try:\n        a()\n        |await ask()\n    except a: b()\n",
    "try with a finally": "    try:\n        |await ask()\n    finally: b()\n",
    "try that looks after the session": "    try:\n        |await ask()\n    except a: db.rollback()\n",
    "else of a try": "    try: a()\n    except a: b()\n    else:\n        |await ask()\n",
    "list comprehension": "    |return [await ask() for x in a]\n",
    "nested function": "    async def inner():\n        |await ask()\n",
    "decorated method": "    @a\n    class K:\n        @b\n        async def k(self): !await ask()\n",
    "form feed in the margin": "\x0c    |await ask()\n",
    "form feed, later": "    a()\n\x0c    |await ask()\n",
    "form feed, same line": "    a()\n\x0c    a(); !await ask()\n",
    "form feed, first line": "\x0c    a(); !await ask()\n",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("place", PLACES)
def test_the_statement_stands_before_the_wait(place: str, newline: str) -> None:
    marked = HEAD + PLACES[place]
    margin = re.search(r"([ \t]*)\|", marked)
    after = marked.replace("!", f"{COMMIT}; ").replace("|", f"{COMMIT}\n{margin[1] if margin else ''}")
    before = marked.replace("!", "").replace("|", "")
    assert repaired(before.replace("\n", newline)) == after.replace("\n", newline)


REFUSED = {
    "while header": ("    while await ask():\n        b()\n", "header of a block"),
    "elif": ("    if a: b()\n    elif await ask(): b()\n", "`elif`"),
    "with opens the session": ("    async with a() as db, ask(db):\n        b()\n", "same `with`"),
    "lambda": ("    x = lambda: ask()\n", "runs later"),
    "lambda in a header": ("    for x in map(lambda y: ask(), a):\n        b()\n", "runs later"),
    "generator expression": ("    x = (await ask() for y in a)\n", "runs later"),
    "default of a parameter": ("    def inner(x=ask()): ...\n", "header of a block"),
    "decorator": ("    @ask()\n    def inner(): ...\n", "header of a block"),
}


@pytest.mark.parametrize("place", REFUSED)
def test_where_no_statement_can_stand(place: str) -> None:
    body, reason = REFUSED[place]
    with pytest.raises(CannotFixError, match=reason):
        repaired(HEAD + body)


def test_a_statement_that_checks_out_itself_is_refused() -> None:
    text = f"{HEAD}    return await ask(await db.scalar(a))\n"
    step = Step("service.py", 2, 22, "connection checked out", "checkout")
    with pytest.raises(CannotFixError, match="checks the connection out itself"):
        edits(finding_in(text, step), lambda _: text)
    earlier = Step("service.py", 1, 5, "connection checked out", "checkout")
    assert edits(finding_in(text, earlier), lambda _: text)


def test_a_finding_without_an_offer_has_no_edits() -> None:
    finding = Finding("PHL101", "n", "m", "service.py", 1, 1, 1, 2)
    with pytest.raises(CannotFixError, match="no fix is offered"):
        edits(finding, lambda _: "ask()\n")


@pytest.mark.parametrize("newer", ["type X[T] = list[T]\n", "def f[T](x: T): ...\n", "x = f'{a['b']}'\n"])
def test_newer_syntax_elsewhere_in_the_file_does_not_matter(newer: str) -> None:
    text = f"{newer}\n\n{HEAD}    await ask()\n"
    (change,) = edits(finding_in(text), lambda _: text)
    assert apply(text, (change,)) == text.replace("    await ask()", f"    {COMMIT}\n    await ask()")


def test_a_file_that_has_changed_is_refused() -> None:
    text = f"{HEAD}    await ask()\n"
    with pytest.raises(CannotFixError, match="may have changed"):
        edits(finding_in(text), lambda _: "x = 1\n")


def test_edits_are_made_from_the_end() -> None:
    text = "one\r\ntwo\rthree"
    changes = (Edit("x", 1, 4, 1, 4, "!"), Edit("x", 2, 1, 3, 3, "2 "), Edit("x", 3, 6, 3, 6, "."))
    assert apply(text, changes) == "one!\r\n2 ree."


@dataclass
class Layout:
    """How a file is laid out, drawn by hypothesis."""

    newline: str
    margin: str
    bom: bool


ODD = st.text(alphabet="aä😀\t\f\u2028\x1c\x0b #'-", max_size=6)
LEAVES = st.sampled_from(
    [
        "await ask()", "x = await ask()", "return await ask()", "a(); await ask()", "await ask(); a()",
        "'😀'; x = await ask()",
        "x = [\n  await ask(),\n]", "x = \\\n await ask()", "if a: await ask()", "async for x in ask(): b()",
        "async with a, ask() as x: b()", "for x in (await ask()): b()", "x = [await ask() for _ in a]",
        "with a: b(); await ask()",
        "match await ask():\n  case _: b()", "a(); \\\nawait ask()", "if a: \\\n  await ask()",
    ]
)  # fmt: skip
BLOCKS = st.sampled_from(
    [
        "if a:\n{}", "if a: b()\nelse:\n{}", "if a: b()\nelif b:\n{}\nelse: b()", "for x in a:\n{}",
        "while a:\n{}\nelse: b()",
        "try:\n{}\nfinally: b()", "try: b()\nexcept a:\n{}", "async with a as x:\n{}",
        "match a:\n  case 1: b()\n  case _:\n{}",
        "async def inner():\n{}", "@a\nclass K:\n  async def k(self):\n{}", "if 1:\n{}",
    ]
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Layout]:
    """A module with one wait somewhere inside it."""
    newline, margin = draw(st.sampled_from(["\n", "\r\n", "\r"])), draw(st.sampled_from(["\t", " ", "    ", "\t  "]))
    layout = Layout(newline, margin, draw(st.booleans()))
    body = draw(LEAVES)
    for block in draw(st.lists(BLOCKS, max_size=4)):
        noise = draw(st.sampled_from(["", "\n\f\n", "# c\n", "b = 1;\n", f"# {draw(ODD)}\n".replace("\f", "")]))
        inner = textwrap.indent(noise + body, layout.margin * 2, lambda line: not line.startswith("\f"))
        body = block.format(inner)
    body = textwrap.indent(body, layout.margin)
    head = draw(st.sampled_from(["", "\f\n", f"x = '''{draw(ODD)}'''\n".replace("''''", "'''"), "# -*- comment\n\n"]))
    tail = draw(st.sampled_from(["", "\n", "\n\n\f", "\nx = 1"]))
    return (head + HEAD + body + tail).replace("\n", layout.newline), layout


@settings(max_examples=300, deadline=None)
@given(files())
def test_odd_files_keep_every_other_byte(file: tuple[str, Layout]) -> None:
    text, layout = file
    try:
        ast.parse(text)
        cst.parse_module(text)
    except (SyntaxError, cst.ParserSyntaxError):
        reject()
    after = repaired(text)
    bom = b"\xef\xbb\xbf" if layout.bom else b""
    source = decode(bom + text.encode(), "service.py")
    assert source.text == text
    assert encode(source, after) == bom + after.encode()
