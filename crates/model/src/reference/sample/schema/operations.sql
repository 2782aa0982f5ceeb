create table flights (
  id int primary key,
  tailnum text not null,
  scheduled timestamptz not null,
  carrier text not null,
  origin text not null,
  dest text not null,
  dep_delay int2,
  arr_delay int2
);
