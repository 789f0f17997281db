"""The command line `poolhold`: options in, exit code out, everything else elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_BROKEN_PIPE = 141
_INTERRUPTED = 130
_FAILED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run `poolhold` and return its exit code: 0 nothing found, 1 findings, 2 something could not be done."""
    arguments = sys.argv[1:] if argv is None else argv
    if list(arguments) == ["--version"]:
        from flake8_poolhold import __version__

        print(f"poolhold {__version__}")
        return 0
    from flake8_poolhold.cli.parser import parse

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parse(arguments)
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more. What is still buffered must not fail a second time when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        print("poolhold: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        print(
            "poolhold: internal error; a report with the lines above and the file helps to repair it", file=sys.stderr
        )
        return _FAILED
    return code
