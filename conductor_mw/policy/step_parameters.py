"""Check the parameters that steps of flows set: no keys, and nothing that goes past the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from conductor_mw.policy.agents import check_parameters, check_secrets
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.tree import Loc


def check_step_parameters(draft: Draft) -> None:
    """Look through every flow, with a name or in place; findings go to the draft."""
    file = draft.file
    trees: list[tuple[Loc, object]] = [(("flows",), file.flows)]
    if file.routing is not None:
        routing = file.routing
        trees.append((("routing", "default"), routing.default))
        trees.append((("routing", "fallback"), routing.fallback))
        for position, rule in enumerate(routing.rules):
            trees.append((("routing", "rules", position, "target"), rule.target))
            trees.append((("routing", "rules", position, "fallback"), rule.fallback))
    if file.workflow is not None and file.workflow.routing is not None:
        table = file.workflow.routing
        trees.append((("workflow", "routing", "route"), table.route))
        trees.append((("workflow", "routing", "default"), table.default))
    for position, agent in enumerate(file.agents):  # whom an agent's scorers ask may be a flow
        trees.append((("agents", position, "score"), agent.score))
    for at, tree in trees:
        for where, parameters in _parameters(tree, at):
            check_secrets(draft, parameters, where)
            check_parameters(draft, parameters, where)


def _parameters(tree: object, at: Loc) -> Iterator[tuple[Loc, Mapping[str, Any]]]:
    """Yield what stands below `parameters:`, and every entry of a `with:`."""
    waiting: list[tuple[Loc, object]] = [(at, tree)]
    while waiting:
        where, found = waiting.pop()
        if isinstance(found, list):
            waiting += [((*where, n), one) for n, one in enumerate(cast("list[object]", found))]
        elif isinstance(found, dict):
            for key, value in cast("dict[str, object]", found).items():
                below = (*where, key)
                if key == "parameters" and isinstance(value, dict):
                    yield below, cast("dict[str, Any]", value)
                elif key == "with" and isinstance(value, list):
                    for n, one in enumerate(cast("list[object]", value)):
                        if isinstance(one, dict):
                            yield (*below, n), cast("dict[str, Any]", one)
                elif key not in ("output", "json_schema"):  # a schema may have such a property
                    waiting.append((below, value))
