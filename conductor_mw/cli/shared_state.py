"""Find the store that a command is about: by its address, or by the policy that names it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from conductor_mw import plugins
from conductor_mw.errors import ConductorError
from conductor_mw.stores.base import Store

F = TypeVar("F", bound=Callable[..., Any])
_USUAL: Final = Path("conductor.yaml")


def store_options(command: F) -> F:
    """Give a command `--store` and `--policy`, which say where shared state lies."""
    store = click.option(
        "--store", metavar="ADDRESS", help="The store, for example sqlite:conductor.db."
    )
    policy = click.option(
        "--policy", type=click.Path(path_type=Path), metavar="FILE",
        help="The policy that names the store; conductor.yaml where neither is given.",
    )  # fmt: skip
    return store(policy(command))


@contextmanager
def opened_store(store: str | None, policy: Path | None) -> Generator[Store | None, None, None]:
    """Give the store of a policy or an address, or None where its file is not there yet.

    Raises:
        ConductorError: no store is named, or another process could not see into it.
    """
    address = _address(store, policy)
    scheme, _, path = address.partition(":")
    if scheme == "sqlite" and not Path(path.removeprefix("//")).exists():
        yield None  # looking must not leave an empty file behind
        return
    factory = plugins.installed().stores.get(scheme)
    if factory is None:
        mend = plugins.installed().stores.nearest(scheme)
        raise ConductorError(f"no kind of store {scheme[:80]!r}", mend=mend)
    with closing(factory(address)) as kept:
        yield kept


def _address(store: str | None, policy: Path | None) -> str:
    if store is not None and policy is not None:
        raise ConductorError("there are two stores", mend="give --store or --policy")
    if store is None and policy is None and not _USUAL.exists():
        raise ConductorError(
            "which store?", mend="give --store sqlite:FILE, or --policy with the policy's file"
        )
    where: object = "" if store is not None else policy or _USUAL
    address = store if store is not None else _store_of(policy or _USUAL)
    if address is None or address.partition(":")[0] == "memory":
        raise ConductorError(
            "what is kept in memory is seen by its own process only",
            where=where,
            mend="write `store: sqlite:conductor.db` into the policy",
        )
    return address


def _store_of(policy: Path) -> str | None:
    from conductor_mw.workbench.load import load

    return load(policy).store
