"""Others that choose among many: each gives a function that decides about one request.

Each loads only where it is measured, and by its name: none of them has complete types.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .policies import Case, Facts

Decide = Callable[[], object]


def common_expression_language(case: Case) -> Decide:
    """Try the conditions in turn with the Rust engine; the facts are converted once a request."""
    cel: Any = import_module("cel")

    programs = [cel.compile(_plain(one)) for one in case.conditions]
    facts = dict(case.facts)

    def decide() -> int:
        context = cel.Context(facts)
        return next(at for at, one in enumerate(programs) if one.execute(context))

    return decide


def cel_expr_python(case: Case) -> Decide:
    """Try the conditions in turn with Google's C++ engine; the facts are converted once."""
    cel: Any = import_module("cel_expr_python.cel")

    kinds = {"input": cel.Type.DYN, **dict.fromkeys(("tier", "region", "tenant"), cel.Type.STRING)}
    env = cel.NewEnv(variables=kinds)
    programs = [env.compile(_plain(one)) for one in case.conditions]
    facts = dict(case.facts)

    def decide() -> int:
        activation = env.Activation(facts)
        return next(at for at, one in enumerate(programs) if one.eval(activation).value())

    return decide


def runnable_branch(case: Case) -> Decide:
    """Ask LangChain's branch with as many conditions, written as Python functions."""
    runnables: Any = import_module("langchain_core.runnables")

    count = len(case.conditions)

    def condition(at: int) -> Callable[[Facts], bool]:
        return lambda facts: facts["input"]["chars"] > (3 if at == count - 1 else 1_000_000 + at)

    target = runnables.RunnableLambda(_target)
    branch = runnables.RunnableBranch(*((condition(at), target) for at in range(count)), target)
    facts = case.facts
    return lambda: branch.invoke(facts)


def litellm_router(case: Case) -> Decide:
    """Ask LiteLLM's Router for a deployment of the last of as many model groups."""
    # Without this, importing LiteLLM asks its price list from the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm: Any = import_module("litellm")

    groups = [
        {
            "model_name": f"group-{n}",
            "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "-"},
        }
        for n in range(len(case.conditions))
    ]
    router = litellm.Router(model_list=groups)
    last, messages = f"group-{len(groups) - 1}", case.messages
    # LiteLLM 1.109 calls it `select`.
    select = getattr(router, "select", None) or router.get_available_deployment
    return lambda: select(model=last, messages=messages)


def _target(facts: Facts) -> object:
    return facts["tier"]


def _plain(condition: str) -> str:
    r"""Give a condition as the policy's YAML reader reads it: `\\b` in double quotes is `\b`."""
    return condition.replace("\\\\", "\\")
