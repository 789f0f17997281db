"""The documentation says what is so: rules, commands, settings, examples and outputs."""

from __future__ import annotations

import ast
import builtins
import configparser
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from flake8_poolhold import cli, engine
from flake8_poolhold.cli.parser import parse
from flake8_poolhold.config import Settings, load
from flake8_poolhold.registry import Rule, rules

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples/chat_service/README.md")
HEADINGS = ["What it does", "Why is this bad?", "Example", "Use instead", "Fix safety"]
RULES = pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.code)

SUPPORT = '''\
"""What the examples of the rules take for granted."""

from collections.abc import AsyncIterator

from sqlalchemy import Update, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"), expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    questions: Mapped[int]


class Idea(Base):
    __tablename__ = "ideas"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


async def get_db() -> AsyncIterator[AsyncSession]:
    async with sessions() as db:
        yield db


def increment(user_id: int) -> Update:
    return update(User).where(User.id == user_id).values(questions=User.questions + 1)
'''


def blocks(markdown: str, *languages: str) -> list[str]:
    """The contents of the fenced code blocks in these languages."""
    return [
        code for language, code in re.findall(r"^```(\w*)\n(.*?)^```$", markdown, re.M | re.S) if language in languages
    ]


def section(rule: Rule, heading: str) -> str:
    """What stands under a heading of a rule's documentation."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", rule.doc, re.M | re.S)
    assert found, f"{rule.code} has no section `{heading}`"
    return found[1]


def completed(code: str) -> str:
    """An example with an import of the names that it takes for granted."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)} | set(dir(builtins))
    bound |= {
        alias.asname or alias.name for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for alias in n.names
    }
    bound |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    missing = sorted({node.id for node in names} - bound)
    return f"from support import {', '.join(missing)}\n\n{code}" if missing else code


def codes(code: str, folder: Path, rule: Rule) -> set[str]:
    """The codes of the findings in an example of a rule, which is selected where it is opt-in.

    The support is not the example: it need not do what an opt-in rule asks for.
    """
    (folder / "support.py").write_text(SUPPORT)
    (folder / "example.py").write_text(completed(code))
    settings = Settings(extend_select=(rule.code,) if rule.opt_in else ())
    result = engine.check([folder], settings, root=folder)
    assert result.problems == ()
    return {finding.code for finding in result.findings if finding.path == "example.py"}


@RULES
def test_a_rule_is_in_the_readme_and_the_changelog(rule: Rule) -> None:
    (row,) = re.findall(rf"^\| {rule.code} \| (.*) \| (.*) \| (.*) \|$", README, re.M)
    name, finds, fix = row
    assert name == rule.name
    assert finds.startswith(rule.summary)
    assert [f"`{one}`" for one in rule.fixes] == re.findall(r"`[\w-]+`", fix)
    assert ("advisory" in finds) == rule.advisory
    assert ("Opt-in" in finds) == rule.opt_in
    assert f"{rule.code} `{rule.name}`" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_names_no_other_rules() -> None:
    assert set(re.findall(r"PHL\d{3}", README)) == set(rules())


@RULES
def test_a_rule_has_all_headings(rule: Rule) -> None:
    assert re.findall(r"^## (.*)$", rule.doc, re.M) == HEADINGS
    assert all(section(rule, heading).strip() for heading in HEADINGS)


@RULES
def test_an_example_gives_its_code_alone(rule: Rule, tmp_path: Path) -> None:
    (example,) = blocks(section(rule, "Example"), "python")
    assert codes(example, tmp_path, rule) == {rule.code}


@RULES
def test_what_to_use_instead_does_not_give_the_code(rule: Rule, tmp_path: Path) -> None:
    (instead,) = blocks(section(rule, "Use instead"), "python")
    assert rule.code not in codes(instead, tmp_path, rule)


@RULES
def test_a_rule_is_printed(rule: Rule, capsys: pytest.CaptureFixture[str]) -> None:
    for asked in (rule.code, rule.code.lower(), rule.name):
        assert cli.main(["rule", asked]) == 0
        assert capsys.readouterr().out == f"# {rule.name} ({rule.code})\n\n{rule.doc}\n"


@pytest.mark.parametrize("document", [*DOCUMENTS, *rules()])
def test_code_blocks_are_valid(document: str) -> None:
    text = rules()[document].doc if document in rules() else (ROOT / document).read_text()
    for code in blocks(text, "python"):
        compile(code, document, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for code in blocks(text, "toml"):
        tomllib.loads(code)
    for code in blocks(text, "ini"):
        configparser.ConfigParser().read_string(code)
    for code in blocks(text, "sh"):
        subprocess.run(["bash", "-n"], input=code.encode(), check=True)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", file.read_text()):
        assert (file.parent / target).exists(), target


def commands() -> list[str]:
    written = [*re.findall(r"`(poolhold [^`\[]+)`", README), *re.findall(r"bin/(poolhold [^&\n]+)", README)]
    return sorted({command.strip() for command in written})


@pytest.mark.parametrize("command", commands())
def test_commands_of_the_readme_parse(command: str) -> None:
    assert callable(parse(shlex.split(command)[1:]).run)


def test_the_settings_of_the_readme_are_valid(tmp_path: Path) -> None:
    tables = [code for code in blocks(README, "toml") if "[tool.poolhold]" in code]
    assert len(tables) == 2
    for table in tables:
        (tmp_path / "pyproject.toml").write_text(table)
        settings, file = load(tmp_path)
        assert file is not None
        assert settings != Settings()


def poolhold(*arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(ROOT / "examples" / "chat_service")
    assert cli.main([*arguments, "--no-cache"]) == 1
    return capsys.readouterr().out


def test_the_first_screen_is_real(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, *_ = blocks(README, "python")
    assert code in (ROOT / "examples/chat_service/app/routers/chat.py").read_text()
    (output,) = blocks(README, "text")
    assert output in poolhold("check", monkeypatch=monkeypatch, capsys=capsys)
    (diff,) = blocks(README, "diff")
    assert diff in poolhold("fix", "--diff", monkeypatch=monkeypatch, capsys=capsys)


def test_the_promised_summary_is_real(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (promise,) = re.findall(r"`(Found \d+ findings)`", README)
    assert promise in poolhold("check", monkeypatch=monkeypatch, capsys=capsys)


def test_ci_runs_the_tests_as_the_readme_does() -> None:
    (command,) = [line for line in "".join(blocks(README, "sh")).splitlines() if "pytest" in line]
    assert command.rpartition(" && ")[2] in (ROOT / ".ci" / "run").read_text()


def test_the_hooks_of_the_readme_exist() -> None:
    (configuration,) = blocks(README, "yaml")
    hooks = re.findall(r"^- id: (\S+)$", (ROOT / ".pre-commit-hooks.yaml").read_text(), re.M)
    assert re.findall(r"- id: (\S+)", configuration) == hooks
