"""The commands of `poolhold`: settings and paths to the engine, its answer to the reports."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from flake8_poolhold.config import Settings
    from flake8_poolhold.finding import CheckResult, Finding, Problem
    from flake8_poolhold.report.full import Lines

_STDIN = "-"


def check(options: argparse.Namespace) -> int:
    """Report what is found. Returns 0, 1 for findings that are not advisories, 2 when something was not checked."""
    from flake8_poolhold.config import ConfigError

    try:
        result, root = _checked(options)
    except ConfigError as error:
        if options.output_format == "json":
            print("[]")
        return _refuse(str(error))
    _problems(result.problems)
    if options.output_format == "json":
        from flake8_poolhold.report.jsonout import render

        sys.stdout.write(render(result.findings))
    else:
        _show(result.findings, root, concise=options.output_format == "concise")
    aside = sys.stderr if options.output_format == "json" else sys.stdout
    if options.show_unknown:
        from flake8_poolhold.report import gaps

        print(*gaps.render(result.gaps), sep="\n", file=aside)
    _summary(result, aside)
    return _exit_code(result)


def fix(options: argparse.Namespace) -> int:
    """Make, offer or show fixes. Returns 0, 1 when findings remain or there is a diff, 2 as `check`."""
    from flake8_poolhold import engine
    from flake8_poolhold.cli import asking
    from flake8_poolhold.config import ConfigError
    from flake8_poolhold.report import fixes

    if _STDIN in options.paths:
        return _refuse("`fix` works on files; standard input can only be checked")
    if options.interactive and options.diff:
        return _refuse("--diff changes nothing, so there is nothing to ask with --interactive")
    paths = [Path(path) for path in options.paths]
    try:
        root = engine.project_root(paths)
        outcome = engine.fix(
            paths,
            _settings(options, paths[0]),
            unsafe=options.unsafe_fixes or options.interactive,
            write=not options.diff,
            root=root,
            **_running(options),
            ask=asking.ask if options.interactive else None,
        )
    except ConfigError as error:
        return _refuse(str(error))
    _problems(outcome.remaining.problems)
    stream = sys.stderr if options.diff else sys.stdout
    for line in fixes.applied(outcome.applied, written=not options.diff, unsafe=options.unsafe_fixes):
        print(line, file=stream)
    if options.diff:
        sys.stdout.write(fixes.diff(outcome.diffs))
        if outcome.unsafe_diffs:
            sys.stdout.write(f"{fixes.UNSAFE}\n{fixes.diff(outcome.unsafe_diffs)}")
        print(fixes.summary(outcome, written=False), file=sys.stderr)
        return 2 if outcome.remaining.problems else int(bool(outcome.diffs or outcome.unsafe_diffs))
    _show(outcome.remaining.findings, root, concise=False)
    print(fixes.summary(outcome, written=True))
    for line in fixes.refusals(outcome.remaining.findings):
        print(line)
    _summary(outcome.remaining, sys.stdout)
    return _exit_code(outcome.remaining)


def rule(options: argparse.Namespace) -> int:
    """List the rules, or print the documentation of one as Markdown. Returns 2 for one that does not exist."""
    from flake8_poolhold.config import unknown_code
    from flake8_poolhold.registry import rules

    if options.code is None:
        for one in rules().values():
            marks = [mark for mark, on in (("advisory", one.advisory), ("opt-in", one.opt_in)) if on]
            aside = f" ({', '.join(marks)})" if marks else ""
            print(f"{one.code}  {one.name}{aside}: {one.summary}")
        return 0
    for one in rules().values():
        if options.code.upper() == one.code or options.code.lower() == one.name:
            print(f"# {one.name} ({one.code})\n\n{one.doc}")
            return 0
    return _refuse(unknown_code(options.code))


def clean(options: argparse.Namespace) -> int:
    """Remove the cache of a project, and say what it was. Returns 2 for a folder that is no cache of this program."""
    from flake8_poolhold import cache
    from flake8_poolhold.config import find_project_root
    from flake8_poolhold.engine.stores import FOLDER

    folder = options.cache_dir or find_project_root(Path(options.path)) / FOLDER
    try:
        removed = cache.remove(folder)
    except cache.NotACacheError as error:
        return _refuse(f"{error}; nothing was removed")
    except OSError as error:
        return _refuse(f"{folder}: cannot be removed: {error.strerror or error}")
    if removed is None:
        print(f"{folder}: there is no cache")
    else:
        print(f"Removed {folder}: {removed.entries} entries, {removed.size / 1_000_000:.1f} MB.")
    return 0


def _checked(options: argparse.Namespace) -> tuple[CheckResult, Path]:
    from flake8_poolhold import engine
    from flake8_poolhold.config import ConfigError

    if _STDIN not in options.paths:
        if options.stdin_filename:
            raise ConfigError(None, "--stdin-filename", "the path to check must be `-`, standard input")
        paths = [Path(path) for path in options.paths]
        root = engine.project_root(paths)
        return engine.check(paths, _settings(options, paths[0]), root=root, **_running(options)), root
    if len(options.paths) > 1:
        raise ConfigError(None, _STDIN, "standard input is checked by itself, without other paths")
    path = Path(options.stdin_filename or "stdin.py")
    root = engine.project_root([path])
    settings = _settings(options, path)
    return engine.check([path], settings, stdin=sys.stdin.buffer.read(), root=root, **_running(options)), root


def _running(options: argparse.Namespace) -> dict[str, Any]:
    """How the engine runs: with which cache, in how many processes, and whom it tells how far it is."""
    from flake8_poolhold.cli.progress import told

    return {
        "cache": False if options.no_cache else options.cache_dir or True,
        "jobs": options.jobs or os.cpu_count() or 1,
        "progress": told(sys.stderr),
    }


def _settings(options: argparse.Namespace, start: Path) -> Settings:
    from flake8_poolhold.config import load, override

    per_file: dict[str, list[str]] = {}
    for pattern, codes in options.per_file_ignores or ():
        per_file.setdefault(pattern, []).extend(codes)
    settings, _ = load(start)
    return override(
        settings,
        select=options.select,
        extend_select=options.extend_select or (),
        ignore=options.ignore or (),
        exclude=options.exclude,
        extend_exclude=options.extend_exclude or (),
        force_exclude=options.force_exclude,
        per_file_ignores=per_file or None,
        waits=options.waits,
    )


def _show(findings: Iterable[Finding], root: Path, *, concise: bool) -> None:
    from flake8_poolhold.report import concise as short
    from flake8_poolhold.report import full, styled

    lines = short.render(findings) if concise else full.render(findings, _reader(root), styled.columns(sys.stdout))
    styled.write(lines, sys.stdout)


def _reader(root: Path) -> Lines:
    from flake8_poolhold.source.text import SourceError, lines, read

    def of(path: str) -> Sequence[str] | None:
        try:
            return lines(read(root / path, root).text)
        except SourceError:
            return None

    return of


def _problems(problems: Iterable[Problem]) -> None:
    from flake8_poolhold.report.concise import problem

    sys.stdout.flush()
    for one in problems:
        print(problem(one), file=sys.stderr)


def _summary(result: CheckResult, stream: TextIO) -> None:
    from flake8_poolhold.report.summary import summary

    print(summary(result, result.skipped), file=stream)


def _exit_code(result: CheckResult) -> int:
    if result.problems:
        return 2
    return int(any(not finding.advisory for finding in result.findings))


def _refuse(reason: str) -> int:
    print(f"poolhold: {reason}", file=sys.stderr)
    return 2
