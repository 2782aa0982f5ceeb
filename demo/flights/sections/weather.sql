-- A row an airport and hour: the readings as the buckets that flights are grouped by. The lower bound names a bucket,
-- so wind 10 is from 10 to under 15 mph; precipitation is in tenths of an inch rounded up, so 0 is dry.
select origin, time_hour,
       case when wind_speed < 200 then (floor(wind_speed / 5) * 5)::int2 end as wind,
       floor(visib)::int2 as visibility,
       (((precip * 100)::int2 + 9) / 10)::int2 as precipitation,
       (floor(temp / 10) * 10)::int2 as temperature,
       (floor(humid / 10) * 10)::int2 as humidity
from weather
