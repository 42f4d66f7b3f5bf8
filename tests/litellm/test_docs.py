"""What the pages about LiteLLM show is true: their code runs, block after block."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import litellm
import pytest
import yaml
from conductor_mw_litellm import uninstall
from conductor_mw_litellm.policies import POLICIES

from conductor_mw import Conductor, Facts
from tests.litellm import proxies
from tests.test_readme import blocks

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("litellm*.md"))
PROXY = DOCS / "litellm-proxy.md"

pytestmark = pytest.mark.usefixtures("litellm_loop")


def on_each(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.stem)


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a page change what LiteLLM and this process know, until it is read."""
    monkeypatch.setattr(litellm, "custom_provider_map", [])
    monkeypatch.setattr(litellm, "model_alias_map", {})
    monkeypatch.setattr(POLICIES, "_known", {})
    monkeypatch.setattr(POLICIES, "_read", None)
    before = dict(os.environ)
    yield
    uninstall()
    os.environ.clear()
    os.environ.update(before)


@on_each([page for page in PAGES if page != PROXY])
def test_the_python_blocks_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    write_the_files_of(text, tmp_path)

    run(page, text)


@pytest.mark.skipif(not find_spec("fastapi"), reason="the extra litellm-proxy is absent")
def test_a_proxy_with_the_files_of_its_page_answers_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PROXY.read_text(encoding="utf-8")
    write_the_files_of(text, tmp_path)
    config = yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))
    monkeypatch.setenv("LITELLM_MASTER_KEY", proxies.MASTER)

    with proxies.proxy(tmp_path, config, {}) as running:
        assert "http://127.0.0.1:4000" in text
        run(PROXY, text.replace("http://127.0.0.1:4000", running.url))


@on_each(PAGES)
def test_the_policies_load(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8"), "yaml"):
        if re.search(r"^(agents|workflow):", block, re.MULTILINE):
            Conductor.from_text(block, simulate=True, signals={"cooling": nothing_cools})


def run(page: Path, text: str) -> None:
    namespace: dict[str, Any] = {"__name__": page.stem}
    for number, block in enumerate(blocks(text, "python")):
        exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)
    assert "litellm" in namespace or "openai" in namespace


def write_the_files_of(text: str, folder: Path) -> None:
    """Write each YAML block that begins with `# <name>.yaml` to that file: its reader would."""
    for block in blocks(text, "yaml"):
        name = re.match(r"# ([\w-]+\.yaml)$", block, re.MULTILINE)
        if name is not None:
            (folder / name[1]).write_text(block, encoding="utf-8")


def nothing_cools(facts: Facts) -> list[str]:
    del facts
    return []
