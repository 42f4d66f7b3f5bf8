"""Run a few lines in a fresh Python process and read what they print, as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[1]


def fresh(code: str) -> Any:
    """Give what `code` prints as JSON on its last line."""
    done = subprocess.run(  # noqa: S603 - the code is written in this folder
        [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])
