"""What a line costs in projects of growing size: `python bench/linear.py [--most 2000000] [--shape service ...]`.

One core, no cache. The cost of a line should stay what it is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import generate
from measure import medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=200_000, help="lines of the largest project")
    parser.add_argument("--shape", choices=generate.SHAPES, action="append")
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "flake8_poolhold",
        "check",
        "--no-cache",
        "--jobs=1",
        "--output-format=concise",
        ".",
    ]
    print("| shape | lines | CPU s | µs a line | MB |\n|---|---:|---:|---:|---:|")
    for shape in options.shape or generate.SHAPES:
        lines = 10_000
        while lines <= (min(options.most, 50_000) if shape == "long" else options.most):
            with tempfile.TemporaryDirectory() as place:
                root = Path(place)
                generate.write(root, shape, lines)
                count = sum(file.read_bytes().count(b"\n") for file in root.rglob("*.py"))
                cost = medians(command, root, options.times)
            each = cost.cpu / count * 1e6
            print(f"| {shape} | {count:,} | {cost.cpu:.1f} | {each:.0f} | {cost.memory:.0f} |", flush=True)
            lines = lines * 5 if shape == "long" else lines * 2 if lines < 20_000 else int(lines * 2.5)


if __name__ == "__main__":
    main()
