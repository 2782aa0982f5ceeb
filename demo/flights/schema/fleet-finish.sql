create index aircraft_model on aircraft (model, tailnum);
create index aircraft_manufacturer on aircraft (manufacturer, model);
create index aircraft_year on aircraft (year, manufacturer);
analyze;
