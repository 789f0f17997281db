"""The version of FastAPI that a project runs on: it decides when the exit code of a dependency runs.

Up to 0.105 and from 0.118 on, a dependency with `yield` exits after the response was sent; in between, before it.
"""

from __future__ import annotations

from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.versions import Version

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
    """The version for the code at `path`; `None` where nothing bounds it."""
    return versions.newest(project, path, "fastapi")
