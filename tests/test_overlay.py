"""A file that lies over another may add and narrow, never widen; and it reads only what it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_mw.errors import PolicyError
from conductor_mw.money import Money
from conductor_mw.plugins import Plugins
from conductor_mw.policy import Policy, load

CORE = Plugins.core()
ORGANISATION = """\
agents:
  - {id: small, simulated: x, labels: [eu], timeout: 10s, retry: 2, max_output_tokens: 500}
  - {id: large, simulated: x, labels: [us]}
signals: {tier: {from: metadata.tier, default: free}}
flows: {careful: {fallback: [large, small]}}
routing:
  rules: [{id: home, condition: "tier == 'home'", target: small}]
  default: small
  fallback: {timeout: small}
  deadline: 60s
guarantees:
  - never: {when: "tier == 'home'", agents_without: eu}
  - never: {when: "tier == 'away'", agents_with: us}
  - at_most: {calls: 8, dollars: 0.5}
env: [REGION]
store: memory:org
"""


def laid(folder: Path, over: str, base: str = ORGANISATION, **more: object) -> Policy:
    (folder / "org.yaml").write_text(base)
    (folder / "team.yaml").write_text(over)
    return load(folder / "team.yaml", plugins=CORE, env={}, **more)  # type: ignore[arg-type]


def refusal(folder: Path, over: str, base: str = ORGANISATION) -> str:
    with pytest.raises(PolicyError) as caught:
        laid(folder, over, base)
    return str(caught.value).replace(f"{folder}/", "")


def test_an_overlay_of_one_line_is_the_file_below(tmp_path: Path) -> None:
    policy = laid(tmp_path, "include: org.yaml")

    assert set(policy.agents) == {"small", "large"}
    assert [rule.id for rule in policy.rules] == ["home"]
    assert policy.sources == (str(tmp_path / "team.yaml"), str(tmp_path / "org.yaml"))
    assert policy.fingerprint == load(tmp_path / "org.yaml", plugins=CORE, env={}).fingerprint


def test_an_overlay_adds_rules_flows_signals_and_guarantees(tmp_path: Path) -> None:
    policy = laid(
        tmp_path,
        """
include: org.yaml
workflow: {name: team}
signals: {urgent: {expr: "tier == 'pro'"}}
flows: {quick: {fallback: [small, large]}}
routing:
  rules: [{id: mine, condition: urgent, target: quick}]
  default: careful
  fallback: {budget: small}
guarantees:
  - at_most: {calls: 5, seconds: 30}
""",
    )

    assert [rule.id for rule in policy.rules] == ["home", "mine"]
    assert (policy.name, policy.default) == ("team", "careful")
    assert [word for word, _ in policy.rules[0].flow.children] == ["", "budget", "timeout"]
    at_most = policy.guarantees.at_most
    assert (at_most.calls, at_most.cost, at_most.seconds) == (5, Money.of("0.5"), 30)
    assert len(policy.guarantees.never) == 2


def test_the_rules_of_the_file_below_come_first(tmp_path: Path) -> None:
    policy = laid(
        tmp_path,
        "include: org.yaml\nrouting: {rules: [{id: all, condition: 'true', target: large}]}",
    )

    assert [rule.id for rule in policy.rules] == ["home", "all"]


def test_an_overlay_keeps_the_agents_it_names_and_tightens_them(tmp_path: Path) -> None:
    policy = laid(
        tmp_path,
        """
include: org.yaml
agents:
  - {id: small, timeout: {whole: 5s, idle: 1s}, retry: 1, max_output_tokens: 100, labels: [eu, x]}
""",
        base=ORGANISATION.replace("flows: {careful: {fallback: [large, small]}}", "")
        .replace("large, simulated: x, labels: [us]", "large, simulated: x")
        .replace("  - never: {when: \"tier == 'away'\", agents_with: us}\n", ""),
    )

    small = policy.agents["small"]
    assert list(policy.agents) == ["small"]
    assert (small.timeouts.whole, small.timeouts.idle) == (5.0, 1.0)
    assert (small.retry.times, small.max_output_tokens) == (1, 100)
    assert small.labels == {"eu", "x"}


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (
            "agents: [{id: small, timeout: 20s}, {id: large}]",
            (
                "team.yaml:2:22: agents.0.timeout: longer than the 10 s of the file below\n"
                "  narrow it or leave it out"
            ),
        ),
        (
            "agents: [{id: small, timeout: {idle: 1s}}, {id: large}]",
            (
                "team.yaml:2:22: agents.0.timeout: the file below limits 'whole',"
                " and this one does not\n  narrow it or leave it out"
            ),
        ),
        (
            "agents: [{id: small, retry: {times: 1, with: [{temperature: 2}]}}, {id: large}]",
            (
                "team.yaml:2:22: agents.0.retry: parameters of further tries belong to the file"
                " below\n  narrow it or leave it out"
            ),
        ),
        (
            "agents: [{id: small, retry: 3}, {id: large}]",
            (
                "team.yaml:2:22: agents.0.retry: more than the 2 of the file below\n"
                "  narrow it or leave it out"
            ),
        ),
        (
            "agents: [{id: small, max_output_tokens: 501}, {id: large}]",
            (
                "team.yaml:2:22: agents.0.max_output_tokens: more than the 500 of the file below\n"
                "  narrow it or leave it out"
            ),
        ),
        (
            "agents: [{id: small, simulated: y}, {id: large}]",
            (
                "team.yaml:2:22: agents.0: 'simulated' belongs to org.yaml\n"
                "  an overlay may narrow timeout, retry, max_output_tokens and labels"
            ),
        ),
        (
            "agents: [{id: small, prompt: Ignore it.}, {id: large}]",
            (
                "team.yaml:2:22: agents.0: 'prompt' belongs to org.yaml\n"
                "  an overlay may narrow timeout, retry, max_output_tokens and labels"
            ),
        ),
        (
            "agents: [{id: small}, {id: large}, {id: mine, simulated: x}]",
            "team.yaml:2:41: agents.2: the file below has no agent 'mine'\n  known: large, small",
        ),
        (
            "agents: [{id: small}, {id: large, labels: [us, eu]}]",
            (
                "team.yaml:2:35: agents.labels: the label 'eu' belongs to org.yaml\n"
                "  only that file may give it"
            ),
        ),
        (
            "agents: [{id: small}, {id: large, labels: []}]",
            (
                "team.yaml:2:35: agents.labels: the label 'us' belongs to org.yaml\n"
                "  only that file may take it"
            ),
        ),
        (
            "signals: {tier: {from: metadata.other, default: free}}",
            "team.yaml:2:11: signals: 'tier' stands in org.yaml already\n  choose another name",
        ),
        (
            "flows: {careful: {fallback: [small]}}",
            "team.yaml:2:9: flows: 'careful' stands in org.yaml already\n  choose another name",
        ),
        (
            "routing: {deadline: 2m}",
            (
                "team.yaml:2:11: routing.deadline:"
                " '2m' is longer than the '60s' of the file below\n  shorten it"
            ),
        ),
        (
            "routing: {fallback: {timeout: large}}",
            (
                "team.yaml:2:22: routing.fallback: 'timeout' stands in org.yaml already\n"
                "  choose another name"
            ),
        ),
        (
            "mode: observe",
            (
                "team.yaml:2:1: mode: the file below enforces, and this one would only observe\n"
                "  remove it"
            ),
        ),
        (
            "env: [REGION, SECRET]",
            "team.yaml:2:15: env: the file below does not allow 'SECRET'\n  known: REGION",
        ),
        ("store: memory:mine", "team.yaml:2:1: store: org.yaml says 'memory:org'"),
        (
            "workflow: {routing: {route: {simple: small}}}",
            (
                "team.yaml:2:12: workflow.routing: the short form cannot lie over or under another"
                " file\n  write `routing:`"
            ),
        ),
    ],
)
def test_whatever_would_widen_is_refused(tmp_path: Path, over: str, said: str) -> None:
    assert refusal(tmp_path, f"include: org.yaml\n{over}\n").startswith(said)


def test_an_organisation_that_has_only_guarantees_keeps_its_labels(tmp_path: Path) -> None:
    base = "guarantees: [{never: {when: input.has_images, agents_without: eu}}]"

    said = refusal(
        tmp_path,
        "include: org.yaml\nagents: [{id: a, simulated: x, labels: [eu]}]\nrouting: {default: a}",
        base,
    )
    policy = laid(
        tmp_path,
        "include: org.yaml\nagents: [{id: a, simulated: x}]\nrouting: {default: a}",
        base,
    )

    assert said == (
        "team.yaml:2:32: agents.labels: the label 'eu' belongs to org.yaml\n"
        "  only that file may give it"
    )
    assert policy.guarantees.never[0].agents == {"a"}
    assert [warning.code for warning in policy.warnings] == ["unknown-label"]


def test_an_agent_that_an_overlay_leaves_out_is_missed_where_it_is_used(tmp_path: Path) -> None:
    said = refusal(tmp_path, "include: org.yaml\nagents: [{id: small}]")

    assert said.startswith("org.yaml:5:30: flows.careful.fallback.0: no agent or flow 'large'")


def test_files_beside_each_other_are_one_file_in_parts(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text("agents: [{id: a, simulated: x, labels: [eu]}]")
    (tmp_path / "limits.yaml").write_text(
        "guarantees: [{never: {when: input.has_images, agents_without: eu}}]"
    )

    policy = laid(tmp_path, "include: [limits.yaml, agents.yaml]\nrouting: {default: a}")

    assert policy.guarantees.never[0].agents == frozenset()
    assert policy.warnings == ()


def test_files_beside_each_other_must_not_repeat_each_other(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ORGANISATION)
    (tmp_path / "two.yaml").write_text(
        "routing: {default: large}\nflows: {careful: {fallback: [small]}}"
    )

    said = refusal(tmp_path, "include: [one.yaml, two.yaml]")

    assert said == (
        "two.yaml:1:11: routing.default: one.yaml says 'small'\n  keep one of them\n"
        "two.yaml:2:9: flows: 'careful' stands in one.yaml already\n  choose another name"
    )


def test_a_file_that_two_others_include_counts_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "include: org.yaml\nguarantees: [{at_most: {calls: 4}}]\n"
        "routing: {rules: [{id: one, condition: 'true', target: small}]}"
    )
    (tmp_path / "two.yaml").write_text("include: org.yaml\nguarantees: [{at_most: {calls: 3}}]")

    policy = laid(tmp_path, "include: [one.yaml, two.yaml]")

    assert [rule.id for rule in policy.rules] == ["home", "one"]
    assert len(policy.guarantees.never) == 2
    assert policy.guarantees.at_most.calls == 3
    assert len(policy.sources) == 4


def test_two_files_that_include_each_other_are_one_clear_error(tmp_path: Path) -> None:
    said = refusal(tmp_path, "include: org.yaml", "include: team.yaml\n")

    assert said == (
        "org.yaml:1:10: include: files include each other: team.yaml -> org.yaml -> team.yaml\n"
        "  let one of them stand alone"
    )


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "include: ./team.yaml")

    assert said == (
        "team.yaml:1:10: include: files include each other: team.yaml -> team.yaml\n"
        "  let one of them stand alone"
    )


def test_a_chain_of_files_has_an_end(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"f{number}.yaml").write_text(f"include: f{number + 1}.yaml\n")

    said = refusal(tmp_path, "include: f0.yaml")

    assert said == "f7.yaml:1:10: include: more than 8 levels or 32 files\n  join some of them"


def test_a_mistake_in_an_included_file_is_told_with_its_own_place(tmp_path: Path) -> None:
    said = refusal(tmp_path, "include: org.yaml", "agnts: []\nagents: [{id: a, simulated: x}]\n")

    assert said == "org.yaml:1:1: no key 'agnts'\n  did you mean 'agents'?"


def test_an_included_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "include: gone.yaml") == (
        "team.yaml:1:10: include: there is no file 'gone.yaml'\n  looked for gone.yaml"
    )


def test_an_include_never_leaves_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("mode: enforce")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.yaml").symlink_to(outside)
    (inside / "loop.yaml").symlink_to("loop.yaml")

    for path in ("../outside.yaml", str(outside), "link.yaml", "x/../../outside.yaml"):
        said = refusal(inside, f"include: {path}")

        shown = repr(path if len(path) <= 40 else path[:37] + "...")
        assert said == (
            f"team.yaml:1:10: include: {shown} lies outside the folder that policies may read\n"
            "  move it below the including file's folder, or load the policy with `root=`"
        )
    assert refusal(inside, "include: loop.yaml").startswith(
        "team.yaml:1:10: include: there is no file 'loop.yaml'"
    )
    assert refusal(inside, "include: .") == "team.yaml:1:10: include: '.' is not a file"


def test_a_wider_folder_can_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(ORGANISATION)
    inside = tmp_path / "inside"
    inside.mkdir()

    policy = laid(inside, "include: ../outside.yaml", root=tmp_path)

    assert policy.default == "small"


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "real.yaml").write_text(ORGANISATION)
    (tmp_path / "link.yaml").symlink_to("data/real.yaml")

    assert laid(tmp_path, "include: link.yaml").default == "small"


@pytest.mark.parametrize("name", ["''", '"a\\u0001b"', "7"])
def test_a_path_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, f"include: {name}")

    assert said.startswith("team.yaml:1:10: include:")


def test_an_overlay_may_ask_an_agent_for_a_signal_but_add_no_worker(tmp_path: Path) -> None:
    signals = "include: org.yaml\nsignals: {risk: {%s, type: double%s}}\n"

    assert laid(tmp_path, signals % ("ask: small", "")).paid["risk"].name == "risk"
    assert "names who may see a request" in refusal(
        tmp_path, signals % ("worker: 'http://127.0.0.1:9'", "")
    )
    assert "the label 'eu' belongs to" in refusal(
        tmp_path, signals % ("worker: 'http://127.0.0.1:9'", ", labels: [eu]")
    )


@pytest.mark.parametrize(
    "over",
    [
        "flows: {x: {cascade: [small], score: {worker: 'http://127.0.0.1:9'}}}",
        "flows: {x: {fallback: [{use: small, score: [not_refusal, {worker: {url: x}}]}]}}",
        "routing: {default: {use: small, score: {worker: 'http://127.0.0.1:9'}}}",
    ],
)
def test_an_overlay_may_score_with_an_agent_but_add_no_worker(tmp_path: Path, over: str) -> None:
    said = refusal(tmp_path, f"include: org.yaml\n{over}\n")

    assert said.startswith("team.yaml:2:")
    assert "this worker is no agent of the file below" in said
    scored = "include: org.yaml\nrouting: {default: {use: small, score: {use: small}}}\n"
    assert "#default" in laid(tmp_path, scored).worst_calls


def test_an_overlay_does_not_say_where_the_people_below_are_asked(tmp_path: Path) -> None:
    base = "agents: [{id: leads, human: leads}]\nrouting: {default: leads}\n"

    said = refusal(tmp_path, "include: org.yaml\nstore: sqlite:mine.db\n", base)

    assert said.startswith(
        "team.yaml:2:1: store: whoever has the store can approve in the place of the people below"
    )
