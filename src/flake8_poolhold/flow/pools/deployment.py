"""How a service is run, as far as the files beside it say so: worker processes, the server's limit, a pooler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import dirname, join

from flake8_poolhold.flow.model.project import Project

_COMPOSE = tuple(
    f"{stem}{part}.{suffix}"
    for stem in ("compose", "docker-compose")
    for part in ("", ".prod", ".production", "-prod", "-production")
    for suffix in ("yml", "yaml")
)
_COMMANDS = (
    "Dockerfile",
    "Dockerfile.prod",
    "Procfile",
    *_COMPOSE,
    "start.sh",
    "entrypoint.sh",
    "docker-entrypoint.sh",
)
_CONFIGURATIONS = ("gunicorn.conf.py", "gunicorn_conf.py")
_ENVIRONMENTS = (".env", ".env.example", ".env.sample", ".env.template", ".env.prod", ".env.production", *_COMPOSE)
_POOLERS = ("pgbouncer.ini", "pgbouncer/pgbouncer.ini", "docker/pgbouncer.ini", *_ENVIRONMENTS)

_COMMENT = re.compile(rb"(?m)^\s*[#;].*$|[ \t]#.*$")
_CONTINUED = re.compile(rb"\\\r?\n\s*|\n[ \t]*-[ \t]+")
_SERVER = re.compile(rb"\b(?:gunicorn|uvicorn|hypercorn|granian|fastapi)\b[^\n]*")
_WORKERS = re.compile(rb"""(?:[\s"'](?:-w|--workers)|WEB_CONCURRENCY)["',=:\s]*(\d{1,3})\b""")
_ASSIGNED = re.compile(rb"(?m)^(?:workers|WEB_CONCURRENCY)\s*=\s*(\d{1,3})\s*$")
_LIMIT = re.compile(rb"\bmax_connections[\"'=:\s]+(\d{1,6})\b")
_SESSION_MODE = re.compile(rb"(?i)\bpool_?mode[\"'=:\s]+session\b")
_PREPARED = re.compile(rb"(?i)\bmax_prepared_statements[\"'=:\s]+[1-9]")
_POOLED = re.compile(rb"(?i)://[^\s\"'/]*(?:pgbouncer[^\s\"'/]*|:6432|pooler\.supabase\.com:6543)(?=[/?\s\"']|$)")


def workers(project: Project, path: str) -> tuple[int, str] | None:
    """How many worker processes are started, and the file that says so; the nearest to the code at `path` counts.

    Where one file starts several servers, the smallest number is taken.
    """
    for file, text in _beside(project, path, (*_COMMANDS, *_CONFIGURATIONS)):
        if file.endswith(_CONFIGURATIONS):
            found = _ASSIGNED.findall(text)
        else:
            lines = _CONTINUED.sub(b" ", text)
            found = [number for command in _SERVER.findall(lines) for number in _WORKERS.findall(command)]
            found = found or [number for number in _WORKERS.findall(text) if b"WEB_CONCURRENCY" in text]
        if found:
            return min(int(number) for number in found), file
    return None


def serves(project: Project, path: str) -> bool:
    """Whether a file beside the code at `path` starts a server process."""
    return any(_SERVER.search(text) for _, text in _beside(project, path, _COMMANDS))


def server_limit(project: Project, path: str) -> tuple[int, str] | None:
    """The `max_connections` that a compose file gives the database server, and the file."""
    for file, text in _beside(project, path, _COMPOSE):
        found = _LIMIT.findall(text)
        if found:
            return max(int(number) for number in found), file
    return None


def pooler(project: Project, path: str) -> str:
    """The file whose database address leads through PgBouncer; empty where none does."""
    return next((file for file, text in _beside(project, path, _ENVIRONMENTS) if _POOLED.search(text)), "")


def keeps_statements(project: Project, path: str) -> bool:
    """Whether PgBouncer is set up in a way that prepared statements survive: by session, or remembered by it."""
    return any(_SESSION_MODE.search(text) or _PREPARED.search(text) for _, text in _beside(project, path, _POOLERS))


def _beside(project: Project, path: str, names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """The files of these names in the folders above `path`, nearest first, without their comments."""
    folder = dirname(path)
    while True:
        for name in names:
            file = join(folder, name)
            text = project.bytes_of(file)
            if text:
                yield file, _COMMENT.sub(b"", text)
        if not folder:
            return
        folder = dirname(folder)
