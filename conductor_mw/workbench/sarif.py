"""Write findings as SARIF 2.1.0, which code hosts show beside the changed line."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from conductor_mw.errors import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """Give the findings as one SARIF run (OASIS Standard, 27 March 2020)."""
    driver = {
        "name": "conductor-mw",
        "version": version("conductor-mw"),
        "rules": [{"id": code} for code in sorted({one.code for one in findings})],
    }
    results = [_result(one) for one in findings]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _result(finding: Finding) -> dict[str, Any]:
    text = f"{finding.problem}; {finding.mend}" if finding.mend else finding.problem
    place: dict[str, Any] = {"artifactLocation": {"uri": PurePath(finding.place.file).as_posix()}}
    if finding.place.line:
        place["region"] = {
            "startLine": finding.place.line,
            "startColumn": max(finding.place.column, 1),
        }
    return {
        "ruleId": finding.code,
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
