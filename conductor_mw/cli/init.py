"""`conductor-mw init`: a small policy to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from conductor_mw.errors import ConductorError

from . import console
from .arguments import unreadable
from .command import Command

NAME: Final = "conductor.yaml"
_QUESTION: Final = "Solve 3x + 5 = 20, step by step."

POLICY: Final = """\
# A routing policy: it says which agent answers which request, and what must never happen.
workflow: {name: my-app}

signals:
  # What your app says about a request: c.call("...", metadata={"tier": "pro"}).
  tier: {from: metadata.tier, type: string, one_of: [free, pro], default: free}

agents:
  # Simulated agents need no key and no network. To go live, replace `simulated:` by a model's
  # LiteLLM name, for example `model: openai/gpt-4o-mini`.
  - id: small
    price: {input: 0.15, output: 0.60}    # dollars per million tokens
    simulated: {answer: "You will find that under Settings.", latency: 120ms}
  - id: large
    price: {input: 3.00, output: 15.00}
    timeout: 30s
    simulated: {answer: "Let us go through this step by step.", latency: 600ms}

routing:
  # The first rule whose condition is true decides.
  rules:
    - id: free-tier
      condition: tier == 'free'
      target: small
    - id: hard-questions
      condition: input.type in ['reasoning', 'math', 'code'] || input.tokens > 2000
      target: large
      # Who answers when the target failed in one of these ways.
      fallback: {timeout: small, rate_limit: small}
  default: small

guarantees:
  # Checked before every single call, whatever the rules say.
  - never: {when: "tier == 'free'", agents: [large]}
  - at_most: {calls: 3, seconds: 60}
"""


@click.command(
    cls=Command,
    epilog="""
  conductor-mw init
  conductor-mw init my-app""",
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a small policy to begin with.

    It has two simulated agents, two rules and a guarantee. A conductor.yaml that is there already
    is left alone.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(POLICY)
    except FileExistsError as error:
        raise ConductorError(
            "is there already, and stays as it is", where=path,
            mend="give another folder: conductor-mw init DIR",
        ) from error  # fmt: skip
    except (OSError, ValueError) as error:
        raise unreadable(error, path, "written") from error
    shown = console.harmless(str(path))
    console.say(f"wrote {shown}\n\nNext:")
    console.say(f"  conductor-mw check {shown}")
    console.say(f'  conductor-mw explain {shown} "{_QUESTION}" --metadata tier=pro')
