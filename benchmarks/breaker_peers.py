"""What a dead upstream costs, and how soon it is back: ours beside LiteLLM Router's cooldown.

`python -m benchmarks.breaker_peers`. Both call the same two HTTP servers on this machine through
LiteLLM, `big` first and `small` where that fails, and rest for two seconds. It prints a table.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any, Final, Self

from conductor_mw import Conductor

REST: Final = 2.0
ANSWER: Final = {
    "id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip
Call = Callable[[], Awaitable[object]]


@dataclass
class Upstream:
    """A server that is dead, or answers, and counts what reaches it."""

    dead: bool = False
    reached: int = 0
    answered_at: list[float] = field(default_factory=list[float])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                with upstream.lock:
                    upstream.reached += 1
                    dead = upstream.dead
                    if not dead:
                        upstream.answered_at.append(time.monotonic())
                body = json.dumps({"error": {"message": "down"}} if dead else ANSWER).encode()
                self.send_response(500 if dead else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"


def ours(big: Upstream, small: Upstream) -> Call:
    """Give a call through a conductor with a breaker."""
    conductor = Conductor.from_text(
        f"""
agents:
  - {{id: big, model: openai/gpt-4o-mini, base_url: "{big.url}", api_key: "${{env:BENCH_KEY}}"}}
  - {{id: small, model: openai/gpt-4o-mini, base_url: "{small.url}", api_key: "${{env:BENCH_KEY}}"}}
addresses: ["{big.url.removesuffix("/v1")}", "{small.url.removesuffix("/v1")}"]
routing: {{default: {{fallback: [big, small]}}}}
plugins: {{breaker: {{min_calls: 10, probes: 3, open_for: {REST:g}s, longest: {REST:g}s}}}}
"""
    )
    return lambda: conductor.acall("hello")


def litellm_router(big: Upstream, small: Upstream, **options: object) -> Call:
    """Give a call through LiteLLM's Router."""
    litellm: Any = import_module("litellm")
    litellm.suppress_debug_info = True
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": "openai/gpt-4o-mini", "api_key": "bench", "api_base": upstream.url,
            },
        }
        for name, upstream in (("big", big), ("small", small))
    ]  # fmt: skip
    router = litellm.Router(
        model_list=models,
        fallbacks=[{"big": ["small"]}],
        num_retries=0,
        cooldown_time=REST,
        **options,
    )
    messages = [{"role": "user", "content": "hello"}]
    return lambda: router.acompletion(model="big", messages=messages)


async def scenario(make: Callable[[Upstream, Upstream], Call]) -> list[str]:
    """Give a row: what reached the dead server, what of a crowd did, how soon it was back."""
    with Upstream(dead=True) as big, Upstream() as small:
        call = make(big, small)
        failed = 0
        for _ in range(200):
            failed += await _fails(call)
        one_by_one = big.reached
        await asyncio.sleep(REST + 0.2)
        before = big.reached
        failed += sum(await asyncio.gather(*(_fails(call) for _ in range(50))))
        crowd = big.reached - before
        big.dead = False
        mended = time.monotonic()
        while not big.answered_at and time.monotonic() < mended + 10 * REST:
            failed += await _fails(call)
            await asyncio.sleep(0.02)
        back = f"{big.answered_at[0] - mended:.2f} s" if big.answered_at else "not in 20 s"
        return [str(one_by_one), str(crowd), back, str(failed)]


async def _fails(call: Call) -> bool:
    try:
        await call()
    except Exception:  # noqa: BLE001 - whatever it is, the caller noticed
        return True
    return False


def main() -> None:
    """Measure, and print a table."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("BENCH_KEY", "bench")
    rows: dict[str, Callable[[Upstream, Upstream], Call]] = {
        "conductor-mw, min_calls 10, probes 3": ours,
        "LiteLLM Router, as it comes": litellm_router,
        "LiteLLM Router, allowed_fails 10": lambda big, small: litellm_router(
            big, small, allowed_fails=10
        ),
    }
    print("| | of 200 calls one by one | of 50 at once, when the rest is over | back | errors |")
    print("|---|---|---|---|---|")
    for name, make in rows.items():
        print(f"| {name} | {' | '.join(asyncio.run(scenario(make)))} |", flush=True)


if __name__ == "__main__":
    main()
