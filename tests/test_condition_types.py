"""Names and types are checked before anything runs, and a mistake says what was probably meant."""

from __future__ import annotations

import pytest

from conductor_mw.errors import ConditionError, EvaluationError
from conductor_mw.rules import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    Scope,
    Type,
    list_of,
    map_of,
    parse_type,
)
from conductor_mw.rules import (
    compile as condition,
)

SCOPE = Scope(
    {
        "input.tokens": INT,
        "input.text": STRING,
        "input.pii": list_of(STRING),
        "tier": STRING,
        "urgent": BOOL,
        "score": DOUBLE,
        "anything": DYN,
        "metadata": map_of(STRING, DYN),
        "counts": map_of(STRING, INT),
        "agents.deep-think.open": BOOL,
        "agents.deep-think.p95_ms": DOUBLE,
    },
    absent={"answer": "answers exist only in accept, until and when"},
)


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("input.tokns < 5", "no signal 'input.tokns'\n  did you mean 'input.tokens'?", 0),
        (
            "plan == 'x'",
            "no signal 'plan'\n  declare it below `signals:`, for example {from: metadata.plan}",
            0,
        ),
        ("urgent && tokens < 5", "no signal 'tokens'\n  did you mean 'input.tokens'?", 10),
        (
            "input == 5",
            (
                "'input' is a group of signals, not a signal\n"
                "  write one of: input.pii, input.text, input.tokens"
            ),
            0,
        ),
        (
            "agents['deep-think'] == 5",
            (
                "'agents.deep-think' is a group of signals, not a signal\n"
                "  write one of: agents.deep-think.open, agents.deep-think.p95_ms"
            ),
            0,
        ),
        (
            "answer.score > 0.5",
            ("'answer.score' cannot be read here\n  answers exist only in accept, until and when"),
            0,
        ),
        ("input.tokens.size > 5", "int has no field 'size'\n  did you mean 'input.tokens'?", 0),
        (
            "tier < 5",
            (
                "'<' does not take string and int\n"
                "  write a number without quotes, or string(...) around the number"
            ),
            0,
        ),
        (
            "tier == 5",
            (
                "tier is string and can never equal int\n"
                "  write a number without quotes, or string(...) around the number"
            ),
            0,
        ),
        (
            "input.tokens + score > 1.0",
            ("'+' does not take int and double\n  write double(...) around the int"),
            0,
        ),
        (
            "tier && urgent",
            ("'&&' joins conditions; tier is string\n  compare it, as in tier == '...'"),
            0,
        ),
        (
            "!input.tokens",
            (
                "'!' stands before a condition; input.tokens is int\n"
                "  compare it, as in input.tokens > 0"
            ),
            1,
        ),
        ("tier", "bool is needed here, and this is string\n  compare it with something", 0),
        (
            "urgent ? 'a' : 5",
            (
                "the two branches of '? :' are string and int\n"
                "  give both the same type, or write dyn(...) around one"
            ),
            15,
        ),
        (
            "tier in 'pro'",
            (
                "'in' looks into a list or a map, not into string\n"
                "  write text.contains(part) for texts"
            ),
            8,
        ),
        ("5 in input.pii", "int can never be in list<string>", 0),
        ("tier.starts('a')", "no method 'starts'\n  did you mean 'startsWith'?", 0),
        ("contains(tier, 'a')", "no function 'contains'\n  write text.contains(...)", 0),
        ("exists(input.pii, p, true)", "no function 'exists'\n  write list.exists(...)", 0),
        ("tier.int() > 5", "no method 'int'\n  write int(...) around the value", 0),
        (
            "lenght(tier) > 5",
            ("no function 'lenght'\n  known: bool, double, dyn, has, int, size, string"),
            0,
        ),
        ("size(input.tokens) > 1", "size does not take int", 5),
        ("size(tier, tier) > 1", "size takes 1 arguments, not 2", 0),
        ("tier.contains(5)", "contains does not take int", 14),
        ("has(tier)", "has asks for one field, as in has(metadata.tier)", 0),
        (
            "has(input.tokens)",
            (
                "'input.tokens' is a signal: it is always there\n"
                "  has is for the fields of a map, as in has(metadata.tier)"
            ),
            4,
        ),
        (
            "input.pii.exists(1, true)",
            "exists takes a variable and a condition, as in exists(x, x > 1)",
            0,
        ),
        (
            "input.pii.all(p, size(p))",
            ("all asks for a condition; size(p) is int\n  compare it, as in size(p) > 0"),
            17,
        ),
        ("tier.all(p, true)", "all walks over a list or a map, not over string", 0),
        (
            "input.pii.all(p, p > 1)",
            (
                "'>' does not take string and int\n"
                "  write a number without quotes, or string(...) around the number"
            ),
            17,
        ),
        (
            "{1.5: true}[1.5]",
            "double cannot be the key of a map\n  keys are string, int or bool",
            1,
        ),
        ("{'a': 1, 'a': 2}.a == 1", "the key 'a' stands twice in a map", 9),
        ("{true: 1, 1: 2}[1] == 1", "bool and int cannot both be keys of one map", 1),
        ("input.pii['a'] == 'b'", "list<string> has no item [string]", 0),
        ("null < 1", "'<' does not take null and int", 0),
        ("-tier == 'a'", "'-' does not take string", 1),
        (
            "tier.matches(input.text)",
            (
                "the pattern of matches is not a literal\n  write it as a"
                " string, so that it is compiled once, when the policy loads"
            ),
            13,
        ),
    ],
)
def test_a_mistake_is_refused_with_a_mend(text: str, message: str, offset: int) -> None:
    with pytest.raises(ConditionError) as caught:
        condition(text, BOOL, SCOPE)

    assert (str(caught.value), caught.value.offset) == (message, offset)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("input.tokens + 1", INT),
        ("score * 2.0", DOUBLE),
        ("tier + '!'", STRING),
        ("[1, 2]", list_of(INT)),
        ("[1] + []", list_of(DYN)),
        ("[1, 'a']", list_of(DYN)),
        ("{'a': 1}", map_of(STRING, INT)),
        ("input.pii.map(p, size(p))", list_of(INT)),
        ("input.pii.filter(p, p != 'a')", list_of(STRING)),
        ("counts.map(name, counts[name])", list_of(INT)),
        ("urgent ? 1 : 2", INT),
        ("metadata.a.b[3]", DYN),
        ("anything + 1", INT),
        ("null", NULL),
    ],
)
def test_every_part_has_a_type(text: str, type_: Type) -> None:
    assert condition(text, DYN, SCOPE).node.type == type_


def test_the_longest_signal_wins() -> None:
    scope = Scope({"a": map_of(STRING, DYN), "a.b": map_of(STRING, DYN), "a.b.c": INT})

    assert condition("a.b.c == 1", BOOL, scope).reads == ("a.b.c",)
    assert condition("a.b.d == 1", BOOL, scope).reads == ("a.b",)
    assert condition("a['b'].c == 1", BOOL, scope).reads == ("a.b.c",)
    assert condition("a.x.c == 1", BOOL, scope).reads == ("a",)


def test_a_key_with_a_dot_is_never_taken_for_two_names() -> None:
    scope = Scope({"a": map_of(STRING, DYN), "a.b.c": INT})

    assert condition("a['b.c'] == 1", BOOL, scope).reads == ("a",)


def test_a_variable_hides_a_signal_of_the_same_name_and_a_dot_reaches_it() -> None:
    scope = Scope({"tier": STRING})

    hidden = condition("['x'].exists(tier, tier == 'x')", BOOL, scope)
    reached = condition("['x'].exists(tier, .tier == 'x')", BOOL, scope)

    assert (hidden.reads, reached.reads) == ((), ("tier",))


def test_reads_are_sorted_and_named_once() -> None:
    expression = condition("urgent && tier == 'a' || tier == 'b' || !urgent", BOOL, SCOPE)

    assert expression.reads == ("tier", "urgent")


def test_an_int_serves_where_a_double_is_wanted() -> None:
    score = condition("input.tokens", DOUBLE, SCOPE)

    for value in (score.evaluate({"input.tokens": 3}), score.interpret({"input.tokens": 3})):
        assert type(value) is float
        assert value == 3.0


def test_a_double_does_not_serve_where_an_int_is_wanted() -> None:
    with pytest.raises(ConditionError, match="int is needed here, and this is double"):
        condition("score", INT, SCOPE)


@pytest.mark.parametrize(
    ("type_", "good", "bad", "message"),
    [
        (BOOL, True, 1, "anything: bool is needed, not int"),
        (INT, 1, True, "anything: int is needed, not bool"),
        (DOUBLE, 1, "1", "anything: double is needed, not string"),
        (list_of(STRING), ["a"], [1], "anything: list<string> is needed, not list"),
        (
            map_of(STRING, INT),
            {"a": 1},
            {"a": 1.5},
            "anything: map<string, int> is needed, not map",
        ),
    ],
)
def test_a_value_of_unknown_type_is_checked_when_it_comes(
    type_: Type, good: object, bad: object, message: str
) -> None:
    expression = condition("anything", type_, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        assert way({"anything": good}) == good
        with pytest.raises(EvaluationError) as caught:
            way({"anything": bad})
        assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", ["list<string>", "map<string, list<int>>", "null", "dyn", "double"]
)
def test_a_type_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_type(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strnig", "no type 'strnig'\n  did you mean 'string'?"),
        ("list<string", "a '>' is missing in a type\n  write list<string>"),
        ("map<string>", "a ',' is missing in a type\n  write map<string, dyn>"),
        ("int int", "'int' after a type"),
        ("list<" * 40, "a type is nested deeper than 16"),
    ],
)
def test_a_type_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_type(text)

    assert str(caught.value) == message
