"""The proxy that the tests share: its models, its policies, and a provider behind both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anthropic
import httpx
import openai

from tests.litellm import proxies
from tests.provider.server import Provider

SIDE: Final = Path(__file__).with_name("proxy_side.py")
ANY: Final = "sk-any"
HI: Final = [{"role": "user", "content": "hi"}]

MAIN: Final = """
workflow: {name: main}
agents:
  - {id: small, model: openai/small-1, PLACE, PRICE}
  - {id: large, model: openai/large-1, PLACE}
  - {id: limited, model: openai/limited-1, PLACE, PRICE}
  - {id: silent, model: openai/silent-1, PLACE, PRICE}
signals:
  to: {from: metadata.to, type: string, default: ""}
  team: {from: metadata.user_api_key_team_id, type: string, default: ""}
  key: {from: metadata.user_api_key, type: string, default: ""}
guarantees: [{never: {when: "to == 'forbidden'", agents: [small]}}]
routing:
  rules:
    - {id: vip, condition: "team == 'vip' || key == 'forged'", target: large}
    - {id: large, condition: "to == 'large'", target: large}
    - {id: second, condition: "to == 'second'", target: {fallback: [limited, small]}}
    - {id: limited, condition: "to == 'limited'", target: limited}
    - {id: silent, condition: "to == 'silent'", target: {fallback: [silent, small]}}
  default: small
"""
HOP: Final = """
workflow: {name: hop}
agents:
  - {id: little, model: small}
  - {id: much, model: large}
signals: {to: {from: metadata.to, type: string, default: ""}}
guarantees: [{never: {when: "to == 'forbidden'", agents: [little]}}]
routing:
  rules:
    - {id: hard, condition: "to == 'large'", target: much}
    - {id: two, condition: "to == 'two'", target: {fallback: [much, little]}}
  default: little
"""
MONEY: Final = """
workflow: {name: money}
agents:
  - {id: small, model: openai/small-1, PLACE, PRICE, max_output_tokens: 100}
  - {id: lingering, model: openai/lingering-1, PLACE, PRICE, max_output_tokens: 100}
signals:
  to: {from: metadata.to, type: string, default: ""}
  tenant: {from: metadata.tenant, type: string, default: ""}
plugins: {budget: {per: tenant, dollars: 0.001, every: day}}
routing:
  rules: [{condition: "to == 'lingering'", target: lingering}]
  default: small
"""
LIVE: Final = """
workflow: {name: live}
agents: [{id: first, model: openai/small-1, PLACE}]
routing: {default: first}
"""
BOOKS: Final = """
workflow: {name: books}
agents:
  - {id: direct, model: openai/ledger-1, PLACE, PRICE}
  - {id: grouped, model: journal, PRICE}
routing: {default: {sequence: [direct, grouped]}}
"""
POLICIES: Final = {"main": MAIN, "hop": HOP, "money": MONEY, "live": LIVE, "books": BOOKS}


@dataclass(frozen=True)
class Served:
    """A proxy with policies, and the provider that their agents ask.

    Attributes:
        proxy: the process.
        provider: what it asks.
    """

    proxy: proxies.Proxy
    provider: Provider

    def write(self, name: str, text: str) -> None:
        """Put a policy's new version in the place of the one before."""
        fresh = self.proxy.folder / f"{name}.new"
        fresh.write_text(self.placed(text))
        fresh.replace(self.proxy.folder / f"{name}.yaml")

    def placed(self, text: str) -> str:
        """Say in a policy where the provider is."""
        return _placed(text, self.provider)

    @property
    def logged(self) -> list[dict[str, Any]]:
        """What the proxy logged, oldest first."""
        path = self.proxy.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def http(self, key: str = ANY) -> httpx.Client:
        """Give a client that shows everything."""
        return httpx.Client(
            base_url=self.proxy.url, headers={"authorization": f"Bearer {key}"}, timeout=60
        )

    # The clients' own types know every form of every answer; tests read the one that they expect.

    def openai(self, key: str = ANY) -> Any:
        return openai.OpenAI(base_url=f"{self.proxy.url}/v1", api_key=key, max_retries=0)

    def async_openai(self, key: str = ANY) -> Any:
        return openai.AsyncOpenAI(base_url=f"{self.proxy.url}/v1", api_key=key, max_retries=0)

    def anthropic(self, key: str = ANY) -> Any:
        return anthropic.Anthropic(base_url=self.proxy.url, api_key=key, max_retries=0)

    def async_anthropic(self, key: str = ANY) -> Any:
        return anthropic.AsyncAnthropic(base_url=self.proxy.url, api_key=key, max_retries=0)


@contextmanager
def serving(folder: Path) -> Generator[Served]:
    """Start the provider and the proxy, and end both."""
    with Provider() as provider:
        shutil.copy(SIDE, folder / "side.py")
        for name, text in POLICIES.items():
            (folder / f"{name}.yaml").write_text(_placed(text, provider))
        env = {
            "CONDUCTOR_POLICIES": ",".join(f"{name}={name}.yaml" for name in POLICIES),
            "CONDUCTOR_PROXY_MODELS": "smart=hop, gpt-4o=hop",
            "CONDUCTOR_RELOAD_EVERY": "0.05",
            "UPSTREAM_KEY": "sk-upstream",
        }
        with proxies.proxy(folder, _config(provider), env) as running:
            yield Served(running, provider)


def _placed(text: str, provider: Provider) -> str:
    place = f"base_url: '{provider.url}/v1', api_key: '${{env:UPSTREAM_KEY}}'"
    return text.replace("PLACE", place).replace("PRICE", "price: {input: 1, output: 2}")


def _config(provider: Provider) -> dict[str, Any]:
    groups = {"support": "main", "smart": "hop"} | {
        name: name for name in ("money", "live", "books")
    }
    models = {"gpt-4o": "large-1"} | {name: f"{name}-1" for name in ("small", "large", "journal")}
    place = {"api_base": f"{provider.url}/v1", "api_key": "sk-upstream"}
    return {
        "model_list": [
            *({"model_name": name, "litellm_params": {"model": f"conductor/{policy}"}}
              for name, policy in groups.items()),
            *({"model_name": name, "litellm_params": {"model": f"openai/{model}", **place}}
              for name, model in models.items()),
        ],
        "litellm_settings": {
            "callbacks": ["conductor_mw_litellm.proxy_callback", "side.keeping"],
            "custom_provider_map": [
                {"provider": "conductor", "custom_handler": "conductor_mw_litellm.handler"}
            ],
            "enable_post_custom_auth_checks": True,
        },
        "general_settings": {
            "custom_auth": "side.authenticate", "custom_auth_run_common_checks": True,
        },
    }  # fmt: skip
