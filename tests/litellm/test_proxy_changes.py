"""A proxy under way: policies change, files break, and clients leave before the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from tests.litellm.served import HI, LIVE, Served

pytest.importorskip("litellm_proxy_extras", reason="needs conductor-mw[litellm-proxy]")

Eventually = Callable[[Callable[[], Any]], Any]
SECOND: Final = LIVE.replace("first", "second")
BROKEN: Final = LIVE.replace("default: first", "default: nobody")


@pytest.fixture
def live(served: Served) -> Served:
    """The policy `live` as it was at first."""
    served.write("live", LIVE)
    return served


def answering(served: Served) -> str:
    """Give who answers for `live` now."""
    with served.openai() as client:
        raw = client.chat.completions.with_raw_response.create(model="live", messages=HI)
    return str(raw.headers["x-conductor-agent"])


async def test_a_new_version_is_taken_over_while_traffic_runs(
    live: Served, eventually: Eventually
) -> None:
    await asyncio.to_thread(eventually, lambda: answering(live) == "first")
    async with live.async_openai() as client:
        over = asyncio.Event()

        async def traffic() -> list[str]:
            said: list[str] = []
            while not over.is_set():
                raw = await client.chat.completions.with_raw_response.create(
                    model="live", messages=HI
                )
                said.append(raw.headers["x-conductor-agent"])
            return said

        users = [asyncio.create_task(traffic()) for _ in range(4)]
        live.write("live", SECOND)
        await asyncio.to_thread(eventually, lambda: answering(live) == "second")
        over.set()
        answers = await asyncio.gather(*users)

    for said in answers:  # none failed, and none went back
        assert said == sorted(said)


def test_a_broken_version_is_not_taken_over_and_health_says_so(
    live: Served, eventually: Eventually
) -> None:
    eventually(lambda: answering(live) == "first")
    live.write("live", BROKEN)

    def refused() -> Any:
        assert answering(live) == "first"
        state = health(live, "/health/readiness")["live"]
        return state["newest"] == "refused" and state

    state = eventually(refused)
    problem = health(live, "/health/readiness/details")["live"]["problem"]
    live.write("live", SECOND)
    eventually(lambda: answering(live) == "second")

    assert state.keys() == {"fingerprint", "newest"}
    assert "nobody" in problem
    assert health(live, "/health/readiness")["live"]["newest"] == "working"


def health(served: Served, path: str) -> dict[str, Any]:
    """Give what the proxy says of its policies."""
    with served.http("sk-master-of-tests") as client:
        response = client.get(path)
    assert response.status_code == 200
    states: dict[str, Any] = response.json()["policies"]
    return states


@pytest.mark.parametrize("path", ["chat/completions", "messages", "responses"])
async def test_a_client_that_leaves_pays_for_what_it_got_and_leaves_nothing_behind(
    served: Served, path: str, eventually: Eventually
) -> None:
    served.provider.left.clear()
    before = inside(served)
    asked: dict[str, Any] = (
        {"input": "hi"} if path == "responses" else {"messages": HI, "max_tokens": 50}
    )
    metadata = {"to": "lingering", "tenant": f"leaving-{path}"}

    def leave() -> None:
        with served.http() as client, client.stream(
            "POST", f"/v1/{path}",
            json={"model": "money", "stream": True, "metadata": metadata, **asked},
        ) as response:  # fmt: skip
            assert response.headers["x-conductor-agent"] == "lingering"
            read = ""
            for text in response.iter_text():
                read += text
                if "Hello" in read:
                    return

    await asyncio.to_thread(leave)
    after = await asyncio.to_thread(eventually, lambda: settled(served))
    await asyncio.to_thread(eventually, lambda: served.provider.left == ["lingering-1"])

    assert after["spent"] > before["spent"]


def test_a_client_that_leaves_before_the_first_word_leaves_nothing_behind(
    served: Served, eventually: Eventually
) -> None:
    with served.http() as client, pytest.raises(httpx.ReadTimeout):
        client.post(
            "/v1/chat/completions", timeout=0.5,
            json={
                "model": "support", "messages": HI, "stream": True, "metadata": {"to": "silent"},
            },
        )  # fmt: skip

    eventually(lambda: settled(served))


def settled(served: Served) -> dict[str, Any] | None:
    """Give what is inside the proxy once nothing is under way any more."""
    seen = inside(served)
    return None if seen["held"] or seen["tasks"] else seen


def inside(served: Served) -> dict[str, Any]:
    with served.http() as client:
        found: dict[str, Any] = json.loads(client.get("/test/inside").text)
    return found
