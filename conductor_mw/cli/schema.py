"""`conductor-mw schema`: the policy file's form, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import console
from .arguments import format_option, out_option, write_text
from .command import Command


@click.command(
    cls=Command,
    epilog="""
  conductor-mw schema
  conductor-mw schema -o conductor.schema.json""",
)
@out_option
@format_option("json")
def schema(out: Path | None, form: str) -> None:
    """Print the JSON Schema of the policy file.

    It holds what the installed plugins add. An editor that reads YAML schemas completes and checks
    a policy whose first line is: # yaml-language-server: $schema=./conductor.schema.json
    """
    from conductor_mw.plugins import installed
    from conductor_mw.policy.schema import json_schema

    del form  # there is only one
    found = json_schema(installed())
    if out is None:
        console.say_json(found)
    else:
        write_text(out, json.dumps(found, ensure_ascii=False, indent=2) + "\n")
