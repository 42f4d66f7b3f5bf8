"""What the pages about LangChain show is true: their code runs, block after block."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conductor_mw import Conductor
from tests.test_readme import blocks

pytest.importorskip("langgraph")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("langchain*.md"))


def on_each_page() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@on_each_page()
def test_the_python_blocks_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    write_the_files_of(text, tmp_path)
    namespace: dict[str, object] = {"__name__": page.stem}

    for number, block in enumerate(blocks(text, "python")):
        exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)

    assert "Conductor" in text


@on_each_page()
def test_the_policies_load(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8"), "yaml"):
        if re.search(r"^(agents|workflow):", block, re.MULTILINE):
            Conductor.from_text(block, simulate=True)


def write_the_files_of(text: str, folder: Path) -> None:
    """Write each YAML block that begins with `# <name>.yaml` to that file: its reader would."""
    for block in blocks(text, "yaml"):
        name = re.match(r"# ([\w-]+\.yaml)$", block, re.MULTILINE)
        if name is not None:
            (folder / name[1]).write_text(block, encoding="utf-8")
