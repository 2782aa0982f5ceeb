-- The first twenty others of the same model, by tail number.
select a.tailnum as object, s.tailnum, s.year, s.manufacturer, s.seats, s.engine
from {aircraft} a
cross join lateral (
    select o.tailnum, o.year, o.manufacturer, o.seats, o.engine
    from {aircraft} o
    where o.model = a.model and o.tailnum <> a.tailnum
    order by o.tailnum
    limit 20
) s
where a.tailnum = any($1)
order by a.tailnum, s.tailnum
