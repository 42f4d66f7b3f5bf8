"""What a child is given and what it says pass through as they are; its cache and limits hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.rate_limiters import BaseRateLimiter

from tests.langchain.oracle import Oracle
from tests.langchain.ways import ONE, Way, ask, each_way, routed, whole

PICTURE = {"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"}
LINK = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
THOUGHT = {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}
CITED = {"type": "text", "text": "It is sunny.", "citations": [{"url": "https://a", "start": 0}]}
SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "sun"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"title": "Sun"}]}
USE = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}}
CALL: Any = {"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}
BLOCKS: list[Any] = [THOUGHT, CITED, SEARCH, FOUND, USE]
DONE: Any = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13,
             "output_token_details": {"reasoning": 2}}  # fmt: skip


class Provider(Oracle):
    """Answers in blocks of a provider's own."""

    def answer(self, messages: Any, kwargs: Any) -> AIMessage:
        self._note(messages, kwargs)
        return AIMessage(
            content=[dict(block) for block in BLOCKS], tool_calls=[CALL], id="msg-1", name="helper",
            additional_kwargs={"provider": {"safe": True}}, usage_metadata=DONE,
            response_metadata={"stop_reason": "tool_use", "model_name": "p-1"},
        )  # fmt: skip

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        del stop, run_manager
        self._note(messages, kwargs)
        for index, block in enumerate(BLOCKS):
            piece: Any = {**block, "index": index}
            yield ChatGenerationChunk(message=AIMessageChunk(content=[piece], id="msg-1"))
        call: Any = {"name": "weather", "args": '{"city": "Oslo"}', "id": "c1", "index": 4}
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content=[], tool_call_chunks=[call], usage_metadata=DONE, chunk_position="last",
                response_metadata={"stop_reason": "tool_use", "model_name": "p-1"},
            )
        )  # fmt: skip


def conversation() -> list[Any]:
    return [
        HumanMessage([{"type": "text", "text": "Look:"}, LINK, PICTURE], id="h1", name="ada"),
        AIMessage([dict(block) for block in BLOCKS], tool_calls=[CALL], id="a1",
                  additional_kwargs={"provider": 1}, response_metadata={"stop_reason": "tool_use"}),
        ToolMessage([{"type": "text", "text": "sun"}, LINK], tool_call_id="c1", status="error",
                    artifact={"raw": [1, 2]}),
        HumanMessage("And tomorrow?"),
    ]  # fmt: skip


@each_way
def test_a_child_is_given_the_conversation_as_it_would_be_without_a_policy(way: Way) -> None:
    model, alone, messages = routed(), Oracle(model="small-1"), conversation()

    ask(model, messages, way)
    ask(alone, conversation(), way)

    child: Any = model.agents["small"]
    assert child.asked == alone.asked
    assert messages == conversation()


@each_way
def test_what_a_child_says_comes_back_as_it_would_without_a_policy(way: Way) -> None:
    model = ConductorChatModel(policy=ONE, agents={"small": Provider()})

    answer, direct = ask(model, "Hello", way), ask(Provider(), "Hello", way)

    answer.response_metadata.pop("conductor")
    if way in ("stream", "astream"):
        answer.id = direct.id  # each run gives its chunks an id of its own
    assert answer == direct


def test_a_stream_gives_every_chunk_of_the_child_as_it_is() -> None:
    model = ConductorChatModel(policy=ONE, agents={"small": Provider()})

    chunks, direct = list(model.stream("Hello")), list(Provider().stream("Hello"))

    assert [chunk.content for chunk in chunks] == [chunk.content for chunk in direct]
    assert ["conductor" in chunk.response_metadata for chunk in chunks] == [
        *[False] * (len(chunks) - 1), True
    ]  # fmt: skip
    assert whole(chunks).tool_calls == [CALL]


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    found = InMemoryCache()
    set_llm_cache(found)
    yield found
    set_llm_cache(None)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_langchains_cache_keeps_one_answer_of_each_child_and_a_hit_costs_nothing(
    cache: InMemoryCache, way: Way
) -> None:
    priced = (
        "agents:\n"
        "  - {id: small, price: {input: 1000, output: 1000}}\n"
        "  - {id: large, price: {input: 1000, output: 1000}}\n"
        "routing: {default: small}\n"
    )
    model, usage = routed(priced), UsageMetadataCallbackHandler()

    first, second = (ask(model, "Hello", way) for _ in range(2))
    other = ask(model, "Hello", way, {"callbacks": [usage]}, model="large")

    told = [one.response_metadata["conductor"] for one in (first, second, other)]
    assert [one["agent"] for one in told] == ["small", "small", "large"]
    assert told[0]["dollars"] > 0
    assert told[1]["dollars"] == 0
    assert told[2]["dollars"] > 0
    child: Any = model.agents["small"]
    assert len(child.asked) == 1
    inside: Any = cache
    kept = [one.message for found in inside._cache.values() for one in found]
    assert len(kept) == 2
    assert all("conductor" not in one.response_metadata for one in kept)


class Counting(BaseRateLimiter):
    """Lets everybody pass and counts."""

    def __init__(self) -> None:
        self.passed = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        del blocking
        self.passed += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire(blocking=blocking)


@each_way
def test_a_childs_rate_limiter_is_asked_once_a_call(way: Way) -> None:
    limiter = Counting()

    ask(routed(ONE, small={"rate_limiter": limiter}), "Hello", way)

    assert limiter.passed == 1


@each_way
def test_a_childs_own_callbacks_tags_and_name_are_kept(way: Way) -> None:
    usage = UsageMetadataCallbackHandler()
    model = routed(ONE, small={"callbacks": [usage], "tags": ["own"], "metadata": {"mine": 1}})

    answer = ask(model, "Hello", way)

    assert usage.usage_metadata == {"small-1": answer.usage_metadata}
