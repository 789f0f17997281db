"""`commit-in-dependency`: end the transaction of a dependency before it returns.

Every `return` behind the first use of the session gets a commit before it, those of error handlers excepted. What a
`return` queries itself is put into a variable first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import (
    Code,
    Function,
    blocks,
    code_of,
    elif_of,
    end_row,
    function_at,
    leads,
    margin,
    names,
    newline,
)

_RESULTS = ("result", "found", "returned")


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix, on the text of the dependency's file. Raises `CannotFixError` where it has no place."""
    offer = finding.fix
    if offer is None:
        raise CannotFixError("no fix is offered")
    code = code_of(text)
    function = function_at(offer.start, code)
    if not leads(function.body[0], code):
        raise CannotFixError("the dependency stands on one line")
    session = offer.statement.removeprefix("await ").partition(".")[0]
    taken = names(function)
    result = next((name for name in _RESULTS if name not in taken), "")
    made: list[Edit] = []
    ends, used = _walk(function.body, code, session, used=False, failed=False)
    for statement in ends:
        made += _before(statement, offer.path, code, (offer.statement, session, result))
    if used and not _ends(function.body):
        made.append(_behind(function.body[-1], offer.path, code, offer.statement))
    if not made:
        raise CannotFixError("the dependency has no end before which a commit can stand")
    return tuple(made)


def _walk(
    body: Sequence[ast.stmt], code: Code, session: str, *, used: bool, failed: bool
) -> tuple[list[ast.Return], bool]:
    """The `return`s of a block that may come after a use of the session, and whether one may come after its end.

    Raises `CannotFixError` where such a `return` stands where no commit can stand.
    """
    ends: list[ast.Return] = []
    for index, statement in enumerate(body):
        if isinstance(statement, ast.If):
            inside, used = _walk_if(statement, code, session, used=used, failed=failed)
            ends += inside
            continue
        if isinstance(statement, Function | ast.ClassDef):
            continue
        used = used or session in names(statement)
        if used and isinstance(statement, ast.Return):
            if failed:
                raise CannotFixError("the dependency returns from an error handler, where a commit may fail too")
            row = code.span(statement)[2]
            if not leads(statement, code) or any(code.span(one)[0] == row for one in body[index + 1 : index + 2]):
                raise CannotFixError("a `return` of the dependency shares its line")
            ends.append(statement)
        for inner in blocks(statement, code):
            aside = isinstance(statement, ast.Try | ast.TryStar) and inner is not statement.body
            ends += _walk(inner, code, session, used=used, failed=failed or aside)[0]
    return ends, used


def _walk_if(statement: ast.If, code: Code, session: str, *, used: bool, failed: bool) -> tuple[list[ast.Return], bool]:
    """The same of an `if`: what an arm that leaves the function has used does not matter behind it."""
    ends: list[ast.Return] = []
    behind = False
    arm: ast.If | None = statement
    while arm is not None:
        used = used or session in names(arm.test)
        rest = elif_of(arm, code)
        for block in (arm.body, arm.orelse if rest is None else []):
            inside, after = _walk(block, code, session, used=used, failed=failed)
            ends += inside
            behind = behind or (after and bool(block) and not _ends(block))
        arm = rest
    return ends, used or behind


def _before(statement: ast.Return, path: str, code: Code, words: tuple[str, str, str]) -> Iterator[Edit]:
    commit, session, result = words
    row, column, last, end = code.span(statement)
    indent = margin(code.source[row - 1])
    behind = f"{newline(code.source[row - 1], code)}{indent}"
    if session in names(statement):
        if not result:
            raise CannotFixError("there is no name left for what the dependency returns")
        yield Edit(path, row, column, row, column + len("return"), f"{result} =")
        yield Edit(path, last, end, last, end, f"{behind}{commit}{behind}return {result}")
    else:
        yield Edit(path, row, column, row, column, f"{commit}{behind}")


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Whether a block never ends by running off its end."""
    match body[-1] if body else None:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=inside, orelse=otherwise):
            return _ends(inside) and _ends(otherwise)
        case ast.With(body=inside) | ast.AsyncWith(body=inside):
            return _ends(inside)
        case ast.Try(body=inside, handlers=handlers, orelse=[], finalbody=[]):
            return all(_ends(block) for block in (inside, *(handler.body for handler in handlers)))
        case _:
            return False


def _behind(last: ast.stmt, path: str, code: Code, statement: str) -> Edit:
    row = end_row(last, code)
    indent = margin(code.source[code.span(last)[0] - 1])
    text = code.source[row - 1]
    column = len(text.rstrip("\r\n")) + 1
    return Edit(path, row, column, row, column, f"{newline(text, code)}{indent}{statement}")
