"""A PostgreSQL server for the tests: started on loopback in a temporary folder, stopped and removed at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = "POOLHOLD_REQUIRE_POSTGRES"
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "listen_addresses": "127.0.0.1",
}


def find_binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: Debian's versioned folders (newest first), else PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: [int(part) for part in folder.parent.name.split(".") if part.isdigit()],
        reverse=True,
    )
    on_path = shutil.which("pg_ctl")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


def unprivileged_user() -> str | None:
    """The user to run the server as: PostgreSQL refuses root. None keeps the present user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _run(command: list[str], user: str | None, folder: Path) -> None:
    groups: dict[str, object] = {} if user is None else {"group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    with (folder / "log").open("ab") as log:
        done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, user=user, check=False, **groups)  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(folder / 'log').read_text(errors='replace')[-2000:]}")


@contextmanager
def running_postgres(binaries: Path) -> Iterator[str]:
    """Start a server; yields the URL of its database (asyncpg). RuntimeError with its log when it fails."""
    user = unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="poolhold-pg-"))
    data = folder / "data"
    try:
        if user is not None:
            shutil.chown(folder, user)
        options = ["-U", "poolhold", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        _run([str(binaries / "initdb"), "-D", str(data), *options], user, folder)
        port = free_port()
        settings = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        settings += f" -c unix_socket_directories={folder} -p {port}"
        pg_ctl = str(binaries / "pg_ctl")
        _run([pg_ctl, "-D", str(data), "-o", settings, "-l", str(folder / "server.log"), "-w", "start"], user, folder)
        try:
            yield f"postgresql+asyncpg://poolhold@127.0.0.1:{port}/postgres"
        finally:
            _run([pg_ctl, "-D", str(data), "-m", "immediate", "-w", "stop"], user, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL database (asyncpg). Skips where PostgreSQL is not installed, unless it is required."""
    binaries = find_binaries()
    if binaries is None:
        reason = "PostgreSQL is not installed (no initdb and pg_ctl found)"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{reason}, and {REQUIRED}=1 asks for it")
        pytest.skip(reason)
    with running_postgres(binaries) as url:
        yield url
