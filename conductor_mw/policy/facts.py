"""Gather every signal that a policy may read: built in, of plugins, and declared in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from conductor_mw.errors import ConductorError, PluginError
from conductor_mw.policy.document import SIGNAL_PATTERN
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.validation import shown
from conductor_mw.rules import DYN, Scope, Type
from conductor_mw.signals import Facts, Signal, TokenCounter, policy_signals, token_counter
from conductor_mw.signals.declared import Declaration, declare
from conductor_mw.signals.reading import chains
from conductor_mw.signals.shapes import MISSING

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FEW: Final = 100
_NAME: Final = re.compile(SIGNAL_PATTERN)
_ELSEWHERE: Final = {
    "answer": "there is no answer yet where a request is decided",
    "steps": "there are no steps yet where a request is decided",
}


def gather_signals(
    draft: Draft, agents: Iterable[str], env: Mapping[str, str]
) -> dict[str, Signal]:
    """Give every signal by name, and set the draft's scope; findings go to the draft."""
    signals = dict(draft.plugins.signals.items())
    signals |= _of_layers(draft)
    made = policy_signals(agents=agents, env=env, zone=_zone(draft), counter=_counter(draft))
    signals |= {signal.name: signal for signal in made}
    draft.scope = scope_of(signals)
    content = frozenset(name for name, signal in signals.items() if signal.content)
    taken = frozenset(name.partition(".")[0] for name in signals)
    signals |= _declared(draft, taken, content)
    draft.scope = scope_of(signals)
    return signals


def _of_layers(draft: Draft) -> dict[str, Signal]:
    """Give the signals that the options of the named layers bring."""
    found: dict[str, Signal] = {}
    for name, use in draft.layers.items():
        give: Callable[[], Iterable[Signal]] | None = getattr(use.options, "signals", None)
        if give is None:
            continue
        try:
            found |= {signal.name: signal for signal in give()}
        except ConductorError as error:
            draft.find(("plugins", name), "layer", error.problem, error.mend)
    return found


def _zone(draft: Draft) -> tzinfo:
    name = draft.file.time_zone
    if name == "UTC":
        return UTC  # also on a machine without a time zone database
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        mend = Nearest(name, available_timezones())
        draft.find(("time_zone",), "unknown-name", f"no time zone {shown(name)}", mend)
        return UTC


def _counter(draft: Draft) -> TokenCounter:
    try:
        return token_counter(draft.file.tokens)
    except PluginError as error:
        draft.find(("tokens",), "missing-plugin", error.problem, error.mend)
        return token_counter("estimate")


def _declared(draft: Draft, taken: frozenset[str], content: frozenset[str]) -> dict[str, Signal]:
    built_in = draft.scope

    def compile_one(
        name: str, text: str, wanted: Type | None, known: Mapping[str, Type]
    ) -> tuple[Type, Callable[[Facts], object]] | None:
        # Only what it reads: a thousand signals in each of a thousand scopes would take a minute.
        read = {one: known[one] for one in chains(text) if one in known}
        all_known = known if len(known) < _FEW else read
        draft.scope = Scope({**built_in.facts, **all_known}, built_in.eager, built_in.absent)
        found = draft.expression(text, ("signals", name, "expr"), wanted or DYN)
        if found is None:
            return None
        type_ = wanted or found.node.type
        draft.declared[name] = [found.canonical, str(type_), _sorted(draft, name)]
        return type_, found.evaluate

    def refuse(name: str, key: str, problem: str, mend: str) -> None:
        at = ("signals", name, key) if key else ("signals", name)
        draft.find(at, "signal", problem, mend)

    entries: dict[str, Declaration] = {}
    for name, entry in draft.file.signals.items():
        if not _NAME.fullmatch(name):
            draft.find(
                ("signals", name),
                "wrong-value",
                f"{shown(name)} is not a name",
                "use small letters, digits and '_', and begin with a letter",
                key=True,
            )
            continue
        default = [entry.default] if "default" in entry.model_fields_set else []
        kind = entry.type or "string"
        draft.declared[name] = [
            *(entry.from_, entry.function, kind, _sorted(draft, name), default),
            *_asking(draft, name),
        ]
        entries[name] = Declaration(
            source=entry.from_,
            expr=entry.expr,
            function=entry.function,
            ask=entry.ask,
            worker=entry.worker,
            type=entry.type,
            one_of=entry.one_of,
            default=entry.default if "default" in entry.model_fields_set else MISSING,
            doc=entry.doc,
        )
    return declare(
        entries,
        functions=draft.app_signals,
        taken=taken,
        compile_expression=compile_one,
        refuse=refuse,
        content=content,
    )


def _asking(draft: Draft, name: str) -> list[object]:
    """Give what the fingerprint holds of a paid signal beside what every signal has."""
    entry = draft.file.signals[name]
    if entry.ask is None and entry.worker is None:
        return []
    # A worker's options and labels are in the fingerprint of its agent. The question lists the
    # values in their order.
    return ["ask", entry.ask, entry.prompt or "", list(entry.one_of or ())]


def _sorted(draft: Draft, name: str) -> list[object]:
    return sorted(draft.file.signals[name].one_of or [], key=repr)


def scope_of(signals: dict[str, Signal]) -> Scope:
    """Give the types of signals, as conditions are checked against them."""
    return Scope(
        {name: signal.type for name, signal in signals.items()},
        frozenset(name for name, signal in signals.items() if signal.eager),
        _ELSEWHERE,
    )


def allowed_env(draft: Draft) -> dict[str, str]:
    """Give the environment variables that conditions may read, as far as they are set."""
    allowed: dict[str, str] = {}
    for position, name in enumerate(draft.file.env):
        if not _VARIABLE.fullmatch(name):
            draft.find(
                ("env", position),
                "wrong-value",
                f"{shown(name)} is not the name of an environment variable",
                "write for example REGION",
            )
        elif name in draft.env:
            allowed[name] = draft.env[name]
    return allowed
