"""PgBouncer in transaction mode in front of a PostgreSQL server of the tests, on loopback in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from oracle.servers import REQUIRED, free_port, is_listening, unprivileged_user

SETTINGS = """\
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
pidfile = {folder}/pid
ignore_startup_parameters = extra_float_digits
"""
REMEMBERS = (1, 21)
"""The first version that remembers prepared statements, unless `max_prepared_statements` is 0."""


def _version(program: str) -> tuple[int, int]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = said.split()[1].split(".")[:2]
    return int(major), int(minor)


@contextmanager
def running_pgbouncer(database: str) -> Iterator[int]:
    """Start PgBouncer before the server at this URL; yields its port. Skips where it is not installed."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        reason = "PgBouncer is not installed"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{reason}, and {REQUIRED}=1 asks for it")
        pytest.skip(reason)
    url, user, own = make_url(database), unprivileged_user(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="poolhold-bouncer-"))
    settings = SETTINGS.format(host=url.host, port=url.port, own=own, folder=folder)
    settings = settings.replace("[databases]\n* =", f"[databases]\n{url.database} =")
    settings = settings.replace(f"port={url.port}", f"port={url.port} user={url.username}")
    if _version(program) >= REMEMBERS:
        settings += "max_prepared_statements = 0\n"
    (folder / "pgbouncer.ini").write_text(settings)
    identity: dict[str, object] = {}
    if user is not None:
        shutil.chown(folder, user)
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    command = [program, str(folder / "pgbouncer.ini")]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=folder, **silent, **identity)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 10
        while not is_listening(own):
            if process.poll() is not None or time.monotonic() > deadline:
                log = folder / "log"
                raise RuntimeError(f"pgbouncer did not start: {log.read_text() if log.exists() else ''}")
            time.sleep(0.05)
        yield own
    finally:
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)
