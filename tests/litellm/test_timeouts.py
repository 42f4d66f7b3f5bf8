"""Who answers where a model behind LiteLLM is silent: asked live, as no cassette can wait."""

from __future__ import annotations

from typing import Final

import pytest
from litellm.exceptions import Timeout

from conductor_mw import attempts_of
from tests.litellm.recorded import (
    Dialect,
    Recorded,
    Surface,
    Way,
    ask,
    each_dialect,
    each_surface,
    each_way,
)
from tests.provider.server import Provider

pytestmark = pytest.mark.usefixtures("litellm_loop")

SOON: Final = ", timeout: 100ms"


@pytest.fixture
def models(live: Provider, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    return Recorded(live.url, monkeypatch)


@each_dialect
@each_surface
@each_way
def test_another_provider_answers_where_the_first_is_silent(
    models: Recorded, live: Provider, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "silent-1", on="timeout", terms=SOON)

    said = ask(conductor, surface, way, "Hello")

    assert said.text == "Hello from large-1, nice to see you"
    assert live.models[-1] == "large-1"  # the time may be over before the silent one is asked


@each_dialect
@each_surface
@each_way
def test_silence_reaches_the_caller_as_a_timeout(
    models: Recorded, live: Provider, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "silent-1", terms=SOON)

    with pytest.raises(Exception, match=r"\w") as caught:
        ask(conductor, surface, way, "Hello")

    # LiteLLM wraps what ends a custom provider's stream and can be tried again.
    error = getattr(caught.value, "original_exception", caught.value)
    assert [attempt.kind for attempt in attempts_of(error)] == ["timeout"]
    # Conductor itself ends an async call; where it stands behind LiteLLM, LiteLLM has one class.
    ours = surface == "conductor" and way in ("aplain", "astream")
    assert isinstance(error, TimeoutError if ours else Timeout)
    assert set(live.models) <= {"silent-1"}
