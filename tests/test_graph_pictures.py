"""A graph as a picture and as a page: whole in themselves, safe, legible, never overlapping."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from html.parser import HTMLParser
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_mw.workbench.graph import (
    Edge,
    EdgeKind,
    Graph,
    Limits,
    Node,
    NodeKind,
    draw_html,
    draw_svg,
)

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"svg", "g", "title", "style", "rect", "path", "circle", "text", "tspan"}
PAGE = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "figure", "section"),
    *("h1", "h2", "p", "b", "bdi", "code", "span", "br", "div", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
HARMLESS = {
    *("class", "x", "y", "width", "height", "rx", "d", "cx", "cy", "r", "dx", "role", "viewBox"),
    *("text-anchor", "overflow", "viewbox", "aria-label", "scope", "lang"),
    *("charset", "http-equiv", "content", "name", "xmlns"),
}

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</style><style>@import url(http://a.example)</style>",
    "</title></svg><a href='javascript:alert(1)'>x</a>",
    "]]><!-- --> <![CDATA[ &lt; &#0; &amp;",
    "\u202egnp.exe\u202c\u2066",
    "\x00\x1b[2J\x7f\x9b\ud800\ufffe\uffff",
    "x" * 10_000,
    "日本語 שלום " * 1_000,
)


def sample() -> Graph:
    nodes = (
        Node("request", "request", "request"),
        Node("r1", "rule", "pii", "size(input.pii) > 0"),
        Node("r2", "rule", "reasoning", "input.type == 'reasoning'", ("cache 60s",)),
        Node("r3", "rule", "canary", "tier == 'pro' && " * 20 + "true"),
        Node("default", "default", "default"),
        Node("timeout", "failure", "timeout"),
        Node("careful", "flow", "careful", "cascade", facts=(("accept", "answer.score >= 0.8"),)),
        Node("split", "flow", "split", "balance"),
        Node("deep", "flow", "resilient", "fallback"),
        Node("triage", "agent", "triage", "openai/gpt-4o-mini", ("eu",), (("input", "$0.15"),)),
        Node("private", "agent", "private", "ollama/llama3.1"),
        Node("worker", "agent", "worker", "http://127.0.0.1:9000/score"),
        Node("never", "guarantee", "never", "size(input.pii) > 0 without eu"),
        Node("most", "guarantee", "at_most", "6 calls"),
        Node("audit", "layer", "audit", "content none"),
        Node("cache", "layer", "cache", "ttl 1h"),
    )
    edges = (
        Edge("r1", "private", kind="match"),
        Edge("r2", "careful", "10 %", "match"),
        Edge("r3", "split", kind="match"),
        Edge("default", "triage", kind="match"),
        Edge("timeout", "private", kind="fallback"),
        Edge("careful", "triage", "1"),
        Edge("careful", "deep", "2"),
        Edge("split", "triage", "80 %"),
        Edge("split", "private", "20 %"),
        Edge("deep", "private", "1"),
        Edge("deep", "careful", "2", "on_failure"),
    )
    return Graph("support-desk", nodes, edges)


def hostile(text: str) -> Graph:
    kinds: tuple[NodeKind, ...] = ("rule", "default", "failure", "flow", "agent")
    others: tuple[NodeKind, ...] = ("request", "guarantee", "layer")
    nodes = tuple(
        Node(kind, kind, text, text, (text, text), ((text, text), ("b", text)))
        for kind in (*kinds, *others)
    )
    steps = tuple(Edge("flow", "agent", text) for _ in range(3))
    edges = (
        Edge("rule", "flow", text, "match"),
        Edge("default", "flow", text, "match"),
        Edge("default", "agent", text, "match"),
        Edge("failure", "agent", text, "fallback"),
        *steps,
    )
    return Graph(text, nodes, edges)


def many(rules: int) -> Graph:
    nodes = [Node("a", "agent", "small")]
    nodes += [Node(f"r{n}", "rule", f"#{n + 1}", f"tenant == 't{n}'") for n in range(rules)]
    edges = [Edge(f"r{n}", "a", kind="match") for n in range(rules)]
    return Graph("many", tuple(nodes), tuple(edges))


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    def grown(self, by: float) -> Box:
        return Box(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def overlaps(self, other: Box) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def drawing(graph: Graph) -> ET.Element:
    return ET.fromstring(draw_svg(graph))  # noqa: S314 - our own writing, and what the test is about


def cards(picture: ET.Element) -> list[Box]:
    return [
        Box(*(float(card.attrib[name]) for name in ("x", "y", "width", "height")))
        for card in picture.findall(f"{SVG}svg")
    ]


def lines(picture: ET.Element, style: str) -> list[str]:
    found = (path for path in picture.findall(f"{SVG}path"))
    return [path.attrib["d"] for path in found if style in path.attrib["class"].split()]


def texts(picture: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


class Page(HTMLParser):
    """Collects what a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.inside: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside[self.open[-1]] = self.inside.get(self.open[-1], "") + data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.seen}

    @property
    def attributes(self) -> set[str]:
        return {name for _, attributes in self.seen for name in attributes}


def test_the_picture_names_everything() -> None:
    picture = drawing(sample())

    shown = texts(picture)
    for word in ("support-desk", "pii", "size(input.pii) > 0", "cascade", "accept answer.score"):
        assert any(word in text for text in shown), word
    for word in ("triage", "openai/gpt-4o-mini", "input $0.15", "eu", "never", "audit", "80 %"):
        assert any(word in text for text in shown), word
    assert "3 rules · 3 flows · 3 agents · 2 guarantees · 2 layers" in shown


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert draw_svg(sample()) == draw_svg(sample())
    assert draw_html(sample()) == draw_html(sample())


def test_a_picture_knows_day_and_night() -> None:
    style = drawing(sample()).findtext(f"{SVG}style", "")

    day, night = re.findall(r":root\{([^}]*)\}", style)
    used = set(re.findall(r"var\((--\w+)\)", style)) - {"--hue"}

    assert f"@media (prefers-color-scheme:dark){{:root{{{night}}}}}" in style
    assert used <= set(re.findall(r"(--\w+):", day))
    assert used <= set(re.findall(r"(--\w+):", night))


def test_a_share_is_drawn_as_a_bar_of_its_length() -> None:
    picture = drawing(sample())

    bars = [
        (float(track.attrib["width"]), float(bar.attrib["width"]))
        for group in picture.iter(f"{SVG}g")
        for track, bar in zip(
            [rect for rect in group.findall(f"{SVG}rect") if rect.attrib["class"] == "track"],
            [rect for rect in group.findall(f"{SVG}rect") if rect.attrib["class"][:3] == "bar"],
            strict=True,
        )
    ]

    assert [round(bar / track, 2) for track, bar in bars] == [0.8, 0.2]
    assert len({track for track, _ in bars}) == 1  # or the bars could not be compared


def test_every_reached_card_has_one_arrow_head_at_its_left_edge() -> None:
    picture = drawing(sample())

    tips = lines(picture, "tip")
    lefts = {box.x for box in cards(picture)}

    assert len(tips) == 5  # careful, split, deep, triage, private; the worker is not reached
    for tip in tips:
        assert float(tip[1:].split()[0]) + 8 in lefts


def test_a_line_backwards_is_named_in_its_row_and_not_drawn() -> None:
    nodes = (Node("r", "rule", "r"), Node("f", "flow", "one"), Node("g", "flow", "two"))
    edges = (Edge("r", "f", kind="match"), Edge("f", "g", "1"), Edge("g", "f", "2"))

    picture = drawing(Graph("t", nodes, edges))

    assert len(lines(picture, "way")) == len(lines(picture, "tip")) == 2
    assert texts(picture).count("one") == 3  # the rule's target, the card, the way back


def test_dashes_mark_what_is_not_the_normal_way() -> None:
    nodes = (Node("r", "failure", "timeout"), Node("a", "agent", "fast"))

    fallback = drawing(Graph("t", nodes, (Edge("r", "a", kind="fallback"),)))
    match = drawing(Graph("t", nodes, (Edge("r", "a", kind="match"),)))

    assert (len(lines(fallback, "aside")), len(lines(fallback, "way"))) == (1, 1)
    assert (len(lines(match, "aside")), len(lines(match, "way"))) == (0, 1)


@pytest.mark.parametrize(("kind", "dashed"), [("fallback", 1), ("match", 0)])
def test_a_trunk_past_a_column_is_dashed_as_what_runs_into_it(kind: EdgeKind, dashed: int) -> None:
    nodes = (
        Node("x", "failure", "timeout"),
        Node("r", "rule", "r"),
        Node("f", "flow", "f"),
        Node("a", "agent", "a"),
        Node("b", "agent", "b"),
    )
    edges = (Edge("r", "f", kind="match"), Edge("f", "b"), Edge("x", "a", kind=kind))

    picture = drawing(Graph("t", nodes, edges))

    trunks = [path for path in lines(picture, "way") if "H" in path]
    assert len(trunks) == 1
    assert [path for path in lines(picture, "aside") if "H" in path] == trunks * dashed


def test_many_layers_go_on_in_a_new_row() -> None:
    layers = tuple(Node(f"l{n}", "layer", f"layer {n}", "some words " * 3) for n in range(12))

    picture = drawing(Graph("t", layers, ()))

    assert len({card.y for card in cards(picture) if card.height == 32}) > 3
    assert max(card.x + card.width for card in cards(picture)) <= float(picture.attrib["width"])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    words = st.sampled_from(["", "a", "input.tokens < 64", "long " * 30, "80 %", "日本語"])
    counts = {"rule": 8, "default": 1, "failure": 3, "flow": 6, "agent": 6}
    nodes: list[Node] = []
    kind: NodeKind
    for kind in ("rule", "default", "failure", "flow", "agent", "layer", "guarantee"):
        for number in range(draw(st.integers(0, counts.get(kind, 3)))):
            badges = tuple(draw(st.lists(words, max_size=4)))
            facts = tuple((word, "value") for word in draw(st.lists(words, max_size=3)))
            node = Node(f"{kind}{number}", kind, draw(words), draw(words), badges, facts)
            nodes.append(node)
    sources = [node.id for node in nodes if node.kind in ("rule", "default", "failure", "flow")]
    targets = [node.id for node in nodes if node.kind in ("flow", "agent")]
    edges: list[Edge] = []
    if sources and targets:
        pair = st.tuples(st.sampled_from(sources), st.sampled_from(targets), words)
        ways = draw(st.lists(pair, max_size=25))
        edges = [Edge(source, target, label, "step") for source, target, label in ways]
    return Graph(draw(words), tuple(nodes), tuple(edges))


@settings(deadline=None)
@given(graphs())
def test_cards_keep_their_distance_and_stay_on_the_paper(graph: Graph) -> None:
    picture = drawing(graph)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])

    found = cards(picture)

    assert [pair for pair in combinations(found, 2) if pair[0].grown(9).overlaps(pair[1])] == []
    for card in found:
        assert card.x >= 0
        assert card.y >= 0
        assert card.x + card.width <= width
        assert card.y + card.height <= height


@settings(deadline=None)
@given(graphs())
def test_no_line_runs_through_a_card(graph: Graph) -> None:
    picture = drawing(graph)
    found = cards(picture)

    for path in lines(picture, "way"):
        for left, y, right in _level_parts(path):
            crossed = Box(left + 1, y - 1, right - left - 2, 2)
            assert [card for card in found if card.overlaps(crossed)] == []


def _level_parts(path: str) -> Iterator[tuple[float, float, float]]:
    for x, y, to in re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)", path):
        yield float(x), float(y), float(to)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_policy_becomes_part_of_the_picture(text: str) -> None:
    drawn = draw_svg(hostile(text))
    picture = drawing(hostile(text))

    assert drawn.encode()
    assert {element.tag.removeprefix(SVG) for element in picture.iter()} <= SHAPES
    assert {name for element in picture.iter() for name in element.attrib} <= HARMLESS
    assert len(drawn) < 60_000


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_policy_becomes_part_of_the_page(text: str) -> None:
    drawn = draw_html(hostile(text))
    page = Page(drawn)

    assert drawn.encode()
    assert page.tags <= SHAPES | PAGE
    assert page.attributes <= HARMLESS
    assert drawn.count("<style") == drawn.count("</style") == 1
    assert len(drawn) < 120_000


@settings(deadline=None)
@given(st.text())
def test_any_text_makes_a_whole_picture(text: str) -> None:
    picture = drawing(hostile(text))

    assert {element.tag.removeprefix(SVG) for element in picture.iter()} <= SHAPES


def test_a_label_is_shown_as_it_was_written() -> None:
    picture = drawing(Graph("t", (Node("a", "agent", "<b>&amp;\"'"),), ()))

    assert "<b>&amp;\"'" in texts(picture)


def test_the_page_lists_rules_flows_agents_guarantees_and_layers() -> None:
    page = Page(draw_html(sample()))

    assert page.inside["h2"] == "RulesFlowsAgentsGuaranteesLayers"
    assert "size(input.pii) > 0" in page.inside["bdi"]
    assert "no rule matched" in page.inside["span"]


def test_the_page_needs_nothing_but_itself() -> None:
    drawn = draw_html(sample())
    page = Page(drawn)

    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "a", "base", "form"})
    assert page.attributes.isdisjoint({"src", "href", "style", "srcset", "action"})
    assert re.findall(r"url\(|@import|@font-face", drawn) == []
    assert set(re.findall(r"\w+://[^<\s\"]+", drawn)) == {"http://127.0.0.1:9000/score"}


def test_the_only_address_in_a_picture_is_the_name_of_its_format() -> None:
    drawn = draw_svg(Graph("t", (Node("a", "agent", "a"),), ()))

    assert re.findall(r"\w+://[^<\s\"]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"url\(|@import|@font-face|href", drawn) == []


def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    page = Page(draw_html(sample()))
    metas = [attributes for tag, attributes in page.seen if tag == "meta"]

    policy = next(meta["content"] for meta in metas if "http-equiv" in meta)

    digest = b64encode(sha256(page.inside["style"].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_a_huge_policy_is_clipped_and_says_so_in_the_picture() -> None:
    shown = texts(drawing(many(10_000)))

    assert "… 9,940 more rules" in shown
    assert "#60" in shown
    assert "#61" not in shown


def test_the_page_lists_more_rules_than_it_draws_and_says_how_many_are_left() -> None:
    drawn = draw_html(many(10_000))

    assert "… 9,940 more rules" in drawn
    assert "… 9,500 more rules" in drawn
    assert "tenant == &#x27;t499&#x27;" in drawn
    assert "tenant == &#x27;t500&#x27;" not in drawn


@pytest.mark.parametrize("closed", [False, True])
def test_flows_in_flows_in_flows_end(closed: bool) -> None:
    flows = tuple(Node(f"f{n}", "flow", f"f{n}", "fallback") for n in range(5_000))
    ring = tuple(Edge(f"f{n}", f"f{(n + 1) % 5_000}", "1") for n in range(5_000 - (not closed)))

    shown = texts(drawing(Graph("chain", flows, ring)))

    assert "… 4,976 more flows" in shown


def test_nothing_of_a_kind_may_be_asked_for() -> None:
    none = Limits(rules=0, failures=0, flows=0, agents=0, steps=0, guarantees=0, layers=0)

    shown = texts(ET.fromstring(draw_svg(sample(), limits=none)))  # noqa: S314

    for left_out in ("3 more rules", "1 more failure", "3 more flows", "3 more agents"):
        assert f"… {left_out}" in shown
    assert "2 more layers" in shown


def test_an_empty_graph_can_be_drawn() -> None:
    empty = Graph("", (), ())

    assert "no rules" in texts(drawing(empty))
    assert Page(draw_html(empty)).inside["title"] == "policy"
