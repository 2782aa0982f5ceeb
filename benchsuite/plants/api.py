"""The foreign API of the plants: what a team without us might run, with every bottleneck of an API as an option.

It knows nothing of Sidequest. Its page of metrics has the names of OpenTelemetry's semantic conventions, and sums and
counts only. One process, one thread, as Python is mostly deployed; `--role downstream` is the service that it calls.
"""

import argparse
import asyncio
import gzip
import hashlib
import json
import mmap
import os
import random
import resource
import socket
import time

import asyncpg
import uvloop
from aiohttp import ClientSession, TCPConnector, web

HASH_BLOCK = b"\0" * 65_536


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--role", choices=["api", "downstream"], default="api")
    parser.add_argument("--database", default="", help="postgres:// URL")
    parser.add_argument("--pool", type=int, default=60)
    parser.add_argument("--sql", action="append", default=[], help="statement of a request; $1 is the item")
    parser.add_argument("--repeat", type=int, default=1, help="all statements so many times, one after another")
    parser.add_argument("--transaction", action="store_true", help="all statements in one transaction")
    parser.add_argument("--idle-ms", type=float, default=0, help="sleep before the transaction is closed")
    parser.add_argument("--read-late-ms", type=float, default=0, help="rows are left unread so long")
    parser.add_argument("--hash-blocks", type=int, default=0, help="blocks of 64 KiB hashed by each request")
    parser.add_argument("--lock-ms", type=float, default=0, help="a lock of the whole process, held so long")
    parser.add_argument("--body-bytes", type=int, default=200)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--grow-bytes", type=int, default=0, help="memory that each request keeps for a second")
    parser.add_argument("--map-bytes", type=int, default=0, help="file in memory that requests read from")
    parser.add_argument("--map-reads", type=int, default=0, help="pages of it that each request reads")
    parser.add_argument("--map-file", default="", help="where that file is made")
    parser.add_argument("--chore-ms", type=float, default=0, help="work beside the requests, now and then")
    parser.add_argument("--chore-every-s", type=float, default=10.0, help="how often that is")
    parser.add_argument("--downstream", default="", help="URL that each request asks")
    parser.add_argument("--slots", type=int, default=1_000, help="of the downstream: requests at a time")
    parser.add_argument("--slot-ms", type=float, default=0, help="of the downstream: how long each takes")
    parser.add_argument("--backlog", type=int, default=128)
    parser.add_argument("--files", type=int, default=0, help="files and sockets that may be open")
    return parser.parse_args()


class Metrics:
    """Sums, counts and gauges, as text."""

    def __init__(self):
        self.seconds = {}
        self.bytes = 0
        self.active = 0
        self.in_use = 0

    def add(self, name, seconds):
        count, total = self.seconds.get(name, (0, 0.0))
        self.seconds[name] = (count + 1, total + seconds)

    def text(self, pool_max):
        lines = []
        for name, (count, total) in self.seconds.items():
            lines.append(f"# TYPE {name} histogram")
            lines.append(f'{name}_bucket{{le="+Inf"}} {count}')
            lines.append(f"{name}_sum {total:.6f}")
            lines.append(f"{name}_count {count}")
        usage = resource.getrusage(resource.RUSAGE_SELF)
        lines.append(f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.6f}")
        lines.append(f"http_server_active_requests {self.active}")
        count = self.seconds.get("http_server_request_duration_seconds", (0, 0.0))[0]
        lines.append(f"http_server_response_body_size_bytes_sum {self.bytes}")
        lines.append(f"http_server_response_body_size_bytes_count {count}")
        if pool_max:
            lines.append(f'db_client_connection_count{{state="used"}} {self.in_use}')
            lines.append(f'db_client_connection_count{{state="idle"}} {pool_max - self.in_use}')
            lines.append(f"db_client_connection_max {pool_max}")
        return "\n".join(lines) + "\n"


def mapped(path, size):
    """A file that is read through memory, made by this process, so that its pages are on this process's account."""
    with open(path, "wb+") as file:
        for _ in range(size // len(HASH_BLOCK)):
            file.write(HASH_BLOCK)
        file.flush()
        os.fsync(file.fileno())
        pages = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
    os.unlink(path)
    pages.madvise(mmap.MADV_RANDOM)
    return pages


def transport(connection):
    """Of a connection of the pool; asyncpg does not tell it."""
    return connection._con._transport


class Api:
    """One request: lock, hash, statements, downstream, body."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.metrics = Metrics()
        self.lock = asyncio.Lock()
        self.slots = asyncio.Semaphore(chosen.slots)
        self.pool = None
        self.client = None
        self.kept = []
        self.pages = mapped(chosen.map_file, chosen.map_bytes) if chosen.map_bytes else None
        # Text that does not compress to nothing.
        seed = hashlib.sha256(b"plants").hexdigest()
        rows = []
        while sum(map(len, rows)) < chosen.body_bytes:
            seed = hashlib.sha256(seed.encode()).hexdigest()
            rows.append(seed)
        self.rows = rows

    async def start(self, _):
        if self.chosen.sql:
            async def keep(_connection):
                """asyncpg would ask the database to reset each connection that is given back."""

            self.pool = await asyncpg.create_pool(
                self.chosen.database,
                min_size=self.chosen.pool,
                max_size=self.chosen.pool,
                reset=keep,
                setup=self.narrow if self.chosen.read_late_ms else None,
            )
        if self.chosen.downstream:
            self.client = ClientSession(connector=TCPConnector(limit=0))
        if self.chosen.chore_ms:
            self.chore()

    async def narrow(self, connection):
        """Who reads late and has a small buffer lets the database wait."""
        transport(connection).get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)

    def chore(self):
        until = time.perf_counter() + self.chosen.chore_ms / 1e3
        while time.perf_counter() < until:
            hashlib.sha256(HASH_BLOCK).digest()
        asyncio.get_running_loop().call_later(self.chosen.chore_every_s, self.chore)

    async def item(self, request):
        began = time.perf_counter()
        self.metrics.active += 1
        try:
            return await self.answer(int(request.match_info["id"]))
        finally:
            self.metrics.active -= 1
            self.metrics.add("http_server_request_duration_seconds", time.perf_counter() - began)

    async def answer(self, item):
        chosen = self.chosen
        for _ in range(chosen.hash_blocks):
            hashlib.sha256(HASH_BLOCK).digest()
        if self.pages:
            for _ in range(chosen.map_reads):
                self.pages[random.randrange(chosen.map_bytes)]
        if chosen.lock_ms:
            async with self.lock:
                await asyncio.sleep(chosen.lock_ms / 1e3)
        if chosen.slot_ms:
            async with self.slots:
                await asyncio.sleep(chosen.slot_ms / 1e3)
        if self.pool:
            await self.ask_database(item)
        if self.client:
            began = time.perf_counter()
            async with self.client.get(chosen.downstream) as answer:
                await answer.read()
            self.metrics.add("http_client_request_duration_seconds", time.perf_counter() - began)
        if chosen.grow_bytes:
            block = bytearray(chosen.grow_bytes)
            self.kept.append(block)
            asyncio.get_running_loop().call_later(1.0, self.kept.remove, block)
        body = json.dumps({"id": item, "rows": self.rows}).encode()
        headers = {}
        if chosen.gzip:
            body = gzip.compress(body, 6)
            headers["content-encoding"] = "gzip"
        self.metrics.bytes += len(body)
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def ask_database(self, item):
        chosen = self.chosen
        began = time.perf_counter()
        connection = await self.pool.acquire()
        acquired = time.perf_counter()
        self.metrics.add("db_client_connection_wait_time_seconds", acquired - began)
        self.metrics.in_use += 1
        try:
            if chosen.transaction:
                async with connection.transaction():
                    await self.statements(connection, item)
                    if chosen.idle_ms:
                        await asyncio.sleep(chosen.idle_ms / 1e3)
            else:
                await self.statements(connection, item)
        finally:
            self.metrics.in_use -= 1
            self.metrics.add("db_client_connection_use_time_seconds", time.perf_counter() - acquired)
            await self.pool.release(connection)

    async def statements(self, connection, item):
        for turn in range(self.chosen.repeat):
            for sql in self.chosen.sql:
                began = time.perf_counter()
                if "$1" in sql:
                    await connection.fetch(sql, (item + turn) % 10_000 + 1)
                else:
                    await self.fetch(connection, sql)
                self.metrics.add("db_client_operation_duration_seconds", time.perf_counter() - began)

    async def fetch(self, connection, sql):
        if not self.chosen.read_late_ms or "repeat" not in sql:
            return await connection.fetch(sql)
        asking = asyncio.ensure_future(connection.fetch(sql))
        # The question goes out first.
        await asyncio.sleep(0)
        transport(connection).pause_reading()
        await asyncio.sleep(self.chosen.read_late_ms / 1e3)
        transport(connection).resume_reading()
        return await asking

    async def page(self, _):
        pool_max = self.chosen.pool if self.pool else 0
        return web.Response(text=self.metrics.text(pool_max))


def main():
    chosen = options()
    if chosen.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (chosen.files, chosen.files))
    uvloop.install()
    api = Api(chosen)
    app = web.Application()
    app.on_startup.append(api.start)
    app.router.add_get("/item/{id}", api.item)
    app.router.add_get("/metrics", api.page)
    web.run_app(
        app, host=chosen.host, port=chosen.port, backlog=chosen.backlog, access_log=None, print=None
    )


main()
