"""The policy file: read it, check it, compile it into an immutable `Policy`."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from conductor_mw.plugins import Plugins, installed
from conductor_mw.policy.collector import resting
from conductor_mw.policy.compile import compile_policy
from conductor_mw.policy.guarantees import AtMost, Guarantees, Never
from conductor_mw.policy.include import path_beside, read_file
from conductor_mw.policy.loading import load_document
from conductor_mw.policy.own import own_names
from conductor_mw.policy.policy import LayerUse, Policy, Rule
from conductor_mw.policy.rollout import Beside, Rollout
from conductor_mw.policy.schema import json_schema

__all__ = [
    "AtMost",
    "Guarantees",
    "LayerUse",
    "Never",
    "Policy",
    "Rollout",
    "Rule",
    "json_schema",
    "load",
    "load_text",
]

_NO_SIGNALS: Mapping[str, Callable[..., object]] = MappingProxyType({})


def load(
    path: str | Path,
    *,
    root: Path | None = None,
    env: Mapping[str, str] | None = None,
    environment: str | None = None,
    plugins: Plugins | None = None,
    app_signals: Mapping[str, Callable[..., object]] = _NO_SIGNALS,
    bound: Collection[str] = (),
) -> Policy:
    """Give the compiled policy of a file.

    Args:
        path: the file; its includes are looked for beside it.
        root: the folder that includes must stay in; without it the folder of each including file.
        env: the environment variables to read; the process's own without it.
        environment: the name below `environments:` to apply; `CONDUCTOR_ENV` says it without this.
        plugins: the registries to compile against; everything installed without it.
        app_signals: Python functions for signals with `function:`, by name.
        bound: ids of agents to which the app binds an object.

    Raises:
        PolicyError: the policy cannot be used as written; `.findings` holds every reason.
        ConductorError: the file cannot be read.
    """
    path = Path(path)
    return load_text(
        read_file(path),
        file=str(path),
        base=path.parent,
        root=root,
        env=env,
        environment=environment,
        plugins=plugins,
        app_signals=app_signals,
        bound=bound,
    )


def load_text(
    text: str | bytes,
    *,
    file: str = "<policy>",
    base: Path | None = None,
    root: Path | None = None,
    env: Mapping[str, str] | None = None,
    environment: str | None = None,
    plugins: Plugins | None = None,
    app_signals: Mapping[str, Callable[..., object]] = _NO_SIGNALS,
    bound: Collection[str] = (),
) -> Policy:
    """Give the compiled policy of a text; arguments as for `load`.

    Args:
        text: the policy as YAML, in UTF-8 if it is bytes.
        file: the name that findings show.
        base: the folder in which includes are looked for; without it there can be none.
        root: the folder that includes must stay in; without it the folder of each including file.
        env: the environment variables to read; the process's own without it.
        environment: the name below `environments:` to apply.
        plugins: the registries to compile against.
        app_signals: Python functions for signals with `function:`, by name.
        bound: ids of agents to which the app binds an object.

    Raises:
        PolicyError: the policy cannot be used as written; `.findings` holds every reason.

    >>> policy = load_text('''
    ... agents: [{id: small, simulated: Hello}, {id: large, simulated: Good day}]
    ... routing:
    ...   rules: [{condition: input.tokens > 500, target: large}]
    ...   default: small
    ... ''')
    >>> policy.rules[0].id, policy.rules[0].target, policy.default
    ('#0', 'large', 'small')
    """
    env = os.environ if env is None else env
    plugins = plugins or installed()

    def compiled(
        text: str | bytes,
        file: str,
        base: Path | None,
        beside: Beside | None,
        bound: Collection[str],
    ) -> Policy:
        with resting(len(text)):
            loaded = load_document(
                text,
                file=file,
                base=base,
                root=root,
                environment=environment,
                env=env,
                own=own_names(plugins),
            )
            return compile_policy(
                loaded, plugins, env=env, app_signals=app_signals, bound=bound, beside=beside
            )

    def named(name: str) -> Policy:
        folder = base or Path()
        path = path_beside(name, file, folder, root)
        shown = str(Path(file).parent / name)
        return compiled(read_file(path), shown, path.parent, None, ())

    return compiled(text, file, base, None if base is None else named, bound)
