"""Every example of examples/gateways runs, in four ways, against stand-ins of what it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_mw import Answer, Conductor, Failure
from conductor_mw.money import Money
from conductor_mw.testing import WAYS, Way, ask

pytest.importorskip("litellm", reason="needs the extra litellm")

from tests.cli_documents import BLOCK, replayed
from tests.provider.gateways import Gateways

pytestmark = pytest.mark.usefixtures("litellm_loop")

FOLDER = Path(__file__).parents[2] / "examples" / "gateways"
POLICIES = sorted(FOLDER.glob("*.yaml"))
OF_ONE_CALL = Money(1_000 * 150 + 100 * 600)
"""1,000 tokens in at 0.15 and 100 out at 0.60 dollars per million."""


@pytest.fixture
def gateways(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateways]:
    """Give the stand-ins, and name them in the environment as the examples do."""
    with Gateways() as found:
        for name, value in {
            "AI_GATEWAY": f"{found.url}/cloudflare", "AI_GATEWAY_TOKEN": "of-the-gateway",
            "OPENAI_API_KEY": "of-openai", "OPENAI_BASE_URL": f"{found.url}/direct/v1",
            "PORTKEY_URL": f"{found.url}/portkey/v1", "PORTKEY_API_KEY": "of-portkey",
            "MLFLOW_URL": f"{found.url}/mlflow", "MLFLOW_CREDENTIALS": "bWU6bWU=",
            "AZURE_API_BASE": f"{found.url}/foundry", "AZURE_API_KEY": "of-azure",
            "FUGU_URL": f"{found.url}/fugu/v1", "FUGU_API_KEY": "of-sakana",
            "OLLAMA_URL": f"{found.url}/local/v1", "VLLM_URL": f"{found.url}/local/v1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield found


def asked(name: str, prompt: str, way: Way, **options: str) -> Answer:
    return ask(Conductor(FOLDER / f"{name}.yaml", **options), prompt, way=way)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_it_loads_without_a_warning_and_stands_on_the_page(path: Path) -> None:
    assert Conductor(path).policy.warnings == ()
    assert f"[{path.name}]({path.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_page_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER.parents[1])
    monkeypatch.setenv("COLUMNS", "100")
    blocks = list(BLOCK.finditer((FOLDER / "README.md").read_text(encoding="utf-8")))

    assert [replayed(block) for block in blocks] == [block.group(0) for block in blocks] != []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["cloudflare", "portkey"])
def test_what_a_gateway_had_in_its_cache_costs_nothing(
    name: str, way: Way, gateways: Gateways
) -> None:
    first, second = asked(name, "Hello", way), asked(name, "Hello", way)

    assert first.text == second.text
    assert (first.cost, first.attempts[0].by) == (OF_ONE_CALL, "")
    assert (second.cost, second.attempts[0].by) == (Money(), "gateway")
    assert len(gateways.asked) == 2
    assert len(gateways.worked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_cloudflare_is_told_how_long_it_may_keep_and_how_long_it_may_take(
    way: Way, gateways: Gateways
) -> None:
    asked("cloudflare", "Hello", way)

    (one,) = gateways.asked
    assert one.headers["cf-aig-cache-ttl"] == "3600"
    assert one.headers["cf-aig-max-attempts"] == "1"
    assert one.headers["authorization"] == "Bearer of-openai"
    assert 10_000 < int(one.headers["cf-aig-request-timeout"]) <= 20_000


@pytest.mark.parametrize("way", WAYS)
def test_an_environment_goes_past_the_gateway_or_without_its_cache(
    way: Way, gateways: Gateways
) -> None:
    for environment in ("laptop", "staging", "staging"):
        assert asked("cloudflare", "Hello", way, environment=environment).cost == OF_ONE_CALL

    direct, *staged = gateways.asked
    assert direct.path.startswith("/direct/")
    assert not [name for name in direct.headers if name.startswith("cf-")]
    assert len(staged) == 2
    assert all("cf-aig-cache-ttl" not in one.headers for one in staged)
    assert len(gateways.worked) == 3


@pytest.mark.parametrize("way", WAYS)
def test_mlflow_is_asked_for_one_of_its_endpoints(way: Way, gateways: Gateways) -> None:
    answer = asked("mlflow", "Hello", way)

    assert answer.cost == OF_ONE_CALL
    assert gateways.asked[0].headers["authorization"] == "Basic bWU6bWU="
    assert gateways.asked[0].body["model"] == "shop-chat"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("prompt", "model", "nano"),
    [
        ("Hello", "gpt-5-mini-2025-08-07", 1_000 * (140 + 250) + 100 * 2_000),
        ("A hard one", "gpt-5-2025-08-07", 1_000 * (140 + 1_250) + 100 * 10_000),
        ("A strange one", "grok-9", None),
        ("A hostile one", "", None),
        ("An endless one", "", None),
    ],
)
def test_the_model_that_a_router_names_decides_what_it_cost(
    prompt: str, model: str, nano: int | None, way: Way, gateways: Gateways
) -> None:
    answer = asked("foundry", prompt, way)

    assert answer.attempts[0].model == model
    assert answer.attempts[0].cost == (None if nano is None else Money(nano))
    assert answer.cost == answer.attempts[0].cost
    assert answer.provenance.attempts[0].model == model
    assert [one.path for one in gateways.asked] == gateways.worked


def test_a_routers_dearest_model_is_what_a_guarantee_weighs(gateways: Gateways) -> None:
    # The bytes of the prompt at 1.39 and 4,000 tokens at 10 dollars per million: 0.04 and more.
    text = (FOLDER / "foundry.yaml").read_text(encoding="utf-8")
    narrow = Conductor.from_text(text.replace("dollars: 0.05", "dollars: 0.04"))

    with pytest.raises(Failure, match="it could cost"):
        narrow.call("Hello")
    assert gateways.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_the_tokens_of_fugus_own_agents_are_billed(way: Way, gateways: Gateways) -> None:
    answer = asked("fugu", "Hello", way)

    # 7,000 read, 2,000 of them from a cache at a tenth of the price; 1,100 written.
    assert answer.cost == Money(5_000 * 5_000 + 2_000 * 500 + 1_100 * 30_000)
    assert answer.usage.input_tokens == 7_000
    assert gateways.worked == ["/fugu/v1/chat/completions"]


@pytest.mark.parametrize("way", WAYS)
def test_a_local_server_needs_no_key_and_costs_nothing(way: Way, gateways: Gateways) -> None:
    answer = asked("local", "Hello", way)

    assert (answer.agent, answer.cost) == ("ollama", Money())
    assert re.match("Hello from llama3.1", answer.text)
    assert gateways.worked == ["/local/v1/chat/completions"]
