"""The pre-filter answers for whole words in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flake8_poolhold.source.prefilter import Prefilter

WORDS = [b"httpx", b"http", b"google.cloud", b"AsyncSession", b"Session", b"a", b"ab", b"abc"]


@pytest.mark.parametrize(
    ("data", "passes"),
    [
        (b"import httpx", True),
        (b"httpx", True),
        (b"x.http.y", True),
        (b"from google.cloud import storage", True),
        (b"google_cloud googlexcloud", False),
        (b"my_httpx httpx2 httpxs _http", False),
        (b"AsyncSessionmaker MySession", False),
        ("éSession".encode(), True),
        (b"", False),
        (b"\xff\x00abc\xfe", True),
        (b"abcd", False),
    ],
)
def test_finds_whole_words(data: bytes, passes: bool) -> None:
    assert Prefilter(WORDS).passes(data) is passes


@given(st.lists(st.text("ab.c", min_size=1).filter(lambda word: word[0] != ".")), st.text("ab.c _(").map(str.encode))
def test_agrees_with_a_search_for_each_word(words: list[str], data: bytes) -> None:
    def touched(at: int) -> bool:
        return 0 <= at < len(data) and (chr(data[at]).isalnum() or data[at : at + 1] == b"_")

    def holds(word: bytes) -> bool:
        starts = [at for at in range(len(data)) if data.startswith(word, at)]
        return any(not touched(at - 1) and not touched(at + len(word)) for at in starts)

    encoded = [word.encode() for word in words]
    assert Prefilter(encoded).passes(data) is any(map(holds, encoded))


def test_no_words_pass_nothing_and_odd_words_are_refused() -> None:
    assert not Prefilter([]).passes(b"anything")
    for word in (b"", b".x", "é".encode()):
        with pytest.raises(ValueError, match="must begin with"):
            Prefilter([word])
