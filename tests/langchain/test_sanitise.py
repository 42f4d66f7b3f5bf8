"""What is one provider's own does not reach another, as the real SDK adapters would send it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langchain.agents")
pytest.importorskip("langchain_openai")
pytest.importorskip("langchain_anthropic")

from conductor_mw_langchain import ConductorMiddleware
from conductor_mw_langchain.sanitise import family_of
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_openai import AzureChatOpenAI, ChatOpenAI

from tests.langchain.oracle import Oracle

MARK = {"cache_control": {"type": "ephemeral"}}
KEY: Any = "x"
CHAT = ChatOpenAI(model="gpt-4o-mini", api_key=KEY)
RESPONSES = ChatOpenAI(model="gpt-5", api_key=KEY, use_responses_api=True)
_CLAUDE: dict[str, Any] = {"model": "claude-sonnet-4-5", "api_key": KEY, "max_tokens": 99}
CLAUDE = ChatAnthropic(**_CLAUDE)
CALL = {"name": "get", "args": {"a": 1}, "id": "call_1", "type": "tool_call"}
BY_CLAUDE = AIMessage(
    content=[
        {"type": "thinking", "thinking": "hm", "signature": "signed"},
        {"type": "text", "text": "Let me look.", **MARK},
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "tool_use", "id": "call_1", "name": "get", "input": {"a": 1}},
    ],
    tool_calls=[CALL],
    response_metadata={"model_provider": "anthropic"},
)
BY_CLAUDE_V1 = AIMessage(
    content=[
        {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "signed"}},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_call", **{key: CALL[key] for key in ("id", "name", "args")}},
    ],
    tool_calls=[CALL],
    response_metadata={"model_provider": "anthropic", "output_version": "v1"},
)
BY_OPENAI = AIMessage(
    content=[
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "signed"},
        {"type": "text", "text": "Let me look.", "id": "msg_1", "annotations": []},
        {
            "type": "function_call",
            "id": "f1",
            "call_id": "call_1",
            "name": "get",
            "arguments": "{}",
        },
    ],
    tool_calls=[CALL],
    additional_kwargs={"reasoning_content": "signed"},
    response_metadata={"model_provider": "openai"},
)
RESULT = ToolMessage([{"type": "text", "text": "sunny", **MARK}], tool_call_id="call_1")


def sent_to(model: Any, said: AIMessage | None = None, **asked: Any) -> dict[str, Any]:
    """What an agent's model call becomes for a model, as its adapter would send it."""
    seen: list[ModelRequest[Any]] = []

    def handler(request: ModelRequest[Any]) -> ModelResponse[Any]:
        seen.append(request)
        return ModelResponse(result=[AIMessage("ok")])

    asked.setdefault("messages", [HumanMessage("q"), *([said, RESULT] if said else [])])
    middleware = ConductorMiddleware(
        "agents: [{id: one, parameters: {store: true}}]\nrouting: {default: one}\n",
        agents={"one": model},
    )
    middleware.wrap_model_call(ModelRequest(model=Oracle(), **asked), handler)
    (request,) = seen
    messages = [*([request.system_message] if request.system_message else []), *request.messages]
    chosen: Any = request.model
    payload = chosen._get_request_payload(messages, **request.model_settings)
    return {**payload, "tools_asked": request.tools}


@pytest.mark.parametrize("said", [BY_CLAUDE, BY_CLAUDE_V1], ids=["own", "v1"])
@pytest.mark.parametrize("model", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_openai_gets_nothing_that_claude_signed(model: Any, said: AIMessage) -> None:
    sent = str(sent_to(model, said))

    assert "signed" not in sent
    assert "server_tool_use" not in sent
    assert "web_search" not in sent
    assert "cache_control" not in sent
    assert "Let me look." in sent
    assert "call_1" in sent


def test_claude_gets_nothing_that_openai_encrypted() -> None:
    sent = sent_to(CLAUDE, BY_OPENAI)

    assert "signed" not in str(sent)
    assert sent["messages"][1]["content"] == [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "name": "get", "input": {"a": 1}, "id": "call_1"},
    ]


def test_the_same_provider_gets_its_own_back() -> None:
    kinds = [block["type"] for block in sent_to(CLAUDE, BY_CLAUDE)["messages"][1]["content"]]

    assert kinds == ["thinking", "text", "server_tool_use", "web_search_tool_result", "tool_use"]
    assert "encrypted_content" in str(sent_to(RESPONSES, BY_OPENAI)["input"])


def test_blocks_of_which_nobody_says_who_made_them_are_known_by_their_form() -> None:
    unsigned = BY_CLAUDE.model_copy(update={"response_metadata": {}})
    encrypted = BY_OPENAI.model_copy(update={"response_metadata": {}, "additional_kwargs": {}})

    assert "signed" not in str(sent_to(CHAT, unsigned))
    assert "signed" in str(sent_to(CLAUDE, unsigned))
    assert "signed" not in str(sent_to(CLAUDE, encrypted))
    assert "signed" in str(sent_to(RESPONSES, encrypted))


@pytest.mark.parametrize(("model", "kept"), [(CHAT, False), (CLAUDE, True)], ids=["other", "own"])
def test_cache_markers_reach_only_who_understands_them(model: Any, kept: bool) -> None:
    def get(a: int) -> int:
        """Give it."""
        return a

    marked = StructuredTool.from_function(get, extras={**MARK, "note": "n"})
    plain = {"type": "function", "function": {"name": "put"}, **MARK}
    sent = sent_to(
        model,
        messages=[
            HumanMessage([{"type": "text", "text": "q", **MARK}, {"type": "text", "text": "r"}])
        ],
        system_message=SystemMessage([{"type": "text", "text": "s", **MARK}]),
        tools=[marked, plain],
        model_settings=MARK,
    )

    assert str(sent["messages"]).count("cache_control") == int(kept)
    assert ("cache_control" in str(sent.get("system", sent["messages"]))) == kept
    assert ("cache_control" in sent["tools_asked"][0].extras) == kept
    assert sent["tools_asked"][0].extras["note"] == "n"
    assert ("cache_control" in sent["tools_asked"][1]) == kept
    assert marked.extras == {**MARK, "note": "n"}


SETTINGS = {
    "prompt_cache_key": "k", "temperature": 0.5, "thinking": {"type": "disabled"},
    "extra_headers": {"X-Session-Affinity": "a", "x-mine": "b", "Anthropic-Beta": "c"},
}  # fmt: skip


def test_settings_reach_only_who_takes_them() -> None:
    to_openai = sent_to(CHAT, model_settings=SETTINGS)
    to_claude = sent_to(CLAUDE, model_settings=SETTINGS)

    assert (to_openai["prompt_cache_key"], to_openai["temperature"]) == ("k", 0.5)
    assert "thinking" not in to_openai
    assert to_openai["extra_headers"] == {"x-mine": "b"}
    assert "prompt_cache_key" not in to_claude
    assert to_claude["thinking"] == {"type": "disabled"}
    assert to_claude["extra_headers"] == {"x-mine": "b", "Anthropic-Beta": "c"}


def test_headers_that_nobody_takes_leave_nothing_behind() -> None:
    sent = sent_to(CHAT, model_settings={"extra_headers": {"x-session-affinity": "a"}})

    assert "extra_headers" not in sent


def test_what_the_policy_itself_says_for_an_agent_is_not_cleaned() -> None:
    assert sent_to(CLAUDE)["store"] is True


def test_the_conversation_of_the_agent_is_not_changed() -> None:
    before = BY_CLAUDE.model_dump()

    sent_to(CHAT, BY_CLAUDE)

    assert BY_CLAUDE.model_dump() == before


def test_families_are_told_by_the_model_s_own_type() -> None:
    told: dict[str, Any] = {
        "azure_endpoint": "http://127.0.0.1",
        "api_key": KEY,
        "api_version": "1",
    }
    azure: Any = AzureChatOpenAI(model="m", **told)

    assert [family_of(one) for one in (CHAT, azure, CLAUDE, Oracle(), object())] == [
        "openai", "openai", "anthropic", "oracle", "",
    ]  # fmt: skip
