-- What the plants' API asks. Filled once; a scenario that changes it says how to change it back.
create extension if not exists pg_stat_statements;
create extension if not exists hypopg;
create table item (
    id    int4 primary key,
    owner int4 not null,
    value int4 not null,
    note  text not null
);
insert into item select n, n % 500, 0, md5(n::text) from generate_series(1, 20000) n;
-- Few rows, which any plan scans.
create table kind (id int4, name text);
insert into kind select n, md5(n::text) from generate_series(1, 50) n;
-- All revisions in one table, and the view of the newest ones as people write it.
create table revision (
    id       int4 not null,
    revision int4 not null,
    at       timestamptz not null,
    owner    int4 not null,
    note     text not null
);
insert into revision
select n / 5, n % 5, timestamptz '2026-01-01' + n * interval '1 second', n % 500, md5(n::text)
from generate_series(1, 500000) n;
alter table revision add primary key (id, revision);
create view latest as select distinct on (id) * from revision order by id, revision desc;
-- The same kept as it is asked for.
create table latest_kept as select * from latest;
create index on latest_kept (at);
-- Of many rows a few are wanted.
create table event (id int4 primary key, kind int4 not null, note text not null);
insert into event select n, n % 20000, md5(n::text) from generate_series(1, 400000) n;
create index event_kind on event (kind);
analyze;
