"""The pages about flows are true: their examples load and run, their tables miss nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from conductor_mw import Answer, Conductor
from conductor_mw.errors import FAILURE_KINDS
from conductor_mw.events import EventName
from conductor_mw.flows.again import AgainOptions
from conductor_mw.flows.balance import ShareOptions
from conductor_mw.flows.candidates import FIGURES
from conductor_mw.flows.choose import Branch
from conductor_mw.flows.reply import FIELDS
from conductor_mw.flows.shadow import ShadowOptions
from conductor_mw.flows.step import StepOptions
from conductor_mw.flows.use import UseOptions
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load
from conductor_mw.scorers.length import Bounds
from conductor_mw.scorers.regex import Patterns
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask
from conductor_mw.workbench.bound import worst_calls

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("flows", "quality", "deploying", "people", "workers", "signals")
CORE = Plugins.core()
METADATA = {"user": "ana", "conversation": "c1", "tenant": "acme", "name": "Ana"}


class Example(NamedTuple):
    """A policy that a page shows, and the section in which it stands."""

    page: str
    number: int
    section: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"

    def write(self, folder: Path) -> Path:
        """Write it into a folder, beside the files that its page names."""
        for other in EXAMPLES:
            name = re.match(r"# (\w+\.yaml)\n", other.text)
            if name and other.page == self.page:
                (folder / name[1]).write_text(other.text, encoding="utf-8")
        path = folder / "example.yaml"
        path.write_text(self.text, encoding="utf-8")
        return path


def page(name: str) -> str:
    """Give the text of a page."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Give the sections of a page by their headings, whatever their level."""
    pieces = re.split(r"^##+ (.*)$", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def examples() -> Iterator[Example]:
    """Give every policy of the pages."""
    for name in PAGES:
        number = 0
        for heading, body in {"": page(name).partition("\n## ")[0], **sections(page(name))}.items():
            for text in re.findall(r"^```yaml\n(.*?)^```$", body, re.DOTALL | re.MULTILINE):
                if name == "signals" and "agents:" not in text:
                    continue  # a piece of a policy
                yield Example(name, number, heading, text)
                number += 1


EXAMPLES = list(examples())
OF_FLOWS = [one for one in EXAMPLES if one.page == "flows"]


def run(example: Example, folder: Path, way: Way) -> Answer:
    """Run an example as it stands, or with simulated agents where its own are real."""
    path = example.write(folder)
    simulate = bool(re.search(r"\b(model|worker|human): ", example.text))
    app = Scripted("the app's own answer") if "mode: observe" in example.text else None
    conductor = Conductor(path, simulate=simulate, app=app, clock=VirtualClock(), seed=1)
    return ask(conductor, "When do you open?", way=way, metadata=METADATA)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_loads_without_a_warning(example: Example, tmp_path: Path) -> None:
    policy = load(example.write(tmp_path), plugins=CORE, env={})

    assert policy.warnings == ()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_runs(
    example: Example, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    answer = run(example, tmp_path, way)

    assert answer.text
    assert answer.attempts


@pytest.mark.parametrize("example", OF_FLOWS, ids=lambda example: example.section)
def test_the_example_of_a_flow_runs_through_it(example: Example, tmp_path: Path) -> None:
    if example.section not in CORE.flows.names or example.section == "use":
        return

    paths = [attempt.path for attempt in run(example, tmp_path, "call").attempts]

    assert any(re.search(rf"(^|/){example.section}[/#]", path) for path in paths), paths


@pytest.mark.parametrize("name", CORE.flows.names)
def test_every_flow_has_its_section_its_example_and_its_row(name: str) -> None:
    text = page("flows")

    assert name in sections(text)
    assert any(example.section == name for example in OF_FLOWS)
    assert re.search(rf"^\| \[`{name}`\]\(#{name}\) \|", text, re.MULTILINE)


@pytest.mark.parametrize("name", CORE.scorers.names)
def test_every_scorer_has_its_section_and_its_example(name: str) -> None:
    assert name in sections(page("quality"))
    assert any((one.page, one.section) == ("quality", name) for one in EXAMPLES)


def documented() -> Iterator[tuple[str, str, str, FieldInfo]]:
    """Give every option with its page, its section and its key."""
    more: list[tuple[str, str, type[BaseModel]]] = [
        ("flows", "balance", ShareOptions),
        ("flows", "choose", Branch),
        ("flows", "sequence", StepOptions),
        ("flows", "use", AgainOptions),
        ("quality", "length", Bounds),
        ("quality", "regex", Patterns),
        ("deploying", "Shadow: ask somebody else as well, unseen", ShadowOptions),
    ]
    tables = [
        *(("flows", name, options) for name, options in CORE.flows.items()),
        *(("quality", name, options) for name, options in CORE.scorers.items()),
        *more,
    ]
    for where, section, options in tables:
        for name, field in options.model_fields.items():
            if options in (ShareOptions, StepOptions) and name in UseOptions.model_fields:
                continue  # they stand in the table of `use`
            yield where, section, field.alias or name, field


OPTIONS = list(documented())


@pytest.mark.parametrize(
    ("where", "section", "key", "field"), OPTIONS, ids=[f"{one[1]}-{one[2]}" for one in OPTIONS]
)
def test_every_option_stands_in_its_table(
    where: str, section: str, key: str, field: FieldInfo
) -> None:
    row = re.search(rf"^\| [^|]*`{key}`[^|]*\|(.*)$", sections(page(where))[section], re.MULTILINE)

    assert row is not None, f"docs/{where}.md, section {section!r}: no row for {key!r}"
    if field.is_required():
        assert "required" in row[1]
    elif stated(field):
        assert f"`{stated(field)}`" in row[1]


def stated(field: FieldInfo) -> str:
    """Give a default as a table writes it; nothing where it is told in words, or is a time."""
    value: object = field.default
    if isinstance(value, bool):
        return str(value).lower()
    timed = any(isinstance(one, BeforeValidator) for one in field.metadata)
    written = "" if timed or not isinstance(value, int | float | str) else str(value)
    return written if re.fullmatch(r"[\w.]+", written) else ""


@pytest.mark.parametrize("example", OF_FLOWS, ids=lambda example: example.section)
def test_the_calls_at_worst_are_those_that_the_page_says(example: Example, tmp_path: Path) -> None:
    text = sections(page("flows"))[example.section]
    said = re.search(r"in the example (\d+) calls?\b", text, re.IGNORECASE)
    if example.section not in CORE.flows.names:
        return

    (worst,) = worst_calls(load(example.write(tmp_path), plugins=CORE))

    assert said is not None
    assert int(said[1]) == worst.calls


SLOW = """
agents:
  - {id: a, simulated: {answer: "[1, 2, 3]", tokens_per_second: 10}}
  - {id: b, simulated: {answer: "no, no, no", tokens_per_second: 10}}
  - {id: judge, simulated: '{"because": "so", "best": 1}'}
routing: {default: %s}
"""


@pytest.mark.parametrize("way", STREAMS)
@pytest.mark.parametrize(
    ("body", "streams"),
    [
        ("{fallback: [a, b], hedge_after: 9s}", True),
        ("{cascade: [a, b], score: not_refusal}", False),
        ("{balance: [a, b]}", True),
        ("{pick: [a, b], minimise: latency}", True),
        ("{parallel: [a, b], take: first}", True),
        ("{parallel: [a, b], take: merge, merge: a}", True),
        ("{parallel: [a, b], take: best, judge: judge}", False),
        ("{parallel: [a, a], take: majority}", False),
        ("{parallel: [a, b], take: majority, quorum: 2, otherwise: a}", True),
        ("{consensus: [a, a], otherwise: b}", False),
        ("{consensus: [a, b], otherwise: b}", True),
        ("{sequence: [a, b]}", True),
        ("{sequence: [{id: one, use: a}, b], answer: one}", False),
        ("{choose: [{when: 'true', use: a}], else: b}", True),
        ("{repeat: a, until: 'true'}", False),
        ("{sequence: [{id: s, use: a}, {for_each: '{s.output}', use: b, max: 3}]}", False),
        ("{for_each: '{input.wants}', use: b, max: 3, join: {use: b}}", True),
        ("{use: a, prompt: Hi, timeout: 9s}", True),
        ("{use: a, accept: answer.chars > 1}", False),
        ("{cascade: [{fallback: [a, b]}, b], score: not_refusal}", False),
    ],
)
def test_what_is_said_to_stream_does_and_nothing_else(
    body: str, *, streams: bool, way: Way
) -> None:
    clock = VirtualClock()
    conductor = Conductor.from_text(SLOW % body, clock=clock, seed=1)
    heard: list[float] = []

    async def listen() -> None:
        async for part in conductor.astream("Hello"):
            if part.speaks:
                heard.append(clock.monotonic())

    if way == "astream":
        asyncio.run(listen())
    else:
        heard += [clock.monotonic() for part in conductor.stream("Hello") if part.speaks]

    assert len(heard) > 1
    assert (heard[0] < heard[-1]) is streams


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_an_answer_is_named_with_its_type(name: str) -> None:
    type_ = str(FIELDS[name]).replace("<", "&lt;").replace(">", "&gt;")

    assert f"\n| `{name}` | {type_} |" in sections(page("quality"))["What can be read"]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_a_candidate_is_named(name: str) -> None:
    text = sections(page("flows"))["pick"]

    assert f"`{name}`" in text or f"`.{name.partition('.')[2]}`" in text


def test_every_kind_of_failure_is_named() -> None:
    text = sections(page("flows"))["After a failure"]

    assert [kind for kind in FAILURE_KINDS if f"`{kind}`" not in text] == []


@pytest.mark.parametrize("name", get_args(EventName))
def test_every_event_is_named(name: str) -> None:
    assert re.search(rf"^\| [^|]*`{name}`", sections(page("flows"))["Events"], re.MULTILINE)


def test_the_figures_that_are_cited_are_those_of_the_page_of_figures() -> None:
    cited = re.findall(r"\d+\.\d %", sections(page("quality"))["What it costs, and when not to"])

    assert cited
    assert [figure for figure in cited if figure not in page("figures")] == []


@pytest.mark.parametrize("name", ["flows", "deploying"])
def test_the_python_of_a_page_runs(name: str) -> None:
    for block in re.findall(r"^```python\n(.*?)^```$", page(name), re.DOTALL | re.MULTILINE):
        exec(compile(block, f"docs/{name}.md", "exec"), {"__name__": name})
