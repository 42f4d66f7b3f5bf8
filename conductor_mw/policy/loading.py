"""Read a policy's file with everything below it, lay one over the other, apply the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conductor_mw.errors import Place
from conductor_mw.policy.document import PolicyFile
from conductor_mw.policy.environments import applied
from conductor_mw.policy.findings import Findings, Nearest
from conductor_mw.policy.include import Includes, Part
from conductor_mw.policy.overlay import joined, laid_over
from conductor_mw.policy.tree import Positions, Sources, Table
from conductor_mw.policy.validation import shown, validate

VARIABLE: Final = "CONDUCTOR_ENV"
MAX_ENVIRONMENTS: Final = 32


@dataclass(slots=True)
class Loaded:
    """A document before its names are looked up.

    Attributes:
        name: the file's name, for a policy that does not name itself.
        file: the skeleton, or None where it could not be read.
        positions: where everything stands.
        findings: what is wrong so far.
        files: the paths that were read, the policy's own first.
        environment: the environment that was applied, or an empty string.
        others: the document in the environments that were not chosen, made as they are asked for;
            a mistake in one of them must not wait for the day it is chosen.
        documents: the texts that were read, by the name of the file.
        lower: the files that lie under each file.
    """

    name: str
    file: PolicyFile | None
    positions: Positions
    findings: Findings
    files: tuple[str, ...]
    environment: str
    others: Iterable[tuple[PolicyFile, Positions]] = ()
    documents: Mapping[str, str] = field(default_factory=dict[str, str])
    lower: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


def load_document(
    text: str | bytes,
    *,
    file: str,
    base: Path | None,
    root: Path | None,
    environment: str | None,
    env: Mapping[str, str],
    own: frozenset[str],
) -> Loaded:
    """Give the document of a text, its includes laid under it and its environment applied.

    Args:
        text: the YAML text.
        file: the name that findings show.
        base: the folder in which includes are looked for, or None where there can be none.
        root: the folder that includes must not leave; without it each file's own folder.
        environment: the environment to apply; `CONDUCTOR_ENV` in `env` says it without this.
        env: the environment variables.
        own: the names of layers under which agents and rules may write something.
    """
    sources, findings = Sources(), Findings()
    includes = Includes(sources, findings, root, own)
    part = includes.read(text, file, base)
    files = (*((file,) if base is not None else ()), *includes.files)
    nothing = Loaded(Path(file).stem, None, Positions(None, sources, file), findings, files, "")
    if part is None:
        return nothing
    chosen = environment if environment is not None else env.get(VARIABLE, "")
    known = sorted(set(_environments(part)))
    place = Positions(part.tree, sources, file).place(("environments",), key=True)
    _check_chosen(chosen, known, findings, place, asked=environment is not None)
    loaded = _in_environment(part, chosen, sources, findings, file)
    if loaded is None:
        return nothing
    others = (  # one after the other: a document may be large
        _in_environment(part, name, sources, findings, file)
        for name in known[:MAX_ENVIRONMENTS]
        if name != chosen
    )
    return Loaded(
        name=Path(file).stem,
        file=loaded[0],
        positions=loaded[1],
        findings=findings,
        files=files,
        environment=chosen if chosen in known else "",
        others=(other for other in others if other is not None),
        documents=includes.texts,
        lower=_lower(part, sources),
    )


def _lower(part: Part, sources: Sources) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}

    def files(part: Part) -> frozenset[str]:
        name = sources.place(part.tree.mark).file
        below = frozenset[str]().union(*(files(one) for one in part.below))
        found[name] = found.get(name, frozenset()) | below
        return below | {name}

    files(part)
    return found


def _check_chosen(
    chosen: str, known: list[str], findings: Findings, place: Place, *, asked: bool
) -> None:
    if len(known) > MAX_ENVIRONMENTS:
        problem = f"environments: {len(known)} environments, {MAX_ENVIRONMENTS} are allowed"
        findings.add(place, "too-many", problem)
    # CONDUCTOR_ENV is set for a whole machine: a policy without environments does not mind it.
    if chosen and chosen not in known and (known or asked):
        problem = f"environments: no environment {shown(chosen)}"
        findings.add(place, "unknown-name", problem, Nearest(chosen, known))


def _environments(part: Part) -> Iterable[str]:
    yield from part.tree.table("environments")
    for below in part.below:
        yield from _environments(below)


def _in_environment(
    part: Part, environment: str, sources: Sources, findings: Findings, file: str
) -> tuple[PolicyFile, Positions] | None:
    if not part.below and "environments" not in part.tree:
        return part.file, Positions(part.tree, sources, file)  # nothing changes it
    tree = _merged(part, environment, sources, findings)
    positions = Positions(tree, sources, file)
    found = validate(PolicyFile, tree, positions, findings)
    return None if found is None else (found, positions)


def _merged(part: Part, environment: str, sources: Sources, findings: Findings) -> Table:
    """Give one tree of a file and what lies under it."""
    tree = applied(part.tree, environment, sources, findings)
    if not part.below:
        return tree
    lower = [_merged(below, environment, sources, findings) for below in part.below]
    base = lower[0]
    for sibling in lower[1:]:
        base = joined(base, sibling, sources, findings)
    return laid_over(base, tree, sources, findings)
