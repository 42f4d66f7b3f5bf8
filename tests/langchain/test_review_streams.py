"""What is told of a stream when it is over: made at once, and the same as LangChain's own sum."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import pytest
from conductor_mw_langchain.joining import joined
from langchain_core.messages import AIMessageChunk

LAST = AIMessageChunk(
    content="",
    response_metadata={"finish_reason": "stop", "conductor": {"agent": "small"}},
    usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    chunk_position="last",
)
CALL: Any = {"name": "find", "args": '{"q"', "id": "1", "index": 0, "type": "tool_call_chunk"}
REST: Any = {"name": None, "args": ": 1}", "id": None, "index": 0, "type": "tool_call_chunk"}


@pytest.mark.parametrize(
    "chunks",
    [
        [AIMessageChunk(content="one "), AIMessageChunk(content="two"), LAST],
        [
            AIMessageChunk(content="", tool_call_chunks=[CALL], id="run-1"),
            AIMessageChunk(content="", tool_call_chunks=[REST]),
            LAST,
        ],
        [AIMessageChunk(content=[{"type": "text", "text": "a", "index": 0}]), LAST],
        ["one ", "two"],
        [["one"], ["two"]],
    ],
    ids=["texts", "tool calls", "blocks", "strings", "lists"],
)
def test_chunks_add_up_to_the_same_all_at_once(chunks: list[Any]) -> None:
    assert joined(chunks) == reduce(add, chunks)


def test_of_chunks_that_do_not_add_up_the_last_counts() -> None:
    assert joined([{"step": 1}, {"step": 2}]) == {"step": 2}
    assert joined([]) is None
