-- Every revision of every flight in one table, and the view that was posted. When each was known: see
-- ../schema/operations-finish.sql.

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

create table flight_revisions as
select id, r.revision, case r.revision when 1 then scheduled_at when 2 then departed_at else landed_at end as recorded_at,
    tailnum collate "C" as tailnum, scheduled, carrier collate "C" as carrier, flight, origin collate "C" as origin,
    dest collate "C" as dest, sched_dep_time, sched_arr_time, distance,
    case when r.revision > 1 then dep_time end as dep_time, case when r.revision > 1 then dep_delay end as dep_delay,
    case when r.revision > 2 then arr_time end as arr_time, case when r.revision > 2 then arr_delay end as arr_delay,
    case when r.revision > 2 then air_time end as air_time
from flights_known
cross join (values (1), (2), (3)) r (revision)
where case r.revision when 1 then scheduled_at when 2 then departed_at else landed_at end is not null
order by recorded_at, id;       -- in order of arrival, as an append-only table has them

alter table flight_revisions add primary key (id, revision);
create index flight_revisions_object on flight_revisions (tailnum, scheduled);

create view flights as
select distinct on (id) * from flight_revisions order by id, revision desc;
