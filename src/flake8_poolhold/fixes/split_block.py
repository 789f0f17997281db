"""`split-block`: the block that holds the connection ends before the wait and is opened again behind it.

The statements that wait lose the indentation of the block; its first line is repeated before the next statement that
uses the session.
"""

from __future__ import annotations

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _blocks, _reads
from flake8_poolhold.fixes._places import contains, newline, parsed
from flake8_poolhold.source.text import lines


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the lines of the block cannot be told apart."""
    module, found = parsed(text)
    block = _blocks.block(module, finding, found)
    at = finding.fix.again if finding.fix is not None else (0, 0)
    again = next((index for index, one in enumerate(block.body) if contains(found.get(id(one)), at)), 0)
    if not 0 < block.waiting < again:
        raise CannotFixError("the statements of the block cannot be told apart")
    _blocks.check_outside(finding, block.body[block.waiting : again])
    function = _reads.function_around(module, (finding.line, finding.column), found)
    _reads.check(finding, function)
    source = lines(text)
    inner, outer = _blocks.shift(source, block.node, block.body[0], found)
    tail, rest = block.body[block.waiting], block.body[again]
    first, second = (_blocks.first_line(one, found, source, inner) for one in (tail, rest))
    made = _blocks.dedented(finding.path, text, block.node, found, first, second - 1, (inner, outer))
    start = found[id(block.node)][0]
    header = source[start - 1 : found[id(block.body[0])][0] - 1]
    behind = newline(source[first - 1], module)
    while len(header) > 1 and not header[-1].rstrip().endswith(":"):
        header = header[:-1]
    if not header[-1].rstrip().endswith(":"):
        raise CannotFixError("the first line of the block cannot be repeated")
    made += (Edit(finding.path, second, 1, second, 1, "".join(header)),)
    if reads := _reads.statements(finding):
        made = tuple(edit for edit in made if (edit.line, edit.end_column) != (first, len(inner) + 1))
        content = "".join(f"{inner}{one}{behind}" for one in reads)
        made += (Edit(finding.path, first, 1, first, len(inner) + 1, f"{content}{outer}"),)
    return made + _reads.replaced(finding, text, function, found, found[id(tail)][:2])
