-- Every flight of these aircraft.
select id, tailnum, scheduled, date_trunc('hour', scheduled) as time_hour,
       extract(month from scheduled at time zone 'America/New_York')::int2 as month,
       carrier, origin, dest, dep_delay, arr_delay
from flights
where tailnum = any($1);
