"""The command line: each command reads its arguments, calls the workbench and prints."""

from .group import main

__all__ = ["main"]
