"""Look into the archive of policies that ran: find one, check its seal, write it back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Final, cast

from conductor_mw import ConductorError

from .keys import Keys
from .log import policy_seal
from .records import Records, Wanted

_NO_KEY: Final = Keys.of(None)


@dataclass(frozen=True, slots=True)
class Archived:
    """A policy that ran.

    Attributes:
        fingerprint: hash of its meaning.
        documents: the text of every file it was read from, by the file's name.
        time: when it was archived, in UTC seconds.
        name: what it called itself.
        main: the name of its outermost file, as far as that is known.
        intact: whether its seal is the one that was made; None where it was sealed without a key.
    """

    fingerprint: str
    documents: Mapping[str, str]
    time: float
    name: str
    main: str
    intact: bool | None

    def named(self) -> dict[str, object]:
        """Give it as plain JSON."""
        return {
            "fingerprint": self.fingerprint,
            "name": self.name,
            "time": self.time,
            "files": list(self.documents),
            "intact": self.intact,
        }


def archive_of(records: Records) -> list[Archived]:
    """Give every policy that ran, the oldest first.

    Raises:
        ConductorError: the log cannot be read.
    """
    known = {
        str(one.data.get("policy")): one.data for one in records.find(Wanted(kinds=("policy",)))
    }
    found: list[Archived] = []
    for fingerprint, text, when, seal in records.tables.policies():
        told = known.get(fingerprint, {})
        documents = cast("dict[str, str]", json.loads(text))
        intact: bool | None = policy_seal(records.keys, fingerprint, text) == seal
        if policy_seal(_NO_KEY, fingerprint, text) == seal:
            intact = None  # sealed without a secret, which anybody could do again
        name = str(told.get("name", ""))
        found.append(Archived(fingerprint, documents, when, name, _main(documents), intact))
    return found


def archived_policy(records: Records, prefix: str) -> Archived:
    """Give the only policy whose fingerprint begins so.

    Raises:
        ConductorError: none does, several do, or its text was changed in the log.
    """
    found = [one for one in archive_of(records) if one.fingerprint.startswith(prefix)]
    if len(found) != 1:
        problem = f"{len(found)} policies have" if found else "no policy has"
        raise ConductorError(
            f"{problem} a fingerprint that begins with {prefix[:80]!r}",
            mend="`conductor-mw policies list` names them.",
        )
    if found[0].intact is False:
        raise ConductorError(
            "the archived text is not the one that ran: its seal does not fit",
            where=found[0].fingerprint,
            mend="Run `conductor-mw audit verify`.",
        )
    return found[0]


def write_back(one: Archived, policy: Path) -> Sequence[Path]:
    """Write an archived policy into its files again, each of them whole or not at all.

    Args:
        one: the policy.
        policy: the outermost file; what it included lies beside it as it did.

    Returns:
        The files that were written.

    Raises:
        ConductorError: a file cannot be written, or would lie outside the policy's folder.
    """
    folder = Path(one.main).parent
    places: dict[Path, str] = {}
    for name, text in one.documents.items():
        place = policy if name == one.main else policy.parent / os.path.relpath(name, folder)
        if not place.resolve().is_relative_to(policy.parent.resolve()):
            raise ConductorError(
                f"{name} lies outside the policy's folder",
                where=policy,
                mend="Take its text from `conductor-mw policies show` and write it by hand.",
            )
        places[place] = text
    # The outermost last: a conductor that looks meanwhile finds the old whole, or the new whole.
    written = sorted(places, key=lambda place: place == policy)
    for place in written:
        _replace(place, places[place])
    return written


def _main(documents: Mapping[str, str]) -> str:
    """Give the outermost file: the one that no other includes."""
    included = [
        name
        for name in documents
        if any(Path(name).name in text for other, text in documents.items() if other != name)
    ]
    outer = [name for name in documents if name not in included] or list(documents)
    return outer[0] if outer else ""


def _replace(place: Path, text: str) -> None:
    try:
        handle, temporary = mkstemp(dir=place.parent, prefix=f".{place.name}.")
        try:
            if place.exists():
                os.fchmod(handle, place.stat().st_mode & 0o777)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(place)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConductorError(
            f"the file cannot be written: {error.strerror or error}", where=place
        ) from error
