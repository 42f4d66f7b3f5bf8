"""Change a record as somebody with the rights to the file could: `python tamper.py NUMBER`."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing


def main(number: int) -> None:
    with closing(sqlite3.connect("conductor.db")) as log, log:
        # The log's own triggers refuse this; whoever owns the file can drop them.
        found = log.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in found:
            log.execute(f'drop trigger "{name}"')
        changed = "update audit_records set body = replace(body, 'acme', 'bolt') where number = ?"
        log.execute(changed, (number,))
    print(f"record {number} now says bolt where it said acme")


if __name__ == "__main__":
    main(int(sys.argv[1]))
