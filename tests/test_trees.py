"""Real services, where the machine has some: a file gives the same findings alone, through flake8 and with its tree.

`POOLHOLD_TREES` names folders, separated as in `PATH`. They are read, and `.poolhold_cache` is written in them.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_poolhold import engine
from flake8_poolhold.config import load
from flake8_poolhold.registry import rules

TREES = [Path(tree) for tree in os.environ.get("POOLHOLD_TREES", "").split(os.pathsep) if tree]
MOST_FILES = 40
_PLACE = re.compile(r"(?:\./)?(.+?):(\d+):(\d+): (PHL\d{3}) ")

Place = tuple[str, int, int, str]

pytestmark = pytest.mark.skipif(not TREES, reason="POOLHOLD_TREES names no folder")


@pytest.fixture(scope="module", params=TREES, ids=lambda tree: tree.name)
def tree(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture(scope="module")
def whole(tree: Path) -> list[Place]:
    """All findings in a tree."""
    found = engine.check([tree], load(tree)[0], root=tree).findings
    assert found, "a tree without a finding shows nothing"
    return [(one.path, one.line, one.column, one.code) for one in found]


@pytest.fixture(scope="module")
def files(tree: Path, whole: list[Place]) -> list[str]:
    """Some files with findings, and some without."""
    chosen = random.Random(1)
    guilty = sorted({path for path, *_ in whole})
    clean = sorted({path.relative_to(tree).as_posix() for path in tree.rglob("*.py")} - set(guilty))
    return sorted(
        chosen.sample(guilty, min(MOST_FILES, len(guilty))) + chosen.sample(clean, min(MOST_FILES, len(clean)))
    )


def test_each_file_alone(tree: Path, whole: list[Place], files: list[str]) -> None:
    alone: list[Place] = []
    for file in files:
        found = engine.check([tree / file], load(tree)[0], root=tree).findings
        alone += [(one.path, one.line, one.column, one.code) for one in found]
    assert sorted(alone) == sorted(place for place in whole if place[0] in files)


def test_through_flake8(tree: Path, whole: list[Place], files: list[str]) -> None:
    arguments = ["--isolated", "--select=PHL", "--jobs=2", "--exit-zero", *files]
    shown = subprocess.run(
        [sys.executable, "-m", "flake8", *arguments], cwd=tree, capture_output=True, text=True, check=False
    )
    places = [match.groups() for line in shown.stdout.splitlines() if (match := _PLACE.match(line))]
    by_default = {code for code, rule in rules().items() if not rule.opt_in}  # `--select=PHL` names the others too
    found = sorted((path, int(line), int(column), code) for path, line, column, code in places if code in by_default)
    assert found == sorted(place for place in whole if place[0] in files)
