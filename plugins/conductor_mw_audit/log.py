"""The log itself: appends records to a growing tree, and seals what stands there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conductor_mw import ConductorError

from .checkpoint import Checkpoint, Signer
from .entry import Entry, Stored, Written
from .keys import Keys
from .tables import State, Tables
from .tree import Tree, leaf_hash
from .vault import Vault

STDOUT: Final = "stdout"


@dataclass(frozen=True, slots=True)
class Log:
    """An append-only log. Several processes may append to one; each has its own `Log`.

    Attributes:
        tables: where it stands.
        keys: its secrets.
        signer: signs its checkpoints.
        every: after how many records a checkpoint is made.
        vault: encrypts what people said, where that is kept.
        exported: the file that each checkpoint is appended to, `stdout`, or an empty text.
    """

    tables: Tables
    keys: Keys
    signer: Signer
    every: int = 1000
    exported: str = ""
    vault: Vault | None = None

    def check_key(self) -> None:
        """Find out whether the log was sealed with this key so far.

        Raises:
            ConductorError: it was not, or its newest record was changed.
        """
        for one in self.tables.newest(1, "", ()):
            leaf = leaf_hash(one.body.encode("utf-8", "surrogateescape"))
            if self.keys.seal(one.number, leaf) != one.seal:
                raise ConductorError(
                    "the newest record of this audit log was not sealed with this key",
                    where=self.tables.address,
                    mend="Give the key that the log began with, or begin another log.",
                )

    def written(self, entry: Entry) -> Written:
        """Give a record as it is stored; what people said is encrypted, or left out.

        Raises:
            ValueError: it is no plain JSON, or too large.
            TypeError: it is no plain JSON.
            ConductorError: the person's key cannot be read now.
        """
        if self.vault is None or entry.content is None:
            return entry.written()
        return entry.written(self.vault.close(entry.subject or "", entry.content, entry.time))

    def append(self, written: Sequence[Written], now: float) -> Checkpoint | None:
        """Add records and give the checkpoint that this made, if any.

        When it returns, they are on the disk. It is done whole or not at all.

        Args:
            written: the records, in their order.
            now: the UTC second.

        Raises:
            ConductorError: they cannot be added now.
        """
        with self.tables.writing():
            made = self._append(written, now)
        if self.vault is not None:
            self.vault.look_again()
        if made is not None:
            self.export()
        return made

    def _append(self, written: Sequence[Written], now: float) -> Checkpoint | None:
        """Add records, inside a transaction."""
        state = self.tables.state()
        tree = Tree(state.size, state.frontier)
        seal = self.keys.seal
        added: list[Stored] = []
        for head, body in written:
            leaf = leaf_hash(body.encode())
            tree.add(leaf)
            added.append(Stored(tree.size, head, body, seal(tree.size, leaf)))
        self.tables.add(added)
        self.tables.move(tree.size, tree.frontier)
        if tree.size // self.every == state.size // self.every:
            return None
        return self._checkpoint(state.id, tree, now)

    def _checkpoint(self, log: str, tree: Tree, now: float) -> Checkpoint:
        made = self.signer.sign(log, tree.size, tree.root(), now, tree.frontier)
        self.tables.add_checkpoint(made)
        return made

    def checkpoint(self, now: float) -> Checkpoint | None:
        """Make a checkpoint of all records so far, or give None where the last one covers them.

        Raises:
            ConductorError: it cannot be written now.
        """
        with self.tables.writing():
            state = self.tables.state()
            last = self.tables.last_checkpoint(state.id)
            if state.size == (0 if last is None else last.size):
                return None
            made = self._checkpoint(state.id, Tree(state.size, state.frontier), now)
        self.export()
        return made

    def export(self) -> None:
        """Write checkpoints that were not yet exported to where they are kept as well.

        Raises:
            ConductorError: the file cannot be written; they are tried again with the next.
        """
        if not self.exported:
            return
        log = self.tables.state().id
        waiting = self.tables.checkpoints(log, untold=True)
        if not waiting:
            return
        text = "".join(one.line() + "\n" for one in waiting)
        if self.exported == STDOUT:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _append_to(Path(self.exported), text)
        with self.tables.writing():
            self.tables.told([one.size for one in waiting])

    def prune(
        self, before: float, by: str, now: float, *, compact: bool = False
    ) -> tuple[int, int]:
        """Drop old records in whole sealed segments, and record that it was done.

        A segment ends at a checkpoint. It goes when its newest record began before the moment.

        Args:
            before: the UTC second.
            by: who wants it.
            now: the UTC second.
            compact: whether the room of the records is given back at once, which takes a while.

        Returns:
            How many records went, and the number of the last of them.
        """
        with self.tables.writing():
            state = self.tables.state()
            last = self._last_old(state, before)
            if last is None:
                return 0, state.pruned
            gone = self.tables.prune(last.size)
            told = {
                "upto": last.size, "records": gone, "before": before, "by": by,
                "root": last.root.hex(),
            }  # fmt: skip
            self._append([Entry(kind="pruned", time=now, data=told).written()], now)
            # What was pruned is sealed at once, so that nobody can prune in its name.
            after = self.tables.state()
            newest = self.tables.last_checkpoint(after.id)
            if newest is None or newest.size < after.size:
                self._checkpoint(after.id, Tree(after.size, after.frontier), now)
        self.export()
        self.tables.erase(compact=compact)
        return gone, last.size

    def _last_old(self, state: State, before: float) -> Checkpoint | None:
        """Give the checkpoint at the end of the last segment whose records are all old."""
        found, done = None, state.pruned
        for one in self.tables.checkpoints(state.id, after=state.pruned):
            sql = "select 1 from audit_records where number > ? and number <= ? and time >= ?"
            if self.tables.ask(f"{sql} limit 1", (done, one.size, before)):
                break
            found, done = one, one.size
        return found

    def archive(self, fingerprint: str, documents: Mapping[str, str], now: float) -> str:
        """Keep a policy's text by its fingerprint; gives the hash of what is kept.

        Raises:
            ConductorError: it cannot be kept now.
        """
        text = json.dumps(dict(documents), sort_keys=True)
        with self.tables.writing():
            seal = policy_seal(self.keys, fingerprint, text)
            self.tables.add_policy(fingerprint, text, now, seal)
        return _digest(fingerprint, text).hex()


def policy_seal(keys: Keys, fingerprint: str, documents: str) -> bytes:
    """Give the seal of an archived policy."""
    return keys.seal(0, _digest(fingerprint, documents))


def _digest(fingerprint: str, documents: str) -> bytes:
    return leaf_hash(f"{fingerprint}\n{documents}".encode("utf-8", "surrogateescape"))


def _append_to(path: Path, text: str) -> None:
    try:
        file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(file, "a", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ConductorError(
            f"the checkpoints cannot be written: {error.strerror or error}", where=path
        ) from error
