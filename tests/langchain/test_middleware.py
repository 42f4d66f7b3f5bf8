"""An agent under a policy: who answers its model calls, in every colour, and what it records."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from conductor_mw_langchain import ConductorChatModel, ConductorMiddleware
from conductor_mw_langchain.conducted import CONDUCTED
from langchain.agents.middleware.types import AgentMiddleware
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from conductor_mw import Conductor, ConductorError, Failure, Request, attempts_of
from tests.langchain.agent_kit import (
    AGENTS,
    QUESTION,
    WAYS,
    Way,
    agent,
    answered,
    create,
    crew,
    get_weather,
)
from tests.langchain.oracle import Oracle

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Counts(AgentMiddleware[Any, Any, Any]):
    """Stands below the policy and counts what is asked through it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        self.asked += 1
        return handler(request)

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        self.asked += 1
        return await handler(request)


@ways
async def test_the_policy_decides_who_answers(way: Way) -> None:
    state = await way(agent("{default: large}"))

    assert answered(state) == ["large", "large"]
    assert state["messages"][-1].response_metadata["model_name"] == "large-1"


@ways
async def test_one_decision_a_model_call_is_recorded(way: Way) -> None:
    state = await way(agent("{default: large}"))

    records = state["conductor"]
    assert [one["agent"] for one in records] == ["large", "large"]
    assert records[-1] == state["messages"][-1].response_metadata["conductor"]
    assert records[0]["attempts"] == [{"agent": "large", "path": "large"}]
    assert records[0]["run"] != records[1]["run"]


@ways
async def test_another_answers_where_one_fails(way: Way) -> None:
    children = crew(fails=TimeoutError("slow"))
    state = await way(agent("{default: {fallback: [small, large]}}", children))

    assert answered(state) == ["large", "large"]
    assert [one.get("failed") for one in state["conductor"][0]["attempts"]] == ["timeout", None]


@ways
async def test_the_first_error_is_what_the_caller_gets(way: Way) -> None:
    error = TimeoutError("slow")
    children = crew(fails=error)
    children["large"].fails = ConnectionError("down")

    with pytest.raises(TimeoutError) as caught:
        await way(agent("{default: {fallback: [small, large]}}", children))

    assert caught.value is error
    assert [one.agent for one in attempts_of(error)] == ["small", "large"]


FLOWS = {
    "cascade": "{cascade: [small, large], accept: \"answer.text.contains('large')\"}",
    "best": "{parallel: [small, large], take: best, score: {regex: large}}",
    "sequence": "{sequence: [{use: small}, {use: large}]}",
    "consensus": "{consensus: [small, small], otherwise: large}",
    "repeat": "{repeat: {fallback: [small]}, until: 'true', max: 2}",
    "race": "{parallel: [small, large], take: first}",
    "balance": "{balance: {small: 1, large: 1}}",
}


@ways
@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
async def test_every_flow_works(way: Way, flow: str) -> None:
    state = await way(agent(f"{{default: {flow}}}", tools=()))

    assert state["messages"][-1].text.startswith("Hello from ")
    assert len(state["conductor"]) == 1


@pytest.mark.parametrize("flow", ["cascade", "best", "sequence"])
async def test_a_stream_shows_one_answer_once(flow: str) -> None:
    made = agent(f"{{default: {FLOWS[flow]}}}", tools=())

    sync = [chunk.text for chunk, _ in made.stream(QUESTION, stream_mode="messages")]
    later = [chunk.text async for chunk, _ in made.astream(QUESTION, stream_mode="messages")]

    assert "".join(sync) == "".join(later) == "Hello from large-1, nice to see you"


async def test_an_answer_that_may_be_a_refusal_is_not_shown_before_it_is_known() -> None:
    class Refuses(Oracle):
        """Declines."""

        def answer(self, messages: Any, kwargs: Any) -> AIMessage:
            said = "I'm sorry, but I can't help with that."
            return super().answer(messages, kwargs).model_copy(update={"content": said})

    children = {**crew(), "small": Refuses(model="small-1")}
    made = agent("{default: {fallback: [small, large], on: [refusal]}}", children, tools=())
    shown = [chunk.text for chunk, _ in made.stream(QUESTION, stream_mode="messages")]

    assert "".join(shown) == "Hello from large-1, nice to see you"


@ways
async def test_a_shadow_is_asked_beside_the_agent_s_model_call(way: Way) -> None:
    children, counts = crew(), Counts()
    flow = "{use: large, shadow: small}"
    shared = Conductor.from_text(AGENTS + f"routing: {{default: {flow}}}\n", agents=children)
    middleware = ConductorMiddleware(conductor=shared)
    made = create(Oracle(), [get_weather], middleware=[middleware, counts])
    shown = await way(made)
    await asyncio.to_thread(shared.drain)

    assert answered(shown) == ["large", "large"]
    assert counts.asked == 2
    assert len(children["small"].asked) == 2
    assert children["small"].asked[0][1]["tools"]


async def test_visible_answers_stream_word_by_word() -> None:
    made = agent("{default: large}", tools=())

    chunks = list(made.stream(QUESTION, stream_mode="messages"))
    later = [one async for one in made.astream(QUESTION, stream_mode="messages")]

    assert [chunk.text for chunk, _ in chunks] == [chunk.text for chunk, _ in later]
    assert len(chunks) > 5
    assert {metadata["ls_model_name"] for _, metadata in chunks} == {"large-1"}
    assert {tuple(metadata["tags"]) for _, metadata in chunks} == {("conductor:large",)}


async def test_updates_tell_the_decision_with_the_message() -> None:
    made = agent("{default: large}")

    updates = list(made.stream(QUESTION, stream_mode="updates"))
    later = [one async for one in made.astream(QUESTION, stream_mode="updates")]

    assert [list(one) for one in updates] == [["model"], ["tools"], ["model"]]
    assert [one["agent"] for one in updates[0]["model"]["conductor"]] == ["large"]
    assert [list(one) for one in later] == [list(one) for one in updates]


@pytest.mark.filterwarnings("ignore:The v3 streaming protocol")
async def test_the_events_of_version_3_show_one_message() -> None:
    made = agent(f"{{default: {FLOWS['best']}}}", tools=())

    told = made.stream_events(QUESTION, version="v3")
    texts = [str(message.text) for message in told.messages]

    assert texts == ["Hello from large-1, nice to see you"]
    assert told.output["conductor"][0]["agent"] == "large"


@ways
async def test_agents_without_a_model_answer_too(way: Way) -> None:
    policy = "agents: [{id: fake, simulated: Just a moment.}]\n"
    state = await way(agent("{default: fake}", {}, policy=policy, name="desk"))

    message = state["messages"][-1]
    assert (message.text, message.name, answered(state)) == ("Just a moment.", "desk", ["fake"])
    assert message.id


@ways
async def test_a_function_and_a_chain_answer_too(way: Way) -> None:
    def last(messages: Sequence[Any]) -> AIMessage:
        return AIMessage(f"{len(messages)} messages")

    def loud(request: Request) -> str:
        return request.text.upper()

    children = {"small": loud, "large": RunnableLambda(last)}
    state = await way(agent("{default: {sequence: [{use: small}, {use: large}]}}", children))

    assert state["messages"][-1].text == "1 messages"
    assert (await way(agent("{default: small}", children)))["messages"][-1].text.isupper()


@ways
async def test_the_policy_s_prompt_and_parameters_reach_the_child(way: Way) -> None:
    children = crew()
    policy = (
        "agents: [{id: small}, {id: large, prompt: Be kind., parameters: {temperature: 0.5}}]\n"
    )
    await way(
        agent("{default: large}", children, policy=policy, system_prompt="You sell."),
    )

    messages, told = children["large"].asked[0]
    assert [m.content for m in messages[:2]] == ["Be kind.", "You sell."]
    assert isinstance(messages[0], SystemMessage)
    assert told["temperature"] == 0.5
    assert [one["function"]["name"] for one in told["tools"]] == ["get_weather"]


async def test_a_judge_is_asked_beside_the_agent_s_model_call() -> None:
    children, counts = crew(), Counts()
    policy = "agents: [{id: small}, {id: large}, {id: judge}]\n"
    judge = children["judge"] = Oracle(model="judge-1")
    flow = (
        "{cascade: [small, large], score: {judge: judge, rubric: Kind?}, accept: answer.score > 2}"
    )
    with suppress(Failure):  # it does not grade, which is not the point here
        agent(f"{{default: {flow}}}", children, policy=policy, after=[counts]).invoke(QUESTION)

    assert judge.asked
    assert counts.asked == len(children["small"].asked) + len(children["large"].asked)
    assert all("tools" not in told for _, told in judge.asked)


@ways
async def test_a_policy_that_observes_leaves_the_answer_to_the_agent_s_own_model(way: Way) -> None:
    own = Oracle(model="own")
    made = agent("{default: large}", policy=AGENTS + "mode: observe\n", model=own)
    state = await way(made)

    assert state["messages"][-1].response_metadata["model_name"] == "own"
    assert [one["target"] for one in state["conductor"]] == ["large", "large"]
    assert [one["agent"] for one in state["conductor"]] == ["(app)", "(app)"]


@ways
async def test_a_conductor_s_own_chat_model_below_runs_no_second_policy(way: Way) -> None:
    children = crew()
    text = AGENTS + "routing: {default: small}\n"
    own = ConductorChatModel(policy=text, agents=children)
    conductor = own.conductor
    made = create(own, [], middleware=[ConductorMiddleware(conductor=conductor)])
    state = await way(made)

    assert len(children["small"].asked) == 1
    assert answered(state) == ["small"]
    assert len(state["conductor"]) == 1


@ways
async def test_calls_of_the_policy_are_marked_for_handlers_beside_it(way: Way) -> None:
    seen: list[bool] = []
    children = {**crew(), "large": Oracle(model="l", look=lambda: seen.append(CONDUCTED.get()))}
    await way(agent("{default: large}", children, tools=()))

    assert seen == [True]


@ways
async def test_usage_is_counted_once(way: Way) -> None:
    counted = UsageMetadataCallbackHandler()
    state = await way(agent("{default: large}", tools=()), QUESTION, {"callbacks": [counted]})

    total = sum(one["total_tokens"] for one in counted.usage_metadata.values())
    assert total == state["messages"][-1].usage_metadata["total_tokens"]


@ways
async def test_runs_stand_below_the_agent_s_own(way: Way) -> None:
    class Tree(BaseCallbackHandler):
        def __init__(self) -> None:
            self.parents: list[Any] = []

        def on_chat_model_start(self, *_: Any, parent_run_id: Any = None, **__: Any) -> None:
            self.parents.append(parent_run_id)

    tree = Tree()
    await way(agent(f"{{default: {FLOWS['best']}}}", tools=()), QUESTION, {"callbacks": [tree]})

    assert len(tree.parents) == 2
    assert None not in tree.parents


@ways
async def test_an_interrupt_of_an_agent_passes_every_flow(way: Way) -> None:
    def asks(messages: Sequence[Any]) -> AIMessage:
        del messages
        return AIMessage(str(interrupt("May I?")))

    large = Oracle(model="large-1")
    children = {"small": RunnableLambda(asks), "large": large}
    made = agent(
        "{default: {fallback: [small, large]}}", children, tools=(), checkpointer=InMemorySaver()
    )
    config = {"configurable": {"thread_id": "one"}}

    state = await way(made, QUESTION, config)
    assert [one.value for one in state["__interrupt__"]] == ["May I?"]
    assert not large.asked
    state = await way(made, Command(resume="yes"), config)
    assert state["messages"][-1].text == "yes"


@ways
async def test_a_person_may_stand_in_the_way_of_a_model_call(way: Way) -> None:
    children = crew()
    policy = "agents: [{id: small}, {id: large}, {id: boss, human: {queue: boss}}]\n"
    flow = "{sequence: [{id: ok, use: boss, show: May it?}, {id: say, use: large}]}"
    made = agent(
        f"{{default: {flow}}}", children, policy=policy, tools=(), checkpointer=InMemorySaver()
    )
    config = {"configurable": {"thread_id": "one"}}

    state = await way(made, QUESTION, config)
    assert len(state["__interrupt__"]) == 1
    assert not children["large"].asked
    state = await way(made, Command(resume="approve"), config)
    assert state["messages"][-1].text == "Hello from large-1, nice to see you"


def test_records_of_a_long_thread_are_bounded() -> None:
    made = agent("{default: large}", tools=(), checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "one"}}
    made.invoke(QUESTION, config)
    records = [{"run": str(number)} for number in range(250)]
    made.update_state(config, {"conductor": records}, as_node="model")

    state = made.invoke(QUESTION, config)

    assert len(state["conductor"]) == 100
    assert state["conductor"][-1]["agent"] == "large"


def test_no_input_can_write_a_record() -> None:
    forged = {**QUESTION, "conductor": [{"agent": "forged"}]}

    state = agent("{default: large}", tools=()).invoke(forged)

    assert [one["agent"] for one in state["conductor"]] == ["large"]


def test_what_is_missing_is_said_at_once() -> None:
    with pytest.raises(ConductorError, match="there is no policy"):
        ConductorMiddleware()
    with pytest.raises(ConductorError, match="on_refusal"):
        ConductorMiddleware("a\nb", on_refusal="shrug")  # type: ignore[arg-type]


def test_a_shared_conductor_is_used_as_it_is() -> None:
    shared = Conductor.from_text(AGENTS + "routing: {default: small}\n", agents=crew())
    middleware = ConductorMiddleware(conductor=shared)

    assert middleware.conductor is shared
    made = create(Oracle(), [], middleware=[middleware])
    assert answered(made.invoke(QUESTION)) == ["small"]


@ways
async def test_a_guarantee_holds_for_every_model_call(way: Way) -> None:
    policy = AGENTS + 'guarantees: [{never: {when: "size(input.tools) > 0", agents: [small]}}]\n'

    with pytest.raises(Failure) as caught:
        await way(agent("{default: small}", policy=policy))

    assert caught.value.kind == "policy_violation"
