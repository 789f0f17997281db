"""Which rules run: select, extend-select, ignore and per-file-ignores."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flake8_poolhold.config.errors import ConfigError
from flake8_poolhold.config.patterns import matches_within
from flake8_poolhold.registry import rules

if TYPE_CHECKING:
    from flake8_poolhold.config.settings import Settings


def selected(settings: Settings, code: str) -> bool:
    """Tell whether the rule `code` runs: the longest matching prefix decides, in a tie `ignore` wins.

    Without `select`, every rule that is not opt-in is selected by a prefix of length 0.
    """
    chosen = _longest(settings.extend_select, code)
    if settings.select is not None:
        chosen = max(chosen, _longest(settings.select, code))
    elif not ((known := rules().get(code)) and known.opt_in):
        chosen = max(chosen, 0)
    return chosen > _longest(settings.ignore, code)


def per_file_ignored(settings: Settings, path: str, code: str) -> bool:
    """Tell whether per-file-ignores switch `code` off in the file `path` (relative to the root, forward slashes)."""
    return any(
        code.startswith(prefixes) and matches_within((pattern,), path)
        for pattern, prefixes in settings.per_file_ignores.items()
    )


def validate_codes(prefixes: Iterable[str], *, path: Path | None = None, key: str = "") -> None:
    """Check that each prefix stands for at least one rule. Raises ConfigError, about `key` of the file `path`."""
    for prefix in prefixes:
        if not prefix or not any(code.startswith(prefix) for code in rules()):
            raise ConfigError(path, key, unknown_code(prefix))


def unknown_code(code: str) -> str:
    """Return the message about a code or rule name that does not exist, with the nearest that do."""
    by_name = {known.name: known.code for known in rules().values()}
    near = difflib.get_close_matches(code.upper(), rules(), n=2) or [
        by_name[name] for name in difflib.get_close_matches(code.lower(), by_name, n=2)
    ]
    meant = f"; did you mean {' or '.join(f'`{match}`' for match in near)}?" if near else ""
    return f"unknown code `{code}`{meant}" if meant else f"unknown code `{code}`; `poolhold rule` lists the codes"


def _longest(prefixes: Iterable[str], code: str) -> int:
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=-1)
