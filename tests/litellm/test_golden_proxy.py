"""Every golden decision comes out byte for byte through LiteLLM's Proxy, a process on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import openai
import pytest

from tests.litellm.deciding import NOTES, REFUSED, calls, expected, noted
from tests.litellm.proxies import MASTER, Proxy, proxy

pytest.importorskip("litellm_proxy_extras", reason="needs conductor-mw[litellm-proxy]")

ROOT: Final = Path(__file__).parents[2]
AT_ONCE: Final = 8
CONFIG: Final = {
    "model_list": [{"model_name": "golden", "litellm_params": {"model": "conductor/golden"}}],
    "litellm_settings": {
        "custom_provider_map": [
            {"provider": "conductor", "custom_handler": "tests.litellm.deciding.handler"}
        ]
    },
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Proxy]:
    env = {"PYTHONPATH": str(ROOT), NOTES: str(tmp_path / "notes.jsonl")}
    with proxy(tmp_path, CONFIG, env) as started:
        yield started


async def test_the_proxy_decides_byte_for_byte(running: Proxy) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, call: dict[str, Any]) -> int:
        async with places:
            return await status(client, call, stream=number % 2 == 0)

    async with openai.AsyncOpenAI(
        api_key=MASTER, base_url=f"{running.url}/v1", max_retries=0
    ) as client:
        answered = Counter(await asyncio.gather(*map(ask, range(len(calls())), calls().values())))

    assert noted(running.folder / "notes.jsonl") == expected()
    assert answered == {200: len(calls()) - REFUSED, 403: REFUSED}


async def status(client: openai.AsyncOpenAI, call: dict[str, Any], *, stream: bool) -> int:
    """Ask, read the whole answer, and give its status."""
    parameters = {name: value for name, value in call.items() if name != "metadata"}
    create: Any = client.chat.completions.create
    try:
        opened = await create(
            **parameters, model="golden", stream=stream,
            extra_body={"metadata": call["metadata"]},  # the client itself takes only texts
        )  # fmt: skip
        if stream:
            async for _ in opened:
                pass
    except openai.APIStatusError as error:
        return error.status_code
    return 200
