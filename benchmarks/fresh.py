"""Run a few lines in a fresh Python process and read what they print, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[1]
# Where the environment forbids writing bytecode, every start would compile our sources again, but
# not those of installed packages, which pip compiled.
_BYTECODE: Final = tempfile.TemporaryDirectory(prefix="conductor-mw-benchmarks-")


def fresh(code: str) -> Any:
    """Give what `code` prints as JSON on its last line."""
    env = {**os.environ, "PYTHONPYCACHEPREFIX": _BYTECODE.name}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(  # noqa: S603 - the code is written in this folder
        [sys.executable, "-c", code], cwd=_ROOT, env=env, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])
