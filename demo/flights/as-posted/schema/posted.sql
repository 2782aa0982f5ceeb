-- Aircraft as they are, and the flights as they were flown, which become revisions in posted-finish.sql.

create table aircraft (
    tailnum      text collate "C" primary key,
    year         int2,
    type         text collate "C",
    manufacturer text collate "C",
    model        text collate "C",
    engines      int2,
    seats        int2,
    speed        int2,
    engine       text collate "C"
);

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
