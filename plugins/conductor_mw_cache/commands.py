"""`conductor-mw cache purge`: forget the answers of one tenant, or of all, in a store."""

from __future__ import annotations

import time

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import Command, Group, format_option, opened_store, say, say_json


@click.group(
    cls=Group,
    epilog="""
  conductor-mw cache purge --store sqlite:cache.db --tenant acme""",
)
def cache() -> None:
    """Forget answers that the cache keeps in a store.

    Answers in memory are forgotten when their process ends.
    """


@cache.command(
    "purge",
    cls=Command,
    epilog="""
  conductor-mw cache purge --store sqlite:cache.db --tenant acme
  conductor-mw cache purge --store redis://127.0.0.1:6379/0 --tenant acme --user ann
  conductor-mw cache purge --store sqlite:cache.db --all --format json""",
)
@click.option("--store", required=True, metavar="ADDRESS", help="As below `cache: {store: ...}`.")
@click.option("--tenant", metavar="NAME", help="Whose answers; a tenant that is a text.")
@click.option("--user", metavar="NAME", help="Whose answers, where the policy says `scope: user`.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's answers.")
@format_option("pretty", "json")
def purge(store: str, tenant: str | None, user: str | None, everybody: bool, form: str) -> None:
    """Forget answers: those of a tenant, of a user, or all.

    Running processes notice at once. Names in the store are hashes, so only who knows the tenant
    finds its answers. Those of a tenant's users are kept apart under `scope: user`: name the user
    too.
    """
    from .partition import digest_of
    from .shelves import TABLE

    if everybody == (tenant is not None or user is not None):
        raise ConductorError("whose answers?", mend="give --tenant, --user or both, or --all")
    scope = "user" if user is not None else "tenant"
    prefix = "" if everybody else digest_of(scope, tenant, user)[:32] + "."
    forgotten = 0
    with opened_store(store, None) as kept:
        if kept is not None:
            for key in kept.keys(TABLE, now=time.time(), prefix=prefix):
                kept.delete(TABLE, key)
                forgotten += 1
    if form == "json":
        say_json({"forgotten": forgotten})
    else:
        say(f"{forgotten} answer{'' if forgotten == 1 else 's'} forgotten")
