"""The findings that fixtures mark on their lines: `# error: PHL101, PHL303`."""

from __future__ import annotations

import re
from pathlib import Path

_MARK = re.compile(r"#\s*error:\s*(PHL\d{3}(?:\s*,\s*PHL\d{3})*)")

Place = tuple[str, int, str]
"""File relative to the fixture's root, line, code."""


def marked(root: Path, files: list[Path]) -> set[Place]:
    """The marks in `files`, which lie below `root`."""
    places = set()
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for match in _MARK.finditer(line):
                places |= {(file.relative_to(root).as_posix(), number, code.strip()) for code in match[1].split(",")}
    return places
