"""Every flow works between chains, and what their models spent is known."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conductor_mw_langchain import ConductorRunnable
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.runnables.utils import AddableDict

from conductor_mw import Failure, Verdict
from tests.langchain.chains import (
    Keeping,
    Runs,
    Way,
    ask,
    each_stream,
    each_way,
    remembered,
    says,
    streams,
    template,
    told,
)
from tests.langchain.oracle import Oracle

ASKED = {"question": "When do you open?"}


def flow(text: str, more: str = "", **chains: Any) -> ConductorRunnable:
    policy = f"agents: [{', '.join(f'{{id: {name}}}' for name in chains)}]\n"
    return ConductorRunnable(policy=f"{policy}routing: {{default: {text}}}\n{more}", agents=chains)


def question(asked: Any) -> Any:
    return asked["question"]


def told_often(chain: ConductorRunnable, way: Way) -> None:
    for _ in range(100):
        ask(chain, ASKED, way)


def last(found: Any, way: Way) -> Any:
    return found if way in ("invoke", "ainvoke") else found[-1]


@each_way
def test_a_cascade_reads_the_answer_and_gives_the_accepted_object(way: Way) -> None:
    weak, strong = {"answer": "No idea.", "sure": 1}, {"answer": "At nine.", "sure": 2}
    chain = flow(
        "{cascade: [a, b], accept: \"answer.text == 'At nine.'\"}", a=says(weak), b=says(strong)
    )

    assert last(ask(chain, ASKED, way), way) is strong


@each_way
def test_a_condition_reads_the_fields_of_a_chains_object(way: Way) -> None:
    weak, strong = {"score": 1}, {"score": 5}
    chain = flow(
        '{cascade: [a, b], accept: "answer.output.score > 3"}', a=says(weak), b=says(strong)
    )

    assert last(ask(chain, ASKED, way), way) is strong


@each_stream
def test_chunks_that_somebody_judges_first_are_judged_as_a_whole(way: Way) -> None:
    chunks = [AddableDict(context=["doc"]), AddableDict(answer="At "), AddableDict(answer="nine.")]
    chain = flow(
        "{cascade: [a, b], accept: \"answer.text == 'At nine.'\"}", a=streams(*chunks), b=says("no")
    )

    assert [one is two for one, two in zip(ask(chain, ASKED, way), chunks, strict=True)] == [
        True
    ] * 3


@each_way
def test_the_winner_of_a_vote_is_given_untouched(way: Way) -> None:
    first, second = AIMessage("Nine.", id="1"), AIMessage("Nine.", id="2")
    chain = flow(
        "{parallel: [a, b, c], take: majority}", a=says(first), b=says(second), c=says("Ten.")
    )

    assert last(ask(chain, ASKED, way), way) is first


@each_way
def test_the_first_to_speak_wins_a_race(way: Way) -> None:
    chain = flow(
        "{parallel: [a, b], take: first}", a=says(ConnectionError("down")), b=says("Here.")
    )

    assert last(ask(chain, ASKED, way), way) == "Here."


@each_way
def test_a_chat_model_judges_what_chains_gave(way: Way) -> None:
    judge = FakeListChatModel(responses=['{"because": "exact", "best": 2}'] * 2)
    chain = flow(
        "{parallel: [a, b], take: best, judge: judge}",
        a=says({"answer": "Nine."}), b=says({"answer": "Nine."}), judge=judge,
    )  # fmt: skip

    assert last(ask(chain, ASKED, way), way) == {"answer": "Nine."}


@each_way
def test_a_chat_model_merges_what_chains_gave(way: Way) -> None:
    merger = Oracle(model="merger")
    chain = flow(
        "{parallel: [a, b], take: merge, merge: merger}",
        a=says({"answer": "Nine."}), b=says(AIMessage("Ten.")), merger=merger,
    )  # fmt: skip

    found = ask(chain, ASKED, way)

    assert "merger" in str(found)
    ((messages, _),) = merger.asked
    assert "Nine." in messages[0].text
    assert "Ten." in messages[0].text
    assert "When do you open?" in messages[0].text


@each_way
def test_a_later_chain_is_asked_with_what_an_earlier_one_gave(way: Way) -> None:
    kept = Keeping()
    steps = '{sequence: [{id: draft, use: a}, {use: b, prompt: "Mend: {draft.text}"}]}'

    found = ask(flow(steps, a=says({"answer": "Nne."}), b=kept.chain), ASKED, way)

    assert last(found, way) == "Kept."
    assert kept.asked == [{"question": "Mend: Nne."}]


@each_way
def test_a_person_may_stand_between_two_chains(way: Way) -> None:
    shown: list[str] = []

    def people(gate: Any) -> Verdict:
        shown.append(gate.show)
        return Verdict(choice="edit", by="ana", text="Ten.")

    kept = Keeping()
    chain = ConductorRunnable(
        policy="""
agents: [{id: a}, {id: leads, human: {queue: leads}}, {id: b}]
routing:
  default:
    sequence:
      - {id: draft, use: a}
      - {id: approve, use: leads, show: "{draft.text}"}
      - {use: b, prompt: "Send {approve.text}"}
""",
        agents={"a": says({"answer": "Nine."}), "b": kept.chain},
        approvals=people,
    )

    assert last(ask(chain, ASKED, way), way) == "Kept."
    assert shown == ["Nine."]
    assert kept.asked == [{"question": "Send Ten."}]


def test_a_shadow_is_asked_unseen() -> None:
    kept = Keeping("never seen")
    chain = flow("{use: a, shadow: b}", a=says("Nine."), b=kept.chain)

    assert chain.invoke(ASKED) == "Nine."

    chain.conductor.drain()
    assert kept.asked == [ASKED]


@each_way
def test_what_nobody_shall_see_streaming_is_marked_so(way: Way) -> None:
    runs = Runs()
    steps = '{sequence: [{id: draft, use: a}, {use: b, prompt: "Mend: {draft.text}"}]}'
    chain = flow(steps, a=template(Oracle(model="a")), b=says("Done."))

    told(chain, "Hello", way, {"callbacks": [runs]})

    assert "nostream" in runs.tags["model"]
    assert "nostream" not in runs.tags["give"]


@each_way
def test_the_tokens_of_every_model_inside_a_chain_are_its_agents(way: Way) -> None:
    team: Any = RunnableParallel(x=template(Oracle()), y=template(Oracle())) | RunnableLambda(str)
    policy = "agents: [{id: a, price: {input: 1, output: 2}}]\nrouting: {default: a}\n"
    chain, conductor = remembered(policy, a=team)

    ask(chain, ASKED, way)

    # Two models, each asked five words and answering seven.
    assert conductor.spent() == [("a", 10, 14, (10 + 2 * 14) / 1_000_000)]


@each_way
def test_a_message_that_a_chain_gives_is_not_counted_twice(way: Way) -> None:
    policy = "agents: [{id: a}]\nrouting: {default: a}\n"
    wrapped: Any = RunnableLambda(question) | Oracle()
    chain, conductor = remembered(policy, a=wrapped)
    callback = UsageMetadataCallbackHandler()

    ask(chain, ASKED, way, {"callbacks": [callback]})

    assert [(one[1], one[2]) for one in conductor.spent()] == [(4, 7)]
    assert [one["total_tokens"] for one in callback.usage_metadata.values()] == [11]


@each_way
def test_what_a_chain_spent_before_it_failed_is_known(way: Way) -> None:
    policy = """
agents: [{id: a, price: {input: 1, output: 1}}, {id: b, simulated: Here.}]
routing: {default: {fallback: [a, b]}}
"""
    chain, conductor = remembered(policy, a=template(Oracle()) | says(ConnectionError("down")))

    assert last(ask(chain, ASKED, way), way) == "Here."

    assert conductor.spent()[0] == ("a", 5, 7, 12 / 1_000_000)


@each_way
def test_what_a_model_does_not_tell_leaves_the_cost_unknown(way: Way) -> None:
    policy = "agents: [{id: a, price: {input: 1, output: 1}}]\nrouting: {default: a}\n"
    team: Any = RunnableParallel(
        x=template(Oracle()), y=template(FakeListChatModel(responses=["Hm."]))
    ) | RunnableLambda(str)
    chain, conductor = remembered(policy, a=team)

    ask(chain, ASKED, way)

    assert conductor.spent() == [("a", 0, 0, None)]


@each_way
def test_a_budget_counts_what_chains_spend(way: Way) -> None:
    policy = """
agents: [{id: a, price: {input: 1000, output: 1000}, max_output_tokens: 100}]
routing: {default: a}
plugins: {budget: {dollars: 0.5, every: day}}
"""
    kept = Keeping("At nine.")
    chain, conductor = remembered(policy, a=RunnableLambda(question) | Oracle() | kept.chain)

    ask(chain, ASKED, way)
    spent = [one[3] for one in conductor.spent()]
    with pytest.raises(Failure) as caught:
        told_often(chain, way)

    assert spent == [0.011]
    assert caught.value.kind == "budget"
    assert 0 < len(kept.asked) < 50


def test_a_budgets_ceiling_is_not_told_to_a_chain() -> None:
    policy = """
agents: [{id: a, price: {input: 1, output: 1}, max_output_tokens: 100}]
routing: {default: a}
guarantees: [{at_most: {dollars: 1}}]
"""
    seen: list[Any] = []

    def look(asked: Any, **kwargs: Any) -> str:
        del asked
        seen.append(kwargs)
        return "Hm."

    chain, _ = remembered(policy, a=RunnableLambda(look))

    chain.invoke(ASKED, max_tokens=500)
    chain.invoke(ASKED)

    assert seen == [
        {"max_tokens": 100},
        {},
    ]  # what the app itself says is lowered, nothing is added


async def test_chains_race_on_one_event_loop() -> None:
    async def late(asked: Any) -> str:
        del asked
        await asyncio.sleep(60)
        return "late"

    async def soon(asked: Any) -> str:
        del asked
        return "soon"

    chain = flow("{parallel: [a, b], take: first}", a=RunnableLambda(late), b=RunnableLambda(soon))

    assert await chain.ainvoke(ASKED) == "soon"
