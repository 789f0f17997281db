"""`move-call`: the block that holds the connection ends before the statement that waits, or begins behind it.

The statements that go out of the block lose its indentation; nothing else about them changes.
"""

from __future__ import annotations

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _blocks, _reads
from flake8_poolhold.fixes._code import Code, code_of, newline


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the lines of the block cannot be told apart."""
    code = code_of(text)
    block = _blocks.block(code, finding)
    if finding.fix is not None and finding.fix.again != (0, 0):
        return _to_the_front(finding, code, block)
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


def _to_the_front(finding: Finding, code: Code, block: _blocks.Block) -> tuple[Edit, ...]:
    """The lines up to the statement that waits are taken out of the block and put before it, and its comment."""
    if len(block.body) == block.waiting + 1:
        raise CannotFixError("nothing would be left in the block")
    _blocks.check_outside(finding, block.body[: block.waiting + 1])
    inner, outer = _blocks.shift(code, block.node)
    first = _blocks.first_line(block.body[0], code, inner)
    rest = _blocks.first_line(block.body[block.waiting + 1], code, inner)
    moved = _blocks.dedented_text(code, block.node, first, rest - 1, (inner, outer))
    at = _blocks.first_line(block.node, code, outer)
    return Edit(finding.path, at, 1, at, 1, moved), Edit(finding.path, first, 1, rest, 1, "")
