"""A JSON Schema is checked when it is compiled, and a hostile value cannot make the check slow."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import json_keywords
from conductor_mw.errors import ConductorError
from conductor_mw.json_schema import MAX_PROBLEMS, compile_schema, unfit

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, "x", "it must be of the type integer, not string"),
        ({"type": ["null", "string"]}, 1, "it must be of the type null or string, not integer"),
        ({"type": "integer"}, True, "it must be of the type integer, not boolean"),
        ({"required": ["a", "b"]}, {"a": 1}, 'it lacks "b"'),
        ({"enum": ["a", 1]}, "c", 'it must be one of "a", 1'),
        ({"const": {"a": 1}}, 1, 'it must be {"a": 1}'),
        ({"pattern": "^a+$"}, "ab", "it does not match '^a+$'"),
        ({"maximum": 1}, 2, "it breaks 'maximum': 1"),
        ({"anyOf": [{"type": "null"}, {"minLength": 3}]}, "x", "it fits none of 2 forms"),
        ({"oneOf": [{"minimum": 0}, {"maximum": 9}]}, 5, "it must fit one of 2 forms, and no "),
        ({"not": {"type": "null"}}, None, "it has a form that is not allowed"),
        ({"uniqueItems": True}, [1, 1.0], "it holds the same item twice"),
        ({"properties": {"a": False}}, {"a": 1}, "it is not allowed"),
        ({"additionalProperties": False}, {"a": 1}, "a is not allowed"),
        ({"properties": {"a": {"items": {"type": "null"}}}}, {"a": [None, 1]}, "a/1 must be of "),
        ({"patternProperties": {"^x": {"type": "null"}}}, {"xy": 1}, "xy must be of the type null"),
        ({"$defs": {"a": {"type": "null"}}, "$ref": "#/$defs/a"}, 1, "it must be of the type null"),
        ({"if": {"type": "null"}, "else": {"minimum": 3}}, 1, "it breaks 'minimum': 3"),
    ],
    ids=range(18),
)  # fmt: skip
def test_a_breach_is_one_short_sentence(schema: dict[str, Any], value: object, said: str) -> None:
    (problem,) = compile_schema(schema).problems(value)

    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {"anything": [1, None, "x"]}),
        ({"additionalProperties": False, "patternProperties": {"b": {}}}, {"abc": 1}),
        ({"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1}, {"a": True}]),
        ({"format": "email"}, "no address"),
        ({"properties": {"$ref": {"type": "string"}, "unevaluatedItems": True}}, {"$ref": "x"}),
        ({"const": {"$ref": "nowhere", "$id": "x"}}, {"$ref": "nowhere", "$id": "x"}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"const": 1}]}, [1, 2]),
    ],
)  # fmt: skip
def test_what_fits_has_no_problems(schema: dict[str, Any], value: object) -> None:
    assert compile_schema(schema).problems(value) == ()


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "nmber"}, "the schema is wrong at type: "),
        ({"minimum": "3"}, "the schema is wrong at minimum: "),
        ({"$ref": "https://example.com/schema"}, "leads to no schema of this document"),
        ({"$ref": "other.json"}, "leads to no schema of this document"),
        ({"$ref": "#/$defs/none"}, "leads to no schema of this document"),
        ({"$ref": "#/const", "const": {"type": "null"}}, "leads to no schema of this document"),
        ({"items": {"$id": "https://example.com"}}, "at /items: a schema inside a schema has no"),
        ({"items": {"pattern": "(a)\\1"}}, "at /items: the pattern "),
        ({"patternProperties": {"(?=a)": {}}}, "the pattern '(?=a)'"),
        ({"pattern": "a{1000}{1000}"}, "the pattern "),
        ({"unevaluatedProperties": False}, "cannot be used here"),
        ({"$defs": {"a": {"$dynamicRef": "#x"}}}, "at /$defs/a: '$dynamicRef' cannot be used here"),
        ({"$schema": "https://example.com/mine"}, "no JSON Schema draft"),
        ({"maximum": float("nan")}, "the schema is not JSON"),
        ({"const": {1, 2}}, "the schema is not JSON"),
        ({"enum": list(range(20_000))}, "the schema has more than 10,000 parts"),
    ],
    ids=range(16),
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ConductorError) as caught:
        compile_schema(schema)

    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_schema_has_at_most_64_levels() -> None:
    schema: dict[str, Any] = {}
    for _ in range(70):
        schema = {"items": schema}

    with pytest.raises(ConductorError, match="more than 64 levels"):
        compile_schema(schema)


def test_a_compiled_schema_is_a_copy() -> None:
    written = {"type": "string"}
    schema = compile_schema(written)
    written["type"] = "null"

    assert schema.problems("text") == ()


def test_nothing_of_a_value_is_repeated_at_length() -> None:
    schema = compile_schema({"additionalProperties": {"type": "null"}})
    secret = "a long and private text " * 1000

    (problem,) = schema.problems({secret: secret})

    assert len(problem) < 160


def test_only_the_first_problems_are_told() -> None:
    problems = compile_schema({"items": {"type": "null"}}).problems([1] * 1000)

    assert len(problems) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "it holds a number that JSON does not have"),
        ([{"a": float("inf")}], "it holds a number that JSON does not have"),
        (10**400, "it holds a number that is too large"),
        ({1: 2}, "it holds a key that is no string"),
        ({"a": (1,)}, "it holds something that JSON does not have"),
        (b"bytes", "it holds something that JSON does not have"),
        (json.loads("[" * 66 + "]" * 66), "it has more than 64 levels"),
    ],
    ids=range(7),
)
def test_what_is_no_json_is_said_whatever_the_schema(value: object, said: str) -> None:
    assert unfit(value) == said
    assert compile_schema({}).problems(value) == (said,)


def test_without_jsonschema_a_schema_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    json_keywords.bounded.cache_clear()
    monkeypatch.setitem(sys.modules, "jsonschema", None)

    with pytest.raises(ConductorError) as caught:
        compile_schema({})

    assert str(caught.value).endswith("\n  pip install 'conductor-mw[worker]'")


# Each of these takes minutes, or all memory, without its bound.
@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 500_000 + "!", "it does not match '^(a+)+$'"),
        ({"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False},
         {"a" * 200_000 + "!": 1}, "a"),
        ({"uniqueItems": True}, [{"a": n} for n in range(50_000)], None),
        ({"anyOf": [{"items": {"type": "null"}}, {"type": "null"}]}, [1] * 300_000,
         "it fits none of 2 forms"),
        ({"$ref": "#"}, 1, "it is nested too deeply to check"),
        ({"multipleOf": 0.1}, 10**308, "it breaks 'multipleOf': 0.1"),
        ({"$ref": "#/$defs/a0", "$defs": {
            **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)},
            "a30": {"type": "string"}}}, "x", "it takes too many steps to check"),
    ],
    ids=["pattern", "names", "unique", "branches", "circle", "multiple", "explosion"],
)  # fmt: skip
def test_a_hostile_value_is_checked_in_bounded_time(
    schema: dict[str, Any], value: object, said: str | None
) -> None:
    problems = compile_schema(schema).problems(value)

    assert problems == () if said is None else problems[0].startswith(said)


def test_threads_count_their_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_keywords, "MAX_STEPS", 1_500)
    schema = compile_schema({"items": {"type": "integer"}})
    found: list[tuple[str, ...]] = []

    def check() -> None:
        found.append(schema.problems([1] * 1_000))

    threads = [threading.Thread(target=check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [()] * 8


@given(JSON)
def test_a_value_fits_the_schema_that_is_made_of_it(value: Any) -> None:
    assert compile_schema({"const": value}).problems(value) == ()
    assert compile_schema({"enum": [value]}).problems([value]) != ()
