"""Ties the parts together: files -> facts -> flow -> rules -> findings -> fixes."""

from __future__ import annotations

from flake8_poolhold.engine.checking import check, project_root
from flake8_poolhold.engine.repair import fix

__all__ = ["check", "fix", "project_root"]
