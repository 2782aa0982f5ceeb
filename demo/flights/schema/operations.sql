-- The flights as they were flown, which become revisions in operations-finish.sql. The tables of revisions are made from
-- the model (`sidequest migrate --dry-run` shows them). The file brings them ordered by aircraft and time, so that an
-- aircraft's rows share pages.
-- The column order is that of the file; it is gone with the transaction that fills the database.

create temporary table flights_flown (
    id             int4,                -- its place in the source
    tailnum        text,                -- null: the airline did not report it
    scheduled      timestamptz,         -- departure by the timetable
    dep_time       int2,                -- hhmm, local to the airport; null: cancelled
    sched_dep_time int2,
    dep_delay      int2,                -- minutes; negative is early
    arr_time       int2,
    sched_arr_time int2,
    arr_delay      int2,                -- null: cancelled or diverted
    carrier        text,
    flight         int2,
    origin         text,
    dest           text,
    air_time       int2,                -- minutes
    distance       int2                 -- miles
) on commit drop;
