"""Chance that nobody seeded differs between conductors and between processes."""

from __future__ import annotations

import os

import pytest

from conductor_mw import Conductor
from conductor_mw.testing import Scripted

TEXT = "agents: [{id: a}]\nrouting: {default: a}\n"


def ids(conductor: Conductor, count: int = 3) -> list[str]:
    return [conductor.call("hello").id for _ in range(count)]


def test_two_conductors_give_their_runs_different_ids() -> None:
    one, two = (Conductor.from_text(TEXT, agents={"a": Scripted("a")}) for _ in range(2))

    assert not set(ids(one)) & set(ids(two))


def test_two_conductors_with_one_seed_repeat_each_other() -> None:
    one, two = (Conductor.from_text(TEXT, agents={"a": Scripted("a")}, seed=3) for _ in range(2))

    assert ids(one) == ids(two)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_repeat_its_parent() -> None:
    conductor = Conductor.from_text(TEXT, agents={"a": Scripted("a")})
    ids(conductor, 1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # no assertion here: the child must end without running the suite's own ends
        os.write(write, ids(conductor, 1)[0].encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    theirs = os.read(read, 100).decode()
    os.close(read)

    assert theirs
    assert ids(conductor, 1) != [theirs]
