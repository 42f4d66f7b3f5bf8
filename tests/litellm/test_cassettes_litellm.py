"""What models answer through LiteLLM: the same in both dialects, plain and as `conductor/main`.

The provider's answers lie in `cassettes/`; `tests/provider/recording.py` tells how they got there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

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
from tests.provider.recording import left_over

pytestmark = [
    pytest.mark.vcr,
    pytest.mark.block_network,  # but for recording
    pytest.mark.usefixtures("litellm_loop"),
]

QUESTION: Final = "Is it 'Oslo' with 7 people?"
PARAMETERS: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["name", "people"],
    "additionalProperties": False,
}
TOOL: Final = {
    "type": "function",
    "function": {"name": "look_up", "description": "Look a city up.", "parameters": PARAMETERS},
}
FORM: Final = {
    "type": "json_schema",
    "json_schema": {"name": "city", "strict": True, "schema": PARAMETERS},
}
CITY: Final = '{"name": "Oslo", "people": 7}'


@pytest.fixture
def models(recorded_url: str, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    return Recorded(recorded_url, monkeypatch)


@each_dialect
@each_surface
@each_way
def test_a_text_comes_with_its_tokens_and_its_price(
    models: Recorded, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "small-1")

    said = ask(conductor, surface, way, QUESTION)

    dollars = cost(surface, way, 20e-6)
    assert said == Said("Hello from small-1, nice to see you", (), "stop", (6, 7), dollars)


@each_dialect
@each_surface
@each_way
def test_a_tool_is_called_and_what_it_gives_is_answered(
    models: Recorded, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "small-1")

    called = ask(conductor, surface, way, QUESTION, tools=[TOOL])
    answered = ask(conductor, surface, way, conversation(called), tools=[TOOL])

    dollars = cost(surface, way, 14e-6)
    assert called == Said("", (("look_up", CITY),), "tool_calls", (6, 4), dollars)
    assert answered.text == "Hello from small-1, nice to see you"
    assert answered.finish == "stop"


def conversation(called: Said) -> list[dict[str, Any]]:
    """Give the messages once the tool has been called."""
    ((name, arguments),) = called.calls
    function = {"name": name, "arguments": arguments}
    return [
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "It is."},
    ]


@each_dialect
@each_surface
@each_way
def test_an_answer_keeps_to_a_schema(
    models: Recorded, dialect: Dialect, surface: Surface, way: Way
) -> None:
    conductor = models.policy(dialect, "small-1")

    said = ask(conductor, surface, way, QUESTION, response_format=FORM)

    assert said == Said(CITY, (), "stop", (6, 4), cost(surface, way, 14e-6))


def test_every_cassette_belongs_to_a_test(
    request: pytest.FixtureRequest, vcr_cassette_dir: str
) -> None:
    module = request.node.getparent(pytest.Module)

    assert left_over(module, Path(vcr_cassette_dir)) == []
