-- Hourly readings at the three airports. (origin, time_hour) is unique too; the short id makes a record addressable.

create table weather (
    id         int4 primary key,
    origin     text collate "C" not null,
    time_hour  timestamptz not null,
    wind_dir   int2,       -- degrees
    temp       float4,     -- °F
    dewp       float4,
    humid      float4,     -- %
    wind_speed float4,     -- mph; one reading of 1,048 is an error of the source
    wind_gust  float4,
    precip     float4,     -- inches
    pressure   float4,     -- mbar
    visib      float4      -- miles
);
