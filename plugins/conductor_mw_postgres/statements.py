"""What PostgreSQL does in one statement each, at READ COMMITTED.

A key may be longer than an index takes, so a row is found by a digest of it. What is compared
before it is written is locked first, several rows in the order of their digests, so that no two
callers wait for each other.
"""

from __future__ import annotations

from typing import Final

TABLE: Final = b"""
set local statement_timeout = '30s';
select pg_advisory_xact_lock(7163219874561);

create table if not exists conductor_state (
  sort text not null,
  digest bytea not null,
  key bytea not null,
  value bytea not null,
  expires double precision,
  primary key (sort, digest)
);

create index if not exists conductor_state_expires
  on conductor_state (expires) where expires is not null;

-- The whole number that a row holds, with the row locked; a row that is not there is made, in a
-- way that nobody sees: it expired before all time.
create or replace function conductor_number_1(
  a_sort text, a_digest bytea, a_key bytea, a_now double precision
) returns bigint language plpgsql as $$
declare
  held bytea;
begin
  loop
    select case when expires is null or expires > a_now then value end into held
      from conductor_state where sort = a_sort and digest = a_digest for update;
    if found then
      return coalesce(nullif(convert_from(held, 'UTF8'), '')::bigint, 0);
    end if;
    insert into conductor_state values (a_sort, a_digest, a_key, '', '-infinity')
      on conflict do nothing;
  end loop;
end $$;

-- Adds an amount, or as much of it as fits below the most; gives the sum, and what was added.
create or replace function conductor_count_1(
  a_sort text, a_digest bytea, a_key bytea, amount bigint, most bigint,
  a_now double precision, until double precision, out total bigint, out added bigint
) language plpgsql as $$
declare
  before bigint := conductor_number_1(a_sort, a_digest, a_key, a_now);
begin
  added := case when most is null then amount else greatest(0, least(amount, most - before)) end;
  total := before + added;
  if most is not null and added = 0 then
    return;
  end if;
  if abs(total) > 9000000000000000 then
    raise numeric_value_out_of_range;
  end if;
  update conductor_state set value = convert_to(total::text, 'UTF8'), expires = until
    where sort = a_sort and digest = a_digest;
end $$;

-- Moves several clocks, all or none; gives the nanoseconds to wait, 0 where all were moved.
create or replace function conductor_advance_1(
  a_sort text, digests bytea[], names bytea[], costs bigint[], bursts bigint[],
  instant bigint, a_now double precision
) returns bigint language plpgsql as $$
declare
  clocks bigint[];
  moved boolean[];
  place integer;
  first integer;
  clock bigint;
  behind bigint := 0;
begin
  for place in
    select min(named.place) from unnest(digests) with ordinality as named (digest, place)
      group by named.digest order by named.digest
  loop
    clocks[place] := greatest(
      instant, conductor_number_1(a_sort, digests[place], names[place], a_now)
    );
  end loop;
  for place in 1 .. cardinality(digests) loop
    first := array_position(digests, digests[place]);
    clock := clocks[first] + costs[place];
    if costs[place] < 0 then
      clock := greatest(clock, instant);
    else
      behind := greatest(behind, clock - instant - bursts[place]);
    end if;
    if costs[place] <> 0 then
      clocks[first] := clock;
      moved[first] := true;
    end if;
  end loop;
  if behind > 0 then
    return behind;
  end if;
  for place in 1 .. cardinality(digests) loop
    if moved[place] then
      update conductor_state
        set value = convert_to(clocks[place]::text, 'UTF8'),
            expires = clocks[place] / 1000000000 + 1
        where sort = a_sort and digest = digests[place];
    end if;
  end loop;
  return 0;
end $$;
"""
"""Makes what is absent. Processes that start at the same moment do it one after another."""

THERE: Final = b"select (to_regproc('conductor_advance_1') is not null)::text"

GET: Final = b"""
select value from conductor_state
where sort = $1 and digest = $2 and (expires is null or expires > $3)
"""

PUT: Final = b"""
insert into conductor_state (sort, digest, key, value, expires) values ($1, $2, $3, $4, $5)
on conflict (sort, digest) do update set value = excluded.value, expires = excluded.expires
"""

SWAP_NOTHING: Final = b"""
insert into conductor_state as held (sort, digest, key, value, expires)
values ($1, $2, $3, $4, $5)
on conflict (sort, digest) do update set value = excluded.value, expires = excluded.expires
where held.expires <= $6
returning ''
"""

SWAP: Final = b"""
update conductor_state set value = $3, expires = $4
where sort = $1 and digest = $2 and value = $5 and (expires is null or expires > $6)
returning ''
"""

COUNT: Final = b"""
select total::text, added::text from conductor_count_1($1, $2, $3, $4, $5, $6, $7)
"""

ADVANCE: Final = b"select conductor_advance_1($1, $2, $3, $4, $5, $6, $7)::text"

DELETE: Final = b"delete from conductor_state where sort = $1 and digest = $2"

KEYS: Final = b"""
select key from conductor_state
where sort = $1 and (expires is null or expires > $2) and substring(key for $3) = $4
"""

# What somebody uses just now is left for the next time: waiting for it could go round in a circle.
SWEEP: Final = b"""
delete from conductor_state where (sort, digest) in (
  select sort, digest from conductor_state where expires <= $1 limit 1000
  for update skip locked
)
"""
