"""`--simulate` runs a whole policy, judges and questions included, without anybody's words."""

from __future__ import annotations

import pytest

from conductor_mw import Conductor, Plugins
from conductor_mw.testing import WAYS, Way, ask

POLICY = """
signals:
  topic: {ask: sorter, one_of: [refund, question]}
  risk: {ask: sorter, type: double}
agents:
  - {id: sorter, model: openai/gpt-4o-mini}
  - {id: small, model: openai/gpt-4o-mini}
  - {id: large, model: openai/gpt-4o}
  - {id: judge, model: openai/gpt-4o}
flows:
  graded: {cascade: [small, large], score: {judge: judge, rubric: Short., scale: 5}}
  best: {parallel: [small, large], take: best, judge: judge}
  scored: {use: small, score: {use: judge}}
  planned:
    use: large
    output:
      type: object
      required: [parts, sure]
      properties:
        parts: {type: array, minItems: 2, items: {enum: [one, two]}}
        sure: {type: number, minimum: 0.5}
routing:
  rules:
    - condition: "topic == 'refund' && risk < 0.5"
      target: {sequence: [planned, graded, best, scored]}
  default: small
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_simulated_judge_accepts_and_a_simulated_sorter_answers(way: Way) -> None:
    conductor = Conductor.from_text(POLICY, simulate=True, plugins=Plugins.core())

    answer = ask(conductor, "I was charged twice.", way=way)

    assert answer.text == "(simulated answer of small)"
    assert answer.accepted
    assert {attempt.purpose for attempt in answer.attempts} >= {"signal", "judge", "score"}
