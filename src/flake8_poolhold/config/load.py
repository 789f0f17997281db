"""From pyproject.toml and the command line to settings."""

from __future__ import annotations

import difflib
import functools
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flake8_poolhold.config.codes import validate_codes
from flake8_poolhold.config.errors import ConfigError
from flake8_poolhold.config.settings import ALL_WAITS, Settings

_TABLE = "[tool.poolhold]"


def find_project_root(path: Path) -> Path:
    """Return the root of the project that `path` (absolute or relative to the working directory) belongs to.

    The working directory when the path lies in it, else the nearest folder upwards with pyproject.toml or .git, else
    the path's own folder. The root of the file system is never a project for being the working directory.
    """
    name, cwd = os.path.abspath(path), os.getcwd()
    if os.path.join(name, "").startswith(os.path.join(cwd, "")) and cwd != os.path.dirname(cwd):
        return Path(cwd)
    path = Path(name)
    folder = path if path.is_dir() else path.parent
    for candidate in (folder, *folder.parents):
        if (candidate / "pyproject.toml").is_file() or (candidate / ".git").exists():
            return candidate
    return folder


def load(start: Path) -> tuple[Settings, Path | None]:
    """Return the settings for the file or folder `start`, and the pyproject.toml they come from, if any.

    Read is the pyproject.toml of the project root alone: whichever files are named, and in whichever face, the settings
    of a file are the same. Raises ConfigError for a file that is not TOML, an unknown key, a wrong type or an unknown
    code.
    """
    file = find_project_root(start) / "pyproject.toml"
    data = _data(file)
    settings = _settings_in(data, file) if data is not None and b"poolhold" in data else None
    return (settings, file) if settings is not None else (Settings(), None)


def override(
    settings: Settings,
    *,
    select: Sequence[str] | None = None,
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    exclude: Sequence[str] | None = None,
    extend_exclude: Sequence[str] = (),
    force_exclude: bool = False,
    per_file_ignores: Mapping[str, Sequence[str]] | None = None,
    waits: Sequence[str] | None = None,
) -> Settings:
    """Return the settings with the options of a command line laid over them. Raises ConfigError for an unknown code.

    A given `select` runs nothing but what the command line selects: select, extend-select and ignore of the settings
    no longer count. A given `exclude`, `per_file_ignores` or `waits` replaces the setting; the others add to it.
    """
    base = settings if select is None else msgspec.structs.replace(settings, select=(), extend_select=(), ignore=())
    validate_codes(select or (), key="--select")
    validate_codes(extend_select, key="--extend-select")
    validate_codes(ignore, key="--ignore")
    for codes in (per_file_ignores or {}).values():
        validate_codes(codes, key="--per-file-ignores")
    for one in waits or ():
        if one not in (*ALL_WAITS, "all"):
            near = difflib.get_close_matches(one, ALL_WAITS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are all, {', '.join(ALL_WAITS)}"
            raise ConfigError(None, "--waits", f"`{one}` is no class of waits; {hint}")
    return msgspec.structs.replace(
        base,
        waits=base.waits if waits is None else tuple(waits),
        select=base.select if select is None else tuple(select),
        extend_select=(*base.extend_select, *extend_select),
        ignore=(*base.ignore, *ignore),
        exclude=base.exclude if exclude is None else tuple(exclude),
        extend_exclude=(*base.extend_exclude, *extend_exclude),
        force_exclude=base.force_exclude or force_exclude,
        per_file_ignores=(
            base.per_file_ignores
            if per_file_ignores is None
            else {pattern: tuple(codes) for pattern, codes in per_file_ignores.items()}
        ),
    )


def _data(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(file, "", f"cannot be read: {error.strerror or error}") from None


@functools.lru_cache(maxsize=8)
def _settings_in(data: bytes, file: Path) -> Settings | None:
    """The settings in `[tool.poolhold]` of a pyproject.toml with this content, None when there is no such table.

    They are remembered: flake8 asks for them with each file.
    """
    try:
        tool = tomllib.loads(data.decode()).get("tool", {})
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", f"is not UTF-8: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"is not TOML: {error}") from None
    table = tool.get("poolhold") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigError(file, _TABLE, f"must be a table, is {type(table).__name__}")
    return _settings(table, file)


def _settings(table: dict[str, Any], file: Path) -> Settings:
    known = set(Settings.__struct_encode_fields__)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(file, f"{_TABLE} {key}", f"unknown key; {hint}")
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at ")
        path = re.sub(r"^\$\.|`|^\$", "", place.strip("`")) or "$"
        raise ConfigError(file, f"{_TABLE} {path}", reason[0].lower() + reason[1:]) from None
    validate_codes(settings.select or (), path=file, key=f"{_TABLE} select")
    validate_codes(settings.extend_select, path=file, key=f"{_TABLE} extend-select")
    validate_codes(settings.ignore, path=file, key=f"{_TABLE} ignore")
    for codes in settings.per_file_ignores.values():
        validate_codes(codes, path=file, key=f"{_TABLE} per-file-ignores")
    return settings
