"""The cache gives an answer again to whoever may have it, and nothing else again."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from conductor_mw import (
    STRING,
    EvaluationError,
    Facts,
    Failure,
    Part,
    PolicyError,
    Signal,
    ToolCall,
    Usage,
    list_of,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance
from tests.cache_kit import T1, T2, Echo, Told, conductor, policy


class TestCacheConforms(LayerConformance):
    """The suite that every layer should pass."""

    layer = "cache"
    options: ClassVar[dict[str, Any]] = {"scope": "shared"}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_given_again_for_nothing_and_marked(way: Way) -> None:
    agent, told = Scripted("Good ", "morning."), Told()
    c = conductor(a=agent, told=told)

    first = ask(c, "hello", way=way, metadata=T1)
    second = ask(c, "hello", way=way, metadata=T1)

    assert (first.text, second.text) == ("Good morning.", "Good morning.")
    assert len(agent.asked) == 1
    assert [one.by for one in first.attempts] == [""]
    assert [one.by for one in second.attempts] == ["cache"]
    assert second.cost is not None
    assert second.cost.nano == 0
    assert second.usage == Usage()
    assert second.finish == "stop"
    assert second.agent == "a"
    assert [one["agent"] for one in told.of("cache.hit")] == ["a"]


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_of_one_way_serves_all_ways_in_the_hosts_form(way: Way) -> None:
    agent = Scripted("Good morning.", usage=Usage(12, 3))
    c = conductor(a=agent)
    for other in WAYS:
        ask(c, "hello", way=other, metadata=T1)

    answer = ask(c, "hello", way=way, metadata=T1)

    assert len(agent.asked) == 1
    native: Any = answer.native
    assert native["object"] == "chat.completion"
    assert native["choices"][0]["message"]["content"] == "Good morning."
    assert native["usage"]["prompt_tokens"] == 12  # what the answer took when it was made


def test_a_replayed_stream_comes_in_several_chunks_with_the_usage_in_the_last() -> None:
    words = "one two three four five six seven eight nine ten " * 10
    c = conductor(a=Scripted(words))
    ask(c, "hello", way="call", metadata=T1)

    parts = list(c.stream("hello", metadata=T1))

    assert len(parts) > 3
    assert "".join(part.text for part in parts) == words
    assert all(part.native is None for part in parts)  # so the lens shows each as a host's chunk
    assert [part.usage for part in parts[:-1]] == [None] * (len(parts) - 1)
    assert parts[-1].usage == Usage(10, 5)
    assert parts[-1].finish == "stop"


@pytest.mark.parametrize("way", WAYS)
def test_reasoning_is_given_again(way: Way) -> None:
    agent = Scripted(Part("42", reasoning="six times seven", usage=Usage(1, 1), finish="stop"))
    c = conductor(a=agent)

    answers = [ask(c, "hello", way=way, metadata=T1) for _ in range(2)]

    native: Any = answers[1].native
    assert native["choices"][0]["message"]["reasoning_content"] == "six times seven"
    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_gets_old(way: Way) -> None:
    agent, clock = Scripted("x"), VirtualClock()
    c = conductor(policy("ttl: 10m"), a=agent, clock=clock)

    ask(c, "hello", way=way, metadata=T1)
    clock.advance(599)
    ask(c, "hello", way=way, metadata=T1)
    assert len(agent.asked) == 1
    clock.advance(1)
    ask(c, "hello", way=way, metadata=T1)

    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rule", "agent", "seconds"),
    [
        ("", "", 3600),
        ("", ", cache: {ttl: 60s}", 60),
        (", cache: {ttl: 5s}", ", cache: {ttl: 60s}", 5),
    ],
)
def test_a_rules_time_goes_before_an_agents_and_that_before_the_plugins(
    rule: str, agent: str, seconds: float, way: Way
) -> None:
    scripted, clock = Scripted("x"), VirtualClock()
    text = policy(
        agents=f"agents: [{{id: a{agent}}}]\n",
        routing=f"routing: {{rules: [{{condition: 'true', target: a{rule}}}], default: a}}\n",
    )
    c = conductor(text, a=scripted, clock=clock)

    ask(c, "hello", way=way, metadata=T1)
    clock.advance(seconds - 1)
    ask(c, "hello", way=way, metadata=T1)
    assert len(scripted.asked) == 1
    clock.advance(1)
    ask(c, "hello", way=way, metadata=T1)

    assert len(scripted.asked) == 2


def test_a_rule_that_wants_younger_answers_does_not_get_another_rules_old_ones() -> None:
    agent, clock = Scripted("x"), VirtualClock()
    routing = """
routing:
  rules: [{id: quick, condition: "has(metadata.quick)", target: a, cache: {ttl: 5s}}]
  default: a
"""
    c = conductor(policy(routing=routing), a=agent, clock=clock)
    c.call("hello", metadata=T1)
    clock.advance(30)

    c.call("hello", metadata={**T1, "quick": True})

    assert len(agent.asked) == 2
    clock.advance(1000)
    c.call("hello", metadata=T1)  # and the newer one is kept as long as its own rule says
    assert len(agent.asked) == 3


@pytest.mark.parametrize("off", ["off", "false", "{ttl: 0s}"])
def test_a_rule_or_an_agent_turns_it_off(off: str) -> None:
    agent = Scripted("x")
    c = conductor(policy(agents=f"agents: [{{id: a, cache: {off}}}]\n"), a=agent)

    for _ in range(2):
        c.call("hello", metadata=T1)

    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
def test_only_named_agents_are_cached(way: Way) -> None:
    text = policy("ttl: 1h, agents: [b]", agents="agents: [{id: a}, {id: b}]\n")
    a, b = Scripted("a"), Scripted("b")
    c = conductor(text, a=a, b=b)

    for _ in range(2):
        ask(c, "hello", way=way, metadata=T1)

    assert len(a.asked) == 2


# What is not kept.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [ConnectionError("reset"), LookupError("a fault of the agent")])
def test_an_error_is_not_kept(error: Exception, way: Way) -> None:
    agent = Scripted(error, takes=[["fine"]])
    c = conductor(a=agent)

    with pytest.raises(type(error)):
        ask(c, "hello", way=way, metadata=T1)

    assert ask(c, "hello", way=way, metadata=T1).text == "fine"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("finish", ["length", "refusal"])
def test_a_broken_off_or_refused_answer_is_not_kept(finish: Any, way: Way) -> None:
    agent = _Saying(Part("half an", finish=finish))
    c = conductor(a=agent)

    for _ in range(2):
        ask(c, "hello", way=way, metadata=T1)

    assert agent.calls == 2


@pytest.mark.parametrize("way", STREAMS)
def test_an_answer_that_nobody_read_to_its_end_is_not_kept(way: Way) -> None:
    agent = Scripted("one ", "two ")
    c = conductor(a=agent)

    read_one(c, "hello", way=way, metadata=T1)
    answer = ask(c, "hello", way=way, metadata=T1)

    assert answer.text == "one two "
    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("allowed", [False, True])
def test_tool_calls_are_kept_only_where_that_is_allowed(allowed: bool, way: Way) -> None:
    calls = (ToolCall(0, "c1", "search", '{"q": "x"}'),)
    agent = _Saying(Part(tool_calls=calls, finish="tool_calls"))
    c = conductor(policy(f"ttl: 1h, tool_calls: {str(allowed).lower()}"), a=agent)
    tools: list[Any] = [{"type": "function", "function": {"name": "search", "parameters": {}}}]

    answers = [ask(c, "hello", way=way, metadata=T1, tools=tools) for _ in range(2)]

    assert agent.calls == (1 if allowed else 2)
    assert [answer.tool_calls for answer in answers] == [calls, calls]
    assert answers[1].finish == "tool_calls"


class _Saying:
    def __init__(self, part: Part) -> None:
        self.part = part
        self.calls = 0

    def __call__(self, request: object) -> Part:
        del request
        self.calls += 1
        return self.part


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "part",
    [
        Part("Let me look.", tool_calls=(ToolCall(0, "c1", "f", "{}"),), finish="stop"),
        Part("A picture:", media=("image",), finish="stop"),
        Part("", finish="stop"),
    ],
    ids=["a call that says stop", "a picture", "nothing"],
)
def test_what_a_text_does_not_hold_is_not_kept(part: Part, way: Way) -> None:
    agent = _Saying(part)
    c = conductor(a=agent)

    for _ in range(2):
        ask(c, "hello", way=way, metadata=T1)

    assert agent.calls == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("temperature", "options", "calls"),
    [
        (None, "ttl: 1h", 1),  # whoever states none does not ask for variety
        (0, "ttl: 1h", 1),
        (0.0, "ttl: 1h", 1),
        (0.7, "ttl: 1h", 2),
        ("hot", "ttl: 1h", 2),
        (0.7, "ttl: 1h, temperature: true", 1),
    ],
)
def test_a_temperature_above_0_wants_another_answer(
    temperature: object, options: str, calls: int, way: Way
) -> None:
    agent = Scripted("x")
    c = conductor(policy(options), a=agent)
    parameters = {} if temperature is None else {"temperature": temperature}

    for _ in range(2):
        ask(c, "hello", way=way, metadata=T1, **parameters)

    assert len(agent.asked) == calls


def test_a_temperature_of_the_policy_counts_as_well_and_an_agent_may_allow_it() -> None:
    agents = """
agents:
  - {id: a, parameters: {temperature: 0.9}}
  - {id: b, parameters: {temperature: 0.9}, cache: {temperature: true}}
"""
    a, b = Scripted("a"), Scripted("b")
    routing = "routing: {rules: [{condition: \"input.text == 'b'\", target: b}], default: a}\n"
    c = conductor(policy(agents=agents, routing=routing), a=a, b=b)

    for text in ("a", "a", "b", "b"):
        c.call(text, metadata=T1)

    assert (len(a.asked), len(b.asked)) == (2, 1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"modalities": ["text", "audio"]},
        {"web_search_options": {"size": "low"}},
        {"stop": object()},
        {"seed": float("nan")},
    ],
)
def test_what_cannot_be_given_again_or_told_apart_is_not_kept(parameters: Any) -> None:
    agent, told = Scripted("x"), Told()
    c = conductor(a=agent, told=told)

    for _ in range(2):
        c.call("hello", metadata=T1, **parameters)

    assert len(agent.asked) == 2
    assert len(told.of("cache.skipped")) == 2


def test_a_tool_that_the_provider_carries_out_is_not_kept() -> None:
    agent = Scripted("x")
    c = conductor(a=agent)

    for _ in range(2):
        c.call("what is new?", metadata=T1, tools=[{"type": "web_search"}])

    assert len(agent.asked) == 2


PII = Signal(
    "input.pii",
    list_of(STRING),
    lambda facts: ["email"] if "@" in facts.request.text else [],
)


@pytest.mark.parametrize("way", WAYS)
def test_personal_data_is_not_kept(way: Way) -> None:
    agent, told = Scripted("x"), Told()
    routing = "routing: {rules: [{condition: size(input.pii) > 9, target: a}], default: a}\n"
    c = conductor(policy(routing=routing), a=agent, told=told, signal=PII)

    for text in ("write to ann@example.org", "write to ann@example.org", "write", "write"):
        ask(c, text, way=way, metadata=T1)

    assert len(agent.asked) == 3
    assert [one["why"] for one in told.of("cache.skipped")] == ["personal", "personal"]


def _unreadable(facts: Facts) -> object:
    raise EvaluationError(f"nobody knows of {facts.request.text!r}")


def test_where_nobody_knows_whether_it_is_personal_nothing_is_kept() -> None:
    agent = Scripted("x")
    routing = """
routing:
  rules: [{condition: size(input.secrets) > 9, target: a, on_error: skip}]
  default: a
"""
    unreadable = Signal("input.secrets", list_of(STRING), _unreadable)
    c = conductor(policy(routing=routing), a=agent, signal=unreadable)

    for _ in range(2):
        c.call("hello", metadata=T1)

    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("named", "calls"), [("", 2), (", agents: [a]", 1)])
def test_a_worker_may_act_and_is_cached_only_where_it_is_named(
    named: str, calls: int, way: Way
) -> None:
    agent = Scripted("done")
    agents = "agents: [{id: a, worker: 'http://127.0.0.1:9/act'}]\n"
    c = conductor(policy(f"ttl: 1h{named}", agents=agents), a=agent)

    for _ in range(2):
        ask(c, "hello", way=way, metadata=T1)

    assert len(agent.asked) == calls


# Whose answers.


@pytest.mark.parametrize("way", WAYS)
def test_another_tenant_asks_for_itself(way: Way) -> None:
    agent = Echo()
    c = conductor(a=agent)

    texts = [ask(c, "hello", way=way, metadata=one).text for one in (T1, T2, T1, T2)]

    assert texts == ["'t1' None hello", "'t2' None hello"] * 2
    assert agent.calls == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("metadata", [{}, {"tenant": ""}, {"tenant": None}, {"other": "t1"}])
def test_without_a_tenant_nothing_is_kept_and_that_is_told(metadata: Any, way: Way) -> None:
    agent, told = Scripted("x"), Told()
    c = conductor(a=agent, told=told)

    for _ in range(2):
        ask(c, "hello", way=way, metadata=metadata)

    assert len(agent.asked) == 2
    assert [one["why"] for one in told.of("cache.skipped")] == ["no tenant", "no tenant"]


@pytest.mark.parametrize("way", WAYS)
def test_a_users_answers_are_the_users_and_within_the_tenant(way: Way) -> None:
    agent = Echo()
    c = conductor(policy("ttl: 1h, scope: user, user: metadata.user"), a=agent)
    people = [{"tenant": t, "user": u} for t in ("t1", "t2") for u in ("ann", "bob")]

    texts = [ask(c, "hi", way=way, metadata=one).text for one in people * 2]

    assert texts == [f"{one['tenant']!r} {one['user']!r} hi" for one in people * 2]
    assert agent.calls == 4


@pytest.mark.parametrize("way", WAYS)
def test_answers_are_shared_only_where_that_is_said_aloud(way: Way) -> None:
    agent = Echo()
    c = conductor(policy("ttl: 1h, scope: shared"), a=agent)

    everybody: list[Any] = [T1, T2, {}]
    for metadata in everybody:
        ask(c, "hello", way=way, metadata=metadata)

    assert agent.calls == 1


def test_a_policy_without_a_tenant_is_refused() -> None:
    with pytest.raises(PolicyError, match="does not say who the tenant is") as refused:
        conductor(policy(signals=""), a=Scripted("x"))

    assert "scope: shared" in str(refused.value)


def test_people_are_not_cached() -> None:
    agents = "agents: [{id: a}, {id: lead, human: {queue: leads}}]\n"

    with pytest.raises(PolicyError, match="'lead' is people"):
        conductor(policy("agents: [lead]", agents=agents), a=Scripted("x"))


def test_an_agent_that_is_not_there_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"plugins\.cache\.agents\.0.*no agent 'b'"):
        conductor(policy("agents: [b]"), a=Scripted("x"))


# Answers that were not good enough.


@pytest.mark.parametrize("way", WAYS)
def test_a_run_never_gets_the_same_answer_twice(way: Way) -> None:
    agent = Scripted("x", takes=[["y"], ["z"], ["w"]])
    text = policy(routing="routing: {default: {parallel: [a, a, a], take: majority}}\n")
    c = conductor(text, a=agent)

    ask(c, "hello", way=way, metadata=T1)
    assert len(agent.asked) == 3
    ask(c, "hello", way=way, metadata=T1)

    assert len(agent.asked) == 5  # one vote was kept; the other two are new samples


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_after_an_answer_that_was_no_good_asks_again_and_keeps_the_new_one(
    way: Way,
) -> None:
    agents = "agents: [{id: a, retry: {times: 1, on: [refusal], wait: 1ms}}]\n"
    agent = Scripted("I'm sorry, but I can't help with that.", takes=[["Here it is."]])
    c = conductor(policy(agents=agents), a=agent)

    first = ask(c, "hello", way=way, metadata=T1)
    second = ask(c, "hello", way=way, metadata=T1)

    assert (first.text, second.text) == ("Here it is.", "Here it is.")
    assert len(agent.asked) == 2
    assert [one.by for one in second.attempts] == ["cache"]


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_after_an_error_may_be_answered_from_the_cache(way: Way) -> None:
    agents = "agents: [{id: a, retry: {times: 1, wait: 1ms}}]\n"
    agent = Scripted(ConnectionError("reset"), takes=[["fine"]])
    c = conductor(policy(agents=agents), a=agent)

    texts = [ask(c, "hello", way=way, metadata=T1).text for _ in range(2)]

    assert texts == ["fine", "fine"]
    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
def test_the_flows_checks_are_applied_to_a_kept_answer_again(way: Way) -> None:
    text = policy(
        agents="agents: [{id: a}, {id: b}]\n",
        routing="routing: {default: {cascade: [a, b], accept: size(answer.text) > 5}}\n",
    )
    a, b = Scripted("short"), Scripted("long enough")
    c = conductor(text, a=a, b=b)

    answers = [ask(c, "hello", way=way, metadata=T1) for _ in range(2)]

    assert [answer.text for answer in answers] == ["long enough"] * 2
    assert [(one.agent, one.by) for one in answers[1].attempts] == [("a", "cache"), ("b", "cache")]
    assert (len(a.asked), len(b.asked)) == (1, 1)


@pytest.mark.parametrize("way", WAYS)
def test_whoever_scores_an_answer_is_asked_again(way: Way) -> None:
    agents = "agents: [{id: a, score: {use: s}, accept: answer.score > 0.5}, {id: s}]\n"
    a, s = Scripted("x"), Scripted("0.9")
    c = conductor(policy(agents=agents), a=a, s=s)

    for _ in range(2):
        ask(c, "hello", way=way, metadata=T1)

    assert (len(a.asked), len(s.asked)) == (1, 2)


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_error_inside_is_not_kept(way: Way) -> None:
    agent = Scripted(Failure("limited", "not now"), takes=[["now"]])
    c = conductor(a=agent)

    with pytest.raises(Failure, match="not now"):
        ask(c, "hello", way=way, metadata=T1)

    assert ask(c, "hello", way=way, metadata=T1).text == "now"
