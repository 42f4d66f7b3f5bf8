"""Importing the integration loads nothing of LangChain before it is used, and then no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "langchain", "langgraph", "litellm", "openai", "anthropic", "langchain_openai",
    "langchain_anthropic", "langchain_classic", "transformers", "tiktoken", "numpy",
)  # fmt: skip


def loaded(statement: str) -> list[str]:
    """Give the modules that a fresh process has loaded after a statement."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    env = {name: one for name, one in os.environ.items() if not name.startswith("CONDUCTOR")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def packages(modules: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "statement",
    [
        "import conductor_mw",
        "from conductor_mw import Conductor",
        "import conductor_mw_langchain",
        "import conductor_mw_langchain.plugin",
        (
            "from conductor_mw import Conductor; Conductor.from_text("
            "'agents: [{id: a, simulated: x}]\\nrouting: {default: a}').call('Hello')"
        ),
    ],
)
def test_nothing_of_langchain_is_loaded_before_it_is_used(statement: str) -> None:
    found = packages(loaded(statement))

    assert not found & {"langchain_core", "langsmith", *HEAVY}


def test_the_chat_model_loads_what_a_chat_model_and_a_conductor_load_and_nothing_more() -> None:
    base = "from langchain_core.language_models import BaseChatModel"
    alone = set(
        loaded(f"{base}; from conductor_mw import Conductor; import conductor_mw_langchain")
    )

    ours = loaded("from conductor_mw_langchain import ConductorChatModel")

    more = [one for one in ours if one not in alone]
    assert [one for one in more if not one.startswith("conductor_mw_langchain.")] == []


def test_importing_the_chat_model_loads_no_policy_and_no_flow() -> None:
    ours = loaded("from conductor_mw_langchain import ConductorChatModel")

    assert [
        one for one in ours if one.startswith(("conductor_mw.policy", "conductor_mw.flows"))
    ] == []


@pytest.mark.parametrize(
    "name",
    ["ConductorChatModel", "ConductorRunnable", "ConductorCallbackHandler", "ConductorCache"],
)
def test_no_shape_without_agents_loads_an_agent_framework_or_a_provider(name: str) -> None:
    found = packages(loaded(f"from conductor_mw_langchain import {name}"))

    assert not found & set(HEAVY)


def test_a_policy_of_bound_children_answers_without_any_provider() -> None:
    statement = """
from langchain_core.language_models import FakeListChatModel
from conductor_mw_langchain import ConductorChatModel
model = ConductorChatModel(
    policy="agents: [{id: a}]\\nrouting: {default: a}\\n",
    agents={"a": FakeListChatModel(responses=["Hello"])},
)
assert model.invoke("Hello").text == "Hello"
assert "".join(chunk.text for chunk in model.stream("Hello")) == "Hello"
"""
    assert not packages(loaded(statement)) & set(HEAVY)


def test_every_public_name_can_be_imported() -> None:
    pytest.importorskip("langchain.agents")
    ours: Any = __import__("conductor_mw_langchain")

    assert ours.__all__ == sorted(ours.__all__)
    assert {getattr(ours, name).__name__ for name in ours.__all__} == set(ours.__all__)
    assert set(ours.__all__) <= set(dir(ours))


def test_a_name_that_does_not_exist_is_refused() -> None:
    ours: Any = __import__("conductor_mw_langchain")

    with pytest.raises(AttributeError, match="ConductorModel"):
        _ = ours.ConductorModel
