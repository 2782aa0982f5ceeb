-- The story's way beside ours: all revisions in one table, and the view that was posted.
create table posted (
    id          int4,
    revision    int4,
    recorded_at timestamptz not null,
    owner       int4 not null,
    at          timestamptz not null,
    carrier     text collate "C",
    delay       int2,
    primary key (id, revision)
);
create index posted_owner on posted (owner, at, id);
create view posted_latest as
select distinct on (id) * from posted order by id, revision desc;
