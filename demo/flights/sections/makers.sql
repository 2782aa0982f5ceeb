-- Who built the aircraft of its year, and how many; each year is counted once, however many ask.
with maker as (
    select year, manufacturer, count(*)::int4 as aircraft, count(distinct model)::int4 as models,
           row_number() over (partition by year order by count(*) desc, manufacturer) as place
    from {aircraft}
    where year in (select year from {aircraft} where tailnum = any($1))
    group by year, manufacturer
)
select a.tailnum as object, m.manufacturer, m.aircraft, m.models
from {aircraft} a
join maker m on m.year = a.year and m.place <= 15
where a.tailnum = any($1)
order by a.tailnum, m.place
