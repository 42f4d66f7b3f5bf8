"""What tracers see: a chain run of the conductor, and below it each attempt as its child tells."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.callbacks import (
    BaseCallbackHandler,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.tracers.schemas import Run
from langsmith import Client

from tests.langchain.oracle import Oracle
from tests.langchain.ways import EITHER, ONE, Traces, Way, ask, each_way, routed

DOWN: dict[str, Any] = {"fails": ConnectionError("down")}


def shape(run: Run) -> Any:
    """Give a tree of runs as names, the children of each in a list behind it."""
    below = [one for child in run.child_runs for one in shape(child)]
    return [run.name, below] if below else [run.name]


def metadata(run: Any) -> dict[str, Any]:
    told: dict[str, Any] = run.extra.get("metadata", {})
    return told


@each_way
def test_every_attempt_is_a_run_of_its_own_below_one_of_the_conductor(way: Way) -> None:
    traces = Traces()

    ask(routed(small=DOWN), "Hello", way, {"callbacks": [traces]})

    (root,) = traces.roots
    assert shape(root) == ["ConductorChatModel", ["Oracle", "Oracle"]]
    assert (root.run_type, root.error) == ("chain", None)
    failed, answered = root.child_runs
    assert [run.run_type for run in root.child_runs] == ["llm", "llm"]
    assert [run.parent_run_id for run in root.child_runs] == [root.id, root.id]
    assert "down" in str(failed.error)
    assert answered.error is None
    assert [run.tags for run in root.child_runs] == [["conductor:small"], ["conductor:large"]]


@each_way
def test_a_run_tells_the_childs_own_provider_and_model(way: Way) -> None:
    traces = Traces()

    ask(routed(small=DOWN), "Hello", way, {"callbacks": [traces]})

    models = [metadata(run) for run in traces.roots[0].child_runs]
    assert [told["ls_provider"] for told in models] == ["oracle", "oracle"]
    assert [told["ls_model_name"] for told in models] == ["small-1", "large-1"]
    assert "ls_provider" not in metadata(traces.roots[0])


@each_way
def test_what_the_caller_calls_the_run_is_what_it_is_called(way: Way) -> None:
    traces, run_id = Traces(), uuid4()
    config = {
        "callbacks": [traces], "run_name": "answering", "run_id": run_id, "tags": ["mine"],
        "metadata": {"tier": "pro", "ticket": 7},
    }  # fmt: skip

    ask(routed(), "Hello", way, config)

    (root,) = traces.roots
    (child,) = root.child_runs
    assert (root.id, root.name, root.tags) == (run_id, "answering", ["mine"])
    assert child.id != run_id
    assert child.name == "Oracle"
    assert sorted(child.tags or []) == ["conductor:large", "mine"]
    assert metadata(root)["ticket"] == metadata(child)["ticket"] == 7


def test_a_name_given_by_with_config_is_the_runs_name() -> None:
    traces = Traces()

    routed().with_config(run_name="helper").invoke("Hello", {"callbacks": [traces]})

    assert shape(traces.roots[0]) == ["helper", ["Oracle"]]


@each_way
def test_where_nobody_answers_the_run_of_the_conductor_fails_too(way: Way) -> None:
    traces = Traces()

    with pytest.raises(ConnectionError):
        ask(routed(ONE, small=DOWN), "Hello", way, {"callbacks": [traces]})

    (root,) = traces.roots
    assert "down" in str(root.error)
    assert "down" in str(root.child_runs[0].error)


def test_each_answer_of_a_batch_has_a_tree_of_its_own() -> None:
    traces = Traces()

    routed().batch(["Hello", "the reason"], {"callbacks": [traces]})
    asyncio.run(routed().abatch(["Hello", "the reason"], {"callbacks": [traces]}))

    assert [shape(root) for root in traces.roots] == [["ConductorChatModel", ["Oracle"]]] * 4


def _same(text: str) -> str:
    return text


@each_way
def test_inside_a_chain_the_tree_hangs_below_its_step(way: Way) -> None:
    traces = Traces()
    chain: Any = RunnableLambda(_same) | routed()

    ask(chain, "Hello", way, {"callbacks": [traces]})

    (root,) = traces.roots
    assert root.name == "RunnableSequence"
    assert shape(root)[1][-2:] == ["ConductorChatModel", ["Oracle"]]


@each_way
def test_a_function_that_calls_the_model_is_its_parent(way: Way) -> None:
    traces, model = Traces(), routed()

    def helper(question: str) -> Any:
        return model.invoke(question)

    ask(RunnableLambda(helper), "Hello", way, {"callbacks": [traces]})

    assert shape(traces.roots[0]) == ["helper", ["ConductorChatModel", ["Oracle"]]]


@each_way
def test_whoever_is_told_at_construction_hears_of_the_childs_run(way: Way) -> None:
    usage, traces, outside = UsageMetadataCallbackHandler(), Traces(), Traces()
    children = {"small": Oracle(model="small-1"), "large": Oracle(model="large-1")}
    model = ConductorChatModel(
        policy=EITHER, agents=children, callbacks=[usage, traces], tags=["support"],
        metadata={"team": "support"},
    )  # fmt: skip

    answer = ask(model, "Hello", way, {"callbacks": [outside]})

    assert usage.usage_metadata == {"small-1": answer.usage_metadata}
    assert [shape(root) for root in traces.roots] == [["ConductorChatModel", ["Oracle"]]]
    (child,) = outside.roots[0].child_runs
    assert sorted(child.tags or []) == ["conductor:small", "support"]
    assert metadata(outside.roots[0])["team"] == "support"


@each_way
def test_usage_is_counted_once_for_whoever_counts(way: Way) -> None:
    handler, collected = UsageMetadataCallbackHandler(), RunCollectorCallbackHandler()

    with get_usage_metadata_callback() as around:
        answer = ask(routed(small=DOWN), "Hello", way, {"callbacks": [handler, collected]})

    assert handler.usage_metadata == {"large-1": answer.usage_metadata}
    assert around.usage_metadata == handler.usage_metadata
    assert [run.name for run in collected.traced_runs] == ["ConductorChatModel"]


class Sent(Client):
    """A client of LangSmith that keeps what it would send."""

    def __init__(self) -> None:
        self.sent: dict[UUID, dict[str, Any]] = {}

    def create_run(self, name: str, inputs: Any, run_type: Any, **told: Any) -> None:
        self.sent[told["id"]] = {"name": name, "run_type": run_type, **told}

    def update_run(self, run_id: Any, **told: Any) -> None:
        self.sent[run_id].update(told)

    def __del__(self) -> None:
        """Nothing was begun that has to end."""


@each_way
def test_langsmiths_tracer_gets_the_whole_tree(way: Way) -> None:
    client = Sent()

    ask(routed(small=DOWN), "Hello", way, {"callbacks": [LangChainTracer(client=client)]})

    conductor, failed, answered = client.sent.values()
    assert [run["run_type"] for run in (conductor, failed, answered)] == ["chain", "llm", "llm"]
    assert failed["parent_run_id"] == answered["parent_run_id"]
    assert "down" in failed["error"]
    assert answered["extra"]["metadata"]["ls_model_name"] == "large-1"
    assert all(run["end_time"] is not None for run in client.sent.values())


@pytest.mark.filterwarnings("ignore:astream_log is deprecated")
async def test_the_older_log_of_a_stream_shows_the_child() -> None:
    paths = [op["path"] async for patch in routed().astream_log("Hello") for op in patch.ops]

    assert "/logs/Oracle" in paths
    assert "/final_output" in paths


class Tokens(BaseCallbackHandler):
    """Keeps the tokens that whoever shows an answer while it comes is told."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.said.append(token)


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_new_tokens_are_told_once(way: Way) -> None:
    tokens = Tokens()

    ask(routed(), "Hello", way, {"callbacks": [tokens]})

    assert "".join(tokens.said) == "Hello from small-1, nice to see you"


@each_way
def test_a_handler_that_fails_where_it_must_be_obeyed_ends_the_call(way: Way) -> None:
    class Veto(BaseCallbackHandler):
        raise_error = True

        def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
            raise PermissionError("not now")

    model = routed()

    with pytest.raises(PermissionError, match="not now"):
        ask(model, "Hello", way, {"callbacks": [Veto()]})

    assert all(child.asked == [] for child in model.agents.values())
