"""`[tool.poolhold]` and the command line, as settings."""

from flake8_poolhold.config.codes import per_file_ignored, selected, unknown_code, validate_codes
from flake8_poolhold.config.errors import ConfigError
from flake8_poolhold.config.load import find_project_root, load, override
from flake8_poolhold.config.settings import DEFAULT_EXCLUDE, Settings

__all__ = [
    "DEFAULT_EXCLUDE",
    "ConfigError",
    "Settings",
    "find_project_root",
    "load",
    "override",
    "per_file_ignored",
    "selected",
    "unknown_code",
    "validate_codes",
]
