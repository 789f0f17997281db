"""The commands that a project installs: functions that pyproject.toml names as scripts."""

from __future__ import annotations

import functools
import tomllib
from typing import Any

from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.versions import nearest

_TABLES = (("project", "scripts"), ("project", "gui-scripts"), ("tool", "poetry", "scripts"))


def is_command(project: Project, path: str, name: str) -> bool:
    """Whether the function `name` of the module at `path` is run by a script of the nearest project."""
    module = path.removesuffix(".py").removesuffix("/__init__")
    scripts = nearest(project, path, ("pyproject.toml",), _scripts) or ()
    return any(one == name and f"/{module}".endswith(f"/{where}") for where, one in scripts)


@functools.lru_cache(maxsize=8)
def _scripts(text: bytes) -> tuple[tuple[str, str], ...] | None:
    """The module, as a path, and the function of each script; `None` where there are none, or the file is broken."""
    try:
        document: Any = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    found: list[tuple[str, str]] = []
    for table in _TABLES:
        scripts = document
        for key in table:
            scripts = scripts.get(key) if isinstance(scripts, dict) else None
        for script in scripts.values() if isinstance(scripts, dict) else ():
            reference = script.get("reference") if isinstance(script, dict) else script
            if isinstance(reference, str):
                module, _, function = reference.partition("[")[0].partition(":")
                found.append((module.strip().replace(".", "/"), function.strip()))
    return tuple(found) or None
