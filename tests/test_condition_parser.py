"""What a condition may look like, and what is said about one that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.errors import ConditionError
from conductor_mw.rules import BOOL, DOUBLE, DYN, INT, STRING, Scope, Unsupported, map_of
from conductor_mw.rules import compile as condition
from conductor_mw.rules.parser import parse

SCOPE = Scope(
    {
        "input.tokens": INT,
        "input.text": STRING,
        "tier": STRING,
        "urgent": BOOL,
        "score": DOUBLE,
        "metadata": map_of(STRING, DYN),
        "agents.deep-think.open": BOOL,
    }
)


def refusal(text: str) -> tuple[str, int]:
    with pytest.raises(ConditionError) as caught:
        condition(text, BOOL, SCOPE)
    assert caught.value.text == text[: len(caught.value.text)]
    return str(caught.value), caught.value.offset


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "the condition is empty\n  write true for a rule that always matches", 0),
        ("  // nothing", "the condition is empty\n  write true for a rule that always matches", 12),
        ("input.tokens <", "the text ends where a value is missing", 14),
        ("input.tokens = 5", "'=' has no meaning here\n  write == to compare", 13),
        ("urgent & urgent", "'&' has no meaning here\n  write && for 'and'", 7),
        ("urgent | urgent", "'|' has no meaning here\n  write || for 'or'", 7),
        (
            "urgent and urgent",
            "and stands where an operator such as && or == is expected\n  write && for 'and'",
            7,
        ),
        (
            "urgent or urgent",
            "or stands where an operator such as && or == is expected\n  write || for 'or'",
            7,
        ),
        ("tier == 'pro", "a string is not closed\n  put ' at its end", 8),
        ('tier == """pro"', 'a string is not closed\n  put """ at its end', 8),
        ("tier == “pro”", "'“' has no meaning here\n  write a straight quote: '", 8),
        (
            "tier == 'a\\q'",
            (
                "'\\\\q' is no escape that a string may hold\n  write \\\\ for a"
                " backslash, or put r before the string"
            ),
            10,
        ),
        (
            "tier == '\\ud800'",
            (
                "'\\\\ud800' is no escape that a string may hold\n  write \\\\ for a"
                " backslash, or put r before the string"
            ),
            9,
        ),
        ("(urgent", "'(' is not closed\n  put ) at its end", 0),
        ("urgent)", ") stands where an operator such as && or == is expected", 6),
        ("tier in ['a', 'b'", "'[' is not closed\n  put ] at its end", 8),
        ("tier in ['a' 'b']", "'b' stands where a ']' is expected", 13),
        ("{'a': 1", "'{' is not closed\n  put } at its end", 0),
        ("{'a' 1}", "1 stands where the ':' of a map entry is expected", 5),
        ("urgent ? true", "the text ends where the ':' of '? :' is missing", 13),
        ("urgent ? true : ", "the text ends where a value is missing", 16),
        ("&& urgent", "&& stands where a value is expected", 0),
        ("!-urgent", "- stands where a value is expected", 1),
        ("input.", "the text ends where a name after '.' is missing", 6),
        ("input.5", ".5 stands where an operator such as && or == is expected", 5),
        ("metadata.in == 1", "'in' cannot follow a dot\n  write ['in'] instead of .in", 9),
        ("for == 1", "'for' is a reserved word", 0),
        ("size(tier,) > 1", ", stands where a ')' is expected", 9),
        (
            "input.tokens < 9223372036854775808",
            (
                "9223372036854775808 is too large for an int\n  an int lies between"
                " -9223372036854775808 and 9223372036854775807"
            ),
            15,
        ),
        (
            "score < 1e999",
            "1e999 is too large for a double\n  the largest double is about 1.8e308",
            8,
        ),
        ("urgent \x00", "U+0000 has no meaning here", 7),
        ("tier == 'a\nb'", "a string is not closed\n  put ' at its end", 8),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, message: str, offset: int) -> None:
    assert refusal(text) == (message.replace("'\\\\", "'\\"), offset)


@pytest.mark.parametrize(
    ("text", "feature", "message"),
    [
        (
            "1u == 1u",
            "uint",
            "unsigned numbers such as 1u are not part of conditions\n  leave out the u",
        ),
        (
            "b'a' == b'a'",
            "bytes",
            "bytes are not part of conditions\n  write a string, without the b",
        ),
        (
            "timestamp(tier) == 1",
            "timestamps",
            (
                "the function 'timestamp' is not part of conditions\n"
                "  derive a signal in the app and read that"
            ),
        ),
        (
            "type(tier) == string",
            "types as values",
            (
                "the function 'type' is not part of conditions\n"
                "  derive a signal in the app and read that"
            ),
        ),
        (
            "int == 1",
            "types as values",
            (
                "the type 'int' is not a value here\n"
                "  to convert a value write int(...), double(...), string(...) or bool(...)"
            ),
        ),
        (
            "metadata.?tier == 1",
            "optionals",
            "optional values are not part of conditions\n  ask with has(a.b) first",
        ),
        (
            "Point{x: 1} == 1",
            "messages",
            (
                "messages such as 'Type{field: 1}' are not part of conditions\n"
                "  write a map: {'field': 1}"
            ),
        ),
    ],
)
def test_cel_that_is_left_out_is_refused_by_name(text: str, feature: str, message: str) -> None:
    with pytest.raises(Unsupported) as caught:
        condition(text, BOOL, SCOPE)

    assert (caught.value.feature, str(caught.value)) == (feature, message)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("urgent&&tier=='pro'", ' urgent  &&\n tier == "pro" // why'),
        ("input.tokens < 64", "((input.tokens) < (64))"),
        ("(urgent && urgent) && urgent", "urgent && (urgent && urgent)"),
        ("metadata.tier == 'x'", "metadata['tier'] == r'x'"),
        ("agents['deep-think'].open", "agents.`deep-think`.open"),
        ("tier == 'é'", "tier == '\\u00e9'"),
        ("input.tokens > -5", "input.tokens > -(5)"),
        ("[1].exists(a, a > 0)", "[1].exists(b, b > 0)"),
        ("input.tokens < 0x10", "input.tokens < 16"),
    ],
)
def test_writing_it_differently_means_the_same(one: str, other: str) -> None:
    assert condition(one, BOOL, SCOPE).canonical == condition(other, BOOL, SCOPE).canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("input.tokens < 64", "input.tokens <= 64"),
        ("input.tokens < 64", "input.tokens < 65"),
        ("urgent || (urgent && urgent)", "(urgent || urgent) && urgent"),
        ("score < 1", "score < 1.0"),
        ("tier == '1'", "metadata.tier == '1'"),
        ("size(tier) - (1 - 1) == 1", "size(tier) - 1 - 1 == 1"),
        ("[1].exists(a, [2].exists(b, a > 0))", "[1].exists(a, [2].exists(b, b > 0))"),
    ],
)
def test_meaning_something_else_shows(one: str, other: str) -> None:
    assert condition(one, BOOL, SCOPE).canonical != condition(other, BOOL, SCOPE).canonical


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("-2 + 3", 1),
        ("true || false && false", True),
        ("false ? 1 : true ? 2 : 3", 2),
        ("1 + 1 == 2 && 3 > 2", True),
        ("2 in [1, 2] == true", True),
        ("!true || true", True),
        ("'a' + r'\\n' + '\\n'", "a\\n\n"),
        ("'''it's''' + \"\"\"\"\"\"", "it's"),
        ("'\\x41\\101\\u0042\\U00000043'", "AABC"),
        ("[1, 2,][1]", 2),
        ("{'a': 1,}.a", 1),
        (".5 + 1e1", 10.5),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_operators_bind_as_in_cel(text: str, value: object) -> None:
    assert condition(text, DYN, SCOPE).interpret({}) == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ConditionError as error:
        assert 0 <= error.offset <= len(text)  # noqa: PT017


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "1",
                "'x'",
                ".",
                "(",
                ")",
                "[",
                "]",
                "{",
                "}",
                ",",
                ":",
                "?",
                "!",
                "-",
                "+",
                "&&",
                "||",
                "==",
                "in",
                "true",
                ".all(",
                "\\",
            ]
        ),
        max_size=60,
    )
)
def test_any_row_of_tokens_is_read_or_refused(words: list[str]) -> None:
    text = " ".join(words)

    try:
        condition(text, DYN, Scope({"a": DYN}))
    except ConditionError as error:
        assert 0 <= error.offset <= len(text)  # noqa: PT017
