"""The JSON schema of `[tool.poolhold]`: `python -m flake8_poolhold.config.schema > poolhold.schema.json`."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from flake8_poolhold.config.settings import Settings


def schema() -> dict[str, Any]:
    """Return the JSON schema that editors and validators use for `[tool.poolhold]`."""
    definitions = msgspec.json.schema(Settings)["$defs"]
    body = definitions.pop("Settings")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **body,
        "title": "poolhold",
        "$defs": definitions,
    }


def text() -> str:
    """Return the schema as it stands in `poolhold.schema.json`."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(text(), end="")
