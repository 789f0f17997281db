"""Rules find themselves, and malformed ones are refused with the module to blame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flake8_poolhold import registry
from flake8_poolhold.registry import RegistryError, discover, rules

RULE = '''"""{summary}

## What it does
Nothing.
"""

from flake8_poolhold.registry import rule


@rule({arguments})
def {name}(flow):
    return [flow]
'''


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> str:
    """Write a package of rules and return its name."""
    name = f"rules_{folder.name.replace('-', '_')}"
    (folder / name).mkdir()
    (folder / name / "__init__.py").touch()
    for module, text in modules.items():
        (folder / name / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    return name


def written(name: str, code: str, *, more: str = "", summary: str = "It waits.") -> str:
    return RULE.format(name=name, arguments=f'code="{code}"{more}', summary=summary)


def test_finds_rules_sorted_by_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = package(
        tmp_path,
        monkeypatch,
        wait_held=written("wait_held", "PHL201", more=', since="0.2.0", advisory=True, opt_in=True, fixes=["a", "b"]'),
        zzz=written("zzz", "PHL101", summary="Other words."),
        _shared="raise AssertionError",
    )
    found = discover(name)
    assert list(found) == ["PHL101", "PHL201"]
    rule = found["PHL201"]
    assert (rule.code, rule.name, rule.summary) == ("PHL201", "wait-held", "It waits.")
    assert rule.doc == "It waits.\n\n## What it does\nNothing."
    assert (rule.since, rule.advisory, rule.opt_in, rule.fixes) == ("0.2.0", True, True, ("a", "b"))
    assert rule.check("flow") == ["flow"]
    plain = found["PHL101"]
    assert (plain.since, plain.advisory, plain.opt_in, plain.fixes) == ("0.1.0", False, False, ())


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"a": written("a", "PHL1")}, "`PHL1` is not of the form"),
        ({"a": written("a", "PHL1010")}, "`PHL1010` is not of the form"),
        ({"a": written("a", "XYZ101")}, "`XYZ101` is not of the form"),
        ({"a": written("b", "PHL101")}, "function is called `b`, its file `a.py`"),
        ({"a": written("a", "PHL101"), "b": written("b", "PHL101")}, "`PHL101` is the code of two rules, a and b"),
        ({"a": '"""Doc."""\n'}, "defines 0 rules"),
        ({"a": written("a", "PHL101") + "b = rule(code='PHL102')(a.check)\n"}, "defines 2 rules"),
        ({"a": written("a", "PHL101").partition('"""\n\nfrom')[2].join(("from", ""))}, "has no docstring"),
    ],
)
def test_refuses_malformed_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: dict[str, str], message: str
) -> None:
    name = package(tmp_path, monkeypatch, **modules)
    with pytest.raises(RegistryError, match=message):
        discover(name)


def test_a_rule_may_be_imported_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = package(tmp_path, monkeypatch, a=written("a", "PHL101"))
    (tmp_path / name / "b.py").write_text(f'"""Doc."""\nfrom {name}.a import a\n' + written("b", "PHL102"))
    assert list(discover(name)) == ["PHL101", "PHL102"]


def test_our_own_rules_are_well_made() -> None:
    assert rules() is rules()
    assert all(code == rule.code for code, rule in rules().items())


def test_importing_the_registry_imports_no_rule() -> None:
    program = f"import sys; import {registry.__name__}; sys.exit('flake8_poolhold.rules' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
