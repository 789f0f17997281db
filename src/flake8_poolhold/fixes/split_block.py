"""`split-block`: the block that holds the connection ends before the wait and is opened again behind it.

The statements that wait lose the indentation of the block; its first line is repeated before the next statement that
uses the session.
"""

from __future__ import annotations

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _blocks, _reads
from flake8_poolhold.fixes._code import code_of, function_around, newline


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the lines of the block cannot be told apart."""
    code = code_of(text)
    block = _blocks.block(code, finding)
    at = finding.fix.again if finding.fix is not None else (0, 0)
    again = next((index for index, one in enumerate(block.body) if code.has(one, at)), 0)
    if not 0 < block.waiting < again or not _blocks.stands_alone(block.body, again, code):
        raise CannotFixError("the statements of the block cannot be told apart")
    _blocks.check_outside(finding, block.body[block.waiting : again])
    function = function_around((finding.line, finding.column), code)
    _reads.check(finding, function)
    inner, outer = _blocks.shift(code, block.node)
    tail, rest = block.body[block.waiting], block.body[again]
    first, second = (_blocks.first_line(one, code, inner) for one in (tail, rest))
    made = _blocks.dedented(finding.path, code, block.node, first, second - 1, (inner, outer))
    header = list(code.source[code.span(block.node)[0] - 1 : code.span(block.body[0])[0] - 1])
    behind = newline(code.source[first - 1], code)
    while len(header) > 1 and not header[-1].rstrip().endswith(":"):
        header.pop()
    if not header[-1].rstrip().endswith(":"):
        raise CannotFixError("the first line of the block cannot be repeated")
    made += (Edit(finding.path, second, 1, second, 1, "".join(header)),)
    if reads := _reads.statements(finding):
        made = tuple(edit for edit in made if (edit.line, edit.end_column) != (first, len(inner) + 1))
        content = "".join(f"{inner}{one}{behind}" for one in reads)
        made += (Edit(finding.path, first, 1, first, len(inner) + 1, f"{content}{outer}"),)
    return made + _reads.replaced(finding, code, function, code.span(tail)[:2])
