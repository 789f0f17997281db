"""What the interpreter that runs the tests can read: from version to version its parser nests less or more."""

from __future__ import annotations

import ast

from flake8_poolhold.source import deep


def readable(text: str) -> bool:
    """Whether the parser gets to the end of a valid text that nests deep."""
    try:
        deep.run(lambda: ast.parse(text))
    except (RecursionError, MemoryError):
        return False
    return True
