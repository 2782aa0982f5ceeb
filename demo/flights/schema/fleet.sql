-- Text that is sorted or compared is collated "C" here, so that no statement depends on the database's locale.

create temporary table aircraft_registered (    -- becomes first revisions in fleet-finish.sql
    tailnum      text,              -- every one that flew; nulls where the registry does not know it
    year         int2,              -- built
    type         text,
    manufacturer text,
    model        text,
    engines      int2,
    seats        int2,
    speed        int2,              -- cruising, mph; known of 23
    engine       text
) on commit drop;

create table airlines (
    carrier      text collate "C" primary key,
    name         text collate "C" not null
);

create table airports (
    faa          text collate "C" primary key,
    name         text collate "C" not null,
    lat          float8 not null,
    lon          float8 not null,
    alt          int2 not null,     -- feet
    tz           int2 not null,     -- hours from UTC
    dst          text collate "C" not null,
    tzone        text collate "C"
);
