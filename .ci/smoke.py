"""Prove that an installed package works with no checkout around: run it with the new Python."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

POLICY = """\
agents:
  - {id: small, simulated: {answer: A small answer., seed: 1}}
  - {id: big, simulated: {answer: A big answer., seed: 1}}
routing:
  rules:
    - {id: pro, condition: "metadata.tier == 'pro'", target: big}
  default: small
"""
EXTRAS = ("langchain", "langchain_core", "langgraph", "litellm", "re2", "rich", "tiktoken")


def main(kind: str) -> None:
    """Decide, call and use the command line.

    Args:
        kind: `bare` where no extra may be installed, `all` where every extra must be.
    """
    found = [name for name in EXTRAS if find_spec(name) is not None]
    assert found == ([] if kind == "bare" else list(EXTRAS)), found

    import conductor_mw

    assert "site-packages" in conductor_mw.__file__, conductor_mw.__file__
    conductor = conductor_mw.Conductor.from_text(POLICY)
    decision = conductor.decide("Hello", metadata={"tier": "pro"})
    assert (decision.rule, decision.target) == ("pro", "big"), decision
    answer = conductor.call("Hello", metadata={"tier": "free"})
    assert (answer.text, answer.agent) == ("A small answer.", "small"), answer
    _langchain(kind)

    command = Path(sys.executable).with_name("conductor-mw")
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "conductor.yaml")
        policy.write_text(POLICY, encoding="utf-8")
        assert version("conductor-mw") in _run(command, "--version")
        _run(command, "check", str(policy))
        assert "big" in _run(command, "explain", str(policy), "Hello", "--metadata", "tier=pro")
        _run(command, "run", str(policy), "Hello", "--metadata", "tier=free")
    print(f"smoke test passed: {kind}, Python {sys.version.split()[0]}")


def _langchain(kind: str) -> None:
    """Ask a LangChain chat model, or read what it needs."""
    import conductor_mw_langchain

    assert "langchain_core" not in sys.modules
    if kind == "bare":
        try:
            said = str(conductor_mw_langchain.ConductorChatModel)
        except ImportError as error:
            said = str(error)
        assert "pip install 'conductor-mw[langchain]'" in said, said
        return
    model = conductor_mw_langchain.ConductorChatModel(policy=POLICY)
    assert model.invoke("Hello", {"metadata": {"tier": "pro"}}).text == "A big answer."


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(sys.argv[1])
