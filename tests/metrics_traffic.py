"""An hour of traffic that is the same every time, for tables and comparisons."""

from __future__ import annotations

from pathlib import Path
from random import Random

from conductor_mw_metrics.databases import Sqlite
from conductor_mw_metrics.tally import CACHE_HITS, FALLBACKS, Place, Where
from conductor_mw_metrics.writer import Writer

from conductor_mw import Usage
from conductor_mw.testing import VirtualClock

RULES = (("vip", "large", 2.4, 14_000_000), ("(default)", "small", 0.6, 120_000))


def write_traffic(path: Path, now: float, *, requests: int = 1200) -> None:
    """Write an hour of requests that ends now."""
    dice = Random(4)
    writer = Writer(Sqlite(path), VirtualClock(utc=now), every=1e6, keep=1e9)
    places = [
        Place(Where(rule, target, "3f2a" * 16, (("tenant", tenant),)))
        for rule, target, _, _ in RULES
        for tenant in ("acme", "bolt")
    ]
    for number in range(requests):
        at = dice.choices(range(4), (1, 2, 5, 3))[0]
        rule, agent, typical, nano = RULES[at // 2]
        minute = int(now // 60) - 60 + number * 60 // requests
        seconds = typical * dice.lognormvariate(0, 0.4)
        used = Usage(300 + dice.randrange(200), 60 + dice.randrange(90))
        with writer.ledger.lock:
            whole = writer.ledger.tally(places[at], "", minute)
            call = writer.ledger.tally(places[at], agent, minute)
            chance = dice.random()
            if chance < 0.2 and rule == "(default)":  # a cache
                whole.ended(0.001, 0.001, None, 0)
                call.ended(None, None, None, 0)
                whole.counts[CACHE_HITS] += 1
                call.counts[CACHE_HITS] += 1
            elif chance > 0.97:  # it falls back
                call.ended(None, None, None, 0)
                call.fell("timeout" if chance > 0.99 else "rate_limit")
                call.counts[FALLBACKS] += 1
                whole.counts[FALLBACKS] += 1
                whole.ended(seconds + 4, seconds / 2 + 4, None, nano)
                other = writer.ledger.tally(places[at], "spare", minute)
                other.ended(seconds, seconds / 2, used, nano // 2)
            else:
                whole.ended(seconds, seconds / 3, None, nano)
                call.ended(seconds, seconds / 3, used, nano)
    writer.close()
