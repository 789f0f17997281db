"""The store: damaged, full and foreign folders; what is removed, by whom and when."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flake8_poolhold import cli
from flake8_poolhold.cache import Cache, NotACacheError, remove

MONTH = 30 * 24 * 60 * 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_what_was_put_is_there_for_the_same_version_only(folder: Path) -> None:
    cache = Cache(folder, "1")
    key = cache.key(b"content")
    assert cache.get(key) is None
    assert not cache.has(key)
    cache.put(key, b"entry")
    assert cache.get(key) == b"entry"
    assert cache.has(key)
    assert Cache(folder, "2").key(b"content") != key


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file", "1")
    cache.put(cache.key(b"content"), b"entry")
    assert cache.get(cache.key(b"content")) is None


def test_entries_that_nobody_reads_go_after_a_month_and_others_stay(folder: Path) -> None:
    cache = Cache(folder, "1")
    old, read, new = (cache.key(name) for name in (b"old", b"read", b"new"))
    for key in (old, read):
        cache.put(key, b"entry")
        file = folder / key[:2] / key[2:]
        os.utime(file, (time.time() - 2 * MONTH,) * 2)
    assert cache.get(read) == b"entry"
    Cache(folder, "1").put(new, b"entry")
    assert cache.has(old), "it is looked at once a day only"
    os.utime(folder / "pruned", (0, 0))
    Cache(folder, "2").put(new, b"entry")
    assert [cache.has(key) for key in (old, read, new)] == [False, True, True]


def test_clean_removes_the_cache_and_says_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("async def f():\n    pass\n")
    cli.main(["check", "."])
    capsys.readouterr()
    assert cli.main(["clean"]) == 0
    assert capsys.readouterr().out == f"Removed {tmp_path / '.poolhold_cache'}: 2 entries, 0.0 MB.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]
    assert cli.main(["clean"]) == 0
    assert capsys.readouterr().out.endswith(": there is no cache\n")


def test_a_cache_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text("async def f():\n    pass\n")
    monkeypatch.chdir(project)
    assert cli.main(["check", "--cache-dir", "../other", "."]) == 0
    assert not (project / ".poolhold_cache").exists()
    assert (tmp_path / "other" / "CACHEDIR.TAG").exists()
    assert cli.main(["clean", "--cache-dir", "../other"]) == 0
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "tag", [None, "", "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of something else.\n"]
)
def test_what_is_no_cache_of_ours_stays(tmp_path: Path, tag: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "work.txt").write_text("years of it")
    if tag is not None:
        (folder / "CACHEDIR.TAG").write_text(tag)
    assert cli.main(["clean", "--cache-dir", str(folder)]) == 2
    assert capsys.readouterr().err.endswith("; nothing was removed\n")
    assert (folder / "work.txt").exists()


def test_a_link_to_a_cache_is_not_followed(tmp_path: Path, folder: Path) -> None:
    cache = Cache(folder, "1")
    cache.put(cache.key(b"content"), b"entry")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(NotACacheError):
        remove(tmp_path / "link")
    assert cache.has(cache.key(b"content"))
