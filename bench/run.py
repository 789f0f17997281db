"""What a check costs beside other tools, on the same files in one run: `python bench/run.py [FOLDER ...]`.

Fetches nothing. Without a folder a service is made up. Each folder is copied, so nothing is written into it. A tool
that is not installed is said not to be.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import generate
from measure import Cost, medians

from flake8_poolhold.config import Settings
from flake8_poolhold.source import discovery

HERE = Path(__file__).parent
_PARSE = """
import sys, warnings
warnings.simplefilter("ignore")
{prepare}
for name in open(sys.argv[1]).read().splitlines():
    with open(name, "rb") as file:
        data = file.read()
    try:
        {parse}
    except Exception:
        pass
"""
_FLAKE8 = """
import sys
import importlib.metadata as metadata
wanted = set({plugins!r}) | {{"flake8", "pycodestyle", "pyflakes", "mccabe"}}
every = metadata.distributions
metadata.distributions = lambda **options: (
    one for one in every(**options) if (one.metadata["name"] or "").lower() in wanted
)
from flake8.main.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


class Tool(NamedTuple):
    """What is run, and what must be there for it."""

    name: str
    needs: str
    command: list[str]


def _tools(root: Path, files: Path) -> Iterator[Tool]:
    python = sys.executable

    def parse(prepare: str, call: str) -> list[str]:
        return [python, "-c", _PARSE.format(prepare=prepare, parse=call), str(files)]

    def flake8(*plugins: str, select: str = "") -> list[str]:
        chosen = [f"--extend-select={select}"] if select else []
        return [python, "-c", _FLAKE8.format(plugins=plugins), "--isolated", "--jobs=1", "--exit-zero", *chosen, "."]

    yield Tool("ast.parse of all files", "ast", parse("import ast", "ast.parse(data)"))
    yield Tool("libcst.parse_module of all files", "libcst", parse("import libcst", "libcst.parse_module(data)"))
    ruff = shutil.which("ruff", path=os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", "")))) or "ruff"
    yield Tool("ruff check, no cache", "ruff", [ruff, "check", "--isolated", "--no-cache", "--exit-zero", "."])
    yield Tool("flake8 alone", "flake8", flake8())
    yield Tool("flake8 with flake8-poolhold, warm", "flake8", flake8("flake8-poolhold"))
    yield Tool("flake8 with flake8-async", "flake8_async", flake8("flake8-async", select="ASYNC"))
    yield Tool("flake8 with flake8-bugbear", "bugbear", flake8("flake8-bugbear", select="B"))
    yield Tool("fixit lint", "fixit", [python, "-m", "fixit", "--quiet", "lint", "."])
    semgrep = shutil.which("semgrep") or "semgrep"
    rules = str(HERE / "semgrep.yml")
    yield Tool(
        "semgrep, rules for the same job",
        "semgrep",
        [semgrep, "scan", "--config", rules, "--metrics=off", "--disable-version-check", "--jobs=1", "-q", str(root)],
    )


def _there(needs: str) -> bool:
    return importlib.util.find_spec(needs) is not None or shutil.which(needs) is not None


def _ours(root: Path, cache: Path, one: str) -> Iterator[tuple[str, list[str], Callable[[], None]]]:
    check = [sys.executable, "-m", "flake8_poolhold", "check", "--jobs=1", "--output-format=concise"]
    kept = [*check, f"--cache-dir={cache}"]
    file = root / one
    original = file.read_bytes()
    edits = iter(range(1_000_000))

    def edit() -> None:
        file.write_bytes(original + f"\n\nasync def edited{next(edits)}():\n    pass\n".encode())

    yield "poolhold check, one core, no cache", [*check, "--no-cache", "."], lambda: None
    yield "poolhold check, warm, nothing changed", [*kept, "."], lambda: None
    yield f"poolhold check of one file, warm ({_size(file)} lines)", [*kept, one], lambda: None
    yield "poolhold check, warm, after an edit in that file", [*kept, "."], edit
    file.write_bytes(original)


def _size(file: Path) -> int:
    return file.read_bytes().count(b"\n")


def _leave_out(root: Path) -> None:
    """Remove what `poolhold check .` does not look at, tests above all: no tool is to read more than another."""
    looked_at = {str(file) for file in discovery.discover([root], Settings(), root).files}
    for file in root.rglob("*.py"):
        if file.is_file() and str(file) not in looked_at:
            file.unlink()


def _bench(folder: Path, times: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        root, cache = Path(place, "tree"), Path(place, "cache")
        ignored = shutil.ignore_patterns(".git", "node_modules", ".venv", "venv", "__pycache__", ".poolhold_cache")
        shutil.copytree(folder, root, ignore=ignored, ignore_dangling_symlinks=True)
        _leave_out(root)
        files = sorted(file for file in root.rglob("*.py") if file.is_file())
        names = Path(place, "names")
        names.write_text("\n".join(map(str, files)), encoding="utf-8")
        lines = sum(map(_size, files))
        print(f"\n{folder.name}: {len(files)} files, {lines:,} lines; medians of {times}\n")
        print("| | CPU s | wall s | × ast.parse | kLOC/s | MB |\n|---|---:|---:|---:|---:|---:|")
        base: Cost | None = None
        for tool in _tools(root, names):
            if not _there(tool.needs):
                print(f"| {tool.name} | not installed | | | | |")
                continue
            if "flake8-poolhold" in tool.name:
                medians(tool.command, root, 1)
            cost = medians(tool.command, root, times)
            base = base or cost
            _row(tool.name, cost, base, lines)
        assert base is not None
        middle = sorted((file for file in files if b"async def" in file.read_bytes()), key=_size) or files
        one = str(middle[len(middle) // 2].relative_to(root))
        for name, command, before in _ours(root, cache, one):
            if "warm" in name:
                medians(command, root, 1)
            _row(name, medians(command, root, times, before), base, lines)


def _row(name: str, cost: Cost, base: Cost, lines: int) -> None:
    ratio, speed = cost.cpu / base.cpu, lines / 1000 / cost.cpu
    print(f"| {name} | {cost.cpu:.2f} | {cost.wall:.2f} | {ratio:.2f} | {speed:,.0f} | {cost.memory:.0f} |", flush=True)


def _start(times: int) -> None:
    """What starting costs: the program, and the plugin beside flake8."""
    flake8 = "import flake8.main.cli, flake8.checker, flake8.style_guide"
    programs = {
        "python, nothing else": ["-c", "pass"],
        "poolhold --version": ["-m", "flake8_poolhold", "--version"],
        "importing flake8": ["-c", flake8],
        "importing flake8 and flake8-poolhold": ["-c", f"{flake8}, flake8_poolhold.plugin"],
    }
    print("\n| start | CPU ms | wall ms |\n|---|---:|---:|")
    for name, program in programs.items():
        cost = medians([sys.executable, *program], HERE, times)
        print(f"| {name} | {cost.cpu * 1000:.0f} | {cost.wall * 1000:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    for folder in options.folders:
        _bench(folder.resolve(), options.times)
    if not options.folders:
        with tempfile.TemporaryDirectory() as place:
            made = Path(place, "made-up service")
            generate.write(made, "service", 20_000)
            _bench(made, options.times)
    _start(options.times)


if __name__ == "__main__":
    main()
