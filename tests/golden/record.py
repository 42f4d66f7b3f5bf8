"""Record the golden decisions anew, after a change that is meant to change them.

Run `python -m tests.golden.record` and read the difference before you commit it.
"""

from __future__ import annotations

import json

from conductor_mw import Conductor
from tests.golden import DECISIONS, POLICY, vectors


def main() -> None:
    conductor = Conductor(POLICY)
    lines: list[str] = []
    for request, _ in list(vectors()):
        decision = conductor.decide(
            request["messages"],
            metadata=request["metadata"],
            tools=request.get("tools"),
            **request.get("parameters", {}),
        )
        vector = {"request": request, "decision": decision.to_dict()}
        lines.append(json.dumps(vector, ensure_ascii=True, separators=(",", ":")) + "\n")
    DECISIONS.write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
