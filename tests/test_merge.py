"""Asking several at once: one answer that an agent makes of all of them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import (
    Failure,
)
from conductor_mw.flows.listing import listed
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.racing import several


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_makes_one_answer_of_all(way: Way) -> None:
    merger = Scripted("a and ", "b")
    c = several("{parallel: [a, b], take: merge, merge: d}", d=merger)

    answer = ask(c, "What is it?", way=way)

    assert (answer.text, answer.agent) == ("a and b", "d")
    assert answer.attempts[-1].purpose == "merge"
    (asked,) = merger.asked
    assert listed(["a", "b"]) in asked.text
    assert "What is it?" in asked.text


@pytest.mark.parametrize("way", STREAMS)
def test_the_merged_answer_streams(way: Way) -> None:
    c = several("{parallel: [a, b], take: merge, merge: d}",
                d=Scripted("one ", RuntimeError("after the first part")))  # fmt: skip

    assert read_one(c, "hello", way=way).text == "one "


@pytest.mark.parametrize("way", WAYS)
def test_a_prompt_may_read_every_answer_by_its_name(way: Way) -> None:
    merger = Scripted("merged")
    c = several(
        "{parallel: [a, b], take: merge, merge: d, "
        "prompt: 'A: {a.text} B: {steps.b.text} {b.success} {{x}}'}",
        a=Scripted("{b.text}"), b=Scripted(Failure("auth")), d=merger,
    )  # fmt: skip

    ask(c, "hello", way=way)

    assert merger.asked[0].text == "A: {b.text} B:  false {x}"


@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_no_answer_can_imitate_the_marks_around_it(texts: list[str]) -> None:
    whole = listed(texts)

    marks = Counter(
        line for line in whole.split("\n") if line.startswith(("[answer ", "[end of answer "))
    )
    mark = whole.split("]")[0].rsplit(" ", 1)[1]
    assert sum(count for line, count in marks.items() if mark in line) == 2 * len(texts)
