"""The example app prints what its page shows, and its proxy's configuration is one that works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from conductor_mw import Conductor
from tests.litellm import proxies

FOLDER = Path(__file__).parents[2] / "examples" / "litellm"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
POLICY = FOLDER / "conductor.yaml"


def test_it_prints_what_its_page_shows() -> None:
    env = {name: one for name, one in os.environ.items() if not name.startswith("CONDUCTOR")}
    ran = subprocess.run(
        [sys.executable, FOLDER / "app.py"], check=False, capture_output=True, text=True, env=env
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"```text\n{ran.stdout}```\n" in PAGE


def test_its_proxy_answers_for_the_model_that_clients_ask_for(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    (tmp_path / POLICY.name).write_bytes(POLICY.read_bytes())
    config = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
    call = {"model": "gpt-4o", "messages": [{"role": "user", "content": "When do you open?"}]}

    with proxies.proxy(tmp_path, config, {}) as running:
        said = httpx.post(
            f"{running.url}/v1/chat/completions",
            json=call,
            headers={"authorization": f"Bearer {proxies.MASTER}"},
            timeout=60,
        )

    assert said.headers["x-conductor-agent"] == "small"
    assert said.json()["choices"][0]["message"]["content"].startswith("We open at nine")


@pytest.mark.parametrize("environment", [None, "real"])
def test_its_policy_loads_without_a_warning(environment: str | None) -> None:
    conductor = Conductor(POLICY, environment=environment, simulate=True)

    assert conductor.policy.warnings == ()
