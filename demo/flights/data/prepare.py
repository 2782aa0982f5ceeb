#!/usr/bin/env python3
"""Makes the CSV files beside it from the files of nycflights13.

    python3 prepare.py DIRECTORY

DIRECTORY holds flights, weather, planes, airports and airlines as `.csv` or `.csv.zst`.
Needs Python 3.9 and the command `zstd`; takes about a minute, nearly all of it zstd's level 19.
"""

import csv
import io
import pathlib
import subprocess
import sys

OUT = pathlib.Path(__file__).resolve().parent
UNKNOWN = {"NA", "\\N"}


def read(directory, name):
    """Rows of a table as dictionaries; what is unknown is empty."""
    path = directory / f"{name}.csv.zst"
    if path.exists():
        text = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout.decode()
    else:
        text = (directory / f"{name}.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(io.StringIO(text)):
        yield {column: "" if value in UNKNOWN else value for column, value in row.items()}


def write(name, columns, rows):
    """A compressed CSV; the header is the table's columns."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(columns)
    rows = [[row[column] for column in columns] for row in rows]
    out.writerows(rows)
    path = OUT / f"{name}.csv.zst"
    subprocess.run(["zstd", "-19", "-qf", "-o", path], check=True, input=text.getvalue().encode())
    print(f"{path.name}: {len(rows):,} rows, {path.stat().st_size:,} bytes")


def flights(directory):
    """All flights, those of an aircraft together and in order of time, those of none last."""
    rows = []
    for number, row in enumerate(read(directory, "flights"), 1):
        row["id"] = number
        # time_hour is the scheduled hour in UTC: 2013-01-01T10:00:00Z.
        row["scheduled"] = f"{row['time_hour'][:14]}{int(row['minute']):02}:00Z"
        rows.append(row)
    rows.sort(key=lambda row: (row["tailnum"] == "", row["tailnum"], row["scheduled"], row["id"]))
    return rows


def aircraft(directory, flown):
    """Every tail number that flew or is registered, with what the registry knows of it."""
    known = {row["tailnum"]: row for row in read(directory, "planes")}
    columns = ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine"]
    unknown = dict.fromkeys(columns, "")
    rows = [known.get(tailnum, unknown | {"tailnum": tailnum}) for tailnum in sorted(flown | known.keys())]
    return columns, rows


def weather(directory):
    """Readings by airport and hour; a number each, in the order of the source."""
    rows = [row | {"id": number} for number, row in enumerate(read(directory, "weather"), 1)]
    keys = {(row["origin"], row["time_hour"]) for row in rows}
    assert len(keys) == len(rows), "an hour of an airport stands twice: keep its first row"
    for row in rows:
        # The source carries a knot's conversion to its last bit: 10.357019999999999.
        for column in ("wind_speed", "wind_gust"):
            row[column] = row[column] and f"{float(row[column]):.5f}".rstrip("0").rstrip(".")
    return rows


def main():
    directory = pathlib.Path(sys.argv[1])
    rows = flights(directory)
    write("flights", [
        "id", "tailnum", "scheduled", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time",
        "arr_delay", "carrier", "flight", "origin", "dest", "air_time", "distance"], rows)
    write("aircraft", *aircraft(directory, {row["tailnum"] for row in rows} - {""}))
    write("airlines", ["carrier", "name"], read(directory, "airlines"))
    write("airports", ["faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"], read(directory, "airports"))
    write("weather", [
        "id", "origin", "time_hour", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip",
        "pressure", "visib"], weather(directory))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
