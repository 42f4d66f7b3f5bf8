"""Run a Python program whose LangChain calls a policy attends: `python -m conductor_mw_langchain`.

The program is not changed: the policy is named by `CONDUCTOR_LANGCHAIN_POLICY`.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from conductor_mw import ConductorError

from .variables import POLICY

_USAGE: Final = f"""\
usage: {POLICY}=conductor.yaml python -m conductor_mw_langchain app.py [argument ...]
       {POLICY}=conductor.yaml python -m conductor_mw_langchain -m module [argument ...]

Examples:
  {POLICY}=conductor.yaml python -m conductor_mw_langchain app.py --port 8000
  {POLICY}=conductor.yaml python -m conductor_mw_langchain -m uvicorn app:api
"""
_COULD_NOT: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Load the policy, then run the program as Python itself would.

    Args:
        arguments: of the command line, without its own name.

    Returns:
        1 where the policy cannot be used or no program is named. A program ends as it likes.
    """
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        sys.stderr.write(_USAGE)
        return _COULD_NOT
    from .environment import attending

    try:
        attending()
    except ConductorError as error:
        sys.stderr.write(f"{error}\n")
        return _COULD_NOT
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(arguments)
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))  # as `python app.py` does
        runpy.run_path(arguments[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
