"""`with-block`: the call that makes a session becomes the first line of a `with` block around all that uses it.

The closes at the end of the block go, and so does a `try` that had nothing but the close in its `finally`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _imports, _opening
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import below, end_row, function_around, parsed
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the lines of the block cannot be told apart."""
    offer = finding.fix
    start = next((part for part in offer.parts if part.role == "open"), None) if offer is not None else None
    if offer is None or start is None:
        raise CannotFixError("no fix is offered")
    module, found = parsed(text)
    opening = _opening.opened(module, (start.line, start.column), found)
    function = function_around(module, (start.line, start.column), found)
    inside = _opening.covered(opening, function, {*offer.session, *offer.objects}, offer.session)
    keyword, _, other = start.text.partition("!")
    value = ""
    if start.text.endswith("!"):
        value = module.code_for_node(opening.assign.value).removeprefix("await ") if opening.assign.value else ""
        if value.startswith("("):
            raise CannotFixError("the `await` stands in parentheses")
    made = list(_opening.header(finding.path, module, opening, found, (keyword, other or value, offer.session[0])))
    closes = {(part.line, part.column) for part in offer.parts if part.role == "close"}
    return (*made, *body(finding.path, text, opening, inside, found, closes))


def body(
    path: str,
    text: str,
    opening: _opening.Opened,
    inside: Sequence[cst.BaseStatement],
    found: Spans,
    closes: set[tuple[int, int]],
) -> tuple[Edit, ...]:
    """The edits of the lines of the block: they are indented, and the closes at `closes` go."""
    if unwrapped := _unwrapped(path, text, inside, found, closes):
        return unwrapped
    source = lines(text)
    gone: list[tuple[int, int]] = []
    kept: set[int] = set()
    for statement in inside:
        if lone := _only_closes(statement, found, closes, source):
            gone += [(found[id(statement)][0],) * 2, lone]
            kept.update(range(found[id(statement)][0], lone[1] + 1))
    final, has_handlers = _final(inside)
    for statement in inside:
        for node in below(statement):
            if isinstance(node, cst.SimpleStatementLine) and found.get(id(node.body[0]), (0, 0))[:2] in closes:
                if len(node.body) > 1 or found[id(node)][0] in kept:
                    continue
                first, last = found[id(node)][0], end_row(node, found, source)
                if final is not None and any(one is node for one in below(final)):
                    if not has_handlers:
                        continue
                    first = _line_of_finally(source, first)
                gone.append((first, last))
    without = kept | {row for first, last in gone for row in range(first, last + 1)}
    made = _opening.indented(path, text, opening, inside, found, without)
    deletions = [_opening.deleted(path, text, first, last) for first, last in gone]
    hidden = {row for one in deletions for row in range(one.line, one.end_line)}
    unused = [
        edit for statement in inside if found[id(statement)][0] in kept for edit in _unused(path, text, statement)
    ]
    return (*(one for one in made if one.line not in hidden), *deletions, *unused)


def _unused(path: str, text: str, statement: cst.BaseStatement) -> Iterator[Edit]:
    """The edits that take away the imports of exceptions which only handlers that go have named."""
    module, found = parsed(text)
    types = [one.type for one in statement.handlers if one.type] if isinstance(statement, cst.Try) else []
    for name in sorted({node.value for one in types for node in below(one) if isinstance(node, cst.Name)}):
        yield from _imports.dropped(path, text, module, found, name, types)


def _only_closes(
    statement: cst.BaseStatement, found: Spans, closes: set[tuple[int, int]], source: Sequence[str]
) -> tuple[int, int] | None:
    """The lines of the handlers of a `try` which all do nothing but close the session and raise again."""
    match statement:
        case cst.Try(orelse=None, finalbody=None, body=cst.IndentedBlock(), handlers=[_, *_] as handlers):
            pass
        case _:
            return None
    for handler in handlers:
        match handler.body:
            case cst.IndentedBlock(
                body=[
                    cst.SimpleStatementLine(body=[cst.Expr() as close]),
                    cst.SimpleStatementLine(body=[cst.Raise(exc=None)]),
                ]
            ) if found[id(close)][:2] in closes:
                pass
            case _:
                return None
    row, last = found[id(statement)][0], end_row(statement, found, source)
    first = last
    while not source[first - 1].startswith(f"{margin(source[row - 1])}except"):
        first -= 1
        if first == row:
            return None
    for _ in handlers[1:]:
        first -= 1
        while first > row and not source[first - 1].startswith(f"{margin(source[row - 1])}except"):
            first -= 1
    if source[row - 1].strip() != "try:" or any("#" in source[one - 1] for one in range(first, last + 1)):
        return None
    return first, last


def _final(inside: Sequence[cst.BaseStatement]) -> tuple[cst.Finally | None, bool]:
    """The `finally` at the end of some statements, and whether its `try` can do without."""
    last = inside[-1]
    return (last.finalbody, bool(last.handlers)) if isinstance(last, cst.Try | cst.TryStar) else (None, False)


def _line_of_finally(source: Sequence[str], first: int) -> int:
    """The line of the `finally:` above the statement at `first`."""
    row = first - 1
    while row and not source[row - 1].lstrip().startswith("finally"):
        row -= 1
    if any(source[one - 1].strip() for one in range(row + 1, first)) or not source[row - 1].strip().endswith(":"):
        raise CannotFixError("there are comments in the `finally`")
    return row


def _unwrapped(
    path: str, text: str, inside: Sequence[cst.BaseStatement], found: Spans, closes: set[tuple[int, int]]
) -> tuple[Edit, ...]:
    """The edits where the block has nothing but `try: ... finally: close()` in it: its lines stay where they are."""
    source = lines(text)
    match inside:
        case [
            cst.Try(
                handlers=[],
                orelse=None,
                body=cst.IndentedBlock(),
                finalbody=cst.Finally(body=cst.IndentedBlock(body=end)),
            ) as node
        ] if len(end) == 1 and isinstance(end[0], cst.SimpleStatementLine):
            line = end[0]
            if (
                found.get(id(line.body[0]), (0, 0))[:2] not in closes
                or source[found[id(node)][0] - 1].strip() != "try:"
            ):
                return ()
        case _:
            return ()
    row = found[id(node)][0]
    if source[row - 2].lstrip().startswith("#"):
        return ()
    first = _line_of_finally(source, found[id(line)][0])
    start = row
    while not source[start - 2].strip():
        start -= 1
    return Edit(path, start, 1, row + 1, 1, ""), _opening.deleted(path, text, first, end_row(line, found, source))
