"""A golden policy that notes what it decides, for whichever host asks it; `handler` for a proxy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies

from conductor_mw import Conductor, Request
from conductor_mw.run import Run
from tests.golden import POLICY, vectors, written

NOTES: Final = "GOLDEN_NOTES"
"""The environment variable with the file where a proxy's decisions are noted."""

REFUSED: Final = 58
"""Vectors that are decided and then refused by a guarantee: what their media cost is unknown."""


class Deciding(Conductor):
    """Notes the decision of every run, also where a guarantee then refuses the call.

    Args:
        note: takes the vector that the metadata names, and the decision as it is written.
    """

    def __init__(self, note: Callable[[str, str], None]) -> None:
        super().__init__(POLICY)
        self._note = note

    def begin(self, request: Request, **options: Any) -> Run:
        run = super().begin(request, **options)
        self._note(str(request.metadata["vector"]), written(run.decide().to_dict()))
        return run


def provider(note: Callable[[str, str], None]) -> ConductorProvider:
    """Give the provider that knows `conductor/golden`, and nothing else."""
    policies = Policies({})
    policies.register("golden", Deciding(note))
    return ConductorProvider(policies)


def calls() -> dict[str, dict[str, Any]]:
    """Give each vector as the parameters of a call, by its name; its metadata says the name."""
    return {
        one["id"]: {
            **one.get("parameters", {}),
            **({"tools": one["tools"]} if one.get("tools") else {}),
            "messages": one["messages"],
            "metadata": {**one["metadata"], "vector": one["id"]},
        }
        for one, _ in vectors()
    }


def expected() -> dict[str, str]:
    """Give what must be decided of each vector, by its name."""
    return {one["id"]: decision for one, decision in vectors()}


def noted(path: Path) -> dict[str, str]:
    """Give what a proxy has noted."""
    return dict(json.loads(line) for line in path.read_text().splitlines())


def _in_a_file(vector: str, decision: str) -> None:
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(json.dumps([vector, decision]) + "\n")


handler: Final = provider(_in_a_file)
"""What a proxy's `config.yaml` names."""
