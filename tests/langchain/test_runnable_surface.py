"""A policy between chains is a runnable like any other to LangChain and LangGraph."""

from __future__ import annotations

import pickle
import warnings
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest
from conductor_mw_langchain import ConductorRunnable
from langchain_core.load import dumps
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import (
    ConfigurableField,
    RunnableLambda,
    RunnablePassthrough,
    RunnableSerializable,
)
from pydantic import BaseModel, ValidationError

from conductor_mw import Conductor, ConductorError, PolicyError
from tests.langchain.chains import TWO, Keeping, says, streams, template, two
from tests.langchain.oracle import Oracle

FAQ = "Hello from faq-1, nice to see you"
RESEARCH = "Hello from research-1, nice to see you"
ONE = "agents: [{id: a}]\nrouting: {default: a}\n"


def inverse(asked: Any) -> Any:
    return 1 // asked["question"]


def one(chain: Any) -> Any:
    return ConductorRunnable(policy=ONE, agents={"a": chain})


def test_it_is_a_serializable_runnable() -> None:
    assert isinstance(two(), RunnableSerializable)
    assert two().get_name() == "ConductorRunnable"


async def test_batches_route_each_input_by_itself() -> None:
    chain = two()
    asked: Any = [{"question": "Hello"}, {"question": "why?"}, {"question": "Bye"}]

    assert chain.batch(asked) == [FAQ, RESEARCH, FAQ]
    assert await chain.abatch(asked, {"max_concurrency": 2}) == [FAQ, RESEARCH, FAQ]
    assert dict(chain.batch_as_completed(asked)) == {0: FAQ, 1: RESEARCH, 2: FAQ}
    assert dict([pair async for pair in chain.abatch_as_completed(asked)])[1] == RESEARCH
    configs: Any = [{}, {}, {"metadata": {"tier": "pro"}}]
    assert chain.batch(asked, configs) == [FAQ, RESEARCH, RESEARCH]


def test_a_batch_gives_exceptions_where_it_is_asked_to() -> None:
    broken = one(Keeping(inverse).chain)

    found = broken.batch([{"question": 1}, {"question": 0}], return_exceptions=True)

    assert found[0] == 1
    assert isinstance(found[1], ZeroDivisionError)


def test_it_stands_in_the_middle_of_a_pipe_and_still_streams() -> None:
    chain: Any = RunnableLambda(str.upper) | one(streams("a", "b", "c")) | StrOutputParser()

    assert chain.invoke("x") == "abc"
    assert list(chain.stream("x")) == ["a", "b", "c"]


async def test_it_takes_a_streamed_input_whole_and_streams_its_output() -> None:
    kept = Keeping()
    chain = one(kept.chain)

    async def pieces() -> Any:
        for piece in ("He", "llo"):
            yield piece

    assert list(chain.transform(iter(["He", "llo"]))) == ["Kept."]
    assert [chunk async for chunk in chain.atransform(pieces())] == ["Kept."]
    assert kept.asked == ["Hello", "Hello"]
    assert list(one(streams("a", "b")).transform(iter(["x"]))) == ["a", "b"]


def test_a_prompt_before_it_gives_it_messages() -> None:
    prompt: Any = ChatPromptTemplate.from_messages(
        [("system", "Be kind."), ("human", "{question}")]
    )
    model = Oracle(model="m")

    chain = prompt | one(model) | StrOutputParser()

    assert chain.invoke({"question": "Hello"}) == "Hello from m, nice to see you"
    assert [message.text for message in model.asked[0][0]] == ["Be kind.", "Hello"]


async def test_events_and_logs_tell_of_the_chosen_chain() -> None:
    chain = two()

    events: Any = [one async for one in chain.astream_events({"question": "why?"}, version="v2")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newest LangChain calls logs deprecated
        patches: Any = [one async for one in chain.astream_log({"question": "why?"})]

    names = [event["name"] for event in events if event["event"] == "on_chain_start"]
    assert names == ["ConductorRunnable", "RunnableSequence"]
    said = [e["data"]["chunk"] for e in events if e["event"] == "on_chain_stream"]
    assert "".join(said).count("research-1") == 2  # of the chosen chain, and of ours
    assert events[-1]["data"]["output"] == RESEARCH
    assert reduce(add, patches).state["final_output"] == RESEARCH


def test_retries_and_fallbacks_of_langchain_work_around_it() -> None:
    tries: list[str] = []

    def shaky(asked: str) -> str:
        tries.append(asked)
        if len(tries) < 3:
            raise ConnectionError("down")
        return "Here."

    retried = one(RunnableLambda(shaky)).with_retry(
        stop_after_attempt=3, wait_exponential_jitter=False
    )

    assert retried.invoke("Hello") == "Here."
    fallback = one(says(ConnectionError("down"))).with_fallbacks([says("Spare.")])
    assert fallback.invoke("Hello") == "Spare."
    assert list(fallback.stream("Hello")) == ["Spare."]


def test_it_is_an_alternative_and_its_policy_is_configurable() -> None:
    key = ConfigurableField(id="desk")
    chain = two().configurable_alternatives(key, default_key="ours", bare=says("Bare."))
    other = TWO.replace("default: either", "default: research")

    assert chain.invoke({"question": "Hello"}) == FAQ
    assert chain.invoke({"question": "Hello"}, {"configurable": {"desk": "bare"}}) == "Bare."
    fields: Any = two().configurable_fields(policy=ConfigurableField(id="policy"))
    assert fields.invoke({"question": "Hello"}, {"configurable": {"policy": other}}) == RESEARCH


def test_what_is_configurable_of_its_chains_is_configurable_of_it() -> None:
    model: Any = Oracle(model="faq-1").configurable_fields(model=ConfigurableField(id="model"))
    chain = ConductorRunnable(
        policy=TWO, agents={"faq": template(model), "research": template(model)}
    )

    assert [spec.id for spec in chain.config_specs] == ["model"]
    changed = chain.with_config(configurable={"model": "faq-2"})
    assert changed.invoke({"question": "Hello"}) == "Hello from faq-2, nice to see you"
    assert "configurable" in chain.config_schema().model_json_schema()["properties"]


def test_its_schemas_are_its_default_chains() -> None:
    chain = two()

    assert chain.get_input_jsonschema()["required"] == ["question"]
    assert chain.get_output_jsonschema()["type"] == "string"
    assert chain.InputType == template(Oracle()).InputType
    assert chain.OutputType is str
    bare: Any = ConductorRunnable(
        policy="agents: [{id: a, simulated: Hi.}]\nrouting: {default: a}\n"
    )
    assert (bare.InputType, bare.OutputType) == (Any, Any)
    assert bare.get_input_jsonschema()["title"] == "ConductorRunnableInput"


def test_its_graph_shows_rules_as_branches_and_chains_as_they_are() -> None:
    drawn = two().get_graph().draw_mermaid()

    for line in (
        "PromptInput --> ConductorRunnable;",
        "ConductorRunnable -. &nbsp;pro&nbsp; .-> research\\3aChatPromptTemplate;",
        "ConductorRunnable -. &nbsp;why&nbsp; .-> research\\3aChatPromptTemplate;",
        "ConductorRunnable -. &nbsp;otherwise&nbsp; .-> either;",
        "either -. &nbsp;1&nbsp; .-> faq\\3aChatPromptTemplate;",
        "either -. &nbsp;2&nbsp; .-> research\\3aChatPromptTemplate;",
        "subgraph faq",
        "faq\\3aOracle --> faq\\3aStrOutputParser;",
        "faq\\3aStrOutputParser --> StrOutputParserOutput;",
        "research\\3aStrOutputParser --> StrOutputParserOutput;",
    ):
        assert f"\t{line}\n" in drawn, line


def test_its_graph_shows_agents_that_are_no_chains_and_flows_without_a_name() -> None:
    chain: Any = ConductorRunnable(
        policy="""
agents: [{id: a}, {id: b, simulated: Hi.}, {id: leads, human: {queue: q}}]
routing:
  rules:
    - {condition: "input.tokens < 5", target: {cascade: [a, b], accept: "answer.chars > 3"}}
    - {id: ask, condition: "input.tokens < 9", target: leads}
    - {id: beside, condition: "input.tokens < 12", target: {use: a, shadow: b}}
  default: a
  fallback: {timeout: b}
""",
        agents={"a": says("Hi.")},
    )

    graph = chain.get_graph()

    assert {"a", "b", "leads", "cascade of rule 1"} <= {node.name for node in graph.nodes.values()}
    edges = {(edge.source, edge.data, edge.target) for edge in graph.edges}
    assert {
        ("ConductorRunnable", "rule 1", "cascade of rule 1"),
        ("cascade of rule 1", "1", "a"),
        ("cascade of rule 1", "2", "b"),
        ("cascade of rule 1", "timeout", "b"),
        ("ConductorRunnable", "ask", "leads"),
        ("ConductorRunnable", "otherwise", "a"),
        ("ConductorRunnable", "beside", "a"),
        ("a", "shadow", "b"),
        ("a", "timeout", "b"),
    } <= edges
    assert len(edges) == len(graph.edges)
    assert graph.draw_mermaid()
    assert graph.to_json()


def test_its_graph_is_part_of_a_sequences() -> None:
    chain: Any = PromptTemplate.from_template("{question}") | one(says("Hi."))

    assert "ConductorRunnable" in chain.get_graph().draw_mermaid()


def test_it_is_pickled_with_its_chains_and_loads_its_policy_again() -> None:
    chain: Any = ConductorRunnable(
        policy=TWO, agents={"faq": Oracle(model="faq-1"), "research": RunnablePassthrough()}
    )

    again = pickle.loads(pickle.dumps(chain))  # noqa: S301 - what we wrote a moment ago

    assert again.invoke("Hello").text == FAQ
    assert again.invoke("why?") == "why?"
    assert again.conductor is not chain.conductor


def test_one_with_a_conductor_of_the_apps_cannot_be_pickled() -> None:
    conductor = Conductor.from_text(ONE, agents={"a": says("Hi.")})

    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ConductorRunnable(conductor=conductor))


def test_nothing_of_policy_and_chains_is_written_out() -> None:
    chain = two()

    assert "faq-1" not in repr(chain)
    assert "faq-1" not in dumps(chain)
    assert "routing" not in dumps(chain)
    assert not chain.is_lc_serializable()


def test_it_takes_a_shared_conductor_and_no_second_policy() -> None:
    conductor = Conductor.from_text(ONE, agents={"a": says("Hi.")})

    assert ConductorRunnable(conductor=conductor).invoke("Hello") == "Hi."
    with pytest.raises(ConductorError, match="beside it"):
        ConductorRunnable(conductor=conductor, policy=ONE)


def test_what_cannot_be_used_is_refused_when_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("agents: [{id: a}]\nrouting: {default: b}\n")

    with pytest.raises(PolicyError, match="'b'"):
        ConductorRunnable(policy=tmp_path / "bad.yaml", agents={"a": says("Hi.")})
    with pytest.raises(ValidationError, match="chains"):
        ConductorRunnable(policy=ONE, chains={"a": says("Hi.")})  # type: ignore[call-arg]


class Ticket(BaseModel):
    """What a chain of this test gives."""

    subject: str


def test_a_structured_output_is_given_as_the_object_it_is() -> None:
    chain = one(Oracle().with_structured_output(Ticket))

    assert chain.invoke("My 'invoice' is wrong") == Ticket(subject="invoice")
