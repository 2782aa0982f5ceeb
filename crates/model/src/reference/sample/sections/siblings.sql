select mine.tailnum as object, other.tailnum, other.year
from aircraft mine
join aircraft other on other.model = mine.model and other.tailnum <> mine.tailnum
where mine.tailnum = any($1)
order by mine.tailnum, other.tailnum
