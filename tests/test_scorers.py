"""Ways to score an answer: what they give, where they fail, and that failing is never a pass."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import (
    At,
    Attempt,
    Conductor,
    Failure,
    Flow,
    Io,
    Part,
    Plugins,
    PolicyError,
    RegisterScorer,
    Reply,
    Request,
    Score,
    Scorer,
    ScorerOptions,
    Site,
    attempts_of,
    hookimpl,
)
from conductor_mw.refusal import refuses
from conductor_mw.scorers.agree_with import last_number, normalised, same_json
from conductor_mw.scorers.verdict import read_verdict
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import conductor
from tests.refusal_texts import KEPT_APART, TUNED
from tests.worker_servers import Said, Server

GATED = """
agents: [{{id: a, score: {score}, accept: answer.score >= {least}}}, {{id: s}}]
routing: {{default: a}}
"""


def gated(score: object, *, least: float = 0.5, **agents: Any) -> Conductor:
    """Give a conductor whose agent `a` is scored; `s` may be asked for the score."""
    text = GATED.format(score=json.dumps(score), least=least)
    bound: dict[str, Any] = {"a": Scripted("hello"), "s": Scripted("1"), **agents}
    return conductor(text, **bound)


def score_of(score: object, answer: str | Part, **agents: Any) -> float | None:
    """Give the score of one answer; whether it is accepted does not matter."""
    return gated(score, least=0, a=Scripted(answer), **agents).call("Question").score


def failure_of(c: Conductor, *, way: Way = "call") -> Failure:
    with pytest.raises(Failure) as caught:
        ask(c, "Question", way=way)
    return caught.value


def refused(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        conductor(text)
    return str(caught.value)


class Says:
    """Answers with an object in a provider's form."""

    def __init__(self, native: object) -> None:
        self.native = native

    def __call__(self, request: object) -> object:
        del request
        return self.native


# Scorers that ask nobody


@pytest.mark.parametrize(
    ("score", "answer", "expected"),
    [
        ("not_refusal", "Paris.", 1),
        ("not_refusal", "I'm sorry, but I can't help with that.", 0),
        ("valid_json", '{"a": [1]}', 1),
        ("valid_json", '```json\n{"a": 1}\n```', 1),
        ("valid_json", "null", 1),
        ("valid_json", "{'a': 1}", 0),
        ("valid_json", '{"a": NaN}', 0),
        ("valid_json", "", 0),
        ("valid_json", "[" * 100_000, 0),
        ({"json_schema": {"type": "object", "required": ["a"]}}, '{"a": 1}', 1),
        ({"json_schema": {"type": "object", "required": ["a"]}}, '{"b": 1}', 0),
        ({"json_schema": {"type": "object"}}, "words", 0),
        ({"regex": "^[A-Z]"}, "Paris", 1),
        ({"regex": "^[A-Z]"}, "paris", 0),
        ({"regex": {"match": "is", "unless": "(?i)todo"}}, "Paris", 1),
        ({"regex": {"match": "is", "unless": "(?i)todo"}}, "Paris, TODO", 0),
        ({"regex": {"unless": '"'}}, 'a "quoted" é word', 0),
        ({"length": {"min": 3, "max": 5}}, "four", 1),
        ({"length": {"min": 3, "max": 5}}, "no", 0),
        ({"length": {"min": 3, "max": 5}}, "longer", 0),
        ({"length": {"max": 2, "unit": "words"}}, "two words", 1),
        ({"length": {"max": 2, "unit": "words"}}, "three whole words", 0),
    ],
)
def test_a_free_scorer_looks_at_the_answer(score: object, answer: str, expected: float) -> None:
    answered = gated(score, least=0, a=Scripted(answer)).call("Question")

    assert answered.score == expected
    assert len(answered.attempts) == 1


def test_a_providers_refusal_counts_whatever_the_text_says() -> None:
    choice = {"message": {"content": "Well."}, "finish_reason": "content_filter"}
    c = gated("not_refusal", least=0, a=Says({"choices": [choice]}))

    assert c.call("Question").score == 0


def test_confidence_is_the_geometric_mean_of_the_tokens_probabilities() -> None:
    said = Part("Paris", logprobs=(-0.1, -0.3))

    assert score_of("confidence", said) == pytest.approx(0.8187, abs=1e-4)


def test_logprobs_are_read_from_answers_in_the_providers_form() -> None:
    def answer(*logprobs: object) -> dict[str, object]:
        tokens = [{"token": "x", "logprob": one} for one in logprobs]
        choice = {"message": {"content": "x"}, "logprobs": {"content": tokens}}
        return {"choices": [choice]}

    def confidence(*logprobs: object) -> float | None:
        return gated("confidence", least=0, a=Says(answer(*logprobs))).call("Question").score

    assert confidence(-0.1, -0.3) == pytest.approx(0.8187, abs=1e-4)
    assert confidence(0.0001) == 1
    for wrong in (float("nan"), float("-inf"), "high", None, -(10**400), 5):
        failure = failure_of(gated("confidence", a=Says(answer(wrong))))
        assert failure.kind == "scorer_failed"


def test_a_missing_confidence_says_what_to_write() -> None:
    failure = failure_of(gated("confidence"))

    assert failure.kind == "scorer_failed"
    assert "logprobs: true" in failure.mend


# Refusals


@pytest.mark.parametrize("text", [*TUNED.refusals])
def test_a_refusal_is_told_by_its_first_words(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize("text", [*TUNED.answers])
def test_an_answer_that_speaks_of_refusing_is_an_answer(text: str) -> None:
    assert not refuses(text)


def test_on_texts_that_were_kept_apart_few_are_missed_and_fewer_are_wrong() -> None:
    caught = sum(map(refuses, KEPT_APART.refusals))
    wrong = sum(map(refuses, KEPT_APART.answers))

    assert (caught, len(KEPT_APART.refusals)) == (33, 42)
    assert (wrong, len(KEPT_APART.answers)) == (1, 50)


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert refuses(text) in (True, False)


# Scorers that ask


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("spec", "verdict", "expected"),
    [
        ({"use": "s"}, "0.8", 0.8),
        ({"use": "s"}, '{"score": 0.8, "because": "Fine."}', 0.8),
        ({"use": "s"}, '{"score": 0.8, "passed": 4, "failed": 1}', 0.8),
        ({"use": "s", "scale": 5}, "4", 0.8),
        ({"use": "s", "scale": 5}, '```json\n{"score": 4}\n```', 0.8),
    ],
)
def test_an_agent_says_a_number(spec: object, verdict: str, expected: float, way: Way) -> None:
    c = gated(spec, s=Scripted(verdict))

    answer = ask(c, "Question", way=way)

    assert answer.text == "hello"
    assert answer.score == expected
    assert answer.accepted
    assert [(one.path, one.purpose, one.visible) for one in answer.attempts] == [
        ("a", "candidate", False),
        ("a/score/s/s", "score", False),
    ]


@pytest.mark.parametrize(
    "verdict",
    [
        "", "good", "0.8/1", "1.1", "-0.1", "NaN", "Infinity", "1e999", "true", '"0.8"', "null",
        "[0.8]", "{}", '{"score": "0.8"}', '{"score": true}',
        '{"score": 0.8, "because": 1}', '{"score": [0.8]}', "0.8 because it is good",
    ],
)  # fmt: skip
def test_a_verdict_that_is_no_score_fails(verdict: str) -> None:
    failure = failure_of(gated({"use": "s"}, s=Scripted(verdict)))

    assert failure.kind == "scorer_failed"


@given(st.text() | st.from_regex(r'\{"score": ?-?[0-9.e+]{1,9}(, "because": ".*")?\}'))
def test_whatever_is_said_is_a_score_or_a_failure(text: str) -> None:
    for bare in (True, False):
        try:
            value = read_verdict(text, 10, bare=bare).value
        except Failure as failure:
            value = 0 if failure.kind == "scorer_failed" else 2
        assert 0 <= value <= 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault",
    [TimeoutError("slow"), ConnectionError("reset"), Failure("budget", "spent")],
    ids=["timeout", "connection", "budget"],
)
def test_a_scorer_whose_agent_fails_fails_itself(fault: Exception, way: Way) -> None:
    failure = failure_of(gated({"use": "s"}, s=Scripted(fault)), way=way)

    assert failure.kind == "scorer_failed"
    assert isinstance(failure.__cause__, Failure)
    assert [one.purpose for one in attempts_of(failure)] == ["candidate", "score"]


def test_a_fault_of_a_scorers_agent_passes_as_it_was_raised() -> None:
    fault = LookupError("a bug")

    with pytest.raises(LookupError) as caught:
        gated({"use": "s"}, s=Scripted(fault)).call("Question")

    assert caught.value is fault


def test_a_scorer_that_must_not_be_asked_is_a_violation_and_no_low_score() -> None:
    text = (
        "agents: [{id: a, labels: [eu], score: {use: s}}, {id: s}]\nrouting: {default: a}\n"
        "guarantees: [{never: {when: 'true', agents_without: eu}}]\n"
    )
    s = Scripted("1")

    failure = failure_of(conductor(text, a=Scripted("hello"), s=s))

    assert failure.kind == "policy_violation"
    assert s.asked == []


def test_who_is_asked_reads_request_and_answer_and_nothing_else_of_the_conversation() -> None:
    s = Scripted("1")
    messages = [
        {"role": "system", "content": "The code word is swordfish."},
        {"role": "user", "content": "What is the capital of France?"},
    ]

    gated({"use": "s"}, a=Scripted("Paris"), s=s).call(messages)

    (asked,) = s.asked
    assert "What is the capital of France?" in asked.text
    assert "Paris" in asked.text
    assert "swordfish" not in str(asked.native)


class Noting:
    """Remembers what the step said beside the request."""

    def __init__(self) -> None:
        self.terms: list[object] = []

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        self.terms.append(attempt.terms)
        yield Part("0.9")


def test_an_agent_may_read_request_and_answer_as_data() -> None:
    noting = Noting()

    gated({"use": "s"}, a=Scripted("Paris"), s=noting).call("Capital?")

    given = {"input": {"request": "Capital?", "answer": "Paris"}}
    assert noting.terms == [{**given, "stand_in": "1"}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["declared", "url", "mapping"])
def test_a_worker_is_sent_request_and_answer(form: str, way: Way) -> None:
    with Server(Said(body={"output": {"score": 0.75, "because": "Fine."}})) as server:
        forms: dict[str, Any] = {
            "declared": {"use": "scorer"},
            "url": {"worker": server.url},
            "mapping": {"worker": {"url": server.url, "limit": 1000}},
        }
        agents: list[dict[str, Any]] = [{"id": "a", "score": forms[form]}]
        if form == "declared":
            agents.append({"id": "scorer", "worker": server.url})
        text = json.dumps({"agents": agents, "routing": {"default": "a"}})
        c = Conductor.from_text(text, agents={"a": Scripted("Paris")}, plugins=Plugins.core())
        answer = ask(c, "Capital?", way=way)

    assert answer.score == 0.75
    assert [one.content["input"] for one in server.asked] == [
        {"request": "Capital?", "answer": "Paris"}
    ]


def test_a_worker_elsewhere_must_be_listed_below_score_as_well() -> None:
    said = refused(
        "agents: [{id: a, score: {worker: 'https://score.example.com/x'}}]\nrouting: {default: a}"
    )

    assert "<policy>:1:34: agents.0.score.worker.url: the policy does not list" in said


@pytest.mark.parametrize(
    ("by", "one", "two", "expected"),
    [
        ("text", " Paris. ", "paris", 1),
        ("text", "Paris", "Lyon", 0),
        ("number", "It is 6 x 7 = 42.", "42", 1),
        ("number", "about 42.4", "42", 1),
        ("number", "43", "42", 0),
        ("number", "no idea", "42", 0),
        ("json", '{"a": 1, "b": [true]}', '{"b": [true], "a": 1.0}', 1),
        ("json", '{"a": 1}', '{"a": true}', 0),
        ("json", "words", '{"a": 1}', 0),
    ],
)
def test_two_agents_agree_or_not(by: str, one: str, two: str, expected: float) -> None:
    spec = {"agree_with": "s", "by": by} | ({"tolerance": 0.5} if by == "number" else {})

    assert score_of(spec, one, s=Scripted(two)) == expected


def test_an_answer_that_cannot_be_compared_with_is_no_disagreement() -> None:
    for by in ("number", "json"):
        c = gated({"agree_with": "s", "by": by}, s=Scripted("no idea"))

        assert failure_of(c).kind == "scorer_failed"


def test_who_is_to_agree_gets_the_very_same_request() -> None:
    a, s = Scripted("Paris"), Scripted("Paris")

    gated({"agree_with": "s"}, a=a, s=s).call([{"role": "user", "content": "Capital?"}])

    assert a.asked[0].native == s.asked[0].native


@given(st.text(), st.text())
def test_agreement_does_not_depend_on_the_order(one: str, two: str) -> None:
    assert (normalised(one) == normalised(two)) == (normalised(two) == normalised(one))
    assert normalised(normalised(one)) == normalised(one)
    last_number(one)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_json_value_is_the_same_as_itself(value: object) -> None:
    assert same_json(value, json.loads(json.dumps(value)))


# Several


def test_of_several_scores_the_lowest_counts_and_all_are_kept() -> None:
    spec = ["not_refusal", {"use": "s"}, {"use": "s", "scale": 2}]
    text = GATED.format(score=json.dumps(spec), least=0).replace(
        "answer.score >= 0", "\"answer.scores == {'not_refusal': 1.0, 's': 1.0, 's-2': 0.5}\""
    )

    answer = conductor(text, a=Scripted("hello"), s=Scripted("1")).call("Question")

    assert answer.score == 0.5
    assert [one.path for one in answer.attempts[1:]] == [
        "a/score/lowest/s/s",
        "a/score/lowest/s-2/s",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_one_of_several_that_fails_fails_them_all(way: Way) -> None:
    c = gated(["not_refusal", {"use": "s"}], s=Scripted("?"))

    assert failure_of(c, way=way).kind == "scorer_failed"


# What a policy may say


@pytest.mark.parametrize(
    ("score", "problem"),
    [
        ("valid_jsn", "1:25: agents.0.score: no scorer 'valid_jsn'\n  did you mean 'valid_json'?"),
        ("s", "no scorer 's'\n  to ask 's' for a score, write {use: s}"),
        ("{}", "agents.0.score: no scorer ''"),
        ("{jugde: s}", "1:26: agents.0.score: no scorer 'jugde'\n  did you mean 'judge'?"),
        ("{judge: s}", "agents.0.score: the key 'rubric' is missing"),
        ("length", "agents.0.score"),
        (
            "{length: {min: 2, max: 1}}",
            "agents.0.score.length: no length is at least 2 and at most",
        ),
        ("{length: {}}", "agents.0.score.length: every length passes"),
        ("{length: {mn: 2}}", "agents.0.score.length: no key 'mn'\n  did you mean 'min'?"),
        ("{regex: '('}", "agents.0.score.regex: the pattern is wrong"),
        ("{regex: {match: ok, unless: '('}}", "agents.0.score.regex.unless: the pattern is wrong"),
        ("{regex: {}}", "agents.0.score.regex: there is no pattern"),
        ("{json_schema: {type: 7}}", "agents.0.score.json_schema: the schema is wrong"),
        ("{use: nobody}", "agents.0.score.use: no agent or flow 'nobody'"),
        ("{use: s, judge: s}", "a scorer cannot be of two kinds"),
        (
            "{agree_with: s, tolerance: 1}",
            "agents.0.score.tolerance: `tolerance` needs `by: number`",
        ),
        ("[]", "agents.0.score: 0 scorers; write 1 to 16"),
        ("[not_refusal, [valid_json]]", "agents.0.score.1: must be a scorer's name"),
        ("5", "agents.0.score: must be"),
        ("{not_refusal: false}", "agents.0.score.not_refusal"),
    ],
)
def test_a_wrong_scorer_is_refused_at_its_place(score: str, problem: str) -> None:
    said = refused(f"agents: [{{id: a, score: {score}}}, {{id: s}}]\nrouting: {{default: a}}\n")

    assert said.startswith("<policy>:1:")
    assert problem in said


def test_without_the_regex_library_the_policy_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from conductor_mw.rules import regex  # noqa: PLC0415 - the module under test's neighbour

    def absent() -> Any:
        raise regex.PatternError("matches needs google-re2, which is not installed", regex.INSTALL)

    monkeypatch.setattr(regex, "engine", absent)

    said = refused("agents: [{id: a, score: {regex: 'never seen before'}}]\nrouting: {default: a}")

    assert "pip install 'conductor-mw[regex]'" in said


@pytest.mark.parametrize(
    "policy",
    [
        "agents: [{id: a, score: {use: a}}]",
        "agents: [{id: a, score: {use: b}}, {id: b, score: {judge: a, rubric: Good?}}]",
        "agents: [{id: a, score: {use: f}}]\nflows: {f: {fallback: [a]}}",
    ],
)
def test_agents_that_score_each_other_are_refused(policy: str) -> None:
    assert "flows go in a circle: a -> " in refused(policy + "\nrouting: {default: a}\n")


# A stranger's scorer


class Shouting(ScorerOptions):
    """Scores how loud an answer is."""

    shouting: Literal[True]

    def build(self, site: Site) -> Scorer:
        del site
        return Loudness()


NO_SCORES: dict[str, Any] = {
    "nan": float("nan"), "inf": float("inf"), "more": 1.01, "less": -0.01, "true": True,
    "none": None, "text": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Loudness:
    label: str = "shouting"
    worst_calls: int = 0
    canonical: object = "shouting"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        return ()

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        del request, at
        letters = await Io(lambda: [one for one in reply.text if one.isalpha()])
        if reply.text == "raise":
            raise ZeroDivisionError
        if reply.text in NO_SCORES:
            return Score(NO_SCORES[reply.text])
        return Score(sum(map(str.isupper, letters)) / len(letters))


class Offering:
    @hookimpl
    def conductor_scorers(self, register: RegisterScorer) -> None:
        register("shouting", Shouting)


def loud(answer: str) -> Conductor:
    plugins = Plugins.core()
    plugins.add(Offering(), "shouts")
    text = "agents: [{id: a, score: shouting, accept: 'answer.score < 0.5'}]\nrouting: {default: a}"
    return Conductor.from_text(
        text, agents={"a": Scripted(answer)}, plugins=plugins, clock=VirtualClock()
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_plugin_brings_a_scorer(way: Way) -> None:
    answer = ask(loud("quiet Words"), "Question", way=way)

    assert answer.score == 0.1
    with pytest.raises(Failure) as caught:
        ask(loud("LOUD"), "Question", way=way)
    assert caught.value.kind == "low_confidence"


@pytest.mark.parametrize("value", NO_SCORES)
def test_a_score_that_is_no_number_from_0_to_1_fails(value: str) -> None:
    failure = failure_of(loud(value))

    assert failure.kind == "scorer_failed"
    assert failure.problem == "the scorer 'shouting' gave no number from 0 to 1"


def test_a_fault_of_a_plugins_scorer_passes_as_it_was_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        loud("raise").call("Question")


def test_plugins_list_their_scorers() -> None:
    plugins = Plugins.core()
    plugins.add(Offering(), "shouts")

    offers = {one.name: one.offers for one in plugins.listing()}

    assert offers["shouts"] == ("scorer shouting",)
    assert "scorer judge" in offers["core scorers"]


@pytest.mark.parametrize("way", WAYS)
def test_a_paid_scorer_is_not_asked_where_a_free_one_gave_nothing(way: Way) -> None:
    judge = Scripted("1")
    text = (
        "agents: [{id: a}, {id: j}]\nrouting:\n  default: {use: a, score: [{use: j}, "
        "{length: {min: 50}}]%s}\n"
    )

    with pytest.raises(Failure, match="its score is 0"):
        ask(conductor(text % "", a=Scripted("short"), j=judge), "hello", way=way)
    assert judge.asked == []

    every = conductor(text % ", accept: \"answer.scores['j'] > 0.5\"", a=Scripted("short"), j=judge)
    assert ask(every, "hello", way=way).text == "short"
    assert len(judge.asked) == 1
