"""No answer to the wrong tenant: over random requests, tenants and scopes."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.testing import WAYS, Way, ask
from tests.cache_kit import Echo, conductor, policy

# Names that differ in what prefixes, joints, types and cases would make equal.
NAMES: st.SearchStrategy[Any] = st.sampled_from(
    ["t", "t1", "T1", "t1 ", "1", 1, 2, True, 1.5, "t\0", "t.1", "s2:t1", "null", "", None]
) | st.text(max_size=4)
TEXTS = st.sampled_from(["", "a", "b", "1", "t1", "a\0b", "s1:a"])
REQUESTS = st.lists(st.tuples(NAMES, NAMES, TEXTS, st.sampled_from(WAYS)), min_size=2, max_size=12)
ANY = "signals: {tenant: {from: metadata.tenant, type: dyn}}\n"


def told_to(metadata: dict[str, Any], scope: str) -> tuple[tuple[bool, object], ...]:
    """Say who may get the answer; 1 and 1.0 are one tenant, True and 1 are not."""
    names = {"tenant": ["tenant"], "user": ["tenant", "user"], "shared": []}[scope]
    return tuple((isinstance(metadata[name], bool), metadata[name]) for name in names)


def said_to(text: str) -> tuple[Any, Any, str]:
    """Read for whom an answer was made."""
    tenant, user, asked = text.split(" ", 2)
    return ast.literal_eval(tenant), ast.literal_eval(user), asked


class Spaceless(Echo):
    """An echo whose answer can be read back whatever the names hold."""

    def __call__(self, request: Any) -> str:
        self.calls += 1
        names = [ascii(request.metadata[name]).replace(" ", "\\x20") for name in ("tenant", "user")]
        return f"{names[0]} {names[1]} {request.text}"


@pytest.mark.parametrize("scope", ["tenant", "user", "shared"])
@given(requests=REQUESTS)
def test_nobody_gets_the_answer_of_another(scope: str, requests: list[Any]) -> None:
    agent = Spaceless()
    text = policy(f"ttl: 1h, scope: {scope}, user: metadata.user", signals=ANY)
    c = conductor(text, a=agent)
    known: set[object] = set()
    calls = 0

    for tenant, user, asked, way in requests:
        metadata = {"tenant": tenant, "user": user}
        answer = ask(c, asked, way=way, metadata=metadata)

        for_tenant, for_user, of = said_to(answer.text)
        meant = told_to(metadata, scope)
        assert told_to({"tenant": for_tenant, "user": for_user}, scope) == meant
        assert of == asked
        hidden = any(name in (None, "") and not is_bool for is_bool, name in meant)
        calls += hidden or (meant, asked) not in known
        known.add((meant, asked))
    assert agent.calls == calls  # and everybody who may have a kept answer gets it


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", 1), (1, True), ("True", True), ("t", "t "), ("t", "T"), ("t", "t1"), ("1.5", 1.5)],
)
def test_tenants_that_look_alike_are_two(one: object, other: object) -> None:
    agent = Spaceless()
    c = conductor(policy(signals=ANY), a=agent)

    for tenant in (one, other):
        c.call("hello", metadata={"tenant": tenant, "user": ""})

    assert agent.calls == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_tenant_may_be_any_expression(way: Way) -> None:
    agent = Echo()
    text = policy("ttl: 1h, tenant: 'metadata.org + \"/\" + metadata.team'", signals="")
    c = conductor(text, a=agent)
    teams = [{"org": "o", "team": "a"}, {"org": "o", "team": "b"}, {"org": "o", "team": "a"}]

    for team in teams:
        ask(c, "hello", way=way, metadata=team)

    assert agent.calls == 2
