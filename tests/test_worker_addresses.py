"""Where workers may be, checked when a policy loads and when a worker names a place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import PolicyError
from conductor_mw.errors import ConductorError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load, load_text
from conductor_mw.workers.addresses import address_of, allows, followed, listed
from tests.worker_servers import policy

ROOT = Path(__file__).parents[1]
CORE = Plugins.core()
SECRET = "whsec_dGhlIHNlY3JldA=="


# Addresses, checked when a policy loads


def refused(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load_text(text, file="desk.yaml", plugins=CORE)
    return str(caught.value)


def test_a_worker_elsewhere_must_be_listed() -> None:
    assert refused(policy("https://score.example.com/v1")) == (
        "desk.yaml:2:31: agents.0.worker.url: the policy does not list https://score.example.com\n"
        "  add it to `addresses:` at the top of the policy: [https://score.example.com]"
    )


@pytest.mark.parametrize(
    "entry",
    ["https://score.example.com", "https://score.example.com:443", "https://SCORE.example.com/"],
)
def test_a_worker_may_be_where_the_policy_lists(entry: str) -> None:
    found = load_text(
        policy("https://score.example.com/v1", top=f"addresses: ['{entry}']"), plugins=CORE
    )

    assert found.addresses == ("https://score.example.com",)


@pytest.mark.parametrize(
    "entry",
    ["http://score.example.com", "https://score.example.com:8443", "https://example.com"],
)
def test_scheme_host_and_port_must_all_be_the_same(entry: str) -> None:
    text = policy("https://score.example.com/v1", top=f"addresses: ['{entry}']")

    assert "the policy does not list https://score.example.com" in refused(text)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("'score.example.com'", "this is no address"),
        ("'ftp://localhost/'", "this is no address"),
        ("'http:///path'", "this is no address"),
        ("'http://localhost:99999/'", "this is no address"),
        ("'http://localhost:0/'", "port 0 leads nowhere"),
        ("'http://admin:hunter2@localhost/'", "an address holds no user and no password"),
        ("'http://localhost/#top'", "nothing behind a '#'"),
        ("'http://lo calhost/'", "no spaces"),
        ('"http://localhost\\r\\nHost: x/"', "no spaces"),
        ("'http://löcalhost/'", "no letters beyond ASCII"),
        ("'http://localhost\\@evil.example/'", "this is no address"),
        ("'${env:URL}'", "this is no address"),
        ("''", "at least 1 character"),
        ("3", "must be a mapping"),
        ("{}", "the key 'url' is missing"),
        ("{url: 'http://localhost', sercet: x}", "did you mean 'secret'?"),
        ("{url: 'http://localhost', passed: [x]}", "did you mean 'pass'?"),
    ],
)
def test_what_is_no_address_is_refused_and_no_password_repeated(url: str, said: str) -> None:
    told = refused(policy(url))

    assert said in told
    assert "agents.0.worker" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("entry", ["https://x.example/path", "https://x.example?q", "x.example"])
def test_an_entry_of_the_list_is_scheme_host_and_port(entry: str) -> None:
    assert "addresses.0: " in refused(policy("http://localhost/", top=f"addresses: ['{entry}']"))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{type: nmber}", "agents.0.worker.output: the schema is wrong at type"),
        ("{$ref: 'https://example.com/x'}", "agents.0.worker.output: the reference"),
        ("{pattern: '(?=a)'}", "agents.0.worker.output: the pattern '(?=a)'"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told_when_the_policy_loads(schema: str, said: str) -> None:
    assert said in refused(policy(f"{{url: 'http://localhost/', output: {schema}}}"))


def test_an_environment_that_was_not_chosen_is_checked_too() -> None:
    text = policy("http://localhost/") + (
        "\nenvironments: {production: {agents: {scorer: {worker: 'https://far.example/'}}}}"
    )

    assert "the policy does not list https://far.example" in refused(text)


def test_an_overlay_may_only_shorten_the_list(tmp_path: Path) -> None:
    base = policy("http://localhost/", top="addresses: ['https://a.example', 'https://b.example']")
    (tmp_path / "org.yaml").write_text(base)
    (tmp_path / "team.yaml").write_text("include: org.yaml\naddresses: ['https://b.example']")
    (tmp_path / "wide.yaml").write_text("include: org.yaml\naddresses: ['https://c.example']")
    (tmp_path / "none.yaml").write_text("include: org.yaml\naddresses: []")

    assert load(tmp_path / "team.yaml", plugins=CORE).addresses == ("https://b.example",)
    assert load(tmp_path / "none.yaml", plugins=CORE).addresses == ()
    with pytest.raises(PolicyError, match=r"wide.yaml:2:13: addresses: the file below does not "):
        load(tmp_path / "wide.yaml", plugins=CORE)


def test_an_overlay_over_a_file_without_a_list_may_not_begin_one(tmp_path: Path) -> None:
    (tmp_path / "org.yaml").write_text(policy("http://localhost/"))
    (tmp_path / "team.yaml").write_text("include: org.yaml\naddresses: ['https://c.example']")

    with pytest.raises(PolicyError, match=r"the file below does not allow 'https://c\.example'"):
        load(tmp_path / "team.yaml", plugins=CORE)


def test_the_list_is_part_of_the_policys_meaning() -> None:
    prints = {
        load_text(policy("http://localhost/", top=top), plugins=CORE).fingerprint
        for top in (
            "",
            "addresses: ['https://a.example', 'https://b.example']",
            "addresses: ['https://b.example:443/', 'https://a.example', 'https://a.example']",
        )
    }

    assert len(prints) == 2


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("http://localhost:9000/", True),
        ("http://127.0.0.1/", True),
        ("http://127.8.0.1/", True),
        ("http://[::1]:80/", True),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
        ("http://2130706433/", False),
        ("http://0.0.0.0/", False),
        ("http://[::ffff:127.0.0.1]/", False),
        ("http://169.254.169.254/", False),
    ],
)
def test_loopback_is_this_computer_and_nothing_that_looks_like_it(url: str, holds: bool) -> None:
    assert allows((), address_of(url)) is holds


@given(st.text(max_size=80) | st.from_regex(r"(https?:)?//?[a-z0-9@:.\[\]\\/%-]{0,40}"))
def test_no_location_leads_anywhere_else(location: str) -> None:
    url = "https://score.example.com/v1/work"
    try:
        target = followed([listed("https://files.example.com")], url, location)
    except ConductorError:
        return

    assert str(address_of(target)) in ("https://score.example.com", "https://files.example.com")


def test_the_document_refuses_with_the_words_of_the_program() -> None:
    page = (Path(__file__).parents[1] / "docs" / "workers.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)

    told = refused(policy("https://score.example.com/v1"))

    assert told.splitlines()[1] in said
    assert told.partition(": ")[2].splitlines()[0] in said
