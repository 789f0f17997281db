"""`# noqa` silences what it silences in flake8, which runs beside; unused codes are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flake8_poolhold.source.suppressions import suppressions

PLUGIN = '''
class Everywhere:
    """Reports three codes on every line."""

    name, version = "everywhere", "1"

    def __init__(self, tree, lines):
        self.lines = lines

    def run(self):
        for number in range(1, len(self.lines) + 1):
            for code in ("PHL101", "PHL201", "PHL301"):
                yield number, 0, f"{code} here", type(self)
'''
CONFIG = """
[flake8]
select = PHL
[flake8:local-plugins]
extension =
  PHL = everywhere:Everywhere
paths = .
"""
# Real flake8, without the plugin of this project, which would report codes of the same names.
FLAKE8 = """
import importlib.metadata, sys
from flake8.main.cli import main
everything = importlib.metadata.distributions
importlib.metadata.distributions = lambda: (one for one in everything() if one.metadata["name"] != "flake8-poolhold")
sys.exit(main())
"""
CODES = ("PHL101", "PHL201", "PHL301")

TEXTS = [
    "x = 1\n",
    "x = 1  # noqa\n",
    "x = 1  # noqa: PHL101\n",
    "x = 1  # noqa:PHL101\n",
    "x = 1  # noqa:  PHL101\n",
    "x = 1  # noqa : PHL101\n",
    "x = 1  # noqa PHL101\n",
    "x = 1  #noqa: PHL101\n",
    "x = 1  # NoQA: PHL101,PHL201\n",
    "x = 1  # noqa: PHL101 PHL201\n",
    "x = 1  # noqa: PHL101,  ,PHL301\n",
    "x = 1  # noqa: PHL101 the peer answers in 2 ms\n",
    "x = 1  # noqa: PHL101 PHL201 is another matter\n",
    "x = 1  # noqa: PHL101 (reason)\n",
    "x = 1  # noqa: PHL101: reason\n",
    "x = 1  # noqa: PHL101PHL201\n",
    "x = 1  # noqa: PHL1\n",
    "x = 1  # noqa: PHL\n",
    "x = 1  # noqa: P1,PHL20\n",
    "x = 1  # noqa: phl101\n",
    "x = 1  # noqa: E501\n",
    "x = 1  # noqa:E501,W291\n",
    "x = 1  # noqa: reason PHL101\n",
    "x = 1  # noqa:\n",
    "x = 1  # noqa:,PHL101\n",
    "x = 1  # noqa: PHL101 # noqa: PHL201\n",
    "x = 1  # type: ignore # noqa: PHL301\n",
    "x = 1  # noqaPHL101\n",
    "x = '# noqa: PHL101'\n",
    "x = '# noqa: PHL101'  # noqa: PHL201\n",
    "x = f(\n    1,  # noqa: PHL101\n    2,\n)  # noqa: PHL201\n",
    'x = """\ntext\n"""  # noqa: PHL101\ny = 2\n',
    'x = f("""\ntext # noqa: PHL201\n""",\n   3)\n',
    'x = """ # noqa: PHL101\nPHL201 more\n"""\n',
    'x = f"""\n{1}\n"""  # noqa: PHL101\n',
    "x = 1 + \\\n    2  # noqa: PHL101\ny = 1\n",
    "def f():\n    '''Doc.\n\n    # noqa\n    '''\n    return 1\n",
    "\n\n# noqa: PHL101\n\nx = 1\n",
    "x = 1  # noqa: PHL101\r\ny = 2\r\n",
    "x = 1  # noqa: PHL101\ry = 2\r",
    "x = 1\x0c  # noqa: PHL101\n\x0c\ny = 2\n",
    "x = '\u2028'  # noqa: PHL101\ny = 2\n",
    "x = 1  # noqa: PHL101",
    "x = 1\n# flake8: noqa\ny = 1\n",
    "x = 1\n    # flake8: NOQA\ny = 1\n",
    "x = 1  # flake8: noqa\n",
    "# flake8: noqa: PHL101\nx = 1\n",
    "# flake8=noqa\nx = 1\n",
    "#flake8: noqa\nx = 1\n",
    "'''\n# flake8: noqa\n'''\nx = 1\n",
    "\ufeffx = 1  # noqa: PHL201\n",
    "if x:\n    y = 1  # noqa: PHL101\nelse:  # noqa: PHL201\n    pass\n",
    "@d  # noqa: PHL101\ndef f(): ...\n",
    "x = 1  # noqa:\tPHL101\n",
    "x = 1  # noqa:\u00a0PHL101\n",
    "x = 1  # noqa: \u017f1,PHL101\n",
]


@pytest.fixture(scope="module")
def by_flake8(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[int, int, str]]:
    """What real flake8 reports, as the number of the text, the line and the code."""
    folder = tmp_path_factory.mktemp("flake8")
    (folder / "everywhere.py").write_text(PLUGIN)
    (folder / "config.ini").write_text(CONFIG)
    names = []
    for number, text in enumerate(TEXTS):
        names.append(f"case_{number}.py")
        (folder / names[-1]).write_bytes(text.encode())
    run = subprocess.run(
        [sys.executable, "-c", FLAKE8, "--jobs=1", "--config=config.ini", "--format=%(path)s %(row)d %(code)s", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr, run.stderr
    reported = set()
    for line in run.stdout.splitlines():
        name, row, code = line.split()
        reported.add((int(Path(name).stem.removeprefix("case_")), int(row), code))
    return reported


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_silences_what_flake8_silences(number: int, by_flake8: set[tuple[int, int, str]]) -> None:
    text = TEXTS[number].removeprefix("\ufeff")
    count = len(text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n"))
    ours = suppressions(text)
    reported = {(row, code) for row in range(1, count + 1) for code in CODES if not ours.silences(row, code)}
    assert reported == {(row, code) for case, row, code in by_flake8 if case == number}, TEXTS[number]


def test_the_table_is_not_one_sided(by_flake8: set[tuple[int, int, str]]) -> None:
    assert len(by_flake8) > len(TEXTS)
    assert {case for case, _, _ in by_flake8} < set(range(len(TEXTS)))


@pytest.mark.parametrize(
    ("text", "findings", "unused"),
    [
        ("x = 1  # noqa: PHL101\n", [], [(1, 16, "PHL101")]),
        ("x = 1  # noqa: PHL101\n", [(1, "PHL101")], []),
        ("x = 1  # noqa: PHL101, PHL201\n", [(1, "PHL201")], [(1, 16, "PHL101")]),
        ("x = 1  # noqa\n", [], []),
        ("x = 1  # noqa: PHL\n", [], []),
        ("x = 1  # noqa: E501\n", [], []),
        ("x = 1  # noqa: PHL1\n", [], [(1, 16, "PHL1")]),
        ("x = 1  # noqa: PHL1\n", [(1, "PHL101")], []),
        ("x = 1  # noqa: PHL301\n", [], []),
        ("x = 1  # noqa: PHL3\n", [], []),
        ("x = 1  # noqa: PHL777\n", [], []),
        ("x = 1  # noqa: PHL901\n", [], []),
        ("x = 1  # noqa: phl101\n", [(1, "PHL101")], [(1, 16, "phl101")]),
        ("x = '# noqa: PHL101'\n", [], []),
        ("x = '''\n'''  # noqa: PHL101\n", [(1, "PHL101")], []),
        ("x = '''\n'''  # noqa: PHL101\n", [(3, "PHL101")], [(2, 14, "PHL101")]),
        ("x = f(\n    1)  # noqa: PHL101\n", [(1, "PHL101")], [(2, 17, "PHL101")]),
        ("# flake8: noqa\nx = 1  # noqa: PHL101\n", [], []),
        ("é = 1  # noqa: PHL101 # noqa: PHL201\r\n", [(1, "PHL101")], [(1, 31, "PHL201")]),
        ("x = (  # noqa: PHL101\n", [], []),
    ],
)
def test_reports_codes_that_silence_nothing(
    text: str, findings: list[tuple[int, str]], unused: list[tuple[int, int, str]]
) -> None:
    ours = suppressions(text)
    for line, code in findings:
        ours.silences(line, code)
    assert ours.unused({"PHL101", "PHL201", "PHL901"}, known={*CODES, "PHL901"}) == unused


def test_a_file_that_the_tokenizer_refuses_is_read_line_by_line() -> None:
    ours = suppressions("x = (  # noqa: PHL101\ny = 2\n")
    assert ours.silences(1, "PHL101")
    assert not ours.silences(2, "PHL101")


def test_a_line_that_does_not_exist_is_not_silenced() -> None:
    assert not suppressions("x = 1  # noqa\n").silences(7, "PHL101")
