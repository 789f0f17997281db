"""The version of a package that a project runs on, from its lock files and requirements."""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Callable
from posixpath import dirname, join
from typing import TypeVar

from flake8_poolhold.flow.model.project import Project

Version = tuple[int, int]
"""Major and minor."""

_BOUND = re.compile(rb"([<>=~!^]+)\s*(\d+)(?:\.(\d+))?")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_REQUIREMENTS = (
    "requirements.lock",
    "requirements.lock.txt",
    "requirements-lock.txt",
    "pyproject.toml",
    "requirements.txt",
    "requirements/base.txt",
    "requirements/prod.txt",
    "setup.py",
    "setup.cfg",
)


_MOST_TEXTS = 64
"""Of so many pairs of a file and a package the answer is remembered; each function of a project asks."""


def newest(project: Project, path: str, package: str) -> Version | None:
    """The version that the code at `path` runs on: from the nearest lock file above it, else the newest allowed one.

    `None` where nothing bounds it.
    """
    locked = nearest(project, path, _LOCKS, lambda text: _locked(text, package))
    return locked or nearest(project, path, _REQUIREMENTS, lambda text: _highest(_bounds(text, package)))


def oldest(project: Project, path: str, package: str) -> Version | None:
    """The oldest version that the code at `path` may run on; `None` where nothing bounds it."""
    locked = nearest(project, path, _LOCKS, lambda text: _locked(text, package))
    return locked or nearest(project, path, _REQUIREMENTS, lambda text: _lowest(_bounds(text, package)))


def exact(project: Project, path: str, package: str) -> tuple[int, int, int] | None:
    """Major, minor and patch, where a lock file or a pinned requirement tells."""

    def read(text: bytes) -> tuple[int, int, int] | None:
        return _pinned(text, package)

    return nearest(project, path, _LOCKS, read) or nearest(project, path, _REQUIREMENTS, read)


_Read = TypeVar("_Read")


def nearest(project: Project, path: str, files: tuple[str, ...], read: Callable[[bytes], _Read | None]) -> _Read | None:
    """What `read` finds in the nearest of these files above `path`."""
    folder = dirname(path)
    while True:
        for name in files:
            found = read(_in_bytes(project.bytes_of(join(folder, name))))
            if found is not None:
                return found
        if not folder:
            return None
        folder = dirname(folder)


def _in_bytes(raw: bytes) -> bytes:
    """The text in UTF-8: PowerShell's `pip freeze > requirements.txt` writes UTF-16, which pip reads."""
    if not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw
    return raw.decode("utf-16", "replace").encode()


@functools.lru_cache(maxsize=_MOST_TEXTS)
def _pinned(text: bytes, package: str) -> tuple[int, int, int] | None:
    match = _exactly(package).search(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match is not None else None


@functools.cache
def _exactly(package: str) -> re.Pattern[bytes]:
    name = re.escape(package).replace(r"\-", "[-_.]").encode()
    pinned = rb"""(?im)(?:name = "%b"\s+version = "|^[\s"']*%b(?:\[[^\]\n]*\])?\s*==\s*)(\d+)\.(\d+)\.(\d+)"""
    return re.compile(pinned % (name, name))


@functools.cache
def _patterns(package: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    name = re.escape(package).replace(r"\-", "[-_.]").encode()
    locked = rb'(?i)name = "%b"\s+version = "(\d+)\.(\d+)|"%b": \{[^}]*?"version": "==(\d+)\.(\d+)' % (name, name)
    required = (
        rb"""(?im)^[\s"']*%b(?:\[[^\]\n]*\])?\s*=?\s*(?:\{[^}\n]*?version\s*=\s*)?["']?\s*"""
        rb"""((?:[<>=~!^]=?=?\s*[\d.*]+\s*,?\s*)+)"""
    ) % name
    return re.compile(locked), re.compile(required)


@functools.lru_cache(maxsize=_MOST_TEXTS)
def _locked(text: bytes, package: str) -> Version | None:
    match = _patterns(package)[0].search(text)
    if match is None:
        return None
    major, minor = (part for part in match.groups() if part is not None)
    return int(major), int(minor)


@functools.lru_cache(maxsize=_MOST_TEXTS)
def _bounds(text: bytes, package: str) -> tuple[tuple[bytes, Version, bool], ...]:
    """The bounds of a requirement: operator, version, and whether the minor is spelled out."""
    match = _patterns(package)[1].search(text)
    found = _BOUND.findall(match[1]) if match is not None else []
    return tuple((operator, (int(major), int(minor or 0)), bool(minor)) for operator, major, minor in found)


def _highest(bounds: tuple[tuple[bytes, Version, bool], ...]) -> Version | None:
    for operator, bound, has_minor in bounds:
        if operator in (b"==", b"===", b"~=", b"^", b"=", b"<="):
            return bound
        if operator == b"<" and has_minor and bound[1]:
            return (bound[0], bound[1] - 1)
    return None


def _lowest(bounds: tuple[tuple[bytes, Version, bool], ...]) -> Version | None:
    return next((bound for operator, bound, _ in bounds if operator[:1] in b"=~^>"), None)
