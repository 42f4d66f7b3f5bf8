"""A policy's text is read as YAML 1.2, with the place of everything, or refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.policy import source
from conductor_mw.policy.findings import Findings
from conductor_mw.policy.scalars import plain
from conductor_mw.policy.source import MAX_BYTES, read
from conductor_mw.policy.tree import Positions, Sources, Table


def tree_of(text: str | bytes) -> tuple[Table, Positions]:
    sources, findings = Sources(), Findings()
    tree = read(text, "p.yaml", sources, findings)
    assert tree is not None, findings.told()
    assert not findings.errors, findings.told()
    return tree, Positions(tree, sources, "p.yaml")


def refusal(text: str | bytes) -> str:
    findings = Findings()
    read(text, "p.yaml", Sources(), findings)
    return "\n".join(map(str, findings.told()))


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026-11-21", "2026-11-21"),
        ("=", "="),
        ("-", "-"),
        (".", "."),
        ("0o", "0o"),
        ("010", 10),
        ("-0", 0),
        ("+12", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_an_unquoted_word_means_what_yaml_1_2_says(word: str, value: object) -> None:
    found = plain(word)

    assert (found, type(found)) == (value, type(value))


def test_quotes_make_text_of_every_word() -> None:
    tree, _ = tree_of("a: 'true'\nb: \"12\"\nc: |\n  3\n")

    assert tree == {"a": "true", "b": "12", "c": "3\n"}


def test_keys_are_text_as_in_json() -> None:
    tree, _ = tree_of("{1: a, true: b, null: c, 1.50: d}")

    assert tree == {"1": "a", "true": "b", "null": "c", "1.50": "d"}


def test_an_alias_repeats_what_its_anchor_names() -> None:
    tree, _ = tree_of("a: &x {b: [1, &y two]}\nc: *x\nd: *y\n")

    assert tree == {"a": {"b": [1, "two"]}, "c": {"b": [1, "two"]}, "d": "two"}


@pytest.mark.parametrize(
    "text", ["\ufeffa: 1", "a: 1\r\n", "%YAML 1.2\n---\na: 1\n...\n", "# c\na: 1"]
)
def test_harmless_differences_are_read(text: str) -> None:
    assert tree_of(text)[0] == {"a": 1}
    assert tree_of(text.encode())[0] == {"a": 1}


_REFUSED: list[tuple[str | bytes, str]] = [
    ("", "p.yaml:1:1: the policy is empty\n  write one with 'conductor-mw init'"),
    ("# nothing\n", "p.yaml:2:1: the policy is empty\n  write one with 'conductor-mw init'"),
    ("~", "p.yaml:1:1: the policy is empty\n  write one with 'conductor-mw init'"),
    (
        "- a\n",
        (
            "p.yaml:1:1: a policy is a mapping of keys such as 'agents:' and 'routing:'\n"
            "  write one with 'conductor-mw init'"
        ),
    ),
    (
        "a: 1\nb: 2\na: 3\n",
        (
            "p.yaml:3:1: the key 'a' stands here a second time\n"
            "  the first is in line 1; keep one of them"
        ),
    ),
    (
        "a: {b: 1, 'b': 2}",
        (
            "p.yaml:1:11: the key 'b' stands here a second time\n"
            "  the first is in line 1; keep one of them"
        ),
    ),
    (
        "a: 1\n---\nb: 2\n",
        (
            "p.yaml:2:1: a second document begins here\n"
            "  keep one document in a file; remove the line '---'"
        ),
    ),
    (
        "a: !!python/object:os.system 3",
        (
            "p.yaml:1:4: the tag '!!python/object:os.system' cannot stand in a policy\n"
            "  remove it; quote the value if it is text"
        ),
    ),
    (
        "a: !!str 3",
        (
            "p.yaml:1:4: the tag '!!str' cannot stand in a policy\n"
            "  remove it; quote the value if it is text"
        ),
    ),
    (
        "a: ! [1]",
        (
            "p.yaml:1:4: the tag '!' cannot stand in a policy\n"
            "  remove it; quote the value if it is text"
        ),
    ),
    (
        "%TAG ! tag:x,2026:\n---\na: 1",
        "p.yaml:1:1: a %TAG directive cannot stand in a policy\n  remove it",
    ),
    (
        "%YAML 1.1\n---\na: no",
        "p.yaml:1:1: a policy is read as YAML 1.2\n  remove the %YAML line",
    ),
    (
        "a: {b: 1}\nc:\n  <<: {d: 1}\n",
        (
            "p.yaml:3:3: the merge key '<<' belongs to YAML 1.1\n"
            "  write the keys out, or put what is shared into a file and include it"
        ),
    ),
    ("? [a]\n: b", "p.yaml:1:3: a key must be one word or one quoted text"),
    ("a: &x b\n*x : c", "p.yaml:2:1: a key must be one word or one quoted text"),
    ("'': b", "p.yaml:1:1: a key is missing before ':'\n  write the key"),
    (
        "a: &x [*x]",
        "p.yaml:1:8: the alias *x stands inside the value that it repeats\n  write the value out",
    ),
    (
        "a: *x",
        "p.yaml:1:4: the alias *x has no anchor above it\n  put &x before the value to repeat",
    ),
    ("a: .nan", "p.yaml:1:4: the number .nan is not finite\n  quote it if it is text"),
    ("a: -.INF", "p.yaml:1:4: the number -.INF is not finite\n  quote it if it is text"),
    ("a: 1e999", "p.yaml:1:4: the number 1e999 is too large\n  quote it if it is text"),
    (
        "a: " + "9" * 5000,
        "p.yaml:1:4: a number has 5000 characters, 100 are allowed\n  quote it if it is text",
    ),
    (
        "a:\n\t- b",
        "p.yaml:2:1: this is not YAML: a tab cannot indent\n  indent with spaces",
    ),
    ("a: @b", "p.yaml:1:4: this is not YAML: '@' cannot begin a value\n  quote the value"),
    ("a: `b`", "p.yaml:1:4: this is not YAML: '`' cannot begin a value\n  quote the value"),
    (
        "a: b: c",
        "p.yaml:1:5: this is not YAML: a text holds ': '\n  quote the text",
    ),
    (
        "a: 'x",
        "p.yaml:1:6: this is not YAML: a quote is not closed\n  close it",
    ),
    (
        "a: [1\nb: 2",
        (
            "p.yaml:2:2: this is not YAML: a list is not closed, or a ',' is missing\n"
            "  close it with ']', or quote a value that holds brackets, ',' or ': '"
        ),
    ),
    (
        "rules: [{condition: input.type in ['code'], target: small}]",
        (
            "p.yaml:1:35: this is not YAML: a mapping is not closed, or a ',' is missing\n"
            "  close it with '}', or quote a value that holds brackets, ',' or ': '"
        ),
    ),
    (
        'a: "\\0"',
        "p.yaml:1:4: this text has a character that no text can hold",
    ),
    (
        "a: x\0",
        "p.yaml:1:5: the character U+0000 cannot stand in a policy\n  remove it",
    ),
    (
        "a: x\n b\u2028c",
        (
            "p.yaml:2:3: the character U+2028 cannot stand in a policy\n"
            '  inside double quotes write "\\u2028"'
        ),
    ),
    (
        "a: \ud800",
        "p.yaml:1:4: the character U+D800 cannot stand in a policy\n  remove it",
    ),
    (
        '"\\ud83d\\ude00": 1',
        (
            "p.yaml:1:4: this is not YAML: an escape names half a character\n"
            "  write the character itself"
        ),
    ),
    (
        "ä: ok\nb: \xff".encode("latin-1"),
        "p.yaml:1:1: byte 0xe4 is not UTF-8\n  save the file as UTF-8",
    ),
    (
        "ä: ok\nää".encode() + b"\xff",
        "p.yaml:2:3: byte 0xff is not UTF-8\n  save the file as UTF-8",
    ),
    (
        "a: 1".encode("utf-16"),
        "p.yaml:1:1: byte 0xff is not UTF-8\n  save the file as UTF-8",
    ),
]


@pytest.mark.parametrize(("text", "said"), _REFUSED)
def test_what_a_policy_cannot_hold_is_refused_in_one_sentence(text: str | bytes, said: str) -> None:
    assert refusal(text) == said


@pytest.mark.parametrize(("text", "said"), _REFUSED)
def test_it_is_refused_alike_where_pyyaml_has_no_compiled_parser(
    text: str | bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)

    if "half a character" in said:
        said = "p.yaml:1:1: this text has a character that no text can hold"
    assert refusal(text) == said


def test_every_duplicate_is_told_in_one_reading() -> None:
    said = refusal("a: 1\na: 2\nb: {c: 1, c: 2}\nd: !x 1\n")

    assert [line.split(":")[1] for line in said.splitlines()[::2]] == ["2", "3", "4"]


def test_a_place_is_known_for_every_key_and_value() -> None:
    _, positions = tree_of("a:\n  - x: 1\n    yy: [2, three]\n")

    assert str(positions.place(("a",), key=True)) == "p.yaml:1:1"
    assert str(positions.place(("a", 0))) == "p.yaml:2:5"
    assert str(positions.place(("a", 0, "yy"), key=True)) == "p.yaml:3:5"
    assert str(positions.place(("a", 0, "yy"))) == "p.yaml:3:9"
    assert str(positions.place(("a", 0, "yy", 1))) == "p.yaml:3:13"


def test_the_place_of_what_is_missing_is_that_of_what_should_hold_it() -> None:
    _, positions = tree_of("a:\n  - {x: 1}\n")

    assert str(positions.place(("a", 0, "gone", "deeper"))) == "p.yaml:2:5"
    assert str(positions.place(("a", 7))) == "p.yaml:2:3"
    assert str(positions.place(())) == "p.yaml:1:1"


@pytest.mark.parametrize(
    ("written", "value", "offset", "column"),
    [
        ("plain text", "plain text", 6, 10),
        ("'it''s here'", "it's here", 0, 5),
        ("'it''s here'", "it's here", 5, 11),
        ('"a\\tb\\u0041c"', "a\tbAc", 2, 8),
        ('"a\\tb\\u0041c"', "a\tbAc", 4, 15),
        ('"a\\x41\\U00000041c"', "aAAc", 3, 20),
        ('"ab"', "ab", 2, 7),
        ("'two\n   lines'", "two lines", 5, 4),
        (">-\n   folded\n", "folded", 3, 4),
    ],
)
def test_a_character_of_a_text_has_its_place_in_the_file(
    written: str, value: str, offset: int, column: int
) -> None:
    tree, positions = tree_of(f"a: {written}\n")

    assert tree["a"] == value
    place = positions.inside(("a",), value, offset)

    assert (place.line, place.column) == (1, column)


_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12
)
_KEYS = _WORDS.filter(bool)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4).filter(
    lambda document: "\ufffe" not in repr(document)
)


@given(_DOCUMENTS)
def test_json_is_read_as_what_it_says(document: dict[str, Any]) -> None:
    tree, _ = tree_of(json.dumps(document, ensure_ascii=False))

    assert tree == document


@given(st.dictionaries(_KEYS, _WORDS | st.lists(_WORDS), min_size=1), st.booleans())
def test_text_that_was_written_with_quotes_is_read_as_it_was(
    document: dict[str, Any], flow: bool
) -> None:
    written = yaml.safe_dump(
        document, default_style='"', default_flow_style=flow, allow_unicode=True
    )

    assert tree_of(written)[0] == document


@given(st.binary(max_size=200))
def test_any_bytes_give_a_mapping_or_a_finding(text: bytes) -> None:
    findings = Findings()

    tree = read(text, "p.yaml", Sources(), findings)

    assert (tree is None) <= bool(findings.errors)


@given(st.text("ab:-?[]{},&*!|>'\"%@` \n\t#<~1.", max_size=60))
def test_any_signs_give_a_mapping_or_a_finding(text: str) -> None:
    findings = Findings()

    tree = read(text, "p.yaml", Sources(), findings)

    assert (tree is None) <= bool(findings.errors)


def test_a_file_of_the_largest_size_is_read() -> None:
    text = "a: '" + "x" * (MAX_BYTES - 5) + "'"

    assert len(tree_of(text)[0]["a"]) == MAX_BYTES - 5
    assert refusal(text + " ") == (
        "p.yaml: the file has more than 5242880 bytes\n  split the policy into several"
    )
