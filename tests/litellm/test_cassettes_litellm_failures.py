"""What becomes of the failures of models that LiteLLM reaches, in both dialects.

The provider's answers lie in `cassettes/`; `tests/provider/recording.py` tells how they got there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from litellm.exceptions import BadRequestError, InternalServerError, RateLimitError

from conductor_mw import FailureKind, Outcome, attempts_of
from tests.litellm.recorded import (
    Dialect,
    Recorded,
    Said,
    Surface,
    Way,
    ask,
    cost,
    each_dialect,
    each_surface,
    each_way,
)
from tests.provider.brain import REFUSAL, RETRY_AFTER
from tests.provider.recording import left_over

pytestmark = [
    pytest.mark.vcr,
    pytest.mark.block_network,  # but for recording
    pytest.mark.usefixtures("litellm_loop"),
]

QUESTION: Final = "Is it Oslo?"
GREETING: Final = "Hello from large-1, nice to see you"
each_trouble: Final = pytest.mark.parametrize(
    ("manner", "kind"),
    [
        ("limited", "rate_limit"),
        ("broken", "server_error"),
        ("overflowing", "context_overflow"),
    ],
)
RAISED: Final[dict[FailureKind, type[Exception]]] = {
    "rate_limit": RateLimitError,
    "server_error": InternalServerError,
    "context_overflow": BadRequestError,  # or its subclass, where LiteLLM knows the words
}


@pytest.fixture
def models(recorded_url: str, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    return Recorded(recorded_url, monkeypatch)


@each_dialect
@each_surface
@each_way
@each_trouble
def test_a_failure_reaches_the_caller_as_litellms_error(
    models: Recorded,
    dialect: Dialect,
    surface: Surface,
    way: Way,
    manner: str,
    kind: FailureKind,
) -> None:
    conductor = models.policy(dialect, f"{manner}-1")

    with pytest.raises(Exception, match=r"\w") as caught:
        ask(conductor, surface, way, QUESTION)

    # LiteLLM wraps what ends a custom provider's stream and can be tried again.
    error = getattr(caught.value, "original_exception", caught.value)
    (attempt,) = attempts_of(error)
    assert isinstance(error, RAISED[kind])
    assert told(attempt) == ("small", kind, RETRY_AFTER if kind == "rate_limit" else None)


def told(attempt: Outcome) -> tuple[str, FailureKind | None, float | None]:
    return attempt.agent, attempt.kind, attempt.retry_after


@each_dialect
@each_surface
@each_way
@each_trouble
def test_another_provider_answers_where_the_first_cannot(
    models: Recorded,
    dialect: Dialect,
    surface: Surface,
    way: Way,
    manner: str,
    kind: FailureKind,
) -> None:
    conductor = models.policy(dialect, f"{manner}-1", on=kind)

    said = ask(conductor, surface, way, QUESTION)

    assert said == Said(GREETING, (), "stop", (3, 7), cost(surface, way, 17e-6))


each_refusal: Final = pytest.mark.parametrize(
    ("dialect", "way"),
    [
        ("anthropic", "plain"),
        ("anthropic", "aplain"),
        ("anthropic", "stream"),
        ("anthropic", "astream"),
        ("openai", "plain"),
        ("openai", "aplain"),
    ],
)
"""LiteLLM passes these on; OpenAI's in a stream it drops, as is tested below."""


@each_refusal
@each_surface
def test_another_provider_answers_where_the_first_refuses(
    models: Recorded, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "refusing-1", on="refusal")

    said = ask(conductor, surface, way, QUESTION)

    assert said.text == GREETING
    both = 13e-6 + 17e-6  # refusing cost something, too
    assert said.dollars == pytest.approx(cost(surface, way, both))


@each_refusal
@each_surface
def test_a_refusal_that_nothing_else_answers_is_told(
    models: Recorded, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "refusing-1")

    said = ask(conductor, surface, way, QUESTION)

    if surface == "conductor":
        assert (said.text, said.finish) == (REFUSAL, "refusal")
    else:  # untouched: LiteLLM keeps OpenAI's beside the answer's text
        answered = {"openai": ("", "stop"), "anthropic": (REFUSAL, "content_filter")}
        assert (said.text, said.finish) == answered[dialect]


@each_surface
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_litellm_drops_a_refusal_that_openai_streams(
    models: Recorded, surface: Surface, way: Way
) -> None:
    conductor = models.policy("openai", "refusing-1", on="refusal")

    said = ask(conductor, surface, way, QUESTION)

    assert (said.text, said.finish) == ("", "stop")


def test_every_cassette_belongs_to_a_test(
    request: pytest.FixtureRequest, vcr_cassette_dir: str
) -> None:
    module = request.node.getparent(pytest.Module)

    assert left_over(module, Path(vcr_cassette_dir)) == []
