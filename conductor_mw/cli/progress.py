"""A progress bar on stderr while a person waits; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

import click

from . import console


@contextmanager
def progress(total: int, what: str) -> Generator[Callable[[], None], None, None]:
    """Give a function to call after each step.

    Args:
        total: how many steps there are.
        what: the word in front of the bar.
    """
    if not console.is_terminal(err=True):
        yield _nothing
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ModuleNotFoundError:
        with click.progressbar(length=total, label=what, file=sys.stderr) as bar:
            yield partial(bar.update, 1)
        return
    screen = Console(stderr=True, no_color=console.colour() is False)
    with Progress(console=screen, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield partial(shown.advance, task)


def _nothing() -> None:
    """Step unseen."""
