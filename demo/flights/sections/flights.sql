-- The flights of the wanted aircraft. The index (tailnum, scheduled, id) yields this order by itself: no sort.
-- In braces: the flights as they are now, or as they were known at the instant that is asked for.
select id, tailnum, scheduled, time_hour, month, day, weekday, week, quarter, hour,
       carrier, flight, origin, dest, dep_delay, arr_delay, air_time, distance,
       (distance / 500 * 500)::int2 as distance_band
from {flights}
where tailnum = any($1)
order by tailnum, scheduled, id
