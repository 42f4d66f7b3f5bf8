"""How a traffic file is read, and how each mistake in it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import ConductorError
from conductor_mw.workbench.traffic import Question, read_lines, read_traffic

ROOT = Path(__file__).parents[1]


def read(*lines: str | bytes) -> list[Question]:
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    return list(read_lines(raw, "t.jsonl"))


def test_a_text_is_a_message_of_the_user() -> None:
    (question,) = read('{"text": "Hello"}')

    assert question == Question("#1", 1, {"messages": [{"role": "user", "content": "Hello"}]}, {})


def test_every_part_of_a_request_arrives() -> None:
    line = {
        "id": "q1",
        "messages": [{"role": "user", "content": "Hello"}],
        "metadata": {"tier": "pro"},
        "tools": [{"type": "function", "function": {"name": "find"}}],
        "parameters": {"temperature": 0.5},
        "expect_type": "simple",
    }

    (question,) = read(json.dumps(line))
    request = question.request(stream=True)

    assert question.id == "q1"
    assert request.text == "Hello"
    assert request.metadata == {"tier": "pro"}
    assert list(request.tools) == ["find"]
    assert request.parameters == {"temperature": 0.5}
    assert request.stream


def test_empty_lines_are_passed_over_and_counted() -> None:
    assert [(one.id, one.line) for one in read("", '{"text": "a"}', "  ", '{"text": "b"}')] == [
        ("#2", 2),
        ("#4", 4),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert len(read(b'\xef\xbb\xbf{"text": "a"}')) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\x89PNG", "t.jsonl:2:1: this is not UTF-8 text"),
        (
            b'{"text": }',
            "t.jsonl:2:10: this is no JSON: Expecting value\n  each line must be one JSON object",
        ),
        (b"[" * 100_000, "t.jsonl:2:1: the JSON is nested too deeply"),
        (b'["text"]', 't.jsonl:2:1: this is no JSON object\n  for example {"text": "Hello"}'),
        (b'{"txt": "a"}', "t.jsonl:2:1: no key 'txt'\n  did you mean 'text'?"),
        (
            b'{"id": "a"}',
            't.jsonl:2:1: there is no message\n  write "messages": [...] or "text": "..."',
        ),
        (
            b'{"text": "a", "messages": []}',
            "t.jsonl:2:1: there are both messages and text\n  keep one of them",
        ),
        (b'{"text": 3}', "t.jsonl:2:1: text: must be a string, not int"),
        (b'{"messages": "a"}', "t.jsonl:2:1: messages: must be a list, not str"),
        (
            b'{"messages": []}',
            "t.jsonl:2:1: messages: there is no message\n  pass a text or at least one message",
        ),
        (
            b'{"messages": [{"content": "a"}]}',
            "t.jsonl:2:1: messages.0.role: is missing\n  write system, user, assistant or tool",
        ),
        (
            b'{"text": "a", "tools": [{}]}',
            (
                "t.jsonl:2:1: tools.0: a tool must have a name\n"
                '  for example {"type": "function", "function": {"name": "f", "parameters": {}}}'
            ),
        ),
        (b'{"text": "a", "metadata": [1]}', "t.jsonl:2:1: metadata: must be a mapping, not list"),
        (
            b'{"text": "a", "parameters": {"stream": true}}',
            "t.jsonl:2:1: parameters: 'stream' is no parameter",
        ),
        (b'{"text": "a", "id": true}', "t.jsonl:2:1: id: must be a string, not bool"),
        (
            b'{"text": "a", "id": "q"}',
            (
                "t.jsonl:2:1: the id 'q' stands here a second time\n"
                "  the first is in line 1; rename one of them"
            ),
        ),
    ],
)
def test_every_mistake_is_told_with_its_line(line: bytes, said: str) -> None:
    with pytest.raises(ConductorError) as caught:
        read('{"id": "q", "text": "a"}', line)

    assert str(caught.value) == said


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps(text).encode()))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    where = "t.jsonl:1:1"
    try:
        read(line)
    except ConductorError as error:
        where = error.where

    assert where.startswith("t.jsonl:1:")


def test_a_limit_reads_no_further(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\nbroken\n')

    assert [one.line for one in read_traffic(path, limit=1)] == [1]


def test_a_file_without_a_request_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n\n")

    with pytest.raises(ConductorError) as caught:
        read_traffic(path)

    assert str(caught.value) == (
        f"{path}: there is no request in this file\n"
        '  write one a line, for example {"id": "q1", "text": "Hello"}'
    )


def test_our_own_traffic_is_read() -> None:
    assert len(read_traffic(ROOT / "examples/support-desk/requests.jsonl")) >= 200
