-- The aircraft itself, and its place among those of its model.
with model as (
    select tailnum,
           (count(*) over (partition by model))::int4 as model_aircraft,
           case when year is not null then (rank() over (partition by model order by year) - 1)::int4 end as model_older,
           case when year is not null then (rank() over (partition by model order by year desc nulls last) - 1)::int4 end as model_younger
    from {aircraft}
    where model in (select model from {aircraft} where tailnum = any($1))
)
select a.tailnum as object, a.tailnum, a.year, a.type, a.manufacturer, a.model, a.engines, a.seats, a.engine,
       m.model_aircraft, m.model_older, m.model_younger
from {aircraft} a
left join model m on m.tailnum = a.tailnum
where a.tailnum = any($1)
order by a.tailnum
