"""For each: one step for every item of a list that was given, and how they become one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from conductor_mw import Attempt, Conductor, Failure, Io, Part, PolicyError, Request, attempts_of
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import conductor

TEXT = """
agents: [{id: plan, labels: []}, {id: work}, {id: write}]
routing:
  default:
    sequence:
      - {id: topics, use: plan, output: {type: object, properties: {items: {type: array}}}}
      - for_each: "{topics.items}"
        use: {use: work, prompt: "%s"}
        max: 4
        %s
"""


class Saying:
    """An agent that says what it was asked, and fails where that is `bad`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        text = attempt.request.text
        self.asked.append(text)
        if text == "bad":
            raise ConnectionError("reset")
        yield Part(f"<{text}>", finish="stop")


def desk(items: object, *, prompt: str = "{item}", more: str = "", **agents: Any) -> Conductor:
    usual: dict[str, Any] = {
        "plan": Scripted(json.dumps({"items": items})),
        "work": Saying(),
        "write": Scripted("joined"),
    }
    return conductor(TEXT % (prompt, more), **(usual | agents))


@pytest.mark.parametrize("way", WAYS)
def test_every_item_is_asked_for_and_the_answers_keep_the_lists_order(way: Way) -> None:
    answer = ask(desk(["a", "b", "c"]), "x", way=way)

    assert answer.text == "<a>\n\n<b>\n\n<c>"
    assert sorted(one.path for one in answer.attempts)[:3] == [
        "sequence/2/for_each/0/work",
        "sequence/2/for_each/1/work",
        "sequence/2/for_each/2/work",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_item_may_be_any_json_and_has_a_number(way: Way) -> None:
    items = [{"title": "Rhine", "facts": [1, 2]}, {"title": "Elbe", "facts": [3]}]

    answer = ask(desk(items, prompt="{index} {item.title} {item.facts}"), "x", way=way)

    assert answer.text == "<0 Rhine [1,2]>\n\n<1 Elbe [3]>"


def test_an_items_text_is_never_read_as_a_template() -> None:
    assert desk(["{input.text}", "{{"]).call("x").text == "<{input.text}>\n\n<{{>"


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_may_join_the_answers(way: Way) -> None:
    write = Scripted("One text.")
    more = 'join: {use: write, prompt: "Join for {input.text}: {answers}"}'

    answer = ask(desk(["a", "b"], more=more, write=write), "x", way=way)

    assert (answer.text, answer.agent) == ("One text.", "write")
    assert write.asked[0].text == 'Join for x: ["<a>","<b>"]'


@pytest.mark.parametrize("way", STREAMS)
def test_who_joins_streams(way: Way) -> None:
    write = Scripted("one ", RuntimeError("after the first part"))

    c = desk(["a"], more='join: {use: write, prompt: "{answers}"}', write=write)

    assert read_one(c, "x", way=way).text == "one "


def test_every_part_says_whose_it_is() -> None:
    parts = list(desk(["a", "b"]).stream("x"))

    assert [(part.text, part.origin) for part in parts if part.text] == [
        ("<a>", ("work", "sequence/2/for_each/0")),
        ("\n\n<b>", ("work", "sequence/2/for_each/1")),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_too_many_items_are_no_list_to_work_on(way: Way) -> None:
    work = Saying()

    with pytest.raises(Failure, match="has 5 items, 4 are allowed") as caught:
        ask(desk([1, 2, 3, 4, 5], work=work), "x", way=way)

    assert caught.value.kind == "invalid_output"
    assert work.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_too_many_items_may_be_cut_off(way: Way) -> None:
    answer = ask(desk([1, 2, 3, 4, 5], more="beyond: cut"), "x", way=way)

    assert answer.text == "<1>\n\n<2>\n\n<3>\n\n<4>"


@pytest.mark.parametrize("items", ["a text", 3, {"a": 1}, None])
def test_what_is_no_list_is_a_failure(items: object) -> None:
    with pytest.raises(Failure) as caught:
        desk(items).call("x")

    assert caught.value.kind == "invalid_output"


def test_an_empty_list_gives_an_empty_answer() -> None:
    assert desk([]).call("x").text == ""


@pytest.mark.parametrize("way", WAYS)
def test_an_item_that_fails_fails_the_whole(way: Way) -> None:
    with pytest.raises(ConnectionError) as caught:
        ask(desk(["a", "bad", "c"], more="at_once: 1"), "x", way=way)

    assert [one.path for one in attempts_of(caught.value)][1:] == [
        "sequence/2/for_each/0/work",
        "sequence/2/for_each/1/work",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_item_that_fails_may_be_left_out(way: Way) -> None:
    answer = ask(desk(["a", "bad", "c"], more="on_failure: continue"), "x", way=way)

    assert answer.text == "<a>\n\n<c>"


def test_where_every_item_fails_there_is_no_answer() -> None:
    with pytest.raises(ConnectionError):
        desk(["bad", "bad"], more="on_failure: continue").call("x")


def test_so_many_are_asked_at_once() -> None:
    async def asked() -> int:
        now = most = 0

        async def work(request: Request) -> str:
            nonlocal now, most
            now += 1
            most = max(most, now)
            for _ in range(5):
                await asyncio.sleep(0)
            now -= 1
            return request.text

        answer = await desk([1, 2, 3, 4], more="at_once: 2", work=work).acall("x")
        assert answer.text == "1\n\n2\n\n3\n\n4"
        return most

    assert asyncio.run(asked()) == 2


def test_a_sync_caller_has_them_asked_at_once_as_well() -> None:
    both = threading.Barrier(2, timeout=10)

    class Meeting:
        async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
            await Io(both.wait)
            yield Part(attempt.request.text, finish="stop")

    assert desk([1, 2], work=Meeting()).call("x").text == "1\n\n2"


def test_the_longest_list_counts_for_the_worst_case() -> None:
    plain = desk([], more="join: {use: write, prompt: '{answers}'}")

    assert plain.decide("x").flow.worst_calls == 1 + 4 + 1


def test_loops_over_lists_nest_with_names_of_their_own() -> None:
    text = """
agents: [{id: plan}, {id: work}]
routing:
  default:
    sequence:
      - {id: all, use: plan}
      - for_each: "{all.output}"
        as: row
        max: 3
        join: ";"
        use:
          for_each: "{row}"
          as: cell
          max: 3
          join: ","
          use: {use: work, prompt: "{row_index}{cell}"}
"""
    c = conductor(text, plan=Scripted('[["a", "b"], ["c"]]'), work=Saying())

    assert c.call("x").text == "<0a>,<0b>;<1c>"


def test_a_list_of_the_request_may_be_walked_too() -> None:
    text = """
agents: [{id: work}]
signals: {topics: {from: metadata.topics, type: "list<string>"}}
routing: {default: {for_each: "{topics}", use: {use: work, prompt: "{item}"}, max: 3}}
"""
    c = conductor(text, work=Saying())

    assert c.call("x", metadata={"topics": ["a", "b"]}).text == "<a>\n\n<b>"


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        ('for_each: "{input.text}", max: 3, use: a', "{input.text} is string, and a list is"),
        ('for_each: "a {input.wants}", max: 3, use: a', "this is a text, and a list is needed"),
        ('for_each: "{input.wants}", use: a', "the key 'max' is missing"),
        ('for_each: "{input.wants}", max: 65, use: a', "less than or equal to 64"),
        ('for_each: "{nothing.here}", max: 3, use: a', "no signal 'nothing.here'"),
        ('for_each: "{input.wants}", max: 3, use: a, as: input', "cannot be called 'input'"),
        ('for_each: "{input.wants}", max: 3, use: a, join: a', "write `join: {use: a, prompt"),
        ('for_each: "{input.wants}", max: 3', "the key 'use' is missing"),
        ('for_each: "{input.wants}", max: 3, use: a, shadow: a', "no key 'shadow'"),
    ],
)
def test_mistakes_in_a_loop_over_a_list_are_found_at_load(flow: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(f"agents: [{{id: a}}]\nrouting: {{default: {{{flow}}}}}\n", a=Scripted("x"))

    assert problem in str(caught.value)
