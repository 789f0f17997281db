"""No module imports upwards, and only what works on trees knows libcst: the contracts in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_layers_are_kept() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_check_without_a_fix_to_make_does_without_libcst(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("async def f(session):\n    await session.execute('select 1')\n")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from flake8_poolhold import engine\n"
        "from flake8_poolhold.config import Settings\n"
        "result = engine.check([Path()], Settings(), cache=False)\n"
        "assert 'flake8_poolhold.flow.analysis' in sys.modules\n"
        "sys.exit(bool(result.problems) or 'libcst' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
