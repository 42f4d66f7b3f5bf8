"""Read the files that a policy includes, and never one that it has no business to read."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conductor_mw.errors import ConductorError
from conductor_mw.policy.document import PolicyFile
from conductor_mw.policy.findings import Findings
from conductor_mw.policy.skeleton import repaired
from conductor_mw.policy.source import MAX_BYTES, read
from conductor_mw.policy.tree import Positions, Sources, Table
from conductor_mw.policy.validation import shown

MAX_FILES: Final = 32
MAX_CHAIN: Final = 8


@dataclass(slots=True)
class Part:
    """One file of a policy.

    Attributes:
        tree: its document, with broken pieces replaced.
        file: the same as models.
        below: the files that it includes; it may only narrow them.
    """

    tree: Table
    file: PolicyFile
    below: list[Part] = field(default_factory=list["Part"])


def read_file(path: Path) -> bytes:
    """Give the content of a file, or a little more of it than a policy may have.

    Raises:
        ConductorError: it cannot be read; the cause is the `OSError`.
    """
    if "\n" in str(path):
        raise ConductorError(
            "the path of a policy's file was expected, not its text",
            mend="for a text write Conductor.from_text(...) or load_text(...)",
        )
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConductorError(
            f"the file cannot be read: {reason}", where=path, mend="check its path and permissions"
        ) from error


def path_beside(name: str, file: str, base: Path, root: Path | None) -> Path:
    """Give the real path of a file that a policy names, if it may be read.

    Args:
        name: what the policy wrote.
        file: the policy's own file, for the error.
        base: the folder in which the name is looked for.
        root: the folder that it must stay in; without it `base`.

    Raises:
        ConductorError: there is no such file, or it lies outside.
    """
    if "\0" in name or not name:
        raise ConductorError(f"{shown(name)} is not the path of a file")
    try:
        path = (base / name).resolve()
        root = (root or base).resolve()
        found = path.stat()
    except (OSError, RuntimeError):  # RuntimeError: symbolic links in a circle
        looked = f"looked for {Path(file).parent / name}"
        raise ConductorError(f"there is no file {shown(name)}", mend=looked) from None
    if Path(name).is_absolute() or not path.is_relative_to(root):
        raise ConductorError(
            f"{shown(name)} lies outside the folder that policies may read",
            mend="move it below the including file's folder, or load the policy with `root=`",
        )
    if not stat.S_ISREG(found.st_mode):
        raise ConductorError(f"{shown(name)} is not a file")
    return path


class Includes:
    """Reads one policy's files.

    Attributes:
        files: the paths of the included files, in the order in which they were read.
        texts: what was read, by the name of its file.
    """

    def __init__(
        self, sources: Sources, findings: Findings, root: Path | None, own: frozenset[str]
    ) -> None:
        self.files: list[str] = []
        self.texts: dict[str, str] = {}
        self._sources = sources
        self._findings = findings
        self._root = root
        self._own = own
        self._chain: list[tuple[Path, str]] = []
        self._parts: dict[Path, Part | None] = {}
        self._bytes = 0

    def read(self, text: str | bytes, file: str, base: Path | None) -> Part | None:
        """Give a file's document and the files below it, or None where it could not be read."""
        self._bytes += len(text)
        tree = read(text, file, self._sources, self._findings)
        if tree is None:
            return None
        self.texts[file] = text if isinstance(text, str) else text.decode("utf-8", "replace")
        positions = Positions(tree, self._sources, file)
        found = repaired(tree, positions, self._findings, self._own)
        if found is None:
            return None
        tree = found[0]
        part = Part(*found)
        included = tree.get("include")
        names = [included] if isinstance(included, str) else included or []
        if not self._chain:
            self._chain.append((Path(file).resolve(), file))
        for position, name in enumerate(names):
            at = ("include",) if isinstance(included, str) else ("include", position)
            below = self._included(name, at, positions, file, base)
            if below is not None:
                part.below.append(below)
        return part

    def _included(
        self,
        name: str,
        at: tuple[str | int, ...],
        positions: Positions,
        file: str,
        base: Path | None,
    ) -> Part | None:
        try:
            path = self._path(name, file, base)
            return self._new(path, str(Path(file).parent / name))
        except _Refused as refused:
            problem = f"include: {refused.problem}"
            self._findings.add(positions.place(at), "include", problem, refused.mend)
            return None

    def _path(self, name: str, file: str, base: Path | None) -> Path:
        """Give the real path of an included file, if it may be read."""
        if base is None:
            raise _Refused("a policy without a file of its own cannot include one")
        try:
            return path_beside(name, file, base, self._root)
        except ConductorError as error:
            raise _Refused(error.problem, error.mend) from None

    def _new(self, path: Path, file: str) -> Part | None:
        ancestors = [known for known, _ in self._chain]
        if path in ancestors:
            circle = [name for _, name in self._chain[ancestors.index(path) :]]
            circle.append(circle[0])
            said = f"files include each other: {' -> '.join(circle)}"
            raise _Refused(said, "let one of them stand alone")
        if path in self._parts:
            return self._parts[path]
        if len(self._chain) > MAX_CHAIN or len(self.files) >= MAX_FILES:
            raise _Refused(
                f"more than {MAX_CHAIN} levels or {MAX_FILES} files", "join some of them"
            )
        try:
            text = read_file(path)
        except ConductorError as error:
            raise _Refused(f"{file}: {error.problem}", error.mend) from None
        if self._bytes + len(text) > MAX_BYTES:
            raise _Refused(f"the files have more than {MAX_BYTES} bytes together")
        self.files.append(file)
        self._chain.append((path, file))
        part = self.read(text, file, path.parent)
        self._chain.pop()
        self._parts[path] = part
        return part


class _Refused(Exception):
    """An included file is not read, and why."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend
