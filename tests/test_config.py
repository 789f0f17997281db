"""Settings from pyproject.toml and the command line, and what is said about wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from flake8_poolhold.config import (
    DEFAULT_EXCLUDE,
    ConfigError,
    Settings,
    codes,
    find_project_root,
    load,
    override,
    per_file_ignored,
    schema,
    selected,
    unknown_code,
    validate_codes,
)
from flake8_poolhold.registry import Rule

ROOT = Path(__file__).parent.parent


def _rule(code: str, name: str, *, opt_in: bool = False) -> Rule:
    return Rule(code, name, "", "", "0.1.0", False, opt_in, (), lambda _: [])


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed set of rules, so that these tests do not depend on the real ones."""
    known = [
        _rule("PHL101", "network-wait-while-held"),
        _rule("PHL102", "network-wait-in-open-session"),
        _rule("PHL201", "request-session-in-background-task"),
        _rule("PHL501", "pool-left-at-default", opt_in=True),
    ]
    monkeypatch.setattr(codes, "rules", lambda: {rule.code: rule for rule in known})


def write(folder: Path, table: str) -> Path:
    file = folder / "pyproject.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[project]\nname = 'x'\n[tool.poolhold]\n{table}\n")
    return file


def test_reads_every_key(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        select = ["PHL1", "PHL501"]
        extend-select = ["PHL2"]
        ignore = ["PHL102"]
        exclude = ["a/"]
        extend-exclude = ["b"]
        force-exclude = true
        per-file-ignores = { "tests/*" = ["PHL2"] }
        src = ["backend"]
        workers = 4
        replicas = 2
        max-connections = 200
        """,
    )
    assert load(tmp_path) == (
        Settings(
            select=("PHL1", "PHL501"),
            extend_select=("PHL2",),
            ignore=("PHL102",),
            exclude=("a/",),
            extend_exclude=("b",),
            force_exclude=True,
            per_file_ignores={"tests/*": ("PHL2",)},
            src=("backend",),
            workers=4,
            replicas=2,
            max_connections=200,
        ),
        file,
    )


def test_defaults() -> None:
    assert Settings() == Settings(select=None, exclude=DEFAULT_EXCLUDE, per_file_ignores={}, src=())


@pytest.mark.parametrize(
    ("table", "key", "reason"),
    [
        ("selct = []", "[tool.poolhold] selct", "unknown key; did you mean `select`?"),
        ("extend_select = []", "[tool.poolhold] extend_select", "unknown key; did you mean `extend-select`?"),
        ("zzz = 1", "[tool.poolhold] zzz", "unknown key; known are exclude, "),
        ("select = 'PHL101'", "[tool.poolhold] select", "expected `array | null`, got `str`"),
        ("ignore = ['PHL1', 2]", "[tool.poolhold] ignore[1]", "expected `str`, got `int`"),
        ("force-exclude = 1", "[tool.poolhold] force-exclude", "expected `bool`, got `int`"),
        ("per-file-ignores = { a = 'PHL1' }", "[tool.poolhold] per-file-ignores[...]", "expected `array`, got `str`"),
        ("exclude = ['']", "[tool.poolhold] exclude[0]", "expected `str` of length >= 1"),
        ("select = ['PHL110']", "[tool.poolhold] select", "unknown code `PHL110`; did you mean `PHL1"),
        ("extend-select = ['E501']", "[tool.poolhold] extend-select", "unknown code `E501`"),
        ("ignore = ['network']", "[tool.poolhold] ignore", "unknown code `network`; `poolhold rule` lists the codes"),
        ("per-file-ignores = { a = ['PHL3'] }", "[tool.poolhold] per-file-ignores", "unknown code `PHL3`"),
        ("workers = 0", "[tool.poolhold] workers", "expected `int` >= 1"),
        ("workers = 1001", "[tool.poolhold] workers", "expected `int` <= 1000"),
        ("replicas = true", "[tool.poolhold] replicas", "expected `int | null`, got `bool`"),
        ("replicas = 2.5", "[tool.poolhold] replicas", "expected `int | null`, got `float`"),
        ("replicas = 10_001", "[tool.poolhold] replicas", "expected `int` <= 10000"),
        ("max-connections = -1", "[tool.poolhold] max-connections", "expected `int` >= 1"),
        ("max-connections = 262144", "[tool.poolhold] max-connections", "expected `int` <= 262143"),
        ("max_connections = 100", "[tool.poolhold] max_connections", "unknown key; did you mean `max-connections`?"),
        ("x = ", "", "is not TOML: "),
        ("x = 1\n[tool]\npoolhold = 3", "", "is not TOML: "),
    ],
)
def test_refuses_with_file_key_and_reason(tmp_path: Path, table: str, key: str, reason: str) -> None:
    file = write(tmp_path, table)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert (caught.value.path, caught.value.key) == (file, key)
    assert caught.value.reason.startswith(reason), caught.value.reason
    assert str(caught.value) == ": ".join(filter(None, (str(file), key, caught.value.reason)))


def test_refuses_a_table_that_is_none_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool]\npoolhold = 3\n")
    with pytest.raises(ConfigError, match="must be a table, is int"):
        load(tmp_path)
    file.write_bytes(b"# poolhold\n\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(tmp_path)


def test_only_the_table_of_the_project_root_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    write(tmp_path, "ignore = ['PHL2']")
    outer = write(project, "ignore = ['PHL101']")
    inner = write(project / "inner", "ignore = ['PHL102']")
    (inner.parent / "a.py").touch()
    monkeypatch.chdir(project)
    assert load(Path("inner/a.py"))[1] == load(Path())[1] == outer
    outer.unlink()
    assert load(Path("inner")) == (Settings(), None)
    monkeypatch.chdir(tmp_path / "project/inner")
    assert load(Path("a.py"))[1] == inner


def test_project_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("cwd/sub", "one/app", "two/app", "three/app", "two/.git"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "one/pyproject.toml").touch()
    (tmp_path / "cwd/sub/pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "cwd")
    assert find_project_root(Path("sub/missing.py")) == tmp_path / "cwd"
    assert find_project_root(Path()) == tmp_path / "cwd"
    assert find_project_root(Path("../one/app/a.py")) == tmp_path / "one"
    assert find_project_root(tmp_path / "two/app") == tmp_path / "two"
    monkeypatch.chdir("/")
    assert find_project_root(tmp_path / "one/app") == tmp_path / "one"
    assert find_project_root(tmp_path / "three/app") == tmp_path / "three/app"


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        (Settings(), "PHL101 PHL102 PHL201"),
        (Settings(select=()), ""),
        (Settings(select=("PHL",)), "PHL101 PHL102 PHL201 PHL501"),
        (Settings(select=("PHL1",)), "PHL101 PHL102"),
        (Settings(extend_select=("PHL501",)), "PHL101 PHL102 PHL201 PHL501"),
        (Settings(select=("PHL2",), extend_select=("PHL101",)), "PHL101 PHL201"),
        (Settings(ignore=("PHL1",)), "PHL201"),
        (Settings(ignore=("PHL1",), extend_select=("PHL102",)), "PHL102 PHL201"),
        (Settings(select=("PHL1",), ignore=("PHL1",)), ""),
        (Settings(select=("PHL101",), ignore=("PHL",)), "PHL101"),
    ],
)
def test_the_longest_prefix_selects(settings: Settings, codes: str) -> None:
    known = ("PHL101", "PHL102", "PHL201", "PHL501")
    assert [code for code in known if selected(settings, code)] == codes.split()


def test_per_file_ignores_match_files_and_folders() -> None:
    settings = Settings(per_file_ignores={"tests": ("PHL1",), "app/*.py": ("PHL201",), "/x/**/y.py": ("PHL",)})
    assert per_file_ignored(settings, "pkg/tests/deep/a.py", "PHL101")
    assert not per_file_ignored(settings, "pkg/tests/deep/a.py", "PHL201")
    assert per_file_ignored(settings, "app/a.py", "PHL201")
    assert not per_file_ignored(settings, "app/sub/a.py", "PHL201")
    assert per_file_ignored(settings, "x/a/b/y.py", "PHL501")
    assert not per_file_ignored(settings, "z/x/y.py", "PHL501")


def test_command_line_lies_over_settings() -> None:
    base = Settings(select=("PHL1",), extend_select=("PHL2",), ignore=("PHL102",), extend_exclude=("a",))
    assert override(base) == base
    only = override(base, select=["PHL102"])
    assert (only.select, only.extend_select, only.ignore) == (("PHL102",), (), ())
    more = override(base, extend_select=["PHL5"], ignore=["PHL101"], extend_exclude=["b"], force_exclude=True)
    assert more.extend_select == ("PHL2", "PHL5")
    assert more.ignore == ("PHL102", "PHL101")
    assert (more.extend_exclude, more.exclude, more.force_exclude) == (("a", "b"), DEFAULT_EXCLUDE, True)
    files = override(base, exclude=["c"], per_file_ignores={"x": ["PHL1"]})
    assert (files.exclude, files.per_file_ignores) == (("c",), {"x": ("PHL1",)})
    for option in ("select", "extend_select", "ignore"):
        with pytest.raises(ConfigError, match=f"^--{option.replace('_', '-')}: unknown code `PHL9`"):
            override(base, **{option: ["PHL9"]})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^--per-file-ignores: unknown code"):
        override(base, per_file_ignores={"x": ["E1"]})


def test_codes_are_validated_and_near_ones_named() -> None:
    validate_codes(["PHL", "PHL1", "PHL501"])
    with pytest.raises(ConfigError, match=r"^unknown code ``; "):
        validate_codes([""])
    assert unknown_code("phl10") == "unknown code `phl10`; did you mean `PHL102` or `PHL101`?"
    assert unknown_code("network-wait-while-hold").endswith("did you mean `PHL101` or `PHL102`?")


def test_the_schema_file_is_up_to_date_and_describes_the_settings() -> None:
    assert (ROOT / "poolhold.schema.json").read_text() == schema.text(), (
        "run: python -m flake8_poolhold.config.schema > poolhold.schema.json"
    )
    validate = jsonschema.Draft202012Validator(schema.schema())
    assert validate.is_valid({"select": ["PHL1"], "per-file-ignores": {"a": ["PHL1"]}, "force-exclude": True})
    for wrong in ({"select": "PHL1"}, {"selct": []}, {"force-exclude": 1}, {"ignore": [""]}):
        assert not validate.is_valid(wrong), wrong


def test_the_schema_describes_every_key() -> None:
    properties = json.loads(schema.text())["properties"]
    assert set(properties) == set(Settings.__struct_encode_fields__)
    assert all(value["description"] for value in properties.values())
