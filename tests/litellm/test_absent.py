"""What a newcomer reads who lacks a package, misnames a file, a policy or an alias."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import litellm
import pytest
from conductor_mw_litellm import ConductorStrategy, handler, install, uninstall
from conductor_mw_litellm.policies import POLICIES
from litellm.exceptions import NotFoundError
from litellm.router import Router

from conductor_mw import Conductor, ConductorError

POLICY = "agents: [{id: small, simulated: Hello.}]\nrouting: {default: small}"
MESSAGES = [{"role": "user", "content": "Hi"}]
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(litellm, "custom_provider_map", [])
    monkeypatch.setattr(POLICIES, "_known", {})
    yield
    uninstall()


def said_without(package: str, code: str) -> str:
    """Give what a program prints where a package is not installed."""
    program = f"ABSENT = {{{package!r}}}\n{WITHOUT}\n{code}"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    return ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "code",
    [
        "from conductor_mw_litellm import install; install('conductor.yaml')",
        "from conductor_mw_litellm import handler",
        "from conductor_mw_litellm import proxy_callback",
    ],
)
def test_without_litellm_each_name_says_which_extra_it_needs(code: str) -> None:
    said = said_without("litellm", code)

    assert said.endswith("LiteLLM is not installed\n  pip install 'conductor-mw[litellm]'\n")


def test_a_policy_that_nobody_registered() -> None:
    litellm.custom_provider_map = [{"provider": "conductor", "custom_handler": handler}]

    with pytest.raises(NotFoundError) as told:
        litellm.completion("conductor/main", MESSAGES)

    assert "no policy is called 'main'" in str(told.value)
    assert "Register one: conductor_mw_litellm.register('main', 'conductor.yaml')" in str(
        told.value
    )


def test_a_policy_whose_name_is_misspelt() -> None:
    install(Conductor.from_text(POLICY))

    with pytest.raises(NotFoundError, match="did you mean 'main'"):
        litellm.completion("conductor/mian", MESSAGES)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConductorError) as told:
        install("nowhere/conductor.yaml")

    assert str(told.value).startswith(
        "nowhere/conductor.yaml: the file cannot be read: No such file or directory\n"
    )
    assert litellm.custom_provider_map == []


def test_an_alias_that_names_no_policy() -> None:
    with pytest.raises(ConductorError, match="aliases="):
        install(Conductor.from_text(POLICY), aliases={"gpt-4o": "mian"})


def test_a_policy_that_is_installed_twice() -> None:
    install(Conductor.from_text(POLICY))

    with pytest.raises(ConductorError, match="'main' already"):
        install(Conductor.from_text(POLICY))


def test_an_agent_whose_model_is_no_group_of_the_router() -> None:
    model = {"model": "openai/gpt-4o", "api_key": "sk-test"}
    router = Router(model_list=[{"model_name": "small", "litellm_params": model}])
    policy = Conductor.from_text("agents: [{id: a, model: smal}]\nrouting: {default: a}")

    with pytest.raises(ConductorError, match="did you mean 'small'"):
        ConductorStrategy(router, policy, models=["smart"])
