"""Decoding, the way back, and refusing what a parser would die of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flake8_poolhold.source.text import Source, SourceError, decode, encode, lines, read


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (b"", Source("a.py", "")),
        (b"x = 1\r\ny = 2\n", Source("a.py", "x = 1\r\ny = 2\n", newline="\r\n")),
        (b"x\ry\r", Source("a.py", "x\ry\r", newline="\r")),
        (b"\xef\xbb\xbfx = '\xc3\xa9'\n", Source("a.py", "x = 'é'\n", bom=True)),
        (b"# coding: latin-1\n'\xe9'\n", Source("a.py", "# coding: latin-1\n'é'\n", encoding="iso-8859-1")),
        (
            b"#!x\n# -*- coding: cp1252 -*-\n'\x80'\x0c\n",
            Source("a.py", "#!x\n# -*- coding: cp1252 -*-\n'€'\x0c\n", "cp1252"),
        ),
        (b"x = 1", Source("a.py", "x = 1")),
    ],
)
def test_decodes_and_gives_the_same_bytes_back(data: bytes, source: Source) -> None:
    assert decode(data, "a.py") == source
    assert encode(source, source.text) == data


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"x\ny\r\n'\xff'\n", 3, "is not utf-8: invalid start byte, byte 0xff"),
        (b"\xff", 1, "is not utf-8: invalid start byte, byte 0xff"),
        (b"\xef\xbb\xbfx\n\xc3(", 2, "is not utf-8: invalid continuation byte, byte 0xc3"),
        (b"a\nb\0", 2, "contains a NUL byte"),
        (
            "x".encode("utf-16"),
            1,
            "looks like UTF-16; Python reads source as UTF-8 unless a coding comment says otherwise",
        ),
        (b"# coding: klingon\n", 1, "coding comment cannot be followed: unknown encoding: klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "coding comment cannot be followed: encoding problem: utf-8"),
        (b"# coding: rot13\n", 1, "cannot be decoded as rot13"),
        (b"# coding: utf-7\n+AGE-\n", 1, "text in utf-7 does not give the same bytes back; save the file as UTF-8"),
    ],
)
def test_refuses_with_line_and_reason(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        decode(data, "a.py")
    assert caught.value.line == line
    assert caught.value.reason.startswith(reason)


@given(st.binary() | st.text().map(str.encode) | st.text("()[]{}'\"fr\\:#\n {}").map(str.encode))
@example(b"# coding: idna\n\xff")
@example(b"# coding: undefined\n")
@example(b"# coding: unicode_escape\n\\x")
@example(b"# coding: punycode\n\xe9-")
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        source = decode(data, "a.py")
    except SourceError:
        return
    assert encode(source, source.text) == data


def test_a_character_that_the_encoding_lacks_is_refused() -> None:
    source = decode(b"# coding: latin-1\n", "a.py")
    with pytest.raises(SourceError, match="line 2: '€' does not exist in iso-8859-1"):
        encode(source, "# coding: latin-1\n'€'\n")


def test_reads_files_and_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.py").write_bytes(b"x = 1\r\n")
    (tmp_path / "gone.py").symlink_to("nowhere")
    assert read(tmp_path / "sub/a.py", tmp_path) == Source("sub/a.py", "x = 1\r\n", newline="\r\n")
    assert read(tmp_path / "sub/a.py", tmp_path / "sub/other").path == "../a.py"
    for name, reason in [("no.py", "no such file"), ("gone.py", "broken symbolic link"), ("sub", "cannot be read")]:
        with pytest.raises(SourceError, match=reason) as caught:
            read(tmp_path / name, tmp_path)
        assert caught.value.line == 0


def test_only_newlines_end_lines() -> None:
    assert lines("a\x0cb\r\nc\u2028d\re\n\nf") == ["a\x0cb\r\n", "c\u2028d\r", "e\n", "\n", "f"]
