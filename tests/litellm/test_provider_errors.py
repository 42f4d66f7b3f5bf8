"""What a policy refuses, and what its agents raise, reach the app as LiteLLM's exceptions."""

from __future__ import annotations

from typing import Any

import pytest
from litellm import exceptions
from litellm.exceptions import BadRequestError, MidStreamFallbackError, NotFoundError

from conductor_mw import (
    FAILURE_KINDS,
    Conductor,
    ConductorError,
    Failure,
    FailureKind,
    Request,
    attempts_of,
)
from tests.litellm.calls import Way, agents, ask, each_way, offered, original
from tests.provider.server import Provider

CLASSES: dict[FailureKind, tuple[str, int]] = {
    "timeout": ("Timeout", 408),
    "connection": ("ServiceUnavailableError", 503),
    "rate_limit": ("RateLimitError", 429),
    "server_error": ("InternalServerError", 500),
    "auth": ("AuthenticationError", 401),
    "invalid_request": ("BadRequestError", 400),
    "context_overflow": ("ContextWindowExceededError", 400),
    "refusal": ("ContentPolicyViolationError", 400),
    "invalid_output": ("BadGatewayError", 502),
    "low_confidence": ("BadGatewayError", 502),
    "scorer_failed": ("BadGatewayError", 502),
    "incapable": ("BadRequestError", 400),
    "policy_violation": ("PermissionDeniedError", 403),
    "budget": ("RateLimitError", 429),
    "limited": ("RateLimitError", 429),
    "circuit_open": ("ServiceUnavailableError", 503),
    "rejected": ("PermissionDeniedError", 403),
}
OF_PROVIDERS = {
    "limited": ("RateLimitError", 429),
    "locked": ("AuthenticationError", 401),
    "overflowing": ("BadRequestError", 400),
}
ALL: Any = Exception
"""What is caught is looked at then: its class is what these tests are about."""

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-test")


def test_every_kind_of_failure_is_told() -> None:
    assert set(CLASSES) == set(FAILURE_KINDS)


@each_way
@pytest.mark.parametrize("kind", CLASSES)
def test_a_refusal_has_the_class_and_the_status_of_its_kind(way: Way, kind: FailureKind) -> None:
    def fails(_: Request) -> str:
        raise Failure(kind, f"it was {kind}")

    text = "agents: [{id: fails}]\nrouting: {default: fails}"
    conductor = Conductor.from_text(text, agents={"fails": fails})
    with offered(main=conductor), pytest.raises(ALL) as caught:
        ask(way)

    name, status = CLASSES[kind]
    assert type(original(caught.value)) is getattr(exceptions, name)
    assert caught.value.status_code == status
    assert str(kind) in str(caught.value)
    assert [(one.agent, one.kind) for one in attempts_of(caught.value)] == [("fails", kind)]


@each_way
@pytest.mark.parametrize("agent", OF_PROVIDERS)
def test_the_provider_s_own_exception_keeps_its_class(way: Way, agent: str, live: Provider) -> None:
    conductor = Conductor.from_text(agents(live.url) + f"routing: {{default: {agent}}}\n")
    with offered(main=conductor), pytest.raises(ALL) as caught:
        ask(way)

    name, status = OF_PROVIDERS[agent]
    assert type(original(caught.value)) is getattr(exceptions, name)
    assert caught.value.status_code == status
    assert [one.agent for one in attempts_of(caught.value)] == [agent]


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("agent", ["stumbling", "choking"])
def test_a_stream_that_breaks_tells_its_attempts(way: Way, agent: str, live: Provider) -> None:
    conductor = Conductor.from_text(agents(live.url) + f"routing: {{default: {agent}}}\n")
    with offered(main=conductor), pytest.raises(MidStreamFallbackError) as caught:
        ask(way)

    assert [one.agent for one in attempts_of(caught.value)] == [agent]


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_falls_back_before_its_first_word_and_not_after_it(
    way: Way, live: Provider
) -> None:
    def falling(first: str) -> Conductor:
        routing = f"routing: {{default: {{fallback: [{first}, small]}}}}\n"
        return Conductor.from_text(agents(live.url) + routing)

    with offered(early=falling("stumbling"), late=falling("choking")):
        assert ask(way, "conductor/early").text == "Hello from small-1, nice to see you"
        with pytest.raises(MidStreamFallbackError):
            ask(way, "conductor/late")

    assert live.models == ["stumbling-1", "small-1", "choking-1"]


HOSTILE = ("nope", "../../etc/passwd", "/etc/passwd", "mäin\u202e", "x" * 100_000, " ", "main.yaml")


@each_way
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_that_nobody_registered_is_not_found_and_opens_nothing(way: Way, name: str) -> None:
    only = Conductor.from_text("agents: [{id: a, simulated: A}]\nrouting: {default: a}")
    with offered(main=only), pytest.raises(NotFoundError, match="no policy is called") as caught:
        ask(way, f"conductor/{name}")

    assert len(str(caught.value)) < 600


CIRCLE = "agents: [{{id: next, model: conductor/{}}}]\nrouting: {{default: next}}"


@each_way
def test_policies_that_ask_each_other_in_a_circle_are_refused(way: Way) -> None:
    first, second = (Conductor.from_text(CIRCLE.format(name)) for name in ("second", "first"))
    with (
        offered(first=first, second=second),
        pytest.raises(BadRequestError, match="'first' would ask itself: first -> second -> first"),
    ):
        ask(way, "conductor/first")


@each_way
def test_policies_below_each_other_have_an_end(way: Way) -> None:
    chain = {f"p{at}": Conductor.from_text(CIRCLE.format(f"p{at + 1}")) for at in range(10)}
    with (
        offered(**chain),
        pytest.raises(BadRequestError, match="more than 8 policies below each other"),
    ):
        ask(way, "conductor/p0")


def test_a_policy_that_names_itself_is_refused_when_it_is_registered() -> None:
    conductor = Conductor.from_text(CIRCLE.format("main"))
    with pytest.raises(ConductorError, match="'conductor/main', which is this policy"):  # noqa: SIM117 - entering raises
        with offered(main=conductor):
            pass


def test_who_reads_one_stream_of_a_policy_may_open_another(live: Provider) -> None:
    import litellm  # noqa: PLC0415 - of this test alone

    conductor = Conductor.from_text(agents(live.url) + "routing: {default: small}\n")
    with offered(main=conductor):
        first: Any = litellm.completion(
            "conductor/main", [{"role": "user", "content": "A"}], stream=True
        )
        next(first)
        assert ask("stream").text == "Hello from small-1, nice to see you"
        assert list(first)
