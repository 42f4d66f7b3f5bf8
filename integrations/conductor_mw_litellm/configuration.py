"""The configuration of a LiteLLM proxy around one policy, beside what the user's own file says."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import yaml

from conductor_mw import ConductorError

from . import admission
from .policies import UNNAMED

_PACKAGE: Final = __package__ or ""
_CALLBACK: Final = f"{_PACKAGE}.proxy_callback"
_HANDLER: Final = {"provider": "conductor", "custom_handler": f"{_PACKAGE}.handler"}
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_ENVIRONMENT: Final = "os.environ/"
"""How a configuration of LiteLLM refers to a variable of the environment."""


def model_name(policy: str, said: str | None) -> str:
    """Give the name by which clients ask for the policy.

    Args:
        policy: what the policy is called.
        said: the name that the user wants; the policy's own where left out.

    Raises:
        ConductorError: it cannot be a model's name.

    >>> model_name("support-desk", None)
    'support-desk'
    """
    name = said or policy or UNNAMED
    if not _MODEL.fullmatch(name):
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._").lower()[:100] or UNNAMED
        raise ConductorError(
            f"{name[:80]!r} cannot be a model's name: letters, digits and . _ : - only",
            mend=f"Give another: --name {slug}",
        )
    return name


def configuration(
    name: str, extra: Mapping[str, Any], env: Mapping[str, str], where: str = ""
) -> dict[str, Any]:
    """Give what `config.yaml` of the proxy says.

    Args:
        name: of the policy: the model that clients ask for.
        extra: the user's own configuration; what it says stays, ours is added.
        env: the environment of the proxy.
        where: the file that `extra` stands in.

    Raises:
        ConductorError: a part of it is not of the kind that LiteLLM reads.
    """
    models = _list(extra, "model_list", where)
    rows = [cast("dict[str, Any]", one) for one in models if isinstance(one, dict)]
    if any(one.get("model_name") == name for one in rows):
        raise ConductorError(
            f"`model_list` names the model {name!r}, as the policy is called",
            where=where,
            mend="Give the policy another name: --name main",
        )
    settings = _mapping(extra, "litellm_settings", where)
    handlers = _list(settings, "custom_provider_map", where)
    callbacks = settings.get("callbacks")
    if isinstance(callbacks, str):  # LiteLLM takes a single name as well
        settings["callbacks"] = [callbacks]
    callbacks = [one for one in _list(settings, "callbacks", where) if one != _CALLBACK]
    general = _mapping(extra, "general_settings", where)
    if admission.needed(general, env):
        general = {**admission.SETTINGS, **general}
    return {
        **extra,
        "general_settings": general,
        "model_list": [*models, _deployment(name)],
        "litellm_settings": {
            "drop_params": False,
            **settings,
            "custom_provider_map": [
                *(one for one in handlers if one != _HANDLER),
                _HANDLER,
            ],
            "callbacks": [*callbacks, _CALLBACK],
        },
        "router_settings": {"num_retries": 0, **_mapping(extra, "router_settings", where)},
    }


def _deployment(name: str) -> dict[str, Any]:
    """Give the policy as a model: it tries again and rests agents itself, so LiteLLM must not."""
    return {
        "model_name": name,
        "litellm_params": {"model": f"conductor/{name}", "num_retries": 0, "cooldown_time": 0},
    }


def read_extra(path: Path) -> dict[str, Any]:
    """Give the user's own configuration, with paths that hold wherever it is copied to.

    Raises:
        ConductorError: it cannot be read, or is no configuration.
    """
    try:
        found: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConductorError(
            f"the file cannot be read: {error.strerror}", where=path, mend="check the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConductorError(f"this is no YAML: {error}", where=path) from error
    if not isinstance(found, dict):
        raise ConductorError(
            "a configuration of LiteLLM is a mapping", where=path, mend="Begin with model_list:"
        )
    extra = cast("dict[str, Any]", found)
    if "include" in extra:
        folder = path.resolve().parent
        extra["include"] = [str(folder / str(one)) for one in _list(extra, "include", str(path))]
    return extra


def take_key(extra: dict[str, Any], env: Mapping[str, str], where: str = "") -> str | None:
    """Take the master key out of a configuration, so that no copy of the file holds it.

    Returns:
        the key, or None where the configuration says nothing about one.
    """
    general = _mapping(extra, "general_settings", where)
    said = general.pop("master_key", None)
    extra["general_settings"] = general
    if not isinstance(said, str):
        return None
    if said.startswith(_ENVIRONMENT):
        return env.get(said.removeprefix(_ENVIRONMENT))
    return said


@contextmanager
def written(config: Mapping[str, Any]) -> Generator[Path]:
    """Write a configuration where only this user reads it, and remove it at the end."""
    with TemporaryDirectory(prefix="conductor-mw-") as folder:  # 0700
        path = Path(folder) / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(dict(config), allow_unicode=True), encoding="utf-8")
        yield path


def _list(table: Mapping[str, Any], key: str, where: str) -> list[Any]:
    found = table.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ConductorError(f"`{key}` must be a list", where=where)
    return list(cast("list[Any]", found))


def _mapping(table: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    found = table.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConductorError(f"`{key}` must be a mapping", where=where)
    return dict(cast("dict[str, Any]", found))
