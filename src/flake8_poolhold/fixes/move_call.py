"""`move-call`: the block that holds the connection ends before the statement that waits.

That statement and those behind it lose the indentation of the block; nothing else about them changes.
"""

from __future__ import annotations

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _blocks, _reads
from flake8_poolhold.fixes._code import code_of, newline


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the lines of the block cannot be told apart."""
    code = code_of(text)
    block = _blocks.block(code, finding)
    if not block.waiting:
        raise CannotFixError("nothing would be left in the block")
    _blocks.check_outside(finding, block.body[block.waiting :])
    inner, outer = _blocks.shift(code, block.node)
    tail = block.body[block.waiting]
    first = _blocks.first_line(tail, code, inner)
    last = _blocks.last_line(block.body[-1], code, inner)
    made = _blocks.dedented(finding.path, code, block.node, first, last, (inner, outer))
    if reads := _reads.statements(finding):
        behind = newline(code.source[first - 1], code)
        made = tuple(edit for edit in made if edit.line != first)
        content = "".join(f"{inner}{one}{behind}" for one in reads)
        made += (Edit(finding.path, first, 1, first, len(inner) + 1, f"{content}{outer}"),)
        made += _reads.replaced(finding, code, block.node, code.span(tail)[:2])
    return made
