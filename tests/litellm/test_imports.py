"""Importing the integration loads no LiteLLM before it is used, and never asks the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("litellm", "openai", "anthropic", "fastapi", "langchain_core", "tiktoken", "aiohttp")
REFUSING = """
import json, os, socket, sys

tried = []
def refuse(*arguments, **named):
    tried.append(str(arguments[:2]))
    raise OSError("no network in this test")

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = refuse
"""
NAMES = (
    "ConductorProvider", "ConductorStrategy", "cooling", "handler", "install", "proxy_callback",
    "register", "through",
)  # fmt: skip


def ran(code: str, **env: str) -> Any:
    """Give what a fresh process prints, which knows nothing of a price list or a policy."""
    kept = {
        name: one
        for name, one in os.environ.items()
        if not name.startswith(("CONDUCTOR", "LITELLM"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**kept, **env}, capture_output=True, text=True,
        check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "statement",
    [
        "import conductor_mw",
        "import conductor_mw_litellm",
        "import conductor_mw_litellm.plugin",
        "from conductor_mw_litellm import register, unregister",
        "from conductor_mw_litellm import through, cooling",
    ],
)
def test_what_loads_no_litellm(statement: str) -> None:
    loaded = ran(f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))")

    assert {name.partition(".")[0] for name in loaded} & set(HEAVY) == set()


def test_every_name_is_there_without_a_network_and_nobody_tried_to_reach_one() -> None:
    code = f"""{REFUSING}
import conductor_mw_litellm
from importlib.util import find_spec
names = [name for name in {NAMES!r} if name != "proxy_callback" or find_spec("fastapi")]
found = [getattr(conductor_mw_litellm, name) is not None for name in names]
import litellm
prices = litellm.model_cost["gpt-4o"]["input_cost_per_token"]
print(json.dumps([all(found), tried, os.environ["LITELLM_LOCAL_MODEL_COST_MAP"], prices > 0]))
"""

    assert ran(code) == [True, [], "True", True]


def test_a_call_of_a_simulated_policy_asks_nobody_either() -> None:
    code = f"""{REFUSING}
from conductor_mw import Conductor
from conductor_mw_litellm import install
policy = "agents: [{{id: small, simulated: Hello.}}]\\nrouting: {{default: small}}"
install(Conductor.from_text(policy), aliases={{"gpt-4o": "main"}})
from litellm import completion
said = completion("gpt-4o", [{{"role": "user", "content": "Hi"}}]).choices[0].message.content
print(json.dumps([said, tried]))
"""

    assert ran(code) == ["Hello.", []]


def test_who_wants_the_newest_prices_is_not_overruled() -> None:
    code = """
import json, os, sys, types
sys.modules["litellm"] = types.ModuleType("litellm")
from conductor_mw_litellm.loading import litellm
litellm()
print(json.dumps(os.environ["LITELLM_LOCAL_MODEL_COST_MAP"]))
"""

    assert ran(code, LITELLM_LOCAL_MODEL_COST_MAP="true") == "true"


def test_every_name_of_the_door_is_the_thing_it_says() -> None:
    ours: Any = __import__("conductor_mw_litellm")

    assert ours.__all__ == sorted(ours.__all__)
    assert set(ours.__all__) <= set(dir(ours))
    with pytest.raises(AttributeError, match="ConductorRouter"):
        _ = ours.ConductorRouter
