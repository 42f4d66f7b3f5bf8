"""Whoever writes a policy cannot stall or fill the process that reads it, and learns why."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from conductor_mw.errors import PolicyError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
from conductor_mw.policy.collector import LARGE as LARGE_TEXT
from conductor_mw.policy.collector import resting
from conductor_mw.policy.document import MAX_SIGNALS

CORE = Plugins.core()
HEAD = "agents: [{id: a, simulated: x}]\n"
FIVE_MEGABYTES = 5_000_000
SPLIT = "\n  split the policy into several"


def refusal(text: str | bytes) -> str:
    with pytest.raises(PolicyError) as caught:
        load_text(text, plugins=CORE, env={})
    return str(caught.value).replace("<policy>:", "")


def first_of(text: str, count: int) -> str:
    """The first finding, after checking how many are told."""
    with pytest.raises(PolicyError) as caught:
        load_text(text, plugins=CORE, env={})
    assert len(caught.value.findings) == count
    return str(caught.value.findings[0]).replace("<policy>:", "")


def rules(lines: Iterable[str]) -> str:
    return HEAD + "routing:\n default: a\n rules:\n" + "".join(f"  - {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            b"\0" * FIVE_MEGABYTES,
            "1:1: the character U+0000 cannot stand in a policy\n  remove it",
        ),
        (
            "[" * FIVE_MEGABYTES,
            "1:65: this is nested deeper than 64 levels\n  a policy needs no more than ten",
        ),
        (
            "{a: " * 1_250_000,
            "1:257: this is nested deeper than 64 levels\n  a policy needs no more than ten",
        ),
        (
            "- " * 2_500_000,
            "1:129: this is nested deeper than 64 levels\n  a policy needs no more than ten",
        ),
        (
            '"' + "x" * FIVE_MEGABYTES,
            "1:5000002: this is not YAML: a quote is not closed\n  close it",
        ),
        (
            "a: [" + "1," * 2_499_990 + "]",
            "1:20005: a list or mapping has more than 10000 entries\n  split it",
        ),
        (
            "".join(f"k{number}: 1\n" for number in range(200_000)),
            "10001:9: a list or mapping has more than 10000 entries\n  split it",
        ),
        (
            "a: [" + ("[" + "1," * 9_999 + "],") * 100 + "]",
            f"1:600027: the file has more than 300000 values, aliases followed{SPLIT}",
        ),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{new}: &{new} [" + ", ".join([f"*{old}"] * 9) + "]\n"
                for old, new in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            f"6:20: the file has more than 300000 values, aliases followed{SPLIT}",
        ),
        (
            "a: &a '" + "x" * 400_000 + "'\nb: [" + "*a, " * 100 + "]",
            f"2:189: the file has more than 300000 values, aliases followed{SPLIT}",
        ),
        (
            HEAD + "x" * 4_900_000 + ": 1",
            (
                "2:4900001: this is not YAML: a key has no ':' behind it\n"
                "  write ':' behind it, or quote a text of several lines"
            ),
        ),
        (
            rules(["{target: a, condition: '" + "true && " * 600_000 + "true'}"]),
            (
                "5:28: routing.rules.0.condition: the conditions have more than 250000 words and"
                f" signs together{SPLIT}"
            ),
        ),
        (
            rules(["{target: a, condition: '" + "1<2||" * 3_000 + "true'}"] * 300),
            (
                "21:28: routing.rules.16.condition: the conditions have more than 250000 words and"
                f" signs together{SPLIT}"
            ),
        ),
        (
            HEAD + "routing: {default: {fallback: [" + "a, " * 9_000 + "]}}",
            (
                "2:20: routing.default: one request could cost 9000 calls, 1000 are allowed\n"
                "  name fewer agents, or retry less"
            ),
        ),
        (
            HEAD
            + "signals: {"
            + ", ".join(f"s{number}: {{expr: 'true'}}" for number in range(MAX_SIGNALS + 1))
            + "}\nrouting: {default: a}",
            "2:10: signals: more than 1000 entries",
        ),
        (
            HEAD
            + "environments: {"
            + ", ".join(f"e{number}: {{}}" for number in range(33))
            + "}\nrouting: {default: a}",
            "2:1: environments: 33 environments, 32 are allowed",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_policy_without_measure_is_one_error(text: str | bytes, said: str) -> None:
    assert refusal(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "".join(f"k{number // 2}: 1\n" for number in range(10_000)),
            (
                "2:1: the key 'k0' stands here a second time\n"
                "  the first is in line 1; keep one of them"
            ),
        ),
        (
            rules("{condition: 'true', targt: a}" for _ in range(9_000)),
            "5:25: routing.rules.0: no key 'targt'\n  did you mean 'target'?",
        ),
        (
            rules(f"{{condition: 'true', target: a{number}}}" for number in range(9_000)),
            "5:33: routing.rules.0.target: no agent or flow 'a0'\n  did you mean 'a'?",
        ),
        (
            rules(f"{{condition: inputt.tokens{number}, target: a}}" for number in range(9_000)),
            (
                "5:17: routing.rules.0.condition: no signal 'inputt.tokens0'\n"
                "  did you mean 'input.tokens'?"
            ),
        ),
        (
            rules("{" + ", ".join(f"x{key}: 1" for key in range(4_000)) + "}" for _ in range(30)),
            "5:5: routing.rules.0: the key 'condition' is missing",
        ),
        (
            HEAD
            + "flows:\n"
            + "".join(f" f{number}: {{fallback: [f{number + 1}]}}\n" for number in range(1_999))
            + " f1999: {fallback: [a]}\nrouting: {default: f0}",
            (
                "34:19: flows.f31.fallback.0: more than 32 flows stand below one another\n"
                "  name the agents in one flow"
            ),
        ),
        (
            HEAD
            + "signals:\n"
            + "".join(f" s{number}: {{expr: s{(number + 1) % 1000}}}\n" for number in range(1_000))
            + "routing: {default: a}",
            (
                "3:13: signals.s0.expr: is in a circle: s0, s1, s2, s3, s4, s5, s6, s7, ...\n"
                "  let one of them read no other"
            ),
        ),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_of_thousands_of_mistakes_fifty_are_told(text: str, said: str) -> None:
    assert first_of(text, 51) == said


def test_a_tower_of_flows_is_refused_in_whichever_order_it_stands() -> None:
    upside_down = "".join(f" f{number}: {{fallback: [f{number - 1}]}}\n" for number in range(1, 40))

    said = first_of(
        HEAD + f"flows:\n f0: {{fallback: [a]}}\n{upside_down}routing: {{default: f39}}", 1
    )

    assert said == (
        "35:19: flows.f32.fallback.0: more than 32 flows stand below one another\n"
        "  name the agents in one flow"
    )


def test_the_garbage_collector_rests_only_while_a_large_policy_loads() -> None:
    assert gc.isenabled()

    with resting(LARGE_TEXT):
        assert not gc.isenabled()
        with resting(LARGE_TEXT):
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()

    with resting(LARGE_TEXT - 1):
        assert gc.isenabled()
    with pytest.raises(PolicyError), resting(LARGE_TEXT):
        load_text("", plugins=CORE)
    assert gc.isenabled()


def test_flows_that_double_themselves_are_counted_not_walked() -> None:
    doubling = "".join(f" f{number}: {{fallback: [f{number + 1}, f{number + 1}]}}\n"
                       for number in range(30))  # fmt: skip

    said = refusal(HEAD + f"flows:\n{doubling} f30: {{fallback: [a]}}\nrouting: {{default: f0}}")

    assert "one request could cost 1024 calls, 1000 are allowed" in said


def test_branches_that_double_themselves_load() -> None:
    doubling = "".join(
        f" f{number}: {{choose: [{{when: 'true', use: f{number + 1}}}], else: f{number + 1}}}\n"
        for number in range(30)
    )

    policy = load_text(
        HEAD + f"flows:\n{doubling} f30: {{fallback: [a]}}\nrouting: {{default: f0}}",
        plugins=CORE,
        env={},
    )

    assert policy.worst_calls == {"f0": 1}


LARGE = {
    "a prompt of five megabytes": (
        "agents: [{id: a, simulated: x, prompt: '" + "p" * 4_900_000 + "'}]\nrouting: {default: a}"
    ),
    "ten thousand long rules": (
        HEAD
        + "signals: {tenant: {from: metadata.tenant}}\nrouting:\n  default: a\n  rules:\n"
        + "".join(
            f"    - {{id: r{number}, condition: \"tenant == '{'x' * 400}{number}' && "
            f'input.tokens < 64", target: a}}\n'
            for number in range(10_000)
        )
    ),
    "thirty-two environments": rules(["{condition: 'true', target: a}"] * 10_000)
    + "environments: {"
    + ", ".join(f"e{number}: {{agents: {{a: {{prompt: x}}}}}}" for number in range(32))
    + "}\n",
}

LARGE["ten thousand rules with a long fallback each"] = (
    "agents:\n"
    + "".join(f"  - {{id: a{number}, simulated: x}}\n" for number in range(1_000))
    + "routing:\n  default: a0\n  fallback: {timeout: {fallback: &all ["
    + ", ".join(f"a{number}" for number in range(900))
    + "]}}\n  rules:\n"
    + "".join(
        f"    - {{condition: 'true', target: a{number % 1000}, fallback: {{budget: a1}}}}\n"
        for number in range(10_000)
    )
)
LARGE["a thousand guarantees over a thousand agents"] = (
    "agents:\n"
    + "".join(f"  - {{id: a{number}, simulated: x, labels: [x]}}\n" for number in range(1_000))
    + "routing: {default: {balance: ["
    + ", ".join(f"a{number}" for number in range(1_000))
    + "]}}\nguarantees:\n"
    + "  - never: {when: 'true', agents_with: x}\n" * 1_000
)

PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))  # a stall ends the test instead of the build
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
policy = load_text(sys.stdin.buffer.read(), plugins=Plugins.core(), env={})
with open("/proc/self/status") as status:  # getrusage would count the parent's memory as well
    peak = next(line for line in status if line.startswith("VmHWM"))
print(len(policy.rules), int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("name", "count"), [*zip(LARGE, [0, 10_000, 10_000, 10_000, 0], strict=True)]
)
def test_the_largest_policies_load_in_little_memory(name: str, count: int) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=LARGE[name].encode(), capture_output=True, check=True
    )

    loaded, megabytes = map(int, found.stdout.split())
    assert loaded == count
    assert megabytes < 300
