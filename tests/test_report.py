"""What people and programs are shown."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flake8_poolhold.finding import (
    AppliedFix,
    CheckResult,
    Counts,
    Edit,
    FileDiff,
    Finding,
    FixOffer,
    Problem,
    Role,
    Step,
)
from flake8_poolhold.report import concise, fixes, full, glyphs, jsonout, styled
from flake8_poolhold.report.summary import summary

GENERATE = "app/routers/generate.py"
SOURCES = {
    GENERATE: [
        *["\n"] * 11,
        "    user = await db.get(User, user_id)\n",
        *["\n"] * 3,
        "    prompt = user.prompt_template\r\n",
        "\n",
        "    result = await call_llm(prompt)\n",
    ],
    "app/llm.py": ["async def call():\n", "\tawait client.post('日本')\n", "\x1b[31m\u202e = 1"],
}
FIX = FixOffer(
    "commit-before",
    "safe",
    "insert `await db.commit()` before line 18",
    (Edit(GENERATE, 18, 5, 18, 5, "await db.commit()\n    "),),
)


def step(line: int, text: str, role: Role, path: str = GENERATE, column: int = 5) -> Step:
    return Step(path, line, column, text, role)


def finding(*trail: Step, code: str = "PHL101", fix: FixOffer | None = FIX, advisory: bool = False) -> Finding:
    return Finding(
        code,
        "network-wait-while-held",
        "`db` keeps a pooled connection during this LLM call (openai, typically 2-60 s)",
        GENERATE,
        18,
        14,
        18,
        36,
        trail,
        ("released only when get_db (app/db.py:22) exits",),
        fix,
        advisory,
    )


HOLD = (
    step(12, "connection checked out", "checkout"),
    step(16, "", "note"),
    step(18, "waits: app/services/llm.py:31 → httpx.AsyncClient.post", "wait"),
)


def drawn(*findings: Finding, columns: int | None = None) -> str:
    return styled.plain(full.render(findings, SOURCES.get, columns))


def body(*trail: Step, columns: int | None = None) -> list[str]:
    """The drawing alone, without the header, the notes and the empty line."""
    return drawn(finding(*trail, fix=None), columns=columns).splitlines()[1:-2]


def test_draws_the_hold_beside_the_code() -> None:
    assert drawn(finding(*HOLD)) == (
        "app/routers/generate.py:18:14 PHL101 `db` keeps a pooled connection during this LLM call"
        " (openai, typically 2-60 s)\n"
        "   12 │ ╭─    user = await db.get(User, user_id)   connection checked out\n"
        "   16 │ │     prompt = user.prompt_template\n"
        "   18 │ ╰─►   result = await call_llm(prompt)      waits: app/services/llm.py:31 → httpx.AsyncClient.post\n"
        "      = released only when get_db (app/db.py:22) exits\n"
        "      = fix: commit-before (safe): insert `await db.commit()` before line 18\n"
        "\n"
    )


def test_other_files_have_their_own_header_and_wide_characters_and_tabs_line_up() -> None:
    assert body(HOLD[0], step(18, "calls call", "call"), step(2, "waits", "wait", "app/llm.py")) == [
        "   12 │ ╭─    user = await db.get(User, user_id)   connection checked out",
        "   18 │ ├─    result = await call_llm(prompt)      calls call",
        "      │ │ app/llm.py",
        "    2 │ ╰─►   await client.post('日本')            waits",
    ]


def test_a_line_is_shown_once_for_steps_that_follow_each_other() -> None:
    assert body(HOLD[0], step(12, "waits", "wait")) == [
        "   12 │ ╭─    user = await db.get(User, user_id)   connection checked out",
        "      │ ╰─►                                        waits",
    ]


def test_several_waits_share_a_hold_and_what_is_outside_has_no_line() -> None:
    roles: list[Role] = ["note", "checkout", "checkout", "wait", "lock", "wait", "release"]
    glyph = [line[8:11] for line in body(*(step(number + 1, "x", role) for number, role in enumerate(roles)))]
    assert glyph == ["   ", "╭─ ", "├─ ", "├─►", "│  ", "╰─►", "   "]


@pytest.mark.parametrize(
    ("roles", "glyph"),
    [(["call", "wait"], ["   ", "──►"]), (["checkout", "release"], ["╭─ ", "╰─ "]), (["checkout"], ["── "])],
)
def test_trails_without_a_hold(roles: list[Role], glyph: list[str]) -> None:
    assert [line[8:11] for line in body(*(step(number + 1, "x", role) for number, role in enumerate(roles)))] == glyph


def test_a_finding_without_a_trail_shows_its_line() -> None:
    assert body() == ["   18 │ ──►   result = await call_llm(prompt)"]


def test_what_cannot_be_read_is_left_out() -> None:
    assert body(step(1, "checked out", "checkout"), step(9, "waits", "wait", "gone.py")) == [
        "    1 │ ╭─       checked out",
        "      │ │ gone.py",
        "    9 │ ╰─►      waits",
    ]
    assert body(step(0, "checked out", "checkout"), step(500, "waits", "wait"))[1] == "  500 │ ╰─►      waits"


def test_narrow_terminals_put_words_below_and_cut_code_around_the_step() -> None:
    assert body(*HOLD, columns=44) == [
        "   12 │ ╭─    user = await db.get(User, use…",
        "      │ │     connection checked out",
        "   16 │ │     prompt = user.prompt_template",
        "   18 │ ╰─►   result = await call_llm(promp…",
        "      │       waits: app/services/llm.py:31 → httpx.AsyncClient.post",
    ]
    assert body(HOLD[0], step(18, "waits", "wait", column=29), columns=38) == [
        "   12 │ ╭─    user = await db.get(Use…",
        "      │ │     connection checked out",
        "   18 │ ╰─►   … await call_llm(prompt)",
        "      │       waits",
    ]


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = drawn(finding(step(3, "a\x1b]0;b\x07", "wait", "app/llm.py")))
    assert "    3 │ ──►   \\x1b[31m\\u202e = 1   a\\x1b]0;b\\x07\n" in text
    assert concise.problem(Problem("a\nb\udc80.py", 0, "gone")) == "a\\x0ab\\udc80.py: gone"


@given(st.text(), st.integers(0, 30), st.integers(0, 40))
def test_clipped_text_fits(text: str, columns: int, focus: int) -> None:
    text = glyphs.printable(text)
    clipped = glyphs.clip(text, columns, focus)
    assert glyphs.width(clipped) <= columns
    if glyphs.width(text) <= columns:
        assert clipped == text


def test_clipping_keeps_the_focus() -> None:
    text = "".join(chr(ord("a") + number % 26) for number in range(100))
    assert glyphs.clip(text, 10) == "abcdefghi…"
    assert glyphs.clip(text, 10, 99) == "…nopqrstuv"
    middle = glyphs.clip(text, 10, 51)
    assert text[51] in middle
    assert middle[0] == middle[-1] == "…"
    assert glyphs.clip("日本語", 5) == "日本…"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour_changes_no_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "30")
    lines = full.render([finding(*HOLD), finding(*HOLD, code="PHL102", advisory=True)], SOURCES.get)
    terminal, pipe = Terminal(), io.StringIO()
    styled.write(lines, terminal)
    styled.write(lines, pipe)
    assert pipe.getvalue() == styled.plain(lines)
    coloured = terminal.getvalue()
    assert "\x1b[1;31mPHL101\x1b[0m" in coloured
    assert "\x1b[1;33mPHL102\x1b[0m" in coloured
    from rich.text import Text

    assert Text.from_ansi(coloured).plain.rstrip("\n") == styled.plain(lines).rstrip("\n")
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            plain = Terminal()
            styled.write(lines, plain)
        assert plain.getvalue() == styled.plain(lines)


def test_the_width_is_that_of_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "33")
    assert styled.columns(Terminal()) == 33
    assert styled.columns(io.StringIO()) is None


def test_advisories_say_so() -> None:
    assert "      = an advisory: it does not fail the run\n" in drawn(finding(*HOLD, advisory=True))
    assert "advisory" not in drawn(finding(*HOLD))


def test_concise() -> None:
    assert styled.plain(concise.render([finding()])) == (
        "app/routers/generate.py:18:14: PHL101 `db` keeps a pooled connection during this LLM call"
        " (openai, typically 2-60 s)\n"
    )
    assert concise.problem(Problem("a.py", 3, "contains a NUL byte")) == "a.py:3: contains a NUL byte"


def test_json_has_the_shape_of_ruff_and_more(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\n")
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--output-format=json", "a.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    theirs = json.loads(run.stdout)[0]
    ours = json.loads(jsonout.render([finding(*HOLD), finding(fix=None)]))
    assert set(ours[0]) >= set(theirs) - {"severity"}
    assert set(ours[0]["fix"]) >= set(theirs["fix"])
    assert set(ours[0]["fix"]["edits"][0]) >= set(theirs["fix"]["edits"][0])
    assert set(ours[0]["location"]) == set(theirs["location"])
    assert ours[1]["fix"] is None


def test_json_values() -> None:
    assert json.loads(jsonout.render([finding(HOLD[0], advisory=True)])) == [
        {
            "cell": None,
            "code": "PHL101",
            "name": "network-wait-while-held",
            "message": "`db` keeps a pooled connection during this LLM call (openai, typically 2-60 s)",
            "filename": GENERATE,
            "location": {"row": 18, "column": 14},
            "end_location": {"row": 18, "column": 36},
            "noqa_row": 18,
            "url": None,
            "advisory": True,
            "notes": ["released only when get_db (app/db.py:22) exits"],
            "fix": {
                "name": "commit-before",
                "applicability": "safe",
                "message": "insert `await db.commit()` before line 18",
                "edits": [
                    {
                        "filename": GENERATE,
                        "content": "await db.commit()\n    ",
                        "location": {"row": 18, "column": 5},
                        "end_location": {"row": 18, "column": 5},
                    }
                ],
            },
            "trail": [{"path": GENERATE, "row": 12, "column": 5, "text": "connection checked out", "role": "checkout"}],
        }
    ]


def test_json_is_an_array_whatever_comes() -> None:
    assert jsonout.render([]) == "[]\n"
    odd = Finding("PHL101", "x", "m", "a\udc80.py", 1, 1, 1, 1)
    assert json.loads(jsonout.render([odd]))[0]["filename"] == "a\\udc80.py"


@pytest.mark.parametrize(
    ("result", "skipped", "text"),
    [
        (CheckResult((), (), Counts(3, 2, 1)), {}, "Nothing found in 3 files: 2 holders and 1 wait recognised."),
        (
            CheckResult((), (), Counts(1, 0, 1)),
            {},
            "Nothing found in 1 file: 0 holders and 1 wait recognised. Without a holder there is nothing to report;"
            " a session that is missing here was not recognised.",
        ),
        (CheckResult((), (), Counts()), {}, "Nothing found in 0 files: 0 holders and 0 waits recognised."),
        (
            CheckResult((finding(),), (), Counts(1, 1, 1)),
            {},
            "Found 1 finding (PHL101: 1) in 1 file. 1 fixable with `poolhold fix`.",
        ),
        (
            CheckResult(
                (
                    finding(code="PHL301", fix=None),
                    finding(fix=FixOffer("x", "unsafe", "")),
                    finding(),
                    finding(code="PHL102", advisory=True),
                ),
                (Problem("a.py", 0, "gone"), Problem("a.py", 2, "gone"), Problem("b.py", 0, "gone")),
                Counts(9, 4, 4, 2),
            ),
            {"migrations": 3, "excluded": 0, "virtual environment": 1},
            "Found 3 findings (PHL101: 2, PHL301: 1) and 1 advisory (PHL102: 1) in 9 files."
            " 2 fixable with `poolhold fix`, 1 more with `poolhold fix --unsafe-fixes`."
            " Left out: 3 migrations, 1 virtual environment. 2 findings suppressed by comments."
            " 2 files could not be checked.",
        ),
        (
            CheckResult(
                (finding(code="PHL102", advisory=True, fix=FixOffer("x", "unsafe", "")),) * 2, (), Counts(2, 1, 1)
            ),
            {},
            "Found 2 advisories (PHL102: 2) in 2 files. 2 fixable with `poolhold fix --unsafe-fixes`.",
        ),
    ],
)
def test_summary(result: CheckResult, skipped: dict[str, int], text: str) -> None:
    assert summary(result, skipped) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\n", b"a\nB\nc\n"),
        (b"a\r\nb\r\n", b"a\r\nx\r\nb\r\n"),
        (b"a\nb", b"a\nc"),
        (b"a\nb", b"a\nb\n"),
        (b"a\x0cb\ra\n", b"x\x0cb\ra\n"),
        ("é\u2028x\n".encode(), "é\u2028y\n".encode()),
    ],
)
def test_git_applies_our_diff(tmp_path: Path, before: bytes, after: bytes) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(before)
    text = fixes.diff([FileDiff("a.py", before.decode(), after.decode())])
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=text.encode(), check=True)
    assert file.read_bytes() == after


def test_applied_fixes_are_listed() -> None:
    made, undone = AppliedFix(finding()), AppliedFix(finding(), "the finding remained")
    place = "app/routers/generate.py:18:14: PHL101 commit-before"
    assert fixes.applied([made, undone], written=True) == [
        f"{place}: fixed",
        f"{place}: taken back: the finding remained",
    ]
    assert fixes.applied([made], written=False) == [f"{place}: would be fixed"]


def test_plain_output_imports_no_rich() -> None:
    program = (
        "import sys; from flake8_poolhold.report import full, styled;"
        "styled.write(full.render([], lambda path: None), sys.stdout); sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
