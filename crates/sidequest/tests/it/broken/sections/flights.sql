select id, tailnum, scheduled, delay from flights where tailnum = any($1)
