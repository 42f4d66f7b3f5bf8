"""`install()` gives a policy to an app whose call sites stay, and `uninstall()` takes it back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest
from conductor_mw_litellm import install, register, uninstall, unregister
from litellm import acompletion, completion
from litellm.exceptions import NotFoundError

from conductor_mw import Conductor, ConductorError
from tests.litellm.calls import HELLO, Way, agents, ask, each_way
from tests.provider.server import Provider

ONE = "agents: [{id: one, simulated: One.}]\nrouting: {default: one}"
TWO = "agents: [{id: two, simulated: Two.}]\nrouting: {default: two}"

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    uninstall()


@each_way
def test_an_app_s_own_model_name_leads_to_the_policy(
    way: Way, live: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-test")
    conductor = Conductor.from_text(
        agents(live.url) + "routing: {default: {fallback: [limited, small]}}\n"
    )
    install(conductor, aliases={"gpt-4o": "main"})

    said = ask(way, "gpt-4o")

    assert said.text == "Hello from small-1, nice to see you"
    assert live.models == ["limited-1", "small-1"]


def test_functions_that_were_imported_before_and_positional_models_are_led_as_well() -> None:
    install(Conductor.from_text(ONE), aliases={"gpt-4o": "main"})
    made: Any = completion("gpt-4o", HELLO)
    later: Any = asyncio.run(acompletion("gpt-4o", HELLO))

    assert made.choices[0].message.content == "One."
    assert later.choices[0].message.content == "One."


def test_a_file_is_installed_with_its_options(tmp_path: Path) -> None:
    path = tmp_path / "conductor.yaml"
    path.write_text("agents: [{id: real, model: openai/gpt-4o}]\nrouting: {default: real}")
    install(path, aliases={"gpt-4o": "main"}, simulate=True)

    assert ask("completion", "gpt-4o").whole.model == "real"


def test_several_policies_stand_beside_each_other() -> None:
    install(Conductor.from_text(ONE), name="first", aliases={"gpt-4o": "first"})
    install(Conductor.from_text(TWO), name="batch", aliases={"gpt-4o-mini": "batch"})

    assert [ask("completion", name).text for name in ("gpt-4o", "gpt-4o-mini")] == ["One.", "Two."]
    uninstall("first")
    assert ask("completion", "gpt-4o-mini").text == "Two."
    with pytest.raises(NotFoundError):
        ask("completion", "conductor/first")


def test_a_name_is_installed_once() -> None:
    install(Conductor.from_text(ONE))
    with pytest.raises(ConductorError, match=r"'main' already\n  Call uninstall\('main'\)"):
        install(Conductor.from_text(TWO))
    register("own", Conductor.from_text(ONE))
    with pytest.raises(ConductorError, match="'own' already"):
        install(Conductor.from_text(TWO), name="own")
    unregister("own")

    assert ask("completion", "conductor/main").text == "One."


NAMED = "agents: [{id: a, model: gpt-4o}]\nrouting: {default: a}"
REPLICA = (
    "agents: [{id: a, model: gpt-4, replicas: [{model: gpt-4o}, {model: gpt-4}]}]\n"
    "routing: {default: a}"
)


@pytest.mark.parametrize(
    ("policy", "aliases", "problem"),
    [
        (ONE, {"gpt-4o": "one"}, "names 'one', and the policy is called 'main'"),
        (ONE, {"house-model": "main"}, r"no provider of the alias 'house-model'.*\n.*openai/house"),
        (NAMED, {"gpt-4o": "main"}, "'a' names 'gpt-4o', which is this policy"),
        (REPLICA, {"gpt-4o": "main"}, "'a' names 'gpt-4o', which is this policy"),
    ],
)
def test_what_could_not_work_is_refused_and_changes_nothing(
    policy: str, aliases: dict[str, str], problem: str
) -> None:
    before = (list(litellm.custom_provider_map), dict(litellm.model_alias_map))
    with pytest.raises(ConductorError, match=problem):
        install(Conductor.from_text(policy), aliases=aliases)

    assert (list(litellm.custom_provider_map), dict(litellm.model_alias_map)) == before
    install(Conductor.from_text(ONE))  # the name is still free


def test_an_alias_of_the_app_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "model_alias_map", {"gpt-4o": "openai/gpt-4o-mini"})
    with pytest.raises(ConductorError, match="leads 'gpt-4o' to 'openai/gpt-4o-mini' already"):
        install(Conductor.from_text(ONE), aliases={"gpt-4o": "main"})


def test_other_models_and_aliases_are_left_alone(
    live: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litellm, "model_alias_map", {"mine": "openai/other-1"})
    install(Conductor.from_text(ONE), aliases={"gpt-4o": "main"})

    direct: dict[str, Any] = {"api_base": f"{live.url}/v1", "api_key": "sk-test"}
    ask("completion", "mine", **direct)
    ask("completion", "openai/gpt-4o", **direct)

    assert live.models == ["other-1", "gpt-4o"]
    uninstall()
    assert litellm.model_alias_map == {"mine": "openai/other-1"}


async def _messages(**call: Any) -> Any:
    host: Any = litellm  # it does not say that it exports `anthropic`
    return await host.anthropic.messages.acreate(messages=HELLO, max_tokens=9, **call)


def _responses(**call: Any) -> Any:
    return litellm.responses(input="Hello", **call)


async def _aresponses(**call: Any) -> Any:
    return await litellm.aresponses(input="Hello", **call)


DOORS: dict[str, Callable[..., Any]] = {
    "responses": _responses,
    "aresponses": _aresponses,
    "messages": _messages,
}


@pytest.mark.parametrize("door", DOORS)
def test_responses_and_messages_do_not_follow_an_alias(door: str, live: Provider) -> None:
    install(Conductor.from_text(ONE), aliases={"gpt-4o": "main"})

    # It goes where it went before: to the provider, which has no such endpoint here.
    with pytest.raises(NotFoundError):
        _made(DOORS[door](model="gpt-4o", api_base=f"{live.url}/v1", api_key="sk-test"))


def _made(found: Any) -> Any:
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


def test_many_threads_install_one_policy_once() -> None:
    refused: list[ConductorError] = []
    conductor = Conductor.from_text(ONE)

    def try_it() -> None:
        try:
            install(conductor, aliases={"gpt-4o": "main"})
        except ConductorError as error:
            refused.append(error)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 7
    uninstall()
    assert "gpt-4o" not in litellm.model_alias_map


TRACE = """
import litellm

def told():
    kinds = (list, set, dict, str, bool, int, type(None))
    return {
        name: (id(value), repr(value) if isinstance(value, (list, set, dict)) else None)
        for name, value in vars(litellm).items()
        if isinstance(value, kinds) and not name.startswith("__")
    }

import litellm.main
from conductor_mw_litellm import install, uninstall
from conductor_mw import Conductor
text = "agents: [{id: one, simulated: One.}]\\nrouting: {default: one}"
one = Conductor.from_text(text)
hello = [{"role": "user", "content": "Hello"}]
litellm.completion("openai/x", hello, mock_response="warm")
before, gate = told(), litellm.main.get_optional_params
install(one, aliases={"gpt-4o": "main"})
install(one, name="other", aliases={"gpt-4": "other"})
assert litellm.main.get_optional_params is not gate
for name in ("gpt-4o", "gpt-4"):
    made = litellm.completion(name, hello, verbosity="low")
    assert made.choices[0].message.content == "One."
uninstall("main")
uninstall()
after = told()
changed = [name for name in before if before[name] != after.get(name)]
assert litellm.main.get_optional_params is gate
print("changed", changed)
"""


def test_uninstall_leaves_no_trace() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRACE], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.stdout.splitlines()[-1:] == ["changed []"], done.stdout + done.stderr
