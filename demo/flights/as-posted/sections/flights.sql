-- The filter cannot go below DISTINCT ON, since the aircraft is not what it is distinct on: all revisions are read.
select id, tailnum, scheduled, date_part('month', scheduled at time zone 'America/New_York')::int2 as month,
       carrier, flight, origin, dest, dep_delay, arr_delay, air_time, distance
from flights
where tailnum = any($1)
order by tailnum, scheduled, id
