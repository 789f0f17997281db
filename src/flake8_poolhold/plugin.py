"""The flake8 plugin: an adapter to the engine, nothing else."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flake8_poolhold import __version__


class Plugin:
    """Findings for one file. flake8 runs one instance a file, in any of its processes, in any order."""

    name = "flake8-poolhold"
    version = __version__
    _named: tuple[str, ...] = ()
    """What flake8's own `select` and `extend-select` name: advisory and opt-in codes are reported only when named."""

    def __init__(self, tree: ast.AST, lines: Sequence[str], filename: str) -> None:
        self._lines, self._filename = lines, filename

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Keep the codes that the user has selected by name."""
        named = [*(options.select or ()), *(options.extended_select or ()), *(getattr(options, "extend_select", None) or ())]
        cls._named = tuple(code for code in named if code.startswith("PHL"))

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield line (1-based), column (0-based), text and type of each finding."""
        from flake8_poolhold import engine
        from flake8_poolhold.config import load

        path = Path(self._filename)
        stdin = None
        if self._filename in ("stdin", "-", "/dev/stdin") or not path.exists():
            path, stdin = Path("stdin.py"), "".join(self._lines).encode()
        settings, _ = load(path)
        for finding in engine.check([path], engine.with_codes(settings, self._named), stdin=stdin).findings:
            if finding.advisory and not self._is_named(finding.code, settings.extend_select, settings.select or ()):
                continue
            yield finding.line, finding.column - 1, f"{finding.code} {finding.message}", type(self)

    def _is_named(self, code: str, *configured: Sequence[str]) -> bool:
        return any(code.startswith(prefix) for prefixes in (self._named, *configured) for prefix in prefixes)
