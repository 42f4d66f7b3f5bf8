"""What calls at the same time spend of a small budget: ours beside LiteLLM Router's budgets.

`python -m benchmarks.budget_peers`. Both ask the same model through LiteLLM, which answers itself
after a moment (`mock_response`), for the same price and out of the same budget of $0.001. It prints
a table, and the exit code is 1 where we spent more than the budget.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from conductor_mw import Attempt, Conductor, Failure, Io, Part, Usage

CAP: Final = 0.001
MODEL: Final = "gpt-4o"
PROMPT: Final = "hello"
ANSWER: Final = "Good morning."
MOST: Final = 20
"""The longest answer: LiteLLM says of every mocked answer that it had 10 tokens in and 20 out."""
Call = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Spent:
    """What became of some calls.

    Attributes:
        admitted: how many were made.
        dollars: what they cost.
    """

    admitted: int
    dollars: float

    def row(self, name: str, calls: int) -> str:
        """Give a row of the table."""
        times = self.dollars / CAP
        return f"| {name} | {calls} | {self.admitted} | ${self.dollars:.6f} | {times:.2f} |"


class Mocked:
    """An agent that asks LiteLLM, as the other side does."""

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Ask, and tell the tokens."""
        litellm: Any = import_module("litellm")
        longest = attempt.request.parameters["max_tokens"]

        def ask() -> Awaitable[Any]:
            found: Awaitable[Any] = litellm.acompletion(
                model=f"openai/{MODEL}",
                messages=[{"role": "user", "content": attempt.request.text}],
                max_tokens=longest,
                mock_response=ANSWER,
                mock_delay=0.05,
            )
            return found

        answer = await Io(_nobody, ask)
        tokens = answer.usage
        usage = Usage(tokens.prompt_tokens, tokens.completion_tokens)
        yield Part(answer.choices[0].message.content, usage=usage, finish="stop")


def _nobody() -> Any:
    raise RuntimeError("only async callers are measured")


def ours() -> Call:
    """Give a call through a conductor with a budget."""
    conductor = Conductor.from_text(
        f"""
agents: [{{id: model, price: {{input: 2.5, output: 10}}, max_output_tokens: {MOST}}}]
routing: {{default: model}}
plugins: {{budget: {{dollars: {CAP}, every: day}}}}
""",
        agents={"model": Mocked()},
    )

    async def call() -> float:
        answer = await conductor.acall(PROMPT)
        assert answer.cost is not None
        return answer.cost.dollars

    return call


def litellm_router() -> Call:
    """Give a call through LiteLLM's Router with a budget of its provider."""
    litellm: Any = import_module("litellm")
    parameters = {
        "model": f"openai/{MODEL}",
        "api_key": "bench",
        "mock_response": ANSWER,
        "mock_delay": 0.05,
        "max_tokens": MOST,
    }
    router = litellm.Router(
        model_list=[{"model_name": "model", "litellm_params": parameters}],
        provider_budget_config={"openai": {"budget_limit": CAP, "time_period": "1d"}},
        num_retries=0,
    )

    async def call() -> float:
        messages = [{"role": "user", "content": PROMPT}]
        answer = await router.acompletion(model="model", messages=messages)
        return float(litellm.completion_cost(answer, model=MODEL))

    return call


async def at_once(make: Callable[[], Call], calls: int) -> Spent:
    """Make calls at the same time, and give what they spent."""
    call = make()
    return _spent(await asyncio.gather(*(call() for _ in range(calls)), return_exceptions=True))


async def one_by_one(make: Callable[[], Call], calls: int) -> Spent:
    """Make calls one after another, and give what they spent."""
    call = make()
    found: list[float | BaseException] = []
    for _ in range(calls):
        found += await asyncio.gather(call(), return_exceptions=True)
        await asyncio.sleep(0.05)  # LiteLLM counts what was spent after it answered
    return _spent(found)


def _spent(found: Sequence[float | BaseException]) -> Spent:
    costs = [one for one in found if not isinstance(one, BaseException)]
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Failure | ValueError):
            raise one  # LiteLLM says with a ValueError or a rate limit that a budget is empty
    return Spent(len(costs), sum(costs))


MAKERS: Final[Mapping[str, tuple[str, Callable[[], Call]]]] = {
    "ours": ("conductor-mw", ours),
    "litellm": ("LiteLLM Router, `provider_budget_config`", litellm_router),
}
HOW: Final = {"at once": at_once, "one by one": one_by_one}
RUNS: Final = (("at once", 50), ("at once", 30), ("one by one", 30))


def measured(who: str, how: str, calls: int) -> Spent:
    """Give what some calls spent, in a process of its own: LiteLLM's counts outlive its Router."""
    found = subprocess.run(  # noqa: S603 - this very file, with arguments from above
        [sys.executable, "-m", "benchmarks.budget_peers", who, how, str(calls)],
        check=True,
        capture_output=True,
        text=True,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", **os.environ},
    )
    admitted, dollars = json.loads(found.stdout.splitlines()[-1])
    return Spent(admitted, dollars)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table."""
    logging.disable(logging.WARNING)
    if arguments:
        whose, way, count = arguments
        spent = asyncio.run(HOW[way](MAKERS[whose][1], int(count)))
        print(json.dumps([spent.admitted, spent.dollars]))
        return 0
    print(f"| budget ${CAP} | calls | made | spent | times the budget |")
    print("|---|---|---|---|---|")
    good = True
    for who, (name, _) in MAKERS.items():
        if find_spec("litellm") is None:
            print("(LiteLLM is not installed: there is nobody to measure beside)", file=sys.stderr)
            return 0
        for how, calls in RUNS:
            found = measured(who, how, calls)
            print(found.row(f"{name}, {how}", calls), flush=True)
            good = good and (who != "ours" or found.dollars <= CAP)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
