"""`poolhold size`: options and settings to numbers, what is printed, and what is said about bad numbers."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from flake8_poolhold.cli import main
from flake8_poolhold.report import sizing as report
from flake8_poolhold.sizing import Deployment, Plan, Pool, Workload, plan

README = (Path(__file__).parent.parent / "README.md").read_text()
LOAD = ["size", "--rate", "10", "--query-time", "50ms"]


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert not err
    return out


def as_json(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    return json.loads(said(capsys, *argv, "--json"))


def engines(code: str) -> dict[str, AsyncEngine]:
    """The engines that the printed code makes."""
    names: dict[str, Any] = {"DATABASE_URL": "postgresql+asyncpg://127.0.0.1/app"}
    exec(compile(code, "printed", "exec"), names)
    return {name: value for name, value in names.items() if isinstance(value, AsyncEngine)}


def parts(out: str) -> tuple[str, str, str]:
    """The text, the code, and the lines for pgbouncer.ini."""
    found = re.fullmatch(r"(.*?)^((?:from uuid|from sqlalchemy).*?)^((?:; )?.?PgBouncer .*|\[pgb.*)", out, re.S | re.M)
    assert found, out
    return found[1], found[2], found[3]


def check_engines(code: str, answer: Plan) -> None:
    made = engines(code)
    advised = answer.released.advice.engines
    assert list(made) == [engine.name for engine in advised]
    for engine in advised:
        pool: Any = made[engine.name].pool
        assert pool.size() == engine.pool_size
        assert pool._max_overflow == engine.max_overflow
        assert pool.timeout() == engine.pool_timeout
        assert pool._recycle == engine.pool_recycle
        assert pool._pre_ping == engine.pool_pre_ping


@given(
    workload=st.builds(
        Workload,
        rate=st.floats(0.01, 1_000),
        query_time=st.floats(0.001, 1),
        wait_time=st.one_of(st.just(0.0), st.floats(0.1, 60)),
        fan_out=st.integers(1, 10),
        burst=st.one_of(st.none(), st.integers(1, 1_000)),
        write_time=st.floats(0.001, 1),
    ),
    deployment=st.builds(
        Deployment,
        workers=st.integers(1, 16),
        replicas=st.integers(1, 16),
        max_connections=st.integers(4, 1_000),
        pgbouncer=st.booleans(),
    ),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_printed_call_is_that_of_the_json(workload: Workload, deployment: Deployment) -> None:
    answer = plan(workload, deployment, Pool())
    text, code, ini = parts(report.render(answer, ()))
    assert text.endswith("\n\n")
    assert ("prepared_statement_cache_size" in code) == (answer.released.advice.through == "pgbouncer")
    check_engines(code, answer)
    told = json.loads(report.as_json(answer))["released"]["advice"]
    parser = configparser.ConfigParser()
    parser.read_string(ini)
    assert dict(parser["pgbouncer"]) == {name: str(value) for name, value in told["pgbouncer"].items()}


def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, *LOAD, "--wait-time", "15s", "--workers=4", "--replicas=2")
    assert out == (
        "10 requests per second, each with 50 ms of database time, 15 s of network wait.\n"
        "Workers × replicas: 4 × 2 = 8 processes. The server has 100 - 3 = 97 connections for them.\n"
        "Assumed, because not given: --max-connections 100.\n"
        "\n"
        "                                                         held during the wait   released before it\n"
        "a request has its connections for                                     15.05 s                50 ms\n"
        "in use on average, 10/s × that time                                     150.5                  0.5\n"
        "pool_size, so that at most 1% of checkouts wait                            31                    2\n"
        "for 8 processes; the server has 97                          248, 151 too many                   16\n"
        "for all of them with one pool, PgBouncer's                   181, 84 too many                    4\n"
        "the pool of today, 5 + 10 in each process, runs dry at      6.445/s, exceeded               1940/s\n"
        "\n"
        "The pools of today can open 8 × (5 + 10) = 120 connections, the server has 97.\n"
        "Held during the wait, no pool is enough, not even PgBouncer's: the open transaction keeps its\n"
        "connection there too. What follows is for the service that releases its connection before the wait;\n"
        "`poolhold check` finds where it does not.\n"
        "\n"
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        "\n"
        "engine = create_async_engine(\n"
        "    DATABASE_URL,\n"
        "    pool_size=5,  # 0.0625 in use on average, 0.19% of checkouts wait with 2; no less than the default\n"
        "    max_overflow=5,  # 8 × 10 = 80 connections\n"
        "    pool_timeout=5,  # seconds; fails instead of growing a queue\n"
        "    pool_recycle=3600,  # seconds\n"
        "    pool_pre_ping=True,  # replaces connections that died in the pool\n"
        ")\n"
        "\n"
        "; PgBouncer is not needed. `--pgbouncer` prints the engine that goes with it. Its own settings:\n"
        "[pgbouncer]\n"
        "pool_mode = transaction\n"
        "default_pool_size = 10\n"
        "max_db_connections = 97\n"
        "max_client_conn = 160\n"
        "query_wait_timeout = 5\n"
    )


def test_the_readme_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (session,) = re.findall(r"^```console\n\$ poolhold (.*?)\n(.*?)```$", README, re.S | re.M)
    assert session[1] in said(capsys, *shlex.split(session[0]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--wait-time 2s", "As long as it is held during the wait, set: pool_size=33, max_overflow=33. What follows"),
        (
            "--wait-time 2s --write-time 1ms",
            "held during the wait (of two pools, that of the writes), set: read_engine pool_size=5,",
        ),
        ("--wait-time 2s --workers 80 --pgbouncer", "held during the wait, set behind PgBouncer: pool_size=5,"),
        ("--workers 100", "PgBouncer's one pool for all does: 4 connections."),
        ("--workers 100", "max_overflow=5, # 100 × 10 = 1,000 connections to PgBouncer"),
        ("--write-time 9ms", "max_overflow=5, # both engines: 1 × 20 = 20 connections "),
        ("--burst 20", "All 20 of a burst get their connections at once."),
        ("--burst 100 --fan-out 5", "The last of a burst of 100 waits 50 ms for its connection."),
        ("--burst 100000", "The last of a burst of 100,000 waits 51.8 s for its connection, longer than the timeout"),
        ("--query-time 20s --burst 2", "Not enough: 235 connections are needed, the server has 97, so the queue grows"),
        ("--query-time 20s --burst 2", "Shorten the queries, or raise max_connections to 238. from sqlalchemy"),
        ("--query-time 9s", "the server has 97, so more checkouts wait than may."),
        ("--query-time 200s", "so the queue grows without end. Shorten the queries. from"),
        ("--query-time 20s --json", '"through": "server", "enough": false'),
    ],
)
def test_what_follows(capsys: pytest.CaptureFixture[str], options: str, sentence: str) -> None:
    assert sentence in " ".join(said(capsys, *LOAD, *shlex.split(options)).split())


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer = as_json(capsys, *LOAD, "--wait-time", "15 s", "--burst=4", "--may-wait", "2%", "--pool-size=20")
    assert answer["workload"] == {
        "rate": 10,
        "query_time": 0.05,
        "wait_time": 15,
        "fan_out": 1,
        "burst": 4,
        "write_time": None,
        "write_fan_out": 1,
        "may_wait": 0.02,
    }
    assert answer["deployment"] == {
        "workers": 1,
        "replicas": 1,
        "max_connections": 100,
        "reserved": 3,
        "pgbouncer": False,
    }
    assert answer["today"] == {"pool_size": 20, "max_overflow": 10}
    assert (answer["processes"], answer["usable_connections"]) == (1, 97)
    assert answer["held"].keys() == answer["released"].keys()
    assert answer["held"]["mean"] == 150.5
    released = answer["released"]
    assert released.pop("carries") == pytest.approx(600)
    (need,) = released.pop("needs")
    assert need.pop("waits") == pytest.approx(1 / 66)
    assert need == {
        "name": "engine",
        "load": 0.5,
        "pool_size": 3,
        "burst": 4,
        "query_time": 0.05,
        "hold_time": 0.05,
    }
    assert released == {
        "connection_time": 0.05,
        "mean": 0.5,
        "peak": 4,
        "connections": 3,
        "shared": 3,
        "advice": {
            "through": "server",
            "enough": True,
            "engines": [
                {
                    "name": "engine",
                    "pool_size": 5,
                    "max_overflow": 5,
                    "pool_timeout": 5,
                    "pool_recycle": 3600,
                    "pool_pre_ping": True,
                }
            ],
            "connections": 10,
            "burst_wait": 0,
            "pgbouncer": {
                "pool_mode": "transaction",
                "default_pool_size": 10,
                "max_db_connections": 97,
                "max_client_conn": 100,
                "query_wait_timeout": 5,
            },
        },
    }


def test_without_a_wait_nothing_is_held(capsys: pytest.CaptureFixture[str]) -> None:
    assert as_json(capsys, *LOAD)["held"] is None
    assert "held" not in said(capsys, *LOAD)


def test_settings_are_the_defaults_and_options_win(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.poolhold]\nworkers = 4\nreplicas = 3\nmax-connections = 50\n")
    answer = as_json(capsys, *LOAD, "--replicas", "2")["deployment"]
    assert (answer["workers"], answer["replicas"], answer["max_connections"]) == (4, 2, 50)
    assert "Assumed" not in said(capsys, *LOAD)
    (tmp_path / "pyproject.toml").write_text("[tool.poolhold]\nworkers = 4\n")
    assert "not given: --replicas 1, --max-connections 100." in said(capsys, *LOAD)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1500us", 0.0015), ("5ms", 0.005), ("0.2s", 0.2), (".5 s", 0.5), ("2min", 120), ("1e1s", 10)]
)
def test_times(capsys: pytest.CaptureFixture[str], text: str, seconds: float) -> None:
    answer = as_json(capsys, "size", "--rate=1", "--query-time", text)
    assert answer["workload"]["query_time"] == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--rate 0", "poolhold: --rate: must be above 0 and at most 1,000,000 requests per second, is 0"),
        ("--rate -5", "poolhold: --rate: must be above 0 and at most 1,000,000 requests per second, is -5"),
        ("--rate 1e999", "poolhold: --rate: must be above 0 and at most 1,000,000 requests per second, is inf"),
        ("--query-time -5ms", "poolhold: --query-time: must be above 0 and at most 3,600 seconds, is -0.005"),
        ("--wait-time 90min", "poolhold: --wait-time: must be from 0 to 3,600 seconds, is 5400"),
        ("--may-wait 150%", "poolhold: --may-wait: must be above 0% and below 100%, is 150%"),
        ("--workers 0", "poolhold: --workers: must be from 1 to 1,000, is 0"),
        ("--workers -1", "poolhold: --workers: must be from 1 to 1,000, is -1"),
        ("--reserved 100", "poolhold: --reserved: 100 of 100 connections leave none"),
        ("--write-fan-out 3", "poolhold: --write-fan-out: has no meaning without a time of the writes"),
        ("--max-overflow -1", "poolhold: --max-overflow: must be from 0 to 10,000, is -1"),
        ("--rate nan", "poolhold size: argument --rate: `nan` is not a number"),
        ("--rate -inf", "poolhold size: argument --rate: `-inf` is not a number"),
        ("--rate ten", "poolhold size: argument --rate: `ten` is not a number"),
        ("--rate ٣", "poolhold size: argument --rate: `٣` is not a number"),
        ("--query-time 5", "poolhold size: argument --query-time: `5` is not a time with its unit, such as 50ms"),
        ("--query-time nans", "poolhold size: argument --query-time: `nan` is not a number"),
        ("--query-time 5h", "poolhold size: argument --query-time: `5h` is not a time with its unit"),
        ("--may-wait 1", "poolhold size: argument --may-wait: `1` is not a percentage, such as 1%"),
        ("--workers 2.5", "poolhold size: argument --workers: `2.5` is not a whole number"),
        ("--burst ''", "poolhold size: argument --burst: `` is not a whole number"),
        ("--wrokers 4", "poolhold: unrecognized arguments: --wrokers 4; did you mean `--workers`?"),
    ],
)
@pytest.mark.parametrize("json_too", [False, True])
def test_bad_numbers(capsys: pytest.CaptureFixture[str], options: str, message: str, json_too: bool) -> None:
    try:
        code = main([*LOAD, *shlex.split(options), *(["--json"] if json_too else [])])
    except SystemExit as leave:
        code = int(leave.code or 0)
    assert code == 2
    out, err = capsys.readouterr()
    assert err.startswith(message)
    assert out == ("{}\n" if json_too else "")


def test_rate_and_query_time_are_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["size"])
    assert "the following arguments are required: --rate, --query-time" in capsys.readouterr().err


def test_wrong_settings_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.poolhold]\nworkers = 0\n")
    assert main([*LOAD, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == "{}\n"
    assert "[tool.poolhold] workers: expected `int` >= 1" in err
