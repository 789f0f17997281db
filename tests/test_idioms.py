"""The table of idioms names fixtures that exist: each idiom with one that is marked and a look-alike that is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from marks import marked

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))
    for line in (HERE / "idioms.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not re.match(r"\|(---|\s*idiom\s*\|)", line)
]


def lines_of(reference: str) -> tuple[Path, range]:
    """The file that a reference names, and the lines of the function in it; all lines without one."""
    name, _, function = reference.partition(":")
    file = FIXTURES / name
    source = file.read_text(encoding="utf-8")
    if not function:
        return file, range(1, source.count("\n") + 2)
    node = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    ][-1]
    return file, range(node.lineno, (node.end_lineno or node.lineno) + 1)


def marks_in(reference: str) -> set[int]:
    file, lines = lines_of(reference)
    return {line for _, line, _ in marked(file.parent, [file]) if line in lines}


def test_there_is_one_row_for_each_idiom() -> None:
    assert len(ROWS) > 80
    assert all(len(row) == 3 and all(row) for row in ROWS)
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("shown", "silent"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_idiom_is_shown_and_its_look_alike_is_silent(shown: str, silent: str) -> None:
    file, _ = lines_of(shown)
    if file.parent.parent == FIXTURES:
        assert marks_in(shown)
    else:  # in a service of several files, the callers of what is named may carry the marks
        assert marks_in(shown) or marked(file.parent, sorted(file.parent.rglob("*.py")))
    assert not marks_in(silent)
    if ":" not in silent:
        assert Path(silent).parts[1].startswith("ok_")
