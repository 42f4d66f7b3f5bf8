"""An environment replaces agents' settings and options of plugins; everything else stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import RegisterLayer, hookimpl
from conductor_mw.agents.simulated import SimulatedOptions
from conductor_mw.errors import PolicyError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import Policy, load, load_text

CORE = Plugins.core()
TEXT = """\
agents:
  - {id: a, simulated: here, prompt: Hi, price: {input: 1, output: 2}, labels: [eu]}
routing: {default: a}
environments:
  production: {agents: {a: {simulated: there, timeout: 5s}}}
  staging: {agents: {a: {prompt: Staging}}}
  bare: {}
"""


@dataclass(frozen=True)
class Lamp:
    """A layer for these tests."""

    colour: str = "red"
    watts: int = 40

    def around_attempt(self, attempt: object, proceed: object) -> object:
        raise NotImplementedError


class Lamps:
    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register("lamp", Lamp, rank=60)


def compiled(text: str = TEXT, **more: object) -> Policy:
    return load_text(text, plugins=CORE, **{"env": {}, **more})  # type: ignore[arg-type]


def refusal(text: str, **more: object) -> str:
    with pytest.raises(PolicyError) as caught:
        compiled(text, **more)
    return str(caught.value).replace("<policy>:", "")


def answer(policy: Policy) -> str | None:
    options = policy.agents["a"].options
    assert isinstance(options, SimulatedOptions)
    return options.answer


def test_without_an_environment_the_file_holds_as_it_stands() -> None:
    policy = compiled()

    assert (answer(policy), policy.environment) == ("here", "")


@pytest.mark.parametrize(
    "chosen", [{"environment": "production"}, {"env": {"CONDUCTOR_ENV": "production"}}]
)
def test_an_environment_replaces_settings(chosen: dict[str, Any]) -> None:
    policy = compiled(**chosen)

    agent = policy.agents["a"]
    assert (answer(policy), policy.environment) == ("there", "production")
    assert (agent.timeouts.whole, agent.prompt) == (5.0, "Hi")
    assert agent.labels == {"eu"}


def test_the_argument_goes_before_the_variable() -> None:
    policy = compiled(environment="staging", env={"CONDUCTOR_ENV": "production"})

    assert (policy.agents["a"].prompt, answer(policy)) == ("Staging", "here")


def test_another_model_does_not_inherit_the_price_of_the_first() -> None:
    assert compiled(environment="production").agents["a"].price is None
    assert compiled(environment="staging").agents["a"].price is not None


def test_an_environment_changes_the_fingerprint_only_by_what_it_changes() -> None:
    plain = compiled().fingerprint

    assert compiled(environment="bare").fingerprint == plain
    assert compiled(environment="production").fingerprint != plain


def test_the_options_of_a_plugin_are_replaced_one_by_one() -> None:
    plugins = Plugins.core()
    plugins.add(Lamps(), "lamps")
    text = """
agents: [{id: a, simulated: x}]
routing: {default: a}
plugins: {lamp: {colour: blue}}
environments: {night: {plugins: {lamp: {watts: 5}}}}
"""

    day = load_text(text, plugins=plugins, env={})
    night = load_text(text, plugins=plugins, env={}, environment="night")

    assert day.layers[0].options == Lamp("blue", 40)
    assert night.layers[0].options == Lamp("blue", 5)
    assert (night.layers[0].rank, night.layers[0].owner) == (60, "lamps")


def test_an_environment_that_is_not_declared_is_refused_where_others_are() -> None:
    said = "4:1: environments: no environment 'prodution'\n  did you mean 'production'?"

    assert refusal(TEXT, env={"CONDUCTOR_ENV": "prodution"}) == said
    assert refusal(TEXT, environment="prodution") == said


def test_the_variable_does_not_disturb_a_policy_without_environments() -> None:
    plain = "agents: [{id: a, simulated: here}]\nrouting: {default: a}"

    assert compiled(plain, env={"CONDUCTOR_ENV": "production"}).environment == ""
    assert refusal(plain, environment="production") == (
        "1:1: environments: no environment 'production'\n  known: (none)"
    )


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            "{agents: {b: {prompt: x}}}",
            "4:32: environments.live.agents: no agent 'b'\n  known: a",
        ),
        (
            "{agents: {a: {id: b}}}",
            "4:36: environments.live.agents.a: an id cannot be replaced\n  remove it",
        ),
        ("{agents: {a: {promt: x}}}", "4:36: agents.0: no key 'promt'\n  did you mean 'prompt'?"),
        (
            "{agents: {a: {simulated: {answr: x}}}}",
            "4:48: agents.0.simulated: no key 'answr'\n  did you mean 'answer'?",
        ),
        (
            "{agents: {a: {retry: -1}}}",
            "4:43: agents.0.retry: must be greater than or equal to 0, not -1",
        ),
        ("{plugins: {lamp: {}}}", "4:33: plugins: no plugin 'lamp'\n  known: (none)"),
        (
            "{rules: []}",
            "4:23: environments.live: no key 'rules'\n  known: agents, gateways, plugins",
        ),
    ],
)
@pytest.mark.parametrize("chosen", ["", "live"])
def test_a_mistake_is_found_before_the_environment_is_chosen(
    section: str, said: str, chosen: str
) -> None:
    text = (
        "agents:\n- {id: a, simulated: x}\nrouting: {default: a}\n"
        f"environments: {{live: {section}}}\n"
    )

    assert refusal(text, environment=chosen) == said


def test_an_environment_of_an_overlay_without_agents_is_refused(tmp_path: Path) -> None:
    # The fuzzer found this: the place of a list that nobody wrote was asked for.
    (tmp_path / "org.yaml").write_text("agents: [{id: a, simulated: x}]\nrouting: {default: a}")
    team = tmp_path / "team.yaml"
    team.write_text("include: org.yaml\nenvironments: {live: {agents: {a: {timeout: 5s}}}}")

    with pytest.raises(PolicyError) as caught:
        load(team, plugins=CORE, env={})

    assert str(caught.value) == (
        f"{team}:2:32: environments.live.agents: no agent 'a'\n  known: (none)"
    )


def test_an_overlay_may_narrow_in_an_environment_and_not_widen(tmp_path: Path) -> None:
    (tmp_path / "org.yaml").write_text(
        "agents: [{id: a, simulated: x, timeout: 10s}]\nrouting: {default: a}"
    )
    team = tmp_path / "team.yaml"
    team.write_text(
        "include: org.yaml\nagents: [{id: a}]\nenvironments:\n"
        "  live: {agents: {a: {timeout: 5s}}}\n"
    )

    policy = load(team, plugins=CORE, env={}, environment="live")

    assert policy.agents["a"].timeouts.whole == 5
    team.write_text(team.read_text().replace("5s", "50s"))
    with pytest.raises(PolicyError, match="longer than the 10 s of the file below"):
        load(team, plugins=CORE, env={})
