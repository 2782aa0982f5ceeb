-- Known since before the first flight was scheduled.
insert into aircraft_current (tailnum, revision, recorded_at, author, year, type, manufacturer, model, engines, seats,
    speed, engine)
select tailnum, 1, '2012-01-01T00:00:00Z', 'registry', year, type, manufacturer, model, engines, seats, speed, engine
from aircraft_registered order by tailnum;

insert into object_version (object, version)
select tailnum, 1 from aircraft_registered order by tailnum;

create index aircraft_model on aircraft_current (model, tailnum) where not deleted;
create index aircraft_manufacturer on aircraft_current (manufacturer, model) where not deleted;
create index aircraft_year on aircraft_current (year, manufacturer) where not deleted;
analyze;
