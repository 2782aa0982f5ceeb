create unique index weather_hour on weather (origin, time_hour);
analyze;
