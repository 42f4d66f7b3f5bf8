"""Every example of docs/policy.md loads, and what its tables say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conductor_mw.errors import FAILURE_KINDS
from conductor_mw.plugins import Plugins
from conductor_mw.policy import include, json_schema, load_text, site, source
from conductor_mw.policy.document import (
    MAX_AGENTS,
    MAX_FLOWS,
    MAX_RULES,
    MAX_SIGNALS,
    AgentEntry,
    PolicyFile,
    SignalEntry,
)
from conductor_mw.policy.draft import MAX_WORDS
from conductor_mw.policy.loading import MAX_ENVIRONMENTS

PAGE = (Path(__file__).parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
AGENTS = "agents: [{id: small, simulated: Hello}, {id: large, simulated: Good day}]\n"
CORE = Plugins.core()


def whole(example: str) -> str:
    """The example with what it leaves out because the page is about something else."""
    if "include:" in example:
        return example
    text = example if re.search(r"^agents:", example, re.MULTILINE) else AGENTS + example
    routed = re.search(r"^routing:|^  routing:", text, re.MULTILINE)
    return text if routed else text + "routing: {default: {fallback: [small, large]}}\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_loads_without_a_warning(example: str, tmp_path: Path) -> None:
    for other in EXAMPLES:
        name = re.match(r"# (\w+\.yaml)\n", other)
        if name:
            (tmp_path / name[1]).write_text(other)

    policy = load_text(whole(example), base=tmp_path, plugins=CORE, env={})

    assert policy.warnings == ()


def test_the_python_example_runs() -> None:
    for example in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        exec(compile(example, "docs/policy.md", "exec"), {})


@pytest.mark.parametrize("model", [PolicyFile, AgentEntry, SignalEntry])
def test_every_key_stands_in_a_table(model: type[PolicyFile]) -> None:
    keys = [field.alias or name for name, field in model.model_fields.items() if name != "id"]

    missing = [key for key in keys if not re.search(rf"^\| .*`{key}`.* \|", PAGE, re.MULTILINE)]

    assert missing == []


def test_every_kind_of_agent_and_every_flow_is_shown() -> None:
    for name in (*CORE.agents.names, *CORE.flows.names):
        assert re.search(rf"\b{name}:", PAGE) or name == "bound", name


def test_every_kind_of_failure_is_named() -> None:
    assert [kind for kind in FAILURE_KINDS if kind not in PAGE] == []


@pytest.mark.parametrize(
    "row",
    [
        f"{source.MAX_BYTES // 1024 // 1024} MB",
        f"values, aliases followed | {source.MAX_VALUES:,}",
        f"rules included | {source.MAX_ENTRIES:,}",
        f"rules included | {MAX_RULES:,}",
        f"{source.MAX_DEPTH} levels",
        f"together | {MAX_WORDS:,}",
        f"{MAX_AGENTS:,}; {MAX_FLOWS:,}; {MAX_SIGNALS:,}; {MAX_ENVIRONMENTS}",
        f"below one another | {site.MAX_CHAIN}",
        f"at worst | {site.MAX_CALLS:,}",
        f"{include.MAX_FILES}; {include.MAX_CHAIN}",
    ],
)
def test_the_limits_are_those_of_the_code(row: str) -> None:
    assert row in PAGE


def test_the_schema_describes_the_same_keys() -> None:
    assert set(json_schema(CORE)["properties"]) == set(PolicyFile.model_fields)
