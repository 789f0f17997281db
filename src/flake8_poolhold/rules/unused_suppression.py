"""A `# noqa` comment names a rule of this tool and silences nothing.

## What it does
Reports each `PHL` code in a `# noqa: ...` comment for which there is nothing to silence on that line. A bare `# noqa`,
and codes that were not looked for in this run, are left alone.

## Why is this bad?
A suppression that outlived its reason hides the next bug on its line.

## Example
```python
total = 1 + 1  # noqa: PHL101 the lock is held on purpose
```

## Use instead
```python
total = 1 + 1
```

## Fix safety
No fix is offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL901")
def unused_suppression(flow: Flow) -> Iterator[Finding]:
    """Nothing to ask the flow: the engine decides it from the comments once all other rules have spoken."""
    yield from ()
