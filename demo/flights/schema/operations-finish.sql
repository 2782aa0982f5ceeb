alter table flights add primary key (id);
create index flights_aircraft on flights (tailnum, scheduled, id);
analyze;
