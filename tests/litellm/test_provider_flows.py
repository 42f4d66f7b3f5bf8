"""Every flow of a policy works behind `conductor/<policy>`, in all four ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conductor_mw import Conductor, Gate, Verdict
from tests.litellm.calls import Way, agents, ask, each_way, offered
from tests.provider.server import Provider

FLOWS = {
    "fallback": ({"fallback": "[limited, large]"}, "large", ["limited-1", "large-1"]),
    "cascade": (
        {"cascade": "[small, large]", "accept": "answer.text.contains('large')"},
        "large",
        ["small-1", "large-1"],
    ),
    "merge": (
        {"parallel": "[small, claude]", "take": "merge", "merge": "large"},
        "large",
        ["claude-1", "large-1", "small-1"],
    ),
    "sequence": (
        {"sequence": "[{id: draft, use: small}, {use: large, prompt: 'Kinder: {draft.text}'}]"},
        "large",
        ["large-1", "small-1"],
    ),
    "repeat": ({"repeat": "large", "until": "answer.chars > 3"}, "large", ["large-1"]),
}

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-test")


@pytest.fixture
def policy(live: Provider) -> Callable[[str], str]:
    return lambda routing: agents(live.url) + f"routing: {{default: {routing}}}\n"


@each_way
@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_answers(way: Way, flow: str, live: Provider, policy: Callable[[str], str]) -> None:
    written, answering, asked = FLOWS[flow]
    routing = ", ".join(f"{key}: {value}" for key, value in written.items())
    with offered(main=Conductor.from_text(policy(f"{{{routing}}}"))):
        said = ask(way)

    assert said.text == f"Hello from {answering}-1, nice to see you"
    assert said.finish == "stop"
    assert sorted(live.models) == sorted(asked)


GATED = "{sequence: [{id: draft, use: small}, {use: person, show: '{draft.text}'}]}"


@each_way
def test_a_person_decides_what_the_caller_reads(
    way: Way, live: Provider, policy: Callable[[str], str]
) -> None:
    def edit(gate: Gate) -> Verdict:
        assert gate.show == "Hello from small-1, nice to see you"
        return Verdict(choice="edit", by="ana", text="Good day.")

    with offered(main=Conductor.from_text(policy(GATED), approvals=edit)):
        said = ask(way)

    assert said.text == "Good day."
    assert said.finish == "stop"
    assert live.models == ["small-1"]


@pytest.fixture
def deep(policy: Callable[[str], str]) -> Iterator[None]:
    """A policy of which one agent is another policy."""
    outer = Conductor.from_text(
        "agents: [{id: inner, model: conductor/inner}]\nrouting: {default: inner}"
    )
    with offered(main=outer, inner=Conductor.from_text(policy("small"))):
        yield


@each_way
@pytest.mark.usefixtures("deep")
def test_an_agent_may_be_another_policy(way: Way, live: Provider) -> None:
    said = ask(way)

    assert said.text == "Hello from small-1, nice to see you"
    assert said.usage == (2, 7)
    assert live.models == ["small-1"]
