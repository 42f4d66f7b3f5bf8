"""Policies that the environment names are looked at again while the process runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from conductor_mw_litellm.policies import Policies

from conductor_mw import ConductorError

POLICY = """
agents: [{id: AGENT, simulated: Hello}]
routing: {default: AGENT}
"""


def write(path: Path, agent: str) -> None:
    path.write_text(POLICY.replace("AGENT", agent))


@pytest.mark.parametrize(("every", "then"), [("1e-9", "second-one"), ("0", "first")])
def test_a_file_is_read_again_as_often_as_the_environment_says(
    tmp_path: Path, every: str, then: str
) -> None:
    path = tmp_path / "conductor.yaml"
    write(path, "first")
    env = {"CONDUCTOR_POLICIES": f"desk={path}", "CONDUCTOR_RELOAD_EVERY": every}
    desk = Policies(env).of("desk")
    assert desk.decide("hi").target == "first"

    write(path, "second-one")

    assert desk.decide("hi").target == then


@pytest.mark.parametrize("every", ["soon", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, every: str) -> None:
    path = tmp_path / "conductor.yaml"
    write(path, "first")
    policies = Policies({"CONDUCTOR_POLICY": str(path), "CONDUCTOR_RELOAD_EVERY": every})

    with pytest.raises(ConductorError, match="CONDUCTOR_RELOAD_EVERY is"):
        policies.of("main")
