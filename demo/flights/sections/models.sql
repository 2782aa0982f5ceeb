-- The models of its manufacturer, the most numerous first; a manufacturer is counted once, however many ask.
with model as (
    select manufacturer, model, count(*)::int4 as aircraft, min(year) as first_year, max(year) as last_year,
           row_number() over (partition by manufacturer order by count(*) desc, model) as place
    from {aircraft}
    where manufacturer in (select manufacturer from {aircraft} where tailnum = any($1))
    group by manufacturer, model
)
select a.tailnum as object, m.model, m.aircraft, m.first_year, m.last_year
from {aircraft} a
join model m on m.manufacturer = a.manufacturer and m.place <= 15
where a.tailnum = any($1)
order by a.tailnum, m.place
