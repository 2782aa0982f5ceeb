create table customers (
    id      int4 primary key,
    name    text not null,
    joined  date not null
);
create table orders (
    id        int8 primary key,
    customer  int4 not null references customers,
    placed    timestamptz not null,
    goods     text,
    cents     int4
);
