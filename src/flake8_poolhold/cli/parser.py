"""The options of `poolhold`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from flake8_poolhold import __version__
from flake8_poolhold.cli import commands, size

_COMMANDS = ("check", "fix", "rule", "clean", "size")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options; `run` among them is the command. Leaves by SystemExit for --help, --version and misuse."""
    try:
        return _parser().parse_args(argv)
    except SystemExit as leave:
        # Who reads JSON gets JSON.
        if leave.code and re.search(r"--output-format[= ]json\b", " ".join(argv)):
            print("[]")
        elif leave.code and "--json" in argv:
            print("{}")
        raise


class _Parser(argparse.ArgumentParser):
    """A parser that knows what a mistyped command or option was meant to be."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}{self._meant(message)}\n{self.format_usage()}")

    def _meant(self, message: str) -> str:
        import difflib

        if found := re.search(r"invalid choice: '(.+?)'", message):
            near = difflib.get_close_matches(found[1], _COMMANDS, n=1)
            if not near and Path(found[1]).exists():
                return f"; did you mean `poolhold check {found[1]}`?"
        elif found := re.search(r"unrecognized arguments: (--[\w-]+)", message):
            near = difflib.get_close_matches(found[1], _all_options(self), n=1)
        else:
            near = []
        return f"; did you mean `{near[0]}`?" if near else ""


def _all_options(parser: argparse.ArgumentParser) -> list[str]:
    options: list[str] = []
    for action in parser._actions:
        options += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                options += _all_options(command)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="poolhold",
        description="Find and repair network calls made while a pooled database connection is held.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"poolhold {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="{check,fix,rule,clean,size}", required=True)

    check = subparsers.add_parser("check", help="report what is found", allow_abbrev=False)
    _add_paths(check, "files and folders to check, or - for standard input (default: .)")
    check.add_argument(
        "--output-format", choices=("full", "concise", "json"), default="full", help="how to write the findings"
    )
    check.add_argument(
        "--show-unknown", action="store_true", help="list what was not understood, so that it can be declared"
    )
    check.add_argument("--stdin-filename", metavar="FILE", help="the file that standard input is the content of")
    _add_selection(check)
    check.set_defaults(run=commands.check)

    fix = subparsers.add_parser("fix", help="repair what can be repaired safely", allow_abbrev=False)
    _add_paths(fix, "files and folders to fix (default: .)")
    fix.add_argument("--diff", action="store_true", help="show what would change, and change nothing")
    fix.add_argument("--interactive", action="store_true", help="show each fix and ask whether to make it")
    fix.add_argument("--unsafe-fixes", action="store_true", help="also make fixes that are not proved to be harmless")
    _add_selection(fix)
    fix.set_defaults(run=commands.fix)

    rule = subparsers.add_parser("rule", help="list the rules, or explain one", allow_abbrev=False)
    rule.add_argument("code", nargs="?", metavar="CODE", help="a code or name, such as PHL101")
    rule.set_defaults(run=commands.rule)

    clean = subparsers.add_parser("clean", help="remove the cache", allow_abbrev=False)
    clean.add_argument("path", nargs="?", metavar="PATH", default=".", help="a path in the project (default: .)")
    _add_cache_dir(clean)
    clean.set_defaults(run=commands.clean)

    size.add_options(subparsers.add_parser("size", help="say how large a pool must be, and why", allow_abbrev=False))
    return parser


def _add_paths(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", default=["."], help=text)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    codes = "codes or beginnings of codes, separated by commas"
    _add_list(parser, "--select", "CODES", f"run only these rules: {codes}")
    _add_list(parser, "--extend-select", "CODES", "run these rules too")
    _add_list(parser, "--ignore", "CODES", "do not run these rules")
    _add_list(parser, "--exclude", "PATTERNS", "leave these out, not the defaults")
    _add_list(parser, "--extend-exclude", "PATTERNS", "leave these out too")
    parser.add_argument("--force-exclude", action="store_true", help="leave files out even when they are named")
    parser.add_argument(
        "--per-file-ignores",
        metavar="PATTERN:CODE,...",
        action="append",
        type=_pattern_and_codes,
        help="do not run rules in some files",
    )
    _add_list(parser, "--waits", "CLASSES", "report these classes of waits, or all: llm, http, cache, ...")
    parser.add_argument("--no-cache", action="store_true", help="read and write no cache")
    _add_cache_dir(parser)
    parser.add_argument(
        "--jobs", type=_jobs, metavar="N", help="read new files in this many processes (default: one for each core)"
    )


def _add_cache_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="the folder of the cache (default: .poolhold_cache)"
    )


def _jobs(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of processes from 1 on")
    return int(text)


def _add_list(parser: argparse.ArgumentParser, flag: str, metavar: str, text: str) -> None:
    """An option that may be repeated and takes a list with commas."""
    parser.add_argument(flag, metavar=metavar, action="extend", type=_comma_separated, default=None, help=text)


def _comma_separated(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pattern_and_codes(text: str) -> tuple[str, tuple[str, ...]]:
    pattern, separator, codes = text.rpartition(":")
    if not separator or not pattern or not _comma_separated(codes):
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form PATTERN:CODE,CODE")
    return pattern, tuple(_comma_separated(codes))
