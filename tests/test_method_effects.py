"""The table of method effects says what the installed SQLAlchemy does to a real pool, and lacks no public name."""

from __future__ import annotations

import importlib
import tomllib
from importlib import resources
from typing import Any

import pytest
import sqlalchemy
from effects.measure import UNMEASURED, measure

IS_21 = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2]) >= (2, 1)
OPTIONAL = ("sqlmodel",)
ONLY_20 = {f"{name}.close_all" for name in ("Session", "scoped_session", "sessionmaker")}
ONLY_21 = {
    *(f"AsyncSession.{name}" for name in ("bind", "bind_mapper", "bind_table", "binds", "get_async_bind")),
    *(f"async_scoped_session.{name}" for name in ("binds", "get_async_bind")),
    "scoped_session.binds",
    *(
        f"{kind}.{name}"
        for kind in ("AsyncSession", "Session", "async_scoped_session", "scoped_session")
        for name in ("delete_all", "execution_options", "merge_all")
    ),
    *(
        f"{kind}.{name}"
        for kind in ("AsyncSessionTransaction", "SessionTransaction")
        for name in ("bound_connection", "connections")
    ),
    "Query.ext",
}


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return tomllib.loads((resources.files("flake8_poolhold.knowledge") / "sqlalchemy.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, str]]:
    return measure()


def flat(classes: dict[str, dict[str, str]]) -> dict[str, str]:
    return {f"{kind}.{name}": effect for kind, methods in classes.items() for name, effect in methods.items()}


def test_table_says_what_was_measured(table: dict[str, Any], measured: dict[str, dict[str, str]]) -> None:
    listed = flat({kind: entry["methods"] for kind, entry in table.items() if kind != "factories"})
    seen = flat(measured)
    assert {name for name, effect in seen.items() if effect == UNMEASURED} == set(), "tell effects/arguments.py how"
    assert {name: effect for name, effect in seen.items() if listed.get(name) != effect} == {}, "the table differs"
    assert listed.keys() - seen.keys() == (ONLY_20 if IS_21 else ONLY_21)


def test_every_path_of_the_table_exists(table: dict[str, Any]) -> None:
    paths = [*table["factories"]]
    paths += [path for kind, entry in table.items() if kind != "factories" for path in entry["names"]]
    missing = []
    for path in paths:
        module, _, name = path.rpartition(".")
        try:
            if not hasattr(importlib.import_module(module), name):
                missing.append(path)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in OPTIONAL:
                missing.append(path)
    assert missing == []


def test_factories_make_classes_of_the_table(table: dict[str, Any]) -> None:
    assert {*table["factories"].values()} <= table.keys() - {"factories"}
