"""Redaction: what is sent has placeholders, what comes back has the originals."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from conductor_mw_guard.finder import standard
from conductor_mw_guard.redaction import Redaction, Restorer, Vault, literals, restored
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, Part, ToolCall
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask

ADA = "ada@example.org"
BOB = "bob@example.org"
POLICY = """
agents: [{id: a}, {id: b, labels: [approved-pii]}]
routing: {default: a}
plugins: {guard: {redact: [email, phone]}}
"""
PIECES = st.sampled_from(
    [
        ADA, BOB, "+49 30 901820", "<EMAIL_1>", "<EMAIL_2>", "<PHONE_1>", "<EMAIL_", "_1>", "<",
        ">", "1>", "é", "\u200b", "\ud800", " ", "\n", "x", "\uff14\uff12",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=20).map("".join))


def redaction() -> Redaction:
    return Redaction(standard(), {"email", "phone"})


def both(text: str) -> tuple[str, Redaction]:
    made = redaction()
    made.look(text)
    return made.mask(text), made


@given(TEXTS)
def test_what_was_redacted_can_be_restored(text: str) -> None:
    masked, made = both(text)

    assert restored(masked, made.values) == text


@given(st.lists(st.sampled_from([ADA, BOB, "and", "<EMAIL_1>", "\u200b"]), max_size=12))
def test_no_address_is_left_in_what_is_sent(words: list[str]) -> None:
    masked, _ = both(" ".join(words))

    assert "@" not in masked


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_no_chunking_changes_the_restored_text(text: str, cuts: list[int]) -> None:
    masked, made = both(text)
    places = sorted({0, len(masked), *(cut for cut in cuts if cut < len(masked))})
    chunks = [masked[start:end] for start, end in pairwise(places)]
    restorer = Restorer(made.values)

    shown = "".join(restorer.feed(chunk) for chunk in chunks) + restorer.feed("", last=True)

    assert shown == text


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_messages_of_one_request_share_their_placeholders(texts: list[str]) -> None:
    made = redaction()
    for text in texts:
        made.look(text)
    masked = [made.mask(text) for text in texts]

    assert [restored(one, made.values) for one in masked] == texts
    assert len(set(made.values.values())) == len(made.values)


def test_a_placeholder_that_the_text_already_holds_is_not_given_again() -> None:
    masked, made = both(f"<EMAIL_1> means something; write to {ADA}")

    assert masked == "<EMAIL_1> means something; write to <EMAIL_2>"
    assert made.values == {"<EMAIL_2>": ADA}


def test_a_value_keeps_its_placeholder_in_every_attempt_of_a_run() -> None:
    vault = Vault()
    first = Redaction(standard(), {"email"}, vault)
    second = Redaction(standard(), {"email"}, vault)

    assert first.mask(f"{ADA} {BOB}") == "<EMAIL_1> <EMAIL_2>"
    assert second.mask(f"{BOB} {ADA}") == "<EMAIL_2> <EMAIL_1>"


def test_a_later_attempt_that_means_a_placeholder_literally_gets_another_one() -> None:
    vault = Vault()
    Redaction(standard(), {"email"}, vault).mask(ADA)
    later = Redaction(standard(), {"email"}, vault)
    text = f"the last answer said <EMAIL_1>, ask {ADA}"
    later.look(text)
    masked = later.mask(text)

    assert masked == "the last answer said <EMAIL_1>, ask <EMAIL_2>"
    assert restored(masked, later.values) == text


def test_only_whole_placeholders_are_read_as_such() -> None:
    assert literals("<EMAIL_1> <EMAIL> <_1> <b> <<A_2> < A_3") == ["<EMAIL_1>", "<A_2>"]


def test_a_million_beginnings_of_placeholders_are_read_in_one_go() -> None:
    text = "<EMAIL_" * 150_000
    masked, made = both(text)

    assert masked == text
    assert Restorer({"<EMAIL_1>": ADA}).feed(text, last=True) == text
    assert made.values == {}


@pytest.mark.parametrize("way", WAYS)
def test_the_agent_gets_placeholders_and_the_caller_the_originals(way: Way) -> None:
    agent = Scripted("I wrote to <EM", "AIL_1", "> and call", "ed <PHONE_1>.", " <EMAIL_2> is new")
    conductor = Conductor.from_text(POLICY, agents={"a": agent, "b": Scripted()})

    answer = ask(conductor, f"Write to {ADA}, call +49 30 901820.", way=way)

    assert agent.asked[0].text == "Write to <EMAIL_1>, call <PHONE_1>."
    assert answer.text == f"I wrote to {ADA} and called +49 30 901820. <EMAIL_2> is new"


@pytest.mark.parametrize("way", WAYS)
def test_every_message_and_tool_is_redacted_alike(way: Way) -> None:
    agent = Scripted("done")
    conductor = Conductor.from_text(POLICY, agents={"a": agent, "b": Scripted()})
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": f'"{ADA}"'}}

    ask(
        conductor,
        [
            {"role": "system", "content": f"You serve {BOB}."},
            {"role": "user", "content": [{"type": "text", "text": f"I am {ADA}"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": f"{BOB} is not {ADA}"},
        ],
        way=way,
    )

    sent = json.dumps(agent.asked[0].native)
    assert "@example.org" not in sent
    assert "<EMAIL_1> is not <EMAIL_2>" in sent


@pytest.mark.parametrize("way", WAYS)
def test_arguments_of_tool_calls_are_restored_as_json(way: Way) -> None:
    policy = POLICY.replace(
        "redact: [email, phone]",
        "redact: [quote], patterns: {quote: {match: 'q\\w\"\\w{1,9}'}}",
    )
    pieces = [
        Part(tool_calls=(ToolCall(0, "c1", "send", '{"to": "<QUO'),)),
        Part(tool_calls=(ToolCall(0, arguments='TE_1>"'),)),
        Part(tool_calls=(ToolCall(0, arguments="}"),), finish="tool_calls"),
    ]
    conductor = Conductor.from_text(policy, agents={"a": Scripted(*pieces), "b": Scripted()})

    answer = ask(conductor, 'say qa"bc now', way=way)

    arguments = "".join(call.arguments for call in answer.tool_calls)
    assert json.loads(arguments) == {"to": 'qa"bc'}


@pytest.mark.parametrize("way", WAYS)
def test_nobody_gets_the_originals_of_another_request(way: Way) -> None:
    agent = Scripted("to <EMAIL_1> and <EMAIL_2>")
    conductor = Conductor.from_text(POLICY, agents={"a": agent, "b": Scripted()})

    ask(conductor, f"{BOB} and {ADA}", way=way)
    answer = ask(conductor, f"only {ADA}", way=way)
    nothing = ask(conductor, "nobody", way=way)

    assert answer.text == f"to {ADA} and <EMAIL_2>"
    assert nothing.text == "to <EMAIL_1> and <EMAIL_2>"
    layer = conductor.layer("guard")
    assert getattr(layer, "_vaults") == {}  # noqa: B009 - looks inside on purpose


@pytest.mark.parametrize("way", WAYS)
def test_agents_with_the_label_get_the_original(way: Way) -> None:
    policy = POLICY.replace("default: a", "default: {fallback: [a, b]}").replace(
        "redact: [email, phone]", "redact: true, redact_for: {agents_without: approved-pii}"
    )
    first, second = Scripted(ConnectionError("gone")), Scripted("hello <EMAIL_1>")
    conductor = Conductor.from_text(policy, agents={"a": first, "b": second})

    answer = ask(conductor, f"I am {ADA}", way=way)

    assert first.asked[0].text == "I am <EMAIL_1>"
    assert second.asked[0].text == f"I am {ADA}"
    assert answer.text == "hello <EMAIL_1>"


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_off_keeps_nothing_back(way: Way) -> None:
    pieces = [Part("see <EMAIL_1"), Part("> and <")]
    conductor = Conductor.from_text(
        POLICY, agents={"a": Scripted(*pieces, usage=None), "b": Scripted()}
    )

    answer = ask(conductor, f"I am {ADA}", way=way)

    assert answer.text == f"see {ADA} and <"
