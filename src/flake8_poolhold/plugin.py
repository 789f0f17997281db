"""The flake8 plugin: an adapter to the engine, nothing else."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from flake8_poolhold import __version__

if TYPE_CHECKING:
    from flake8_poolhold.config import Settings
    from flake8_poolhold.engine.shared import Shared

_STDIN = ("-", "stdin")


class Plugin:
    """Findings for one file. flake8 makes an instance for each file, in any of its processes, in any order."""

    name = "flake8-poolhold"
    version = __version__
    _options: ClassVar[argparse.Namespace] = argparse.Namespace()
    _shared: ClassVar[Shared | None] = None
    _selected: ClassVar[tuple[Settings, Settings, frozenset[str]] | None] = None

    def __init__(self, tree: ast.AST, lines: Sequence[str], filename: str) -> None:
        self._lines, self._filename = lines, filename

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Keep flake8's options, and forget what an earlier run of flake8 in this process has read."""
        cls._options, cls._shared, cls._selected = options, None, None

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield line (1-based), column (0-based), text and type of each finding."""
        from flake8_poolhold.config import ConfigError, load
        from flake8_poolhold.engine.shared import Shared

        shared = Plugin._shared = Plugin._shared or Shared()
        path = Path("stdin.py" if self._filename in _STDIN else self._filename)
        named = getattr(self._options, "filenames", None) or ["."]
        try:
            if not set(_STDIN).intersection((*named, self._filename)) and not shared.reports(path, named):
                return
            settings, codes = self._selection(load(path)[0])
        except ConfigError as error:
            # What a worker process raises must survive pickling.
            raise ValueError(f"poolhold: {error}") from None
        comments = not getattr(self._options, "disable_noqa", False)
        result = shared.check(path, self._lines, settings, comments=comments)
        for problem in result.problems:
            place = f"{self._filename}:{problem.line}" if problem.line else self._filename
            print(f"poolhold: {place}: {problem.reason}", file=sys.stderr)
        for finding in result.findings:
            if finding.code in codes:
                yield finding.line, finding.column - 1, f"{finding.code} {finding.message}", type(self)

    def _selection(self, settings: Settings) -> tuple[Settings, frozenset[str]]:
        """What `_selection` tells, asked again only when the settings of a file are not those of the one before."""
        known = Plugin._selected
        if known is None or known[0] != settings:
            known = Plugin._selected = settings, *_selection(settings, _named(self._options))
        return known[1:]


def _named(options: argparse.Namespace) -> tuple[str, ...]:
    """The prefixes that flake8's own options select by name."""
    keys = ("select", "extended_select", "extend_select")
    return tuple(prefix for key in keys for prefix in getattr(options, key, None) or ())


def _selection(settings: Settings, named: Sequence[str]) -> tuple[Settings, frozenset[str]]:
    """The settings for the analysis, and the codes to hand to flake8.

    flake8 takes everything that a plugin yields for an error, so advisories and opt-in rules must be named: in
    `[tool.poolhold]` or in flake8's own options. Advisories are analysed all the same, as comments may silence them.
    """
    import msgspec

    from flake8_poolhold.config import selected
    from flake8_poolhold.registry import rules

    opt_in = [code for code, rule in rules().items() if rule.opt_in]
    asked = tuple(prefix for prefix in named if any(code.startswith(prefix) for code in opt_in))
    wider = msgspec.structs.replace(settings, extend_select=(*settings.extend_select, *asked))
    everyone = (*named, *(settings.select or ()), *settings.extend_select)
    on = {code for code in rules() if selected(wider if code in opt_in else settings, code)}
    codes = {code for code in on if not rules()[code].advisory or code.startswith(tuple(everyone))}
    return msgspec.structs.replace(settings, select=tuple(sorted(on)), extend_select=(), ignore=()), frozenset(codes)
