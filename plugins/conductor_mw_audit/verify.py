"""Look at every record of a log, and name those that are not as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .checkpoint import Checkpoint, Signer
from .entry import Stored
from .keys import Keys
from .log import policy_seal
from .tables import State, Tables
from .tree import WIDTH, Tree, leaf_hash
from .verdict import Verdict

_OTHER: Final = "has another root: one of them was changed"


def verify(
    tables: Tables, keys: Keys, signer: Signer, outside: Sequence[Checkpoint] | None = None
) -> Verdict:
    """Compare a log with its seals and with every checkpoint.

    Args:
        tables: where it stands.
        keys: its secrets, or none: then a seal only shows who changed a record and not its seal.
        signer: checks the checkpoints' signatures.
        outside: checkpoints that were kept elsewhere, in their order. Without them nobody can tell
            a log whose newest records were cut off from one that never had them.

    Raises:
        ConductorError: the log cannot be read.
    """
    with tables.reading():
        state = tables.state()
        verdict = Verdict(state.id, state.size, state.pruned)
        kept = tables.checkpoints(state.id)
        wanted = _Wanted(verdict, signer)
        for one in kept:
            wanted.add(one, "the log's own checkpoint")
        if outside is not None:
            waiting = {one.size for one in tables.checkpoints(state.id, untold=True)}
            told = [one.size for one in kept if one.size not in waiting]
            _add_outside(verdict, wanted, state, told, outside)
        tree = _start(verdict, tables, state, wanted)
        walk = _Walk(verdict, keys, state, tree, wanted)
        walk.over(tables)
        walk.beside.look_at(verdict, tables)
        if keys.master is not None or not verdict.signed:
            _look_at_policies(verdict, tables, keys)
    return verdict


class _Wanted:
    """The roots that the tree must have, by size."""

    def __init__(self, verdict: Verdict, signer: Signer) -> None:
        self._verdict = verdict
        self._signer = signer
        self.roots: dict[int, list[tuple[bytes, str]]] = {}

    def add(self, one: Checkpoint, called: str) -> bool:
        """Ask for a checkpoint's root; gives False where its signature is wrong."""
        problem = self._signer.problem(one)
        self._verdict.checkpoints += 1
        if problem:
            self._verdict.find(0, 0, f"{called} of {one.size:,} records: {problem}")
            return False
        self._verdict.signed |= one.method != "none"
        self.roots.setdefault(one.size, []).append((one.root, called))
        return True


def _add_outside(
    verdict: Verdict,
    wanted: _Wanted,
    state: State,
    told: Sequence[int],
    outside: Sequence[Checkpoint],
) -> None:
    """Ask for the roots of checkpoints kept elsewhere, and for those that are missing there."""
    sizes: set[int] = set()
    for one in outside:
        if one.log != state.id:
            verdict.find(0, 0, f"a checkpoint of {one.size:,} records is of another log")
            continue
        verdict.outside += 1
        sizes.add(one.size)
        if wanted.add(one, "the checkpoint kept elsewhere") and one.size > state.size:
            verdict.find(
                state.size + 1, one.size, "they are missing: the newest records were cut off"
            )
    if not sizes:
        verdict.find(0, 0, "no checkpoint of this log is kept elsewhere")
    for size in told:
        if sizes and size > min(sizes) and size not in sizes:
            where = "is missing among those kept elsewhere"
            verdict.find(0, 0, f"the checkpoint of {size:,} records {where}")


def _start(verdict: Verdict, tables: Tables, state: State, wanted: _Wanted) -> Tree:
    """Give the tree of what was pruned."""
    if not state.pruned:
        return Tree()
    last = tables.last_checkpoint(state.id, state.pruned)
    if last is None or last.size != state.pruned:
        verdict.find(1, state.pruned, "they are missing, and no checkpoint vouches for them")
        return Tree()
    try:
        tree = Tree(last.size, last.frontier)
    except ValueError:
        tree = Tree()
    if tree.root() != last.root:
        verdict.find(0, 0, f"the checkpoint of {last.size:,} records does not fit its own root")
    elif wanted.roots.get(last.size) is None:
        verdict.find(1, last.size, "they are missing, and no good checkpoint vouches for them")
    if state.pruned not in _pruned(tables, state):
        verdict.find(1, state.pruned, "they are missing, and no record says that they were pruned")
    return tree


def _pruned(tables: Tables, state: State) -> set[object]:
    said: set[object] = set()
    for record in tables.records(state.pruned, state.size, "kind = ?", ("pruned",)):
        try:
            said.add(record.data.get("upto"))
        except (ValueError, AttributeError):
            continue  # a damaged record is named by the walk
    return said


class _Beside:
    """What records say that other tables hold: archived policies, and the keys of what was said."""

    def __init__(self) -> None:
        self._policies: dict[object, int] = {}
        self._said: dict[str, int] = {}

    def add(self, record: Stored) -> None:
        """Take in a record."""
        head = record.head
        content = head.subject is not None and '"content":' in record.body
        if not content and head.kind not in ("policy", "forgotten"):
            return
        try:
            data = record.data
        except ValueError:
            return  # the walk names it
        if head.kind == "policy":
            self._policies.setdefault(data.get("policy"), record.number)
        elif head.kind == "forgotten":
            self._said.pop(str(head.subject), None)
        elif isinstance(data.get("content"), str):
            self._said.setdefault(str(head.subject), record.number)

    def look_at(self, verdict: Verdict, tables: Tables) -> None:
        """Say what is missing there."""
        archived = {row[0] for row in tables.policies()}
        for fingerprint, number in self._policies.items():
            if fingerprint not in archived:
                verdict.find(number, number, "the policy that it archived is missing")
        for subject, number in self._said.items():
            if tables.wrapped_key(subject) is None:
                problem = "the key of what was said is missing, and no record says who forgot it"
                verdict.find(number, number, problem)


class _Walk:
    """Goes over every record that must be there, and compares as it goes."""

    def __init__(
        self, verdict: Verdict, keys: Keys, state: State, tree: Tree, wanted: _Wanted
    ) -> None:
        self._verdict = verdict
        # Who has no key cannot check the seals of a log that has one. Its signed roots will do.
        self._keys = None if keys.master is None and verdict.signed else keys
        self._state = state
        self._tree = tree
        self._wanted = wanted.roots
        self._due = sorted(size for size in wanted.roots if tree.size <= size <= state.size)
        self.beside = _Beside()
        self._good = tree.size
        self._broken = False

    def over(self, tables: Tables) -> None:
        """Look at them all."""
        verdict, state, tree = self._verdict, self._state, self._tree
        for number in tables.outside(state.pruned + 1, state.size):
            verdict.find(number, number, "it stands outside the log: somebody inserted it")
        number = state.pruned
        self._compare(number)
        for record in tables.records(state.pruned, state.size):
            self._missing(number + 1, record.number - 1)
            number = record.number
            leaf, problem = _looked_at(record, self._keys)
            if not problem:
                self.beside.add(record)
            else:
                verdict.find(number, number, problem)
                self._broken = True
            tree.add(leaf)
            if self._due and self._due[0] <= number:
                self._compare(number)
        self._missing(number + 1, state.size)
        verdict.root = tree.root()
        if not self._broken and tree.frontier != state.frontier:
            verdict.find(0, 0, "the log's own tree does not fit its records: it was changed")

    def _missing(self, first: int, last: int) -> None:
        if first > last:
            return
        self._verdict.find(first, last, "missing: somebody deleted it")
        self._broken = True
        while self._tree.size < last:
            self._tree.add(bytes(WIDTH))  # so that what follows stands where it stood

    def _compare(self, number: int) -> None:
        """Compare the tree with the checkpoints of this size."""
        while self._due and self._due[0] <= number:
            size = self._due.pop(0)
            if size != number:
                continue
            root = self._tree.root()
            wrong = [called for right, called in self._wanted[size] if right != root]
            if not wrong:
                self._good = size
            elif not self._broken:  # else the record is named already
                self._verdict.find(self._good + 1, size, f"{wrong[-1]} {_OTHER}")
                self._broken = True


def _looked_at(record: Stored, keys: Keys | None) -> tuple[bytes, str]:
    """Give a record's leaf, and what is wrong with the record."""
    try:
        body = record.body.encode("utf-8", "surrogateescape")
    except AttributeError:
        return bytes(WIDTH), "it was changed: its body is no text"
    leaf = leaf_hash(body)
    if keys is not None and keys.seal(record.number, leaf) != record.seal:
        return leaf, "it was changed, or stands in the wrong place: its seal does not fit"
    try:
        begins = record.head.begins()
    except (TypeError, ValueError):
        return leaf, "what it is looked up by was changed"
    if not record.body.startswith(begins):
        return leaf, "what it is looked up by was changed: its body says something else"
    return leaf, ""


def _look_at_policies(verdict: Verdict, tables: Tables, keys: Keys) -> None:
    for fingerprint, documents, _, seal in tables.policies():
        if policy_seal(keys, fingerprint, documents) != seal:
            verdict.find(0, 0, f"the archived policy {fingerprint[:16]} was changed")
