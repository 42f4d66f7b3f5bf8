"""Compile the agents: their kind's options, price, timeouts, retries and fingerprints."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from conductor_mw.agents.base import RETRIED, Agent, AgentOptions, Overflow, Retry, Timeouts
from conductor_mw.agents.parameters import FROM_REQUESTS, past_the_policy
from conductor_mw.agents.prices import ListPrice, list_price
from conductor_mw.agents.worker import WorkerOptions
from conductor_mw.money import FREE, Price
from conductor_mw.plugins import AgentOffer
from conductor_mw.policy.abilities import capabilities, declared
from conductor_mw.policy.access import check_access
from conductor_mw.policy.document import AgentEntry, OverflowEntry, RetryEntry, TimeoutEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest, other_key
from conductor_mw.policy.fingerprint import agent_fingerprint
from conductor_mw.policy.gateways import gateway_of
from conductor_mw.policy.own import own_names
from conductor_mw.policy.prices import compile_prices, compile_usage, price_of_entry
from conductor_mw.policy.replicas import compile_replicas
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown, validate
from conductor_mw.policy.workers import check_worker
from conductor_mw.setting import Setting

BOUND: Final = "bound"
_PASSED_ON: Final = ("base_url", "api_key")
_COMMON: Final = frozenset(AgentEntry.model_fields)


def compile_agents(draft: Draft) -> dict[str, Agent]:
    """Give every agent by id; findings go to the draft."""
    agents: dict[str, Agent] = {}
    first: dict[str, int] = {}
    for position, entry in enumerate(draft.file.agents):
        at = ("agents", position)
        if entry.id in first:
            known = draft.positions.place(("agents", first[entry.id]))
            draft.find(
                (*at, "id"),
                "duplicate-id",
                f"the agent {entry.id!r} is declared a second time",
                f"the first is at {known}; rename one of them",
            )
            continue
        first[entry.id] = position
        agent = compile_agent(draft, entry, at)
        # A broken agent stays known, so that its rules do not seem to name nobody.
        agents[entry.id] = agent or Agent(entry.id, BOUND, _Broken())
    return agents


def check_bound(draft: Draft, agents: Collection[str]) -> None:
    """Find objects that the app binds to agents which no version of the policy has."""
    for name in sorted(set(draft.bound).difference(agents)):
        draft.find(
            (),
            "unknown-name",
            f"the app binds an object to the agent {shown(name)}, which is not declared",
            Nearest(name, agents),
        )


class _Broken(AgentOptions):
    """Stands in for options that could not be read; never leaves a refused policy."""

    def connect(self, agent: Agent, setting: Setting) -> Any:
        """Refuse."""
        del setting
        raise AssertionError(f"a refused policy asked for {agent.id!r}")


def compile_agent(draft: Draft, entry: AgentEntry, at: Loc) -> Agent | None:
    """Give the agent that stands at `at`, or None with a finding added."""
    before = draft.findings.errors
    accessible = check_access(draft, entry.base_url, entry.api_key, at)
    for where, parameters in _parameters(entry, at):
        check_secrets(draft, parameters, where)
    kind, offer = _kind(draft, entry, at)
    gateway = gateway_of(draft, entry, kind, at)
    if kind == "model":
        for where, parameters in _parameters(entry, at):
            check_parameters(draft, parameters, where)
        _check_further(draft, entry, at)
    given = None if offer is None else _given(draft, entry, kind, offer, at, passes=accessible)
    if offer is None or given is None:
        return None
    below = at if kind == BOUND else (*at, kind)
    options = validate(offer.options, given, draft.positions, draft.findings, below)
    replicas = compile_replicas(draft, entry, kind, offer.options, given, at)
    if isinstance(options, WorkerOptions):
        check_worker(draft, options, (*at, kind))
    if options is None or draft.findings.errors > before:
        return None
    listed = _listed(kind, options)
    price, source = _price(entry, listed)
    prices, price, source = compile_prices(draft, entry, kind, options, (price, source), at)
    beside = compile_usage(draft, entry, kind, at)
    if draft.findings.errors > before:
        return None
    if price is None and options.free:
        price, source = FREE, "free"
    agent = Agent(
        id=entry.id,
        kind=kind,
        options=options,
        labels=frozenset(entry.labels),
        prompt=entry.prompt,
        parameters=entry.parameters,
        price=price,
        price_source=source,
        max_media_tokens=entry.max_media_tokens,
        max_output_tokens=entry.max_output_tokens or (listed.max_output_tokens if listed else None),
        timeouts=_timeouts(entry),
        retry=_retry(entry),
        capabilities=capabilities(entry, listed),
        context_window=entry.context_window or (listed.context_window if listed else None),
        quality=entry.quality,
        declared=declared(entry),
        replicas=replicas,
        overflow=_overflow(entry),
        gateway=gateway,
        prices=prices,
        beside=beside,
    )
    return replace(agent, fingerprint=agent_fingerprint(agent))


def _parameters(entry: AgentEntry, at: Loc) -> Iterator[tuple[Loc, dict[str, Any]]]:
    """Yield every place in which an agent sets parameters, with what stands there."""
    yield (*at, "parameters"), entry.parameters
    if isinstance(entry.retry, RetryEntry):
        for position, parameters in enumerate(entry.retry.with_):
            yield (*at, "retry", "with", position), parameters


def check_secrets(draft: Draft, parameters: Mapping[str, Any], at: Loc) -> None:
    """Find parameters that may hold a key."""
    for name, text in _texts(parameters):
        if name in ("api_key", "authorization", "api-key", "x-api-key"):
            del text  # never shown: it may be a key
            draft.find(
                at,
                "secret-in-file",
                f"the parameter {name!r} may hold a key, and a key must not stand in a policy",
                "use the agent's `api_key: ${env:NAME}`",
            )


def check_parameters(draft: Draft, parameters: Mapping[str, Any], at: Loc) -> None:
    """Find parameters that would make LiteLLM ask somebody else than the policy says."""
    for name in past_the_policy(parameters):
        draft.find(
            (*at, *name.split(".")),
            "wrong-value",
            f"LiteLLM would go past this policy because of {name!r}",
            "say it with the agent's own keys: `model:`, `base_url:`, `retry:`, `timeout:`; "
            "name other models as agents, and a fallback in `routing:`",
            key=True,
        )


def _check_further(draft: Draft, entry: AgentEntry, at: Loc) -> None:
    """Refuse parameters of further tries that the first try could take from a request."""
    if not isinstance(entry.retry, RetryEntry):
        return
    for position, parameters in enumerate(entry.retry.with_):
        for name in sorted(parameters.keys() - FROM_REQUESTS - entry.parameters.keys()):
            draft.find(
                (*at, "retry", "with", position, name),
                "wrong-value",
                f"only further tries would set {shown(name)}, and a request could set it for the "
                "first",
                "set it below `parameters:` as well",
                key=True,
            )


def _texts(parameters: Mapping[str, Any]) -> list[tuple[str, object]]:
    found = [(name.lower(), value) for name, value in parameters.items()]
    for name in ("extra_headers", "headers"):
        inner = parameters.get(name)
        if isinstance(inner, dict):
            headers = cast("dict[object, object]", inner)
            found += [(str(key).lower(), value) for key, value in headers.items()]
    return found


def _kind(draft: Draft, entry: AgentEntry, at: Loc) -> tuple[str, AgentOffer | None]:
    """Give the agent's kind and its offer; None with a finding where there is none."""
    extra = entry.model_extra or {}
    kinds = [key for key in extra if key in draft.plugins.agents.names and key != BOUND]
    own = own_names(draft.plugins)
    unknown = [key for key in extra if key not in kinds and key not in own]
    for key in unknown:
        known = (_COMMON | set(draft.plugins.agents.names)) - {BOUND}
        draft.find(
            (*at, key), "unknown-key", f"no key {shown(key)}", other_key(key, known), key=True
        )
    if len(kinds) > 1:
        draft.find(
            (*at, kinds[1]),
            "two-kinds",
            f"an agent cannot be of two kinds: {' and '.join(map(repr, kinds[:2]))}",
            "keep one of them",
            key=True,
        )
        return kinds[0], None
    if unknown and not kinds:
        return BOUND, None
    kind = kinds[0] if kinds else BOUND
    return kind, draft.plugins.agents.get(kind)


def _given(
    draft: Draft, entry: AgentEntry, kind: str, offer: AgentOffer, at: Loc, *, passes: bool
) -> dict[str, object] | None:
    """Give the options of an agent's kind as the policy writes them.

    With `passes`, its address and its key are among them; else they were refused already.
    """
    value: object = None if kind == BOUND else (entry.model_extra or {})[kind]
    mapping: object = {} if kind == BOUND else offer.options.from_value(value)
    where = at if kind == BOUND else (*at, kind)
    if not isinstance(mapping, dict):
        draft.find(where, "wrong-type", f"must be a mapping, not {shown(mapping)}")
        return None
    given_options = cast("dict[str, object]", mapping)
    fields = offer.options.model_fields
    for name in _PASSED_ON:
        given = getattr(entry, name)
        if given is None:
            continue
        if name not in fields:
            draft.find(
                (*at, name),
                "unknown-key",
                f"an agent of the kind {kind!r} has no {name!r}",
                "it belongs to agents with `model:`",
                key=True,
            )
        elif passes:
            given_options = {**given_options, name: given}
    return given_options


def _listed(kind: str, options: AgentOptions) -> ListPrice | None:
    model = getattr(options, "model", None)
    return list_price(model) if kind == "model" and isinstance(model, str) else None


def _price(entry: AgentEntry, listed: ListPrice | None) -> tuple[Price | None, str]:
    if entry.price is not None:
        stated = entry.price
        return price_of_entry(stated), "policy"
    if listed is not None and listed.price is not None:
        return listed.price, listed.source
    return None, "unknown"


def _timeouts(entry: AgentEntry) -> Timeouts:
    if isinstance(entry.timeout, TimeoutEntry):
        return Timeouts(entry.timeout.whole, entry.timeout.first_part, entry.timeout.idle)
    return Timeouts(whole=entry.timeout)


def _retry(entry: AgentEntry) -> Retry:
    if isinstance(entry.retry, RetryEntry):
        stated = entry.retry
        usual = Retry()
        return Retry(
            stated.times,
            RETRIED if stated.on is None else frozenset(stated.on),
            usual.wait if stated.wait is None else stated.wait,
            usual.longest if stated.longest is None else stated.longest,
            tuple(stated.with_),
        )
    return Retry(times=entry.retry or 0)


def _overflow(entry: AgentEntry) -> Overflow | None:
    if isinstance(entry.on_overflow, OverflowEntry):
        return Overflow(entry.on_overflow.summarise)
    return None if entry.on_overflow is None else Overflow()
