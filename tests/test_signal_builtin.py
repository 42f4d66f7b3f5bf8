"""What the built-in signals say about a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from conductor_mw.effects import Instant
from conductor_mw.lenses import to_request
from conductor_mw.plugins import Plugins
from conductor_mw.rules.types import Type
from conductor_mw.signals import Facts, builtin_signals, policy_signals, time_signals
from conductor_mw.signals.complexity import COMPLEXITIES
from conductor_mw.signals.cues import TYPES
from conductor_mw.signals.domain import DOMAINS
from conductor_mw.signals.language import LANGUAGES
from conductor_mw.signals.shapes import MISSING, fitting
from conductor_mw.signals.wants import FORMATS

# Saturday, 21 November 2026, 23:30:00 UTC
MOMENT = Instant(0.0, 1_795_303_800.0)
SIGNALS = {
    signal.name: signal
    for signal in (*builtin_signals(), *policy_signals(agents=["deep-think"], env={"REGION": "eu"}))
}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SEARCH = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}


def facts_of(prompt: str | Sequence[object], **options: Any) -> Facts:
    return Facts(to_request(prompt, **options), SIGNALS, MOMENT)


def value(name: str, prompt: str | Sequence[object] = "Hello", **options: Any) -> object:
    return facts_of(prompt, **options)[name]


def test_the_text_is_the_last_user_message() -> None:
    messages: list[object] = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": [{"type": "text", "text": "second"}, PICTURE]},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]

    facts = facts_of(messages)

    assert facts["input.text"] == "second"
    assert facts["input.chars"] == 6
    assert facts["input.turns"] == 2
    assert facts["input.has_images"] is True


def test_the_transcript_is_every_message_in_order() -> None:
    messages: list[object] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look"}, PICTURE]},
        {"role": "assistant", "content": None, "tool_calls": [SEARCH]},
        {"role": "tool", "content": "found"},
    ]

    assert value("input.transcript", messages) == (
        "system: Be brief.\nuser: Look (image)\nassistant: (calls search)\ntool: found"
    )


@given(st.text(max_size=60))
def test_no_text_passes_for_a_message_of_somebody_else(text: str) -> None:
    found = value("input.transcript", [{"role": "user", "content": text}])

    assert isinstance(found, str)
    first, *more = found.splitlines()
    assert first.startswith("user: ")
    assert all(line.startswith("  ") for line in more)


def test_a_long_transcript_keeps_the_newest_messages() -> None:
    messages: list[object] = [
        {"role": "user", "content": f"{number} " + "x" * 30_000} for number in range(10)
    ]

    found = value("input.transcript", messages)

    assert isinstance(found, str)
    assert len(found) < 100_200
    assert found.startswith("(earlier messages are left out)\nuser: 6")
    assert "user: 9 x" in found


def test_tools_model_and_stream_are_read_from_the_call() -> None:
    facts = facts_of("Hi", tools=[SEARCH], stream=True, parameters={"model": "gpt-4o"})

    assert facts["input.tools"] == ["search"]
    assert facts["input.model"] == "gpt-4o"
    assert facts["input.stream"] is True


@pytest.mark.parametrize("model", [None, 3, ["gpt-4o"]])
def test_a_model_that_is_no_text_is_no_model(model: object) -> None:
    assert value("input.model", parameters={"model": model}) == ""


class Answer(BaseModel):
    text: str


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"type": "json_object"}, True),
        ({"type": "json_schema", "json_schema": {}}, True),
        (Answer, True),
        ({"type": "text"}, False),
        (None, False),
    ],
)
def test_a_response_format_asks_for_json(wanted: object, expected: bool) -> None:
    facts = facts_of("Hi", parameters={"response_format": wanted})

    assert facts["input.wants_json"] is expected
    assert facts["input.wants"] == (["json"] if expected else [])


def test_a_text_that_asks_for_json_wants_json() -> None:
    assert value("input.wants_json", "List the colours as JSON.") is True


def test_metadata_is_one_map() -> None:
    metadata = {"tier": "pro", "tags": ["a"]}

    assert value("metadata", metadata=metadata) is metadata
    assert value("metadata") == {}


def test_the_environment_is_the_policys_list_and_does_not_change() -> None:
    env = {"REGION": "eu"}
    signal = next(signal for signal in policy_signals(env=env) if signal.name == "env")
    env["REGION"] = "us"

    assert signal.read(facts_of("Hi")) == {"REGION": "eu"}


def test_time_is_told_in_utc() -> None:
    facts = facts_of("Hi")

    told = [facts[f"time.{name}"] for name in ("hour", "minute", "weekday", "date")]

    assert told == [23, 30, 5, "2026-11-21"]


def test_time_is_told_in_the_zone_of_the_policy() -> None:
    signals = {signal.name: signal for signal in time_signals(ZoneInfo("Asia/Tokyo"))}
    facts = Facts(to_request("Hi"), signals, MOMENT)

    told = [facts[f"time.{name}"] for name in ("hour", "minute", "weekday", "date")]

    assert told == [8, 30, 6, "2026-11-22"]


def test_an_agent_with_a_hyphen_has_signals_like_any_other() -> None:
    assert value("agents.deep-think.open") is False


def test_the_built_in_signals_are_a_plugin() -> None:
    plugins = Plugins()
    from conductor_mw import signals  # noqa: PLC0415 - the module itself is the plugin

    plugins.add(signals, "core signals")

    assert set(plugins.signals.names) == {signal.name for signal in builtin_signals()}


def test_every_signal_says_what_it_is() -> None:
    assert [signal.name for signal in SIGNALS.values() if not signal.doc] == []
    assert {name for name, signal in SIGNALS.items() if signal.content} == {
        "input.text",
        "input.transcript",
    }
    assert {name for name, signal in SIGNALS.items() if signal.eager} == {
        "metadata",
        "env",
        "input.model",
        "input.stream",
    }


ALLOWED: Mapping[str, Sequence[str]] = {
    "input.type": TYPES,
    "input.domain": DOMAINS,
    "input.complexity": COMPLEXITIES,
    "input.language": (*LANGUAGES, "und"),
}
TEXTS = st.text(max_size=300) | st.text("abc \n?.,0123456789=(){}$^\\`", max_size=300)


@given(TEXTS)
def test_any_text_gives_every_signal_a_value_of_its_type_the_same_one_twice(text: str) -> None:
    first, second = facts_of(text), facts_of(text)

    for name, signal in SIGNALS.items():
        assert fitting(first[name], signal.type) is not MISSING, name
        assert first[name] == second[name]
    for name, allowed in ALLOWED.items():
        assert first[name] in allowed
    assert set(_strings(first["input.wants"])) <= set(FORMATS)


def test_types_are_those_of_the_condition_language() -> None:
    kinds = {name: str(signal.type) for name, signal in SIGNALS.items()}

    assert kinds["metadata"] == "map<string, dyn>"
    assert kinds["env"] == "map<string, string>"
    assert kinds["input.tools"] == "list<string>"
    assert all(isinstance(signal.type, Type) for signal in SIGNALS.values())


def _strings(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
