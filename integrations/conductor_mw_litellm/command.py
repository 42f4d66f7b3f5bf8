"""`conductor-mw serve`: the OpenAI-compatible endpoint of a policy."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Any

import click

from conductor_mw import Conductor, ConductorError, PolicyError
from conductor_mw.cli.door import (
    Command,
    aside,
    check_policy,
    format_option,
    harmless,
    note,
    paint,
    policy_file,
    say,
    seconds,
)

_LENGTH = "as 5s or 2m"


def _length(context: click.Context, parameter: click.Parameter, value: str) -> float:
    del context
    try:
        return seconds(value)
    except ValueError as error:
        raise ConductorError(f"--{parameter.name}: {error}".replace("_", "-")) from None


@click.command(
    cls=Command,
    epilog="""
  conductor-mw serve conductor.yaml
  conductor-mw serve conductor.yaml --simulate --port 8080
  conductor-mw serve conductor.yaml --config litellm.yaml --environment production
  conductor-mw serve conductor.yaml --port 0 --format json""",
)
@policy_file
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4000, show_default=True,
    help="Where to listen; 0 takes any that is free.",
)  # fmt: skip
@click.option("--name", help="The model that clients ask for; the policy's name by default.")
@click.option(
    "--config", "extra", type=click.Path(path_type=Path), metavar="YAML",
    help="A LiteLLM configuration that holds beside the policy.",
)  # fmt: skip
@click.option("--environment", metavar="NAME", help="Which of the policy's environments holds.")
@click.option("--simulate", is_flag=True, help="Simulate every agent; call no model.")
@click.option(
    "--reload-every", default="5s", show_default=True, metavar="TIME", callback=_length,
    help="How often to look for a new version of the policy; 0s never.",
)  # fmt: skip
@click.option(
    "--grace", default="30s", show_default=True, metavar="TIME", callback=_length,
    help="How long requests under way may go on when the server stops.",
)  # fmt: skip
@format_option("pretty", "json")
def serve(
    file: Path,
    host: str,
    port: int,
    name: str | None,
    extra: Path | None,
    environment: str | None,
    simulate: bool,
    reload_every: float,
    grace: float,
    form: str,
) -> None:
    """Serve a policy to every client of OpenAI's and Anthropic's.

    Starts the LiteLLM proxy with the policy as a model. Clients show the key in LITELLM_MASTER_KEY;
    where there is none, one is made and printed once. Needs conductor-mw[litellm-proxy].

    /health/liveliness says that the server runs, /health/readiness also which version of the policy
    works. A new version of the file is taken over without a restart; a broken one is not.

    SIGINT or SIGTERM stops it, once requests under way have ended. With --format json one line of
    JSON on stdout says that it is ready, and where.

    Exit codes: 0 stopped, 1 could not run.
    """
    from . import configuration, serving
    from .hosting import through_the_proxy

    every = reload_every or None
    made = Conductor(
        file, environment=environment, simulate=simulate, reload_every=every,
        connect=through_the_proxy,
    )  # fmt: skip
    with closing(made) as conductor:
        _check(conductor, file)
        where = str(extra or "")
        own: dict[str, Any] = {} if extra is None else configuration.read_extra(extra)
        said = configuration.take_key(own, os.environ, where) or os.environ.get(serving.KEY)
        fresh = None if said and said.strip() else serving.made_key()
        model = configuration.model_name(conductor.policy.name, name)
        config = configuration.configuration(model, own, os.environ, where)
        serving.refuse_missing()
        with serving.bound(host, port) as at:
            _warn(host)
            note("starting the LiteLLM proxy, which takes some seconds")
            serving.serve(
                serving.Serving(
                    conductor, model, config, fresh or said or "",
                    None if extra is None else extra.resolve().parent, grace, every,
                ),
                at,
                _announcing(_url(at), config, fresh, form),
            )  # fmt: skip
    note("stopped")


def _check(conductor: Conductor, file: Path) -> None:
    """Refuse what `conductor-mw check` refuses, and pass its warnings on."""
    found = check_policy(conductor.policy)
    mistakes = [one for one in found if one.severity == "error"]
    if mistakes:
        raise PolicyError(mistakes)
    for one in found:
        aside(paint("warning: ", "warn") + harmless(str(one)))
    if conductor.policy.mode == "observe":
        raise ConductorError(
            "this policy only observes: the app's own model answers, and here is no app",
            where=file,
            mend="Write `mode: enforce`, or choose an --environment that does.",
        )


def _warn(host: str) -> None:
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        aside(paint("warning: ", "warn") + harmless(
            f"others than this computer reach {host}; put TLS in front, the key travels with "
            "every request"
        ))  # fmt: skip


def _url(at: socket.socket) -> str:
    host: str = at.getsockname()[0]
    port: int = at.getsockname()[1]
    shown: str = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is compared
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _announcing(
    url: str, config: Mapping[str, Any], made: str | None, form: str
) -> Callable[[], None]:
    """Give what says that the server is ready, on the stdout that this process began with."""
    stdout = sys.stdout
    models = [str(one["model_name"]) for one in config["model_list"]]

    def announce() -> None:
        if made is not None:
            note(f"LITELLM_MASTER_KEY is not set; until the server stops, the key is\n  {made}")
        with redirect_stdout(stdout):
            if form == "json":
                told = {"url": url, "base_url": f"{url}/v1", "models": models, "pid": os.getpid()}
                say(json.dumps(told))
            else:
                say(_told(url, models))

    return announce


def _told(url: str, models: list[str]) -> str:
    body = json.dumps({"model": models[-1], "messages": [{"role": "user", "content": "Hello"}]})
    rows = [
        ("serves", paint(f"{url}/v1", "value")),
        ("models", paint(harmless(", ".join(models)), "name")),
        ("ask", f"curl {url}/v1/chat/completions \\"),
        ("", '  -H "Authorization: Bearer $LITELLM_MASTER_KEY" \\'),
        ("", '  -H "Content-Type: application/json" \\'),
        ("", f"  -d '{body}'"),
        ("health", f"{url}/health/readiness"),
        ("stop", "Ctrl+C"),
    ]
    return "\n".join(f"{paint(f'{head:<6}', 'quiet')}  {text}" for head, text in rows)
