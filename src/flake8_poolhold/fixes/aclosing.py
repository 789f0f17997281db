"""`aclosing`: `async for db in get_db():` goes into a block that closes the generator when the loop is left."""

from __future__ import annotations

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _imports, _opening
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import newline, node_at, parsed
from flake8_poolhold.source.text import lines


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the lines of the loop cannot be told apart."""
    part = finding.fix.parts[0] if finding.fix is not None and finding.fix.parts else None
    if part is None:
        raise CannotFixError("no fix is offered")
    module, found = parsed(text)
    loop = node_at(module, cst.For, (part.line, part.column), found)
    if not isinstance(loop, cst.For) or not isinstance(loop.iter, cst.Call) or loop.iter.lpar:
        raise CannotFixError("the loop is not written as others are")
    row, column = found[id(loop)][:2]
    first, start, last, end = found[id(loop.iter)]
    source = lines(text)
    outer = margin(source[row - 1])
    if first != row or last != row or len(outer) + 1 != column or not isinstance(loop.body, cst.IndentedBlock):
        raise CannotFixError("the first line of the loop cannot be changed")
    step = _opening.step([loop], outer, source, found)
    name = _imports.imported_as(module, "contextlib", "aclosing")
    imports = () if name else _imports.added(finding.path, text, module, found, "contextlib", "aclosing")
    call = source[row - 1][start - 1 : end - 1]
    header = f"async with {name or 'aclosing'}({call}) as {part.text}:{newline(source[row - 1], module)}{outer}{step}"
    return (
        Edit(finding.path, row, column, row, column, header),
        Edit(finding.path, row, start, row, end, part.text),
        *_opening.indented_from(finding.path, text, row + 1, outer, [loop], found, ()),
        *imports,
    )
