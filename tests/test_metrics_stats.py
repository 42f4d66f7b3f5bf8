"""`conductor-mw stats`: what it prints, what it refuses, and its exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conductor_mw_metrics.printing import duration, money, share, short, sparkline

from conductor_mw.cli import main
from conductor_mw.testing import Scripted, VirtualClock

from .metrics_kit import TWO, conductor, counting
from .metrics_traffic import write_traffic

DOCS = Path(__file__).parents[1] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("stats") / "conductor.db"
    write_traffic(found, time.time())
    return found


def run(path: Path, *arguments: str, width: int = 100) -> Result:
    where = ("--path", str(path))
    whole = ("stats", *arguments[:1], *where, *arguments[1:])
    if arguments[:1] != ("compare",):
        whole = ("stats", *where, *arguments)
    return CliRunner().invoke(main, whole, env={"COLUMNS": str(width), "NO_COLOR": "1"})


def block(title: str) -> str:
    """Give what the documentation shows below `$ conductor-mw stats...`."""
    text = DOCS.read_text(encoding="utf-8")
    begin = text.index(f"$ conductor-mw stats{title}\n")
    return text[begin : text.index("```", begin)].partition("\n")[2]


@pytest.mark.parametrize(
    "arguments",
    [(), ("--by", "rule"), ("compare", "small", "large")],
    ids=lambda arguments: " ".join(arguments) or "plain",
)
def test_the_documentation_shows_what_is_printed(path: Path, arguments: tuple[str, ...]) -> None:
    result = run(path, *arguments)

    assert result.exit_code == 0, result.stderr
    assert result.stdout == block("".join(f" {one}" for one in arguments))


def test_a_wide_terminal_shows_the_course_too(path: Path) -> None:
    lines = run(path, width=130).stdout.splitlines()

    assert lines[0].endswith("p95 over time")
    assert set(lines[1].rpartition("  ")[2]) <= set("▁▂▃▄▅▆▇█ ")


@pytest.mark.parametrize("width", [60, 80, 100, 130])
def test_no_line_is_wider_than_the_terminal(path: Path, width: int) -> None:
    for arguments in ((), ("--by", "rule"), ("--by", "tenant"), ("--by", "target")):
        result = run(path, *arguments, width=width)

        assert max(map(len, result.stdout.splitlines())) <= width


def figures(path: Path, *arguments: str) -> Any:
    result = run(path, *arguments, "--format", "json")
    assert result.exit_code in (0, 2), result.stderr
    return json.loads(result.stdout)


def test_json_gives_every_figure(path: Path) -> None:
    found = figures(path)

    assert found["by"] == "agent"
    assert {row["name"] for row in found["rows"]} == {"small", "large", "spare"}
    assert sum(row["calls"] for row in found["rows"]) == found["all"]["calls"]
    assert sum(row["share"] for row in found["rows"]) == pytest.approx(1)
    large = next(row for row in found["rows"] if row["name"] == "large")
    assert 2000 < large["p50_ms"] < large["p95_ms"] < large["p99_ms"]
    assert set(large["errors"]) <= {"timeout", "rate_limit"}


def test_requests_and_the_calls_made_for_them_are_not_mixed(path: Path) -> None:
    by_rule, by_agent = figures(path, "--by", "rule"), figures(path)

    assert by_rule["all"]["calls"] == 1200 < by_agent["all"]["calls"]
    assert by_rule["all"]["tokens"] == by_agent["all"]["tokens"]
    assert by_rule["all"]["cost_dollars"] == by_agent["all"]["cost_dollars"]


def test_a_part_of_the_traffic(path: Path) -> None:
    acme = figures(path, "--by", "rule", "--only", "tenant=acme")
    bolt = figures(path, "--by", "rule", "--only", "tenant=bolt")
    small = figures(path, "--by", "tenant", "--only", "agent=small", "--only", "rule=(default)")

    assert acme["all"]["calls"] + bolt["all"]["calls"] == 1200
    assert [row["name"] for row in small["rows"]] == ["acme", "bolt"]


def test_a_part_of_the_time(path: Path) -> None:
    late = figures(path, "--by", "rule", "--since", "30m")
    early = figures(path, "--by", "rule", "--since", "3h", "--until", "30m")

    assert 400 < late["all"]["calls"] < 800
    assert late["all"]["calls"] + early["all"]["calls"] == 1200


@pytest.mark.parametrize(
    ("check", "code", "said"),
    [
        ("cache_hit_rate > 0.1", 0, "holds"),
        ("cache_hit_rate > 0.8", 2, "does not hold"),
        ("p95_ms<3000000", 0, "holds"),
        ("p95_ms < 3", 2, "does not hold"),
        ("calls == 1200", 0, "it is 1200"),
        ("calls != 1200", 2, "it is 1200"),
        ("accepted_rate >= 0", 2, "nothing was counted"),
    ],
)
def test_a_check_holds_or_not(path: Path, check: str, code: int, said: str) -> None:
    result = run(path, "--check", check)

    assert result.exit_code == code, result.stderr
    assert said in result.stdout


def test_one_check_that_does_not_hold_is_enough(path: Path) -> None:
    found = run(path, "--check", "calls > 1", "--check", "calls < 1")

    assert found.exit_code == 2
    assert len(found.stdout.splitlines()) == 2
    assert [one["holds"] for one in figures(path, "--check", "calls > 1", "--check", "calls < 1")[
        "checks"
    ]] == [True, False]  # fmt: skip


def test_a_check_of_an_agent_reads_its_calls(path: Path) -> None:
    assert run(path, "--check", "p50_ms < 1000", "--only", "agent=small").exit_code == 0
    assert run(path, "--check", "p50_ms < 1000", "--only", "agent=large").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--check", "p95ms < 3"), "did you mean 'p95_ms'?"),
        (("--check", "zebra < 3"), "known: accepted_rate, cache_hit_rate"),
        (("--check", "p95_ms ~ 3"), "is no check"),
        (("--check", "p95_ms < fast"), "is no check"),
        (("--by", "tennant"), "did you mean 'tenant'?"),
        (("--by", "zebra"), "known: agent, policy, rule, target, tenant"),
        (("--only", "agent=smal"), "did you mean 'small'?"),
        (("--only", "agent"), "write for example agent=small"),
        (("--since", "yesterday"), "write for example 1h, 7d"),
        (("--since", "1h", "--until", "2h"), "is not before"),
        (("compare", "smal", "large"), "did you mean 'small'?"),
        (("compare", "a=b,c", "large"), "names no part of the traffic"),
        (("compare", "rule=vip,since=soon", "large"), "is no length of time"),
    ],
)
def test_what_makes_no_sense_is_refused(path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(path, *arguments)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr


def test_where_nothing_was_counted_the_table_says_so(path: Path) -> None:
    result = run(path, "--since", "2026-01-01", "--until", "2026-01-02")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "nothing was counted in this time\n"


def test_without_a_file_the_command_could_not_run(tmp_path: Path) -> None:
    result = run(tmp_path / "none.db")

    assert result.exit_code == 1
    assert "no such file" in result.stderr


def test_a_word_may_mean_a_rule_a_target_or_a_tenant(path: Path) -> None:
    found = json.loads(run(path, "compare", "acme", "tenant=bolt", "--format", "json").stdout)
    said = run(path, "compare", "policy=3f2a", "rule=vip,since=30m").stdout

    assert (found["a"]["name"], found["b"]["name"]) == ("acme", "tenant=bolt")
    assert found["a"]["calls"] + found["b"]["calls"] == 1200
    assert "rule=vip,since=30m" in said


def test_a_policy_is_shown_by_the_beginning_of_its_fingerprint(path: Path) -> None:
    lines = run(path, "--by", "policy").stdout.splitlines()

    assert lines[0].startswith("policy        requests")
    assert lines[1].startswith("3f2a3f2a3f2a     1,200")


def test_names_from_outside_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    counting = conductor(
        options=f"path: {path}, labels: [metadata.tenant]", a=Scripted("hello"), b=Scripted("hi")
    )
    counting.call("good morning", metadata={"tenant": "\x1b[31mred\u202e"})
    counting.close()
    result = run(path, "--by", "metadata_tenant", "--since", "2026-01-01")

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout


def test_a_policy_is_counted_and_shown_from_end_to_end(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    counting = conductor(TWO, f"path: {path}", a=Scripted(0.25, "hello"), b=Scripted("hi"))
    for text in ("good morning", "good evening", "hi"):
        counting.call(text)
    counting.close()

    found = figures(path, "--by", "rule", "--since", "2026-01-01")

    assert [(row["name"], row["calls"]) for row in found["rows"]] == [
        ("(default)", 2),
        ("short", 1),
    ]
    assert found["rows"][0]["p50_ms"] == pytest.approx(250, rel=0.008)
    assert found["rows"][0]["cost_dollars"] == 0.00004


def test_postgresql_shows_the_same(tmp_path: Path, postgres_address: str) -> None:
    clock = VirtualClock(utc=time.time() - 600)
    for address in (str(tmp_path / "conductor.db"), postgres_address):
        one = counting(address, clock)
        for tenant in ("acme", "bolt"):
            one.call("good morning", metadata={"tenant": tenant})
        one.close()

    for arguments in ((), ("--by", "metadata_tenant")):
        expected = run(tmp_path / "conductor.db", *arguments, width=140).stdout
        where = ("stats", "--path", postgres_address, *arguments)
        other = CliRunner().invoke(main, where, env={"COLUMNS": "140", "NO_COLOR": "1"})
        assert other.exit_code == 0, other.stderr
        assert other.stdout == expected


def test_figures_are_short_enough_to_read() -> None:
    assert [duration(one) for one in (0.04, 999.4, 59_999, 61_000)] == [
        "0.0 ms", "999 ms", "60.00 s", "61.0 s",
    ]  # fmt: skip
    assert [share(one) for one in (0, 0.0994, 0.0996)] == ["0.0 %", "9.9 %", "10 %"]
    assert [money(one) for one in (0, 1234.5, 1e-9)] == ["$0", "$1,234.50", "$0.000000"]
    assert [short(one) for one in (0, 999, 1e9)] == ["0", "999", "1G"]
    assert sparkline([None, None]) == sparkline([]) == ""
