create index on orders (customer, placed, id);
analyze;
