"""Requests with the decisions that every host must reproduce byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
POLICY: Final = FOLDER / "policy.yaml"
DECISIONS: Final = FOLDER / "decisions.jsonl"


def vectors() -> Iterator[tuple[dict[str, Any], str]]:
    """Give each request with its decision, the decision as the bytes that must come out."""
    with DECISIONS.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            vector = json.loads(line)
            yield vector["request"], written(vector["decision"])


def written(decision: dict[str, Any]) -> str:
    """Give a decision in the one way in which it is written."""
    return json.dumps(decision, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
