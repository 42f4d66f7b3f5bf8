"""A LiteLLM app whose policy says which model answers; no call site knows of it.

python app.py           simulated models: no key, no network
python app.py --real    OpenAI, Anthropic and Ollama, with your keys
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from conductor_mw_litellm import install

install(  # the one line; litellm is imported after it, or before
    Path(__file__).with_name("conductor.yaml"),
    aliases={"gpt-4o": "main"},
    environment="real" if "--real" in sys.argv else None,
)

from litellm import completion  # noqa: E402 - see above

ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("When do you open?", {}),
    ("Why do invoices 17 and 18 differ? Reason step by step.", {"tier": "pro"}),
    ("What does Ada earn?", {"salary": True}),
)


def ask(question: str, metadata: dict[str, Any]) -> Any:
    """Ask as the app always did."""
    return completion(
        model="gpt-4o", messages=[{"role": "user", "content": question}], metadata=metadata
    )


def stream(question: str) -> str:
    """Read chunk by chunk as the app always did."""
    messages = [{"role": "user", "content": question}]
    chunks = completion(model="gpt-4o", messages=messages, stream=True)
    return "|".join(filter(None, (chunk.choices[0].delta.content for chunk in chunks)))


def main() -> None:
    """Ask, and print who answered, by which rule, and for how much."""
    for question, metadata in ASKED:
        print(f"? {question} {metadata or ''}".rstrip())
        response = ask(question, metadata)
        hidden: dict[str, Any] = response._hidden_params  # noqa: SLF001 - LiteLLM's place for it
        told = {
            name.removeprefix("llm_provider-x-conductor-"): value
            for name, value in hidden["additional_headers"].items()
        }
        print(f"  {told.get('rule') or 'default'} -> {told['target']}: {told['agent']}", end="; ")
        print(f"${hidden['response_cost']:.6f}")
        print(f"! {response.choices[0].message.content}")
    print(f"? When do you close? (streamed)\n! {stream('When do you close?')}")


if __name__ == "__main__":
    main()
