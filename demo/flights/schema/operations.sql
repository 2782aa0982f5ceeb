-- One row a flight. The file brings them ordered by aircraft and time, so that an aircraft's rows share pages.
-- The local calendar is stored, not computed on each read: flights are grouped by New York's days, not by UTC's.
-- Columns stand in the order that packs a row: what is never null and of fixed width first.

create table flights (
    id             int4 not null,               -- its place in the source; the primary key, made after the rows
    flight         int2 not null,
    distance       int2 not null,               -- miles
    scheduled      timestamptz not null,        -- departure by the timetable
    time_hour      timestamptz not null generated always as
                   (date_trunc('hour', scheduled at time zone 'UTC') at time zone 'UTC') stored,
    month          int2 not null generated always as
                   (date_part('month', scheduled at time zone 'America/New_York')::int2) stored,
    day            int2 not null generated always as
                   (date_part('day', scheduled at time zone 'America/New_York')::int2) stored,
    weekday        int2 not null generated always as        -- 1 is Monday
                   (date_part('isodow', scheduled at time zone 'America/New_York')::int2) stored,
    week           int2 not null generated always as        -- ISO 8601
                   (date_part('week', scheduled at time zone 'America/New_York')::int2) stored,
    quarter        int2 not null generated always as
                   (date_part('quarter', scheduled at time zone 'America/New_York')::int2) stored,
    hour           int2 not null generated always as (sched_dep_time / 100) stored,
    sched_dep_time int2 not null,               -- hhmm, local to the airport, as all of these
    sched_arr_time int2 not null,
    carrier        text collate "C" not null,
    origin         text collate "C" not null,
    dest           text collate "C" not null,
    tailnum        text collate "C",            -- null: the airline did not report it
    dep_time       int2,                        -- null: cancelled
    dep_delay      int2,                        -- minutes; negative is early
    arr_time       int2,
    arr_delay      int2,                        -- null: cancelled or diverted
    air_time       int2                         -- minutes
);
