"""A log in a schema of a PostgreSQL database."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from conductor_mw import ConductorError

from .tables import TABLES, Tables

if TYPE_CHECKING:
    import psycopg

_SCHEMA: Final = "conductor_audit"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SECONDS: Final = 5.0
_LOCK: Final = 0x636D_7761_7564
"""The advisory lock under which tables are made: two processes may start at the same moment."""
_GUARDS: Final = """
create or replace function audit_stays() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and tg_table_name = 'audit_records' then
    if old.number <= (select pruned from audit_log) then return old; end if;
  end if;
  raise exception 'an audit record cannot be changed or deleted';
end $$;
create or replace trigger audit_records_stay before update or delete on audit_records
  for each row execute function audit_stays();
create or replace trigger audit_checkpoints_stay
  before delete or update of size, time, root, method, signature, frontier on audit_checkpoints
  for each row execute function audit_stays();
"""


class PostgresTables(Tables):
    """The tables in one schema, `?schema=conductor_audit` of the address by default."""

    def __init__(self, address: str, *, make: bool = True) -> None:
        """Connect.

        Args:
            address: `postgresql://user@host/database?schema=name`; `timeout=` says how many seconds
                anything may take, and what else libpq takes goes on.
            make: whether to make the schema and the tables where they are not there.

        Raises:
            ConductorError: it cannot be reached, or holds no log and none is to be made.
        """
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query))
        self._schema = asked.pop("schema", _SCHEMA)
        if not _NAME.fullmatch(self._schema):
            raise ConductorError(
                f"{self._schema[:80]!r} is no name of a schema",
                where="audit",
                mend="Write small letters, digits and '_'.",
            )
        self._seconds = _seconds(asked.pop("timeout", ""))
        asked.setdefault("connect_timeout", str(max(1, round(self._seconds))))
        self._address = urlunsplit(parts._replace(query=urlencode(asked)))
        host = parts.hostname or "localhost"
        self.address = f"postgresql://{host}{parts.path}?schema={self._schema}"
        self._make = make
        self._connected: psycopg.Connection[Any] | None = None
        self._connection()

    def ask(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Carry out a statement and give its rows."""
        import psycopg

        try:
            cursor = self._connection().execute(_marked(sql), tuple(values))
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._refused(error) from error

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows by COPY."""
        import psycopg

        statement = cast("LiteralString", f"copy {table} ({columns}) from stdin")
        try:
            with self._connection().cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise self._refused(error) from error

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """Hold the log for writing: its one row is locked until the end."""
        with self._whole("begin"):
            # `synchronous_commit` may be off for the whole server: here it is never.
            self.ask("set local synchronous_commit = on")
            self.ask("select one from audit_log for update")
            yield

    @contextmanager
    def reading(self) -> Generator[None, None, None]:
        """Hold one view of the log."""
        with self._whole("begin isolation level repeatable read read only"):
            yield

    def close(self) -> None:
        """Disconnect."""
        connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()

    def erase(self, *, compact: bool = False) -> None:
        """Let the server give the room of deleted rows back."""
        self.ask("vacuum full audit_records" if compact else "vacuum full audit_keys")

    @contextmanager
    def _whole(self, begin: str) -> Generator[None, None, None]:
        self.ask(begin)
        try:
            yield
            self.ask("commit")
        except BaseException:  # raised again, once nothing is half written
            # The server forgets what a lost connection had begun; a new one is made when needed.
            self.close()
            raise

    def _connection(self) -> psycopg.Connection[Any]:
        if self._connected is not None and not self._connected.closed:
            return self._connected
        try:
            import psycopg
        except ImportError as error:
            raise ConductorError(
                "PostgreSQL needs the package psycopg", mend="pip install 'conductor-mw[postgres]'"
            ) from error
        try:
            connected: psycopg.Connection[Any] = psycopg.connect(self._address, autocommit=True)
        except psycopg.Error as error:
            raise self._refused(error) from error
        try:
            self._prepare(connected)
        except psycopg.Error as error:
            connected.close()
            raise self._refused(error) from error
        except BaseException:
            connected.close()
            raise
        self._connected = connected
        return connected

    def _prepare(self, connected: psycopg.Connection[Any]) -> None:
        connected.execute(_literal(f'set search_path to "{self._schema}"'))
        if self._make:  # a command may take as long as it needs
            connected.execute(_literal(f"set statement_timeout = {round(self._seconds * 1000)}"))
        found = connected.execute("select to_regclass('audit_log')").fetchone()
        if found is not None and found[0] is not None:
            return
        if not self._make:
            raise ConductorError("there is no audit log", where=self.address)
        tables = TABLES.format(bytes="bytea", real="double precision")
        with connected.transaction():
            connected.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            connected.execute(_literal(f'create schema if not exists "{self._schema}"'))
            connected.execute(tables)
            connected.execute(_GUARDS)
            connected.execute(
                "insert into audit_log (one, id, size, frontier, pruned, made)"
                " values (1, %s, 0, '', 0, extract(epoch from now()))"
                " on conflict (one) do nothing",
                (uuid4().hex,),
            )

    def _refused(self, error: Exception) -> ConductorError:
        return ConductorError(
            f"the audit log cannot be used: {str(error).strip()}", where=self.address
        )


def _seconds(text: str) -> float:
    try:
        found = float(text or _SECONDS)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ConductorError(
            f"{text[:40]!r} is no time-out", where="audit", mend="Write for example ?timeout=0.5"
        )
    return found


def _literal(sql: str) -> LiteralString:
    return cast("LiteralString", sql)


def _marked(sql: str) -> LiteralString:
    return cast("LiteralString", sql.replace("%", "%%").replace("?", "%s"))
