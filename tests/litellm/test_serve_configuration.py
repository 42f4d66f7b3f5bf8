"""What the proxy around a policy is configured with, beside what the user's own file says."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conductor_mw_litellm.configuration import configuration, read_extra, take_key, written

HANDLER = {"provider": "conductor", "custom_handler": "conductor_mw_litellm.handler"}
CALLBACK = "conductor_mw_litellm.proxy_callback"


def test_litellm_neither_tries_again_nor_rests_the_policy() -> None:
    made = configuration("desk", {}, {})

    assert made["model_list"] == [
        {
            "model_name": "desk",
            "litellm_params": {"model": "conductor/desk", "num_retries": 0, "cooldown_time": 0},
        }
    ]
    assert made["router_settings"] == {"num_retries": 0}
    assert made["litellm_settings"] == {
        "drop_params": False,
        "custom_provider_map": [HANDLER],
        "callbacks": [CALLBACK],
    }


def test_what_the_user_says_stays() -> None:
    extra: dict[str, Any] = {
        "model_list": [{"model_name": "other"}],
        "litellm_settings": {"drop_params": True, "cache": True, "callbacks": "mine.logger"},
        "router_settings": {"num_retries": 3, "timeout": 5},
        "environment_variables": {"A": "B"},
    }

    made = configuration("desk", extra, {})

    assert [one["model_name"] for one in made["model_list"]] == ["other", "desk"]
    assert made["litellm_settings"]["callbacks"] == ["mine.logger", CALLBACK]
    assert made["litellm_settings"]["drop_params"] is True
    assert made["litellm_settings"]["cache"] is True
    assert made["router_settings"] == {"num_retries": 3, "timeout": 5}
    assert made["environment_variables"] == {"A": "B"}


def test_what_the_user_named_already_is_named_once() -> None:
    settings = {"callbacks": [CALLBACK], "custom_provider_map": [HANDLER]}

    made = configuration("desk", {"litellm_settings": settings}, {})

    assert made["litellm_settings"]["callbacks"] == [CALLBACK]
    assert made["litellm_settings"]["custom_provider_map"] == [HANDLER]


@pytest.mark.parametrize(
    ("general", "env", "ours"),
    [
        ({}, {}, True),
        ({"completion_model": "x"}, {}, True),
        ({"custom_auth": "mine.auth"}, {}, False),
        ({"database_url": "postgresql://..."}, {}, False),
        ({"enable_jwt_auth": True}, {}, False),
        ({}, {"DATABASE_URL": "postgresql://..."}, False),
    ],
)
def test_only_the_master_key_opens_where_nobody_else_decides(
    general: dict[str, Any], env: dict[str, str], ours: bool
) -> None:
    made = configuration("desk", {"general_settings": general}, env)["general_settings"]

    named = made.get("custom_auth") == "conductor_mw_litellm.admission.only_the_master_key"
    assert named is ours


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("sk-written", "sk-written"),
        ("os.environ/OWN", "sk-own"),
        ("os.environ/NONE", None),
        (None, None),
    ],
)
def test_no_copy_of_the_file_holds_its_master_key(said: str | None, key: str | None) -> None:
    extra: dict[str, Any] = {"general_settings": {"master_key": said, "alerting": []}}

    assert take_key(extra, {"OWN": "sk-own"}) == key
    assert extra == {"general_settings": {"alerting": []}}


def test_included_files_are_found_wherever_the_configuration_is_copied_to(tmp_path: Path) -> None:
    (tmp_path / "litellm.yaml").write_text("include: [models.yaml]\n")

    assert read_extra(tmp_path / "litellm.yaml") == {"include": [str(tmp_path / "models.yaml")]}


def test_a_written_configuration_is_nobody_elses_and_goes_away() -> None:
    with written({"model_list": []}) as path:
        assert yaml.safe_load(path.read_text()) == {"model_list": []}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()


def test_offering_the_command_loads_nothing_heavy() -> None:
    looks = (
        "import sys, click, conductor_mw_litellm.plugin as plugin\n"
        "group = click.Group('x'); plugin.conductor_commands(group)\n"
        "assert list(group.commands) == ['serve']\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", looks], check=True, capture_output=True, text=True)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & {"litellm", "fastapi", "uvicorn", "httpx", "openai"} == set()
