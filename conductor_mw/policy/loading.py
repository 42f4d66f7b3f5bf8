"""Read a policy's file with everything it includes, and apply the chosen environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conductor_mw.errors import ConductorError
from conductor_mw.policy.findings import Findings
from conductor_mw.policy.source import read
from conductor_mw.policy.tree import Positions, Sources, Table

VARIABLE: Final = "CONDUCTOR_ENV"


@dataclass(slots=True)
class Loaded:
    """A document before it is checked.

    Attributes:
        name: the file's name, for a policy that does not name itself.
        tree: the root, or None where it could not be read.
        positions: where everything stands.
        findings: what is wrong so far.
        files: the paths that were read, the policy's own first.
        environment: the environment that was applied, or an empty string.
    """

    name: str
    tree: Table | None
    positions: Positions
    findings: Findings
    files: tuple[str, ...]
    environment: str


def read_file(path: Path) -> bytes:
    """Give the content of a file.

    Raises:
        ConductorError: it cannot be read; the cause is the `OSError`.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConductorError(
            f"the policy cannot be read: {reason}", where=path, mend="check the path"
        ) from error


def load_document(
    text: str | bytes,
    *,
    file: str,
    base: Path | None,
    environment: str | None,
    env: Mapping[str, str],
) -> Loaded:
    """Give the document of a text, its includes read and its environment applied."""
    sources = Sources()
    findings = Findings()
    tree = read(text, file, sources, findings)
    chosen = environment if environment is not None else env.get(VARIABLE, "")
    return Loaded(
        name=Path(file).stem,
        tree=tree,
        positions=Positions(tree, sources, file),
        findings=findings,
        files=(file,) if base is not None else (),
        environment=chosen,
    )
