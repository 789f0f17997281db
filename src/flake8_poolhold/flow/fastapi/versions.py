"""The version of FastAPI that a project runs on: it decides when the exit code of a dependency runs.

Up to 0.105 and from 0.118 on, a dependency with `yield` exits after the response was sent; in between, before it.
"""

from __future__ import annotations

import re
from posixpath import dirname, join

from flake8_poolhold.flow.model.project import Project

Version = tuple[int, int]

_LOCKED = re.compile(rb'name = "fastapi"\s+version = "(\d+)\.(\d+)')
_REQUIRED = re.compile(
    rb"""(?im)^[\s"']*fastapi(?:\[[^\]\n]*\])?\s*=?\s*["']?\s*((?:[<>=~!^]=?=?\s*[\d.*]+\s*,?\s*)+)"""
)
_BOUND = re.compile(rb"([<>=~!^]+)\s*(\d+)(?:\.(\d+))?")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_REQUIREMENTS = (
    "pyproject.toml",
    "requirements.txt",
    "requirements/base.txt",
    "requirements/prod.txt",
    "setup.py",
    "setup.cfg",
)

EXITS_EARLY: tuple[Version, Version] = ((0, 106), (0, 117))
"""First and last version in which a dependency exits before the response is sent."""


def held_while_streaming(project: Project, path: str) -> bool:
    """Whether the request's session is open while the response is sent. An unknown version is taken for a new one."""
    version = fastapi_version(project, path)
    first, last = EXITS_EARLY
    return version is None or not first <= version <= last


def exits_early(project: Project, path: str) -> bool | None:
    """Whether a dependency exits before the response is sent; `None` where no version tells."""
    version = fastapi_version(project, path)
    first, last = EXITS_EARLY
    return None if version is None else first <= version <= last


def fastapi_version(project: Project, path: str) -> Version | None:
    """The version for the code at `path`: from the nearest lock file above it, else from the nearest requirement."""
    for names, read in ((_LOCKS, _locked), (_REQUIREMENTS, _required)):
        folder = dirname(path)
        while True:
            for name in names:
                version = read(project.bytes_of(join(folder, name)))
                if version is not None:
                    return version
            if not folder:
                break
            folder = dirname(folder)
    return None


_SQLALCHEMY = re.compile(
    rb"""(?:name = "sqlalchemy"\s+version = "|^[\s"\']*sqlalchemy(?:\[[^\]\n]*\])?\s*==\s*)(\d+)\.(\d+)\.(\d+)""",
    re.MULTILINE | re.IGNORECASE,
)


def sqlalchemy_version(project: Project, path: str) -> tuple[int, int, int] | None:
    """The version of SQLAlchemy for the code at `path`, where a lock file or a pinned requirement above it tells."""
    for names in (_LOCKS, _REQUIREMENTS):
        folder = dirname(path)
        while True:
            for name in names:
                match = _SQLALCHEMY.search(project.bytes_of(join(folder, name)))
                if match is not None:
                    return (int(match[1]), int(match[2]), int(match[3]))
            if not folder:
                break
            folder = dirname(folder)
    return None


def _locked(text: bytes) -> Version | None:
    match = _LOCKED.search(text)
    return (int(match[1]), int(match[2])) if match else None


def _required(text: bytes) -> Version | None:
    """The newest version that a requirement allows; without an upper bound none is known."""
    match = _REQUIRED.search(text)
    if match is None:
        return None
    for operator, major, minor in _BOUND.findall(match[1]):
        bound = (int(major), int(minor or 0))
        if operator in (b"==", b"===", b"~=", b"^", b"="):
            return bound
        if operator == b"<=":
            return bound
        if operator == b"<" and minor:
            return (bound[0], bound[1] - 1)
    return None
