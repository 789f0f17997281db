"""`poolhold size`: its options, and the way from them to the answer."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

_DEFAULTS = {"workers": 1, "replicas": 1, "max_connections": 100}
"""What holds when neither an option nor a setting says more; 100 is PostgreSQL's own default."""

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `size` to its parser, and its command as `run`."""
    # The value of an option may begin with a minus: it is refused for what it is, a negative number.
    parser._negative_number_matcher = re.compile(r"^-(\.?\d|inf|nan)", re.IGNORECASE)

    load = parser.add_argument_group(
        "load", "of the whole service, at its busiest time; times are like 50ms, 0.2s, 1min"
    )
    load.add_argument(
        "--rate", metavar="N", type=_number, required=True, help="requests per second that use the database"
    )
    load.add_argument(
        "--query-time",
        metavar="TIME",
        type=_time,
        required=True,
        help="database time of one request, all its queries together (with --write-time: of its reads)",
    )
    load.add_argument(
        "--wait-time", metavar="TIME", type=_time, default=0.0, help="network wait of one request: LLM and HTTP calls"
    )
    load.add_argument(
        "--fan-out", metavar="N", type=_whole, default=1, help="connections that one request queries with at a time"
    )
    load.add_argument("--burst", metavar="N", type=_whole, help="requests that may arrive at one moment")
    load.add_argument(
        "--write-time",
        metavar="TIME",
        type=_time,
        help="database time of the writes of one request, in a pool of their own",
    )
    load.add_argument(
        "--write-fan-out",
        metavar="N",
        type=_whole,
        default=1,
        help="connections that one request writes with at a time",
    )
    load.add_argument(
        "--may-wait",
        metavar="PERCENT",
        type=_percentage,
        default=0.01,
        help="share of the checkouts that may have to wait for a connection (default: 1%%)",
    )

    where = parser.add_argument_group("deployment", "defaults of the first three from [tool.poolhold], if it has them")
    where.add_argument("--workers", metavar="N", type=_whole, help="worker processes of one replica (default: 1)")
    where.add_argument("--replicas", metavar="N", type=_whole, help="replicas of the service (default: 1)")
    where.add_argument(
        "--max-connections", metavar="N", type=_whole, help="max_connections of the server (default: 100)"
    )
    where.add_argument(
        "--reserved",
        metavar="N",
        type=_whole,
        default=3,
        help="connections that are not for the service: superuser, migrations, other services (default: 3)",
    )
    where.add_argument("--pgbouncer", action="store_true", help="PgBouncer stands in front of the server")

    today = parser.add_argument_group("pool of today", "of one process; the defaults are SQLAlchemy's")
    today.add_argument("--pool-size", metavar="N", type=_whole, default=5, help="(default: 5)")
    today.add_argument("--max-overflow", metavar="N", type=_whole, default=10, help="(default: 10)")

    parser.add_argument("--json", action="store_true", help="write JSON: seconds, connections, shares of 1")
    parser.set_defaults(run=size)


def size(options: argparse.Namespace) -> int:
    """Print which pools a load needs. Returns 0, also when no pool is enough, or 2 for numbers that make no sense."""
    from flake8_poolhold.config import ConfigError, load
    from flake8_poolhold.report import sizing as report
    from flake8_poolhold.sizing import Deployment, Pool, SizingError, Workload, plan

    try:
        settings, _ = load(Path())
        deployed, assumed = {}, []
        for key, default in _DEFAULTS.items():
            given = getattr(options, key)
            deployed[key] = getattr(settings, key) if given is None else given
            if deployed[key] is None:
                deployed[key] = default
                assumed.append(f"--{key.replace('_', '-')} {default}")
        answer = plan(
            Workload(**{field: getattr(options, field) for field in Workload.__struct_fields__}),
            Deployment(**deployed, reserved=options.reserved, pgbouncer=options.pgbouncer),
            Pool(pool_size=options.pool_size, max_overflow=options.max_overflow),
        )
    except SizingError as error:
        return _refuse(options, f"--{error.field.replace('_', '-')}: {error.reason}")
    except ConfigError as error:
        return _refuse(options, str(error))
    sys.stdout.write(report.as_json(answer) if options.json else report.render(answer, assumed))
    return 0


def _refuse(options: argparse.Namespace, reason: str) -> int:
    if options.json:
        print("{}")
    print(f"poolhold: {reason}", file=sys.stderr)
    return 2


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", text, re.IGNORECASE | re.ASCII):
        raise argparse.ArgumentTypeError(f"`{text}` is not a number")
    return float(text)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[-+]?\d{1,1000}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number")
    return int(text)


def _time(text: str) -> float:
    found = re.fullmatch(r"(.*?)\s*(us|ms|s|min)", text.strip(), re.DOTALL)
    if not found:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time with its unit, such as 50ms, 0.2s or 1min")
    return _number(found[1]) * _UNITS[found[2]]


def _percentage(text: str) -> float:
    if not text.endswith("%"):
        raise argparse.ArgumentTypeError(f"`{text}` is not a percentage, such as 1%")
    return _number(text[:-1].rstrip()) / 100
