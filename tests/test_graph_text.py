"""A graph as text: the terminal's tree and mermaid, both safe against what a policy says."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Callable
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.workbench.graph import (
    Edge,
    Graph,
    Limits,
    Node,
    draw_mermaid,
    draw_terminal,
)
from conductor_mw.workbench.graph.lettering import cells, clean, wrap

SMALL = Graph(
    "support-desk",
    (
        Node("request", "request", "request"),
        Node("r1", "rule", "pii", "size(input.pii) > 0"),
        Node("r2", "rule", "#2", "input.type == 'reasoning'"),
        Node("default", "default", "default"),
        Node("f1", "failure", "timeout"),
        Node("careful", "flow", "careful", "cascade", facts=(("accept", "answer.score >= 0.8"),)),
        Node("split", "flow", "split", "balance"),
        Node("triage", "agent", "triage", "openai/gpt-4o-mini", ("eu",), (("input", "$0.15"),)),
        Node("private", "agent", "private", "ollama/llama3.1"),
        Node("never", "guarantee", "never", "size(input.pii) > 0 without eu"),
        Node("audit", "layer", "audit", "content none"),
        Node("cache", "layer", "cache"),
    ),
    (
        Edge("request", "r1", kind="next"),
        Edge("r1", "r2", "else", "next"),
        Edge("r2", "default", "else", "next"),
        Edge("r1", "private", kind="match"),
        Edge("r2", "careful", kind="match"),
        Edge("default", "triage", kind="match"),
        Edge("f1", "split", kind="fallback"),
        Edge("careful", "triage", "1"),
        Edge("careful", "split", "2"),
        Edge("careful", "private", "score", "score"),
        Edge("split", "triage", "80 %"),
        Edge("split", "private", "20 %"),
    ),
)

TERMINAL = """\
support-desk
2 rules · 2 flows · 2 agents · 1 guarantee · 2 layers

request  through audit → cache
├─ 1 pii      size(input.pii) > 0 ───────▶ private
├─ 2 #2       input.type == 'reasoning' ─▶ careful · cascade
│  ├─ accept: answer.score >= 0.8
│  ├─ 1     ─▶ triage
│  ├─ 2     ─▶ split · balance
│  │  ├─ 80 % ─▶ triage
│  │  └─ 20 % ─▶ private
│  └─ score ┄▶ private
└─   default  ───────────────────────────▶ triage

when an attempt fails
└─ timeout  ──────▶ split · balance
   └─ as above

agents
  triage   openai/gpt-4o-mini  eu  input $0.15
  private  ollama/llama3.1

guarantees
  never  size(input.pii) > 0 without eu
"""

MERMAID = """\
---
title: "support-desk"
---
flowchart LR
  n0(["request"]):::request
  n1["pii<br/>size#40;input.pii#41; #62; 0"]:::rule
  n2["#35;2<br/>input.type == 'reasoning'"]:::rule
  n3["default"]:::otherwise
  n4["timeout"]:::failure
  n5[["careful<br/>cascade"]]:::flow
  n6[["split<br/>balance"]]:::flow
  n7("triage<br/>openai/gpt-4o-mini"):::agent
  n8("private<br/>ollama/llama3.1"):::agent
  n0 -->|"1"| n1
  n0 -->|"2"| n2
  n0 -->|"else"| n3
  n0 -.->|"on failure"| n4
  n1 ==> n8
  n2 ==> n5
  n3 ==> n7
  n4 -.-> n6
  n5 -->|"1"| n7
  n5 -->|"2"| n6
  n5 -.->|"score"| n8
  n6 -->|"80 #37;"| n7
  n6 -->|"20 #37;"| n8
  subgraph layers
    n9["audit<br/>content none"]:::layer
    n10["cache"]:::layer
  end
  subgraph guarantees
    n11["never<br/>size#40;input.pii#41; #62; 0 without eu"]:::guarantee
  end
  classDef request fill:#312e81,stroke:#312e81,color:#ffffff
  classDef rule fill:#eef2ff,stroke:#6366f1,color:#1e1b4b
  classDef otherwise fill:#f1f5f9,stroke:#64748b,color:#0f172a
  classDef failure fill:#fff7ed,stroke:#ea580c,color:#431407
  classDef flow fill:#faf5ff,stroke:#9333ea,color:#3b0764
  classDef agent fill:#f0fdfa,stroke:#0d9488,color:#042f2e
  classDef guarantee fill:#fff1f2,stroke:#e11d48,color:#4c0519
  classDef layer fill:#f8fafc,stroke:#94a3b8,color:#0f172a
"""

HOSTILE = (
    '"]; click n0 "javascript:alert(1)" <img src=x onerror=alert(1)>',
    "a\nb --> c\n  d[x]",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "`**bold**` __init__ 1. list - dash www.a.com #quot; &lt; $$x$$",
    "</script><script>alert(1)</script>",
    "\u202egnp.exe\u202c\u2066\u200b",
    "\x1b]0;title\x07\x1b[2J\x9b31m\x00",
    "\ud800\ufffe\ue000",
    "x" * 10_000,
    "日本語" * 4_000,
    "e" + "\u0301" * 5_000,
)


def hostile(text: str) -> Graph:
    """Say one text everywhere."""
    nodes = (
        Node("request", "request", text),
        Node("rule", "rule", text, text, (text,), ((text, text),)),
        Node("two", "rule", text, text),
        Node("default", "default", text, text),
        Node("failure", "failure", text, text),
        Node("flow", "flow", text, text, (text,), ((text, text),)),
        Node("agent", "agent", text, text, (text,), ((text, text),)),
        Node("guarantee", "guarantee", text, text),
        Node("layer", "layer", text, text),
    )
    edges = (
        Edge("rule", "flow", text, "match"),
        Edge("two", "agent", text, "match"),
        Edge("two", "flow", text, "match"),
        Edge("default", "agent", kind="match"),
        Edge("failure", "agent", text, "fallback"),
        Edge("flow", "agent", text),
    )
    return Graph(text, nodes, edges)


def many(rules: int) -> Graph:
    nodes = [Node("default", "default", "default")]
    edges: list[Edge] = []
    for number in range(rules):
        nodes += [Node(f"r{number}", "rule", f"#{number + 1}", f"metadata.tenant == 't{number}'")]
        nodes += [Node(f"a{number}", "agent", f"a{number}")]
        edges += [Edge(f"r{number}", f"a{number}", kind="match")]
    return Graph("many", tuple(nodes), tuple(edges))


def chain(flows: int, *, closed: bool = False) -> Graph:
    nodes = [Node("r", "rule", "#1", "true")]
    nodes += [Node(f"f{number}", "flow", f"f{number}", "fallback") for number in range(flows)]
    edges = [Edge("r", "f0", kind="match")]
    edges += [Edge(f"f{number}", f"f{number + 1}", "1") for number in range(flows - 1)]
    edges += [Edge(f"f{flows - 1}", "f0", "1")] if closed else []
    return Graph("chain", tuple(nodes), tuple(edges))


def test_the_terminal_shows_routes_flows_agents_and_guarantees() -> None:
    assert draw_terminal(SMALL) == TERMINAL


def test_mermaid_shows_the_same_routes() -> None:
    assert draw_mermaid(SMALL) == MERMAID


def test_colour_changes_no_letter() -> None:
    painted = draw_terminal(SMALL, colour=True)

    assert "\x1b[32mprivate\x1b[0m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == TERMINAL


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in draw_terminal(SMALL)


def test_a_long_condition_is_cut_and_keeps_its_target() -> None:
    rule = Node("r", "rule", "long", " && ".join(["input.tokens < 64"] * 40))
    graph = Graph("cut", (rule, Node("a", "agent", "small")), (Edge("r", "a", kind="match"),))

    lines = draw_terminal(graph, width=60).splitlines()

    assert lines[4] == "└─ 1 long  input.tokens < 64 && input.tokens < 64… ─▶ small"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("width", [0, 40, 79, 200])
def test_no_line_is_wider_than_the_terminal(text: str, width: int) -> None:
    drawn = draw_terminal(hostile(text), width=width)

    assert max(map(cells, drawn.splitlines())) <= max(width, 40)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_policy_steers_the_terminal(text: str) -> None:
    drawn = draw_terminal(hostile(text))

    assert {category(letter) for letter in drawn.replace("\n", "")}.isdisjoint(
        {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    assert drawn.count("\n") == draw_terminal(hostile("x")).count("\n")


@given(st.text())
def test_cleaned_text_is_one_line_without_invisible_letters(text: str) -> None:
    cleaned = clean(text)

    kinds = {category(letter) for letter in cleaned}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert clean(cleaned) == cleaned


def test_no_tower_of_accents_reaches_the_line_above() -> None:
    assert clean("e" + "\u0301" * 5_000 + "x") == "e\u0301\u0301x"


@given(st.text(), st.integers(1, 40), st.integers(1, 4))
def test_wrapped_text_fits(text: str, room: int, count: int) -> None:
    lines = wrap(text, room, count)

    assert 1 <= len(lines) <= count
    assert all(cells(line) <= room for line in lines)


@given(st.text(alphabet="ab ", max_size=80), st.integers(4, 40))
def test_wrapping_loses_nothing_when_there_is_room(text: str, room: int) -> None:
    lines = wrap(text, room, 100)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


_NODE = r'n\d+(?:\(\[|\[\[|\[|\()"[^"<>`{}%|\\]*(?:<br/>[^"<>`{}%|\\]*)?"(?:\]\)|\]\]|\]|\)):::\w+'
_EDGE = r'n\d+ (?:-->|==>|-\.->)(?:\|"[^"<>`{}%|\\]*"\|)? n\d+'
_LINE = re.compile(rf"  (?:  )?(?:{_NODE}|{_EDGE}|subgraph \w+|end|classDef \w+ [\w:#,]+)")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_policy_writes_mermaid(text: str) -> None:
    lines = draw_mermaid(hostile(text)).splitlines()

    assert [lines[0], *lines[2:4]] == ["---", "---", "flowchart LR"]
    assert re.fullmatch(r'title: "(?:[^"\\<%{]|\\U[0-9a-f]{8})*"', lines[1])
    assert [line for line in lines[4:] if not _LINE.fullmatch(line)] == []
    assert len(lines) == len(draw_mermaid(hostile("x")).splitlines())


@given(st.text())
def test_any_label_stays_inside_its_quotes_in_mermaid(text: str) -> None:
    lines = draw_mermaid(hostile(text)).splitlines()

    assert [line for line in lines[4:] if not _LINE.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("#1", "#35;1"),
        ('say "x"', "say #34;x#34;"),
        ("1. one", "1#46; one"),
        ("- one", "#45; one"),
        ("a-b_c.d", "a-b_c.d"),
        ("_a_", "#95;a#95;"),
        ("www.a.com", "www#46;a.com"),
        ("http://a", "http#58;//a"),
        ("a & b", "a #38; b"),
        ("größe 大", "größe 大"),
    ],
)
def test_mermaid_sees_no_markdown_in_a_label(text: str, written: str) -> None:
    drawn = draw_mermaid(Graph("t", (Node("a", "agent", text),), ()))

    assert drawn.splitlines()[4] == f'  n0("{written}"):::agent'


def test_a_huge_policy_is_clipped_and_says_so_in_the_terminal() -> None:
    drawn = draw_terminal(many(10_000))

    assert drawn.startswith("many\n10,000 rules · 10,000 agents\n")
    assert "├─ … 9,940 more rules\n└─" in drawn
    assert "\n  … 9,960 more agents\n" in drawn
    assert drawn.count("metadata.tenant") == 60


def test_a_huge_policy_is_clipped_and_says_so_in_mermaid() -> None:
    drawn = draw_mermaid(many(10_000))

    assert '\n  more["9,940 more rules"]:::otherwise\n' in drawn
    assert drawn.count(":::rule") == 60
    assert drawn.count(":::agent") == 40


def test_mermaid_hangs_what_is_left_out_on_the_request() -> None:
    graph = many(3)
    asked = Graph(graph.title, (Node("q", "request", "request"), *graph.nodes), graph.edges)

    drawn = draw_mermaid(asked, limits=Limits(rules=1))

    assert '  more["2 more rules"]:::otherwise\n  n0 -->|"1"| n1\n  n0 --> more\n' in drawn


def test_agents_that_drawn_rules_lead_to_come_before_others() -> None:
    agents = tuple(Node(f"a{number}", "agent", f"a{number}") for number in range(100))
    graph = Graph("t", (*agents, Node("r", "rule", "r")), (Edge("r", "a99", kind="match"),))

    drawn = draw_terminal(graph, limits=Limits(agents=2))

    assert drawn.endswith("agents\n  a0\n  a99\n  … 98 more agents\n")


@pytest.mark.parametrize("draw", [draw_terminal, draw_mermaid])
@pytest.mark.parametrize("closed", [False, True])
def test_flows_in_flows_in_flows_end(draw: Callable[[Graph], str], closed: bool) -> None:
    graph = chain(5_000, closed=closed)

    drawn = draw(graph)

    assert "f23" in drawn
    assert "f25" not in drawn


def test_a_flow_that_leads_back_to_itself_is_drawn_once() -> None:
    drawn = draw_terminal(chain(2, closed=True)).splitlines()

    assert drawn[3:] == [
        "request",
        "└─ 1 #1  true ─▶ f0 · fallback",
        "   └─ 1 ─▶ f1 · fallback",
        "      └─ 1 ─▶ f0 · fallback",
        "         └─ as above",
    ]


def test_many_steps_are_clipped_and_say_so() -> None:
    nodes = (Node("r", "rule", "r"), Node("f", "flow", "f", "pick"), Node("a", "agent", "a"))
    steps = tuple(Edge("f", "a", str(number)) for number in range(100))
    graph = Graph("t", nodes, (Edge("r", "f", kind="match"), *steps))

    assert "   ├─ 11 ─▶ a\n   └─ … 88 more\n" in draw_terminal(graph)
    assert '["88 more"]:::otherwise' in draw_mermaid(graph)


def test_an_empty_graph_can_be_drawn() -> None:
    assert draw_terminal(Graph("", (), ())) == "policy\n\n\nrequest\n"
    assert draw_mermaid(Graph("", (), ())).startswith('---\ntitle: "policy"\n---\nflowchart LR\n')


def test_two_nodes_with_one_id_are_refused() -> None:
    node = Node("a", "agent", "a")

    with pytest.raises(ValueError, match=r"^two nodes have the id 'a'$"):
        Graph("t", (node, node), ())


def test_an_edge_to_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^an edge names 'b', which is no node$"):
        Graph("t", (Node("a", "agent", "a"),), (Edge("a", "b"),))


@pytest.mark.parametrize("name", ["model", "lettering", "view", "mermaid", "terminal"])
def test_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(f"conductor_mw.workbench.graph.{name}")

    assert doctest.testmod(module).failed == 0
