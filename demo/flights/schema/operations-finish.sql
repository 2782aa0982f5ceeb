-- Each flight as it happened: scheduled, departed (its delay is known), landed (its arrival is). A cancelled flight
-- stays scheduled, one that never reached its destination stays departed. About a million revisions.
--
-- When each became known: the timetable 30 days ahead; the departure by its delay; the landing by the local times.
-- These are hours of unknown zones, but zones differ by whole hours, so the minutes are right, and the hours are
-- the fewest that leave room for the time in the air (taxiing for an hour or more would make it an hour late).

create temporary view flights_known as      -- gone with the table that it reads
select *, scheduled - interval '30 days' as scheduled_at,
       departed_at + interval '1 minute' * case
           when air_time is null then (minutes + 1440) % 1440      -- diverted on the way
           else air_time + (minutes - air_time + 2880) % 60
       end as landed_at
from (
    select *, scheduled + dep_delay * interval '1 minute' as departed_at,
           arr_time / 100 * 60 + arr_time % 100 - dep_time / 100 * 60 - dep_time % 100 as minutes
    from flights_flown
) f;

-- What is known now, in the order of aircraft and time.
insert into flights_current (id, revision, recorded_at, author, tailnum, scheduled, carrier, flight, origin, dest,
    sched_dep_time, dep_time, dep_delay, sched_arr_time, arr_time, arr_delay, air_time, distance)
select id, case when dep_time is null then 1 when arr_time is null then 2 else 3 end,
    case when dep_time is null then scheduled_at when arr_time is null then departed_at else landed_at end,
    case when dep_time is null then 'timetable' when arr_time is null then 'departures' else 'arrivals' end,
    tailnum, scheduled, carrier, flight, origin, dest,
    sched_dep_time, dep_time, dep_delay, sched_arr_time, arr_time, arr_delay, air_time, distance
from flights_known;

-- What was known before, in the same order: the timetable of all that left, the departure of all that arrived.
insert into flights_history (id, revision, recorded_at, superseded_at, author, tailnum, scheduled, carrier, flight,
    origin, dest, sched_dep_time, sched_arr_time, distance, dep_time, dep_delay)
select id, r.revision, case r.revision when 1 then scheduled_at else departed_at end,
    case r.revision when 1 then departed_at else landed_at end,
    case r.revision when 1 then 'timetable' else 'departures' end, tailnum, scheduled, carrier, flight,
    origin, dest, sched_dep_time, sched_arr_time, distance,
    case r.revision when 2 then dep_time end, case r.revision when 2 then dep_delay end
from flights_known
cross join (values (1), (2)) r (revision)
where case r.revision when 1 then departed_at else landed_at end is not null;

insert into object_version (object, version)
select distinct tailnum, 1 from flights_flown where tailnum is not null order by tailnum;
