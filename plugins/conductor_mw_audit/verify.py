"""Look at every record of a log, and name those that are not as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .checkpoint import Checkpoint, Signer
from .entry import Stored
from .keys import Keys
from .tables import State, Tables
from .tree import Tree, leaf_hash

_MOST: Final = 100
"""Findings that are told one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        first: the number of the first record it concerns, or 0 where it is none.
        last: the number of the last one.
        problem: what is wrong.
    """

    first: int
    last: int
    problem: str

    def __str__(self) -> str:
        if not self.first:
            return self.problem
        if self.first == self.last:
            return f"record {self.first}: {self.problem}"
        return f"records {self.first} to {self.last}: {self.problem}"


@dataclass(slots=True)
class Verdict:
    """What was found of a whole log.

    Attributes:
        log: its id.
        size: how many records it ever had.
        pruned: how many of them were dropped by `prune`.
        root: the hash over all of them, as worked out from what is there.
        checkpoints: how many were compared.
        outside: how many of those were kept outside the log.
        signed: whether a signature vouches for them.
        findings: what is wrong, in the order of the records.
        more: how many findings are not told.
    """

    log: str = ""
    size: int = 0
    pruned: int = 0
    root: bytes = b""
    checkpoints: int = 0
    outside: int = 0
    signed: bool = False
    findings: list[Finding] = field(default_factory=list[Finding])
    more: int = 0

    def find(self, first: int, last: int, problem: str) -> None:
        """Keep a finding."""
        if len(self.findings) < _MOST:
            self.findings.append(Finding(first, last, problem))
        else:
            self.more += 1


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
            _add_outside(verdict, wanted, state, kept, outside)
        tree = _start(verdict, tables, state, wanted)
        _walk(verdict, tables, keys, state, tree, wanted)
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
    kept: Sequence[Checkpoint],
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
    for one in kept:
        if sizes and one.size > min(sizes) and one.size not in sizes:
            verdict.find(
                0, 0, f"the checkpoint of {one.size:,} records is missing among those kept elsewhere"
            )


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


def _walk(
    verdict: Verdict, tables: Tables, keys: Keys, state: State, tree: Tree, wanted: _Wanted
) -> None:
    """Look at every record that must be there."""
    for number in tables.outside(state.pruned + 1, state.size):
        verdict.find(number, number, "it stands outside the log: somebody inserted it")
    due = sorted(size for size in wanted.roots if size <= state.size)
    good = tree.size
    due = [size for size in due if size >= good]
    broken = False
    number = state.pruned
    if due and due[0] == number:
        good = _compare(verdict, tree, wanted, due.pop(0), good, told=broken)
    for record in tables.records(state.pruned, state.size):
        if record.number != number + 1:
            verdict.find(number + 1, record.number - 1, "missing: somebody deleted it")
            broken = True
            # So that what follows stands where it stood.
            for _ in range(record.number - number - 1):
                tree.add(bytes(32))
        number = record.number
        leaf, problem = _looked_at(record, keys)
        if problem:
            verdict.find(number, number, problem)
            broken = True
        tree.add(leaf)
        while due and due[0] <= number:
            size = due.pop(0)
            if size == number:
                good = _compare(verdict, tree, wanted, size, good, told=broken)
    if number != state.size:
        verdict.find(number + 1, state.size, "missing: somebody deleted it")
        broken = True
    verdict.root = tree.root()
    if not broken and tree.frontier != state.frontier:
        verdict.find(
            good + 1, state.size,
            "the log's own tree has another root: one of them was changed, and its seal as well",
        )  # fmt: skip


def _looked_at(record: Stored, keys: Keys) -> tuple[bytes, str]:
    """Give a record's leaf, and what is wrong with the record."""
    try:
        body = record.body.encode("utf-8", "surrogateescape")
    except AttributeError:
        return bytes(32), "it was changed: its body is no text"
    leaf = leaf_hash(body)
    if keys.seal(record.number, leaf) != record.seal:
        return leaf, "it was changed, or stands in the wrong place: its seal does not fit"
    try:
        begins = record.head.begins()
    except (TypeError, ValueError):
        return leaf, "what it is looked up by was changed"
    if not record.body.startswith(begins):
        return leaf, "what it is looked up by was changed: its body says something else"
    return leaf, ""


def _compare(
    verdict: Verdict, tree: Tree, wanted: _Wanted, size: int, good: int, *, told: bool
) -> int:
    """Compare the tree with the checkpoints of its size; gives up to where all is well."""
    root = tree.root()
    wrong = _wrong(root, wanted.roots[size])
    for called in wrong:
        if not told:
            verdict.find(
                good + 1, size,
                f"{called} has another root: one of them was changed, and its seal as well",
            )  # fmt: skip
            told = True
    return good if wrong else size


def _wrong(root: bytes, wanted: Iterable[tuple[bytes, str]]) -> list[str]:
    return [called for right, called in wanted if right != root]
