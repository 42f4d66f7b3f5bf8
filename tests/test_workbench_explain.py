"""What an explanation holds: the rule, what was passed over, who would be asked, who never."""

from __future__ import annotations

from conductor_mw import Conductor
from conductor_mw.effects import Instant
from conductor_mw.lenses.prompt import to_request
from conductor_mw.policy import load_text
from conductor_mw.workbench.explain import Branch, explain

POLICY = """\
signals:
  tier: {from: metadata.tier, type: string, default: free}
agents:
  - {id: small, simulated: Sure.}
  - {id: large, model: openai/gpt-4o-mini}
  - {id: spare, simulated: Later.}
flows:
  careful: {fallback: [large, small]}
  desk: {choose: [{when: tier == 'pro', use: careful}], else: small}
routing:
  rules:
    - {id: night, condition: time.hour < 6, target: small}
    - {id: long, condition: "tier == 'pro' && input.tokens > 4", target: desk}
  default: small
  fallback: {timeout: spare, rate_limit: spare, auth: small}
guarantees:
  - never: {when: tier == 'pro', agents: [spare]}
"""
NOON = Instant(0.0, 12 * 3600.0)
PRO = to_request("Please read all of this with great care.", metadata={"tier": "pro"})


def test_the_rule_stands_with_its_condition_and_its_place() -> None:
    found = explain(load_text(POLICY, file="p.yaml", env={}), PRO, NOON)

    assert (found.decision.rule, found.decision.target) == ("long", "desk")
    assert found.condition == "tier == 'pro' && input.tokens > 4"
    assert str(found.place) == "p.yaml:13:7"


def test_each_rule_before_it_stands_with_what_was_not_true() -> None:
    found = explain(load_text(POLICY, file="p.yaml", env={}), PRO, NOON)

    assert [(one.rule, one.because, one.place.line) for one in found.passed] == [
        ("night", "time.hour < 6", 12)
    ]


def test_the_tree_has_every_agent_with_who_speaks_for_it() -> None:
    found = explain(load_text(POLICY, env={}), PRO, NOON)

    careful = Branch(
        "tier == 'pro'",
        "careful · fallback",
        taken=True,
        below=(Branch("1", "large", "openai/gpt-4o-mini"), Branch("2", "small", "simulated")),
    )
    assert found.tree == Branch(
        "", "desk · choose", below=(careful, Branch("else", "small", "simulated"))
    )


def test_the_branch_of_a_choice_that_is_taken_is_known() -> None:
    text = POLICY.replace("condition: \"tier == 'pro' && input", 'condition: "input')

    found = explain(load_text(text, env={}), to_request("Please read all of this."), NOON)

    assert found.tree is not None
    assert [(one.word, one.taken) for one in found.tree.below] == [
        ("tier == 'pro'", False),
        ("else", True),
    ]


def test_a_choice_that_cannot_be_known_marks_nothing() -> None:
    text = POLICY.replace("when: tier == 'pro', use", "when: metadata.n == 1, use")

    found = explain(load_text(text, env={}), PRO, NOON)

    assert found.tree is not None
    assert [one.taken for one in found.tree.below] == [False, False]


def test_rescues_are_gathered_by_who_answers() -> None:
    found = explain(load_text(POLICY, env={}), PRO, NOON)

    assert [(kinds, branch.label) for kinds, branch in found.rescues] == [
        (("auth",), "small"),
        (("rate_limit", "timeout"), "spare"),
    ]


def test_an_agent_that_the_request_must_never_reach_is_marked_in_the_tree() -> None:
    found = explain(load_text(POLICY, env={}), PRO, NOON)

    because = "the policy says never the agent 'spare' when tier == 'pro'"
    assert found.forbidden == {"spare": because}
    assert found.rescues[1][1].forbidden == because


def test_the_default_has_no_condition_and_no_place() -> None:
    found = explain(load_text(POLICY, env={}), to_request("Hello"), NOON)

    assert (found.decision.rule, found.condition, found.place) == (None, "", None)
    assert found.tree == Branch("", "small", "simulated")


def test_a_policy_without_a_default_leads_to_nobody() -> None:
    text = """\
agents: [{id: a, simulated: x}]
routing: {rules: [{condition: input.tokens > 9999, target: a}]}
"""

    found = explain(load_text(text, env={}), to_request("Hello"))

    assert (found.decision.target, found.tree, found.rescues) == ("", None, ())


def test_it_is_the_decision_that_the_conductor_makes() -> None:
    policy = load_text(POLICY.replace("time.hour < 6", "time.hour < 0"), env={})

    found = explain(policy, PRO)

    assert found.decision.to_dict() == Conductor(policy).decide(PRO).to_dict()
