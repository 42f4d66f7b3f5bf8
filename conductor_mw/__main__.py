"""`python -m conductor_mw` is `conductor-mw`, where scripts are not on the path."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
