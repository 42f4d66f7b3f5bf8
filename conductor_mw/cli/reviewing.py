"""Find the store and the gate that `conductor-mw review` is about."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from conductor_mw import plugins
from conductor_mw.clock import SystemClock
from conductor_mw.errors import ConductorError
from conductor_mw.gates import Gate, Gates

_USUAL: Final = Path("conductor.yaml")
_NAMED: Final = 8


@contextmanager
def opened(store: str | None, policy: Path | None) -> Generator[Gates | None, None, None]:
    """Give the gates of a store, or None where its file is not there yet.

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
        yield Gates(kept)


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


def picked(gates: Gates, prefix: str) -> Gate | None:
    """Give the only gate whose id begins with `prefix`, or None where there is none.

    Raises:
        ConductorError: several begin with it, or the record is damaged.
    """
    moment = now()
    ids = gates.ids(moment, prefix)
    if len(ids) > 1:
        named = "\n  ".join([*ids[:_NAMED], *(["..."] if len(ids) > _NAMED else [])])
        raise ConductorError(f"{len(ids)} gates begin with {prefix[:80]!r}", mend=named)
    return gates.get(ids[0], moment) if ids else None


def now() -> float:
    """Give the UTC second."""
    return SystemClock().now().utc
