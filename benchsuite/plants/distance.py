"""A line without a network: a TUN device whose far end is this machine again, after a delay, at a rate, with losses.

Packets to FAR come out of the device; their two addresses are exchanged, which no checksum notices, and after the delay
they are put back, as if FAR had sent them to NEAR. So a server that listens on NEAR is reached as FAR, and TCP sees a
round trip of twice the delay. The device ends with this process.

With a rate each direction carries so many bytes a second, and what does not fit into the queue before it is dropped.
With a loss each packet of either direction is dropped by chance, always the same for a seed.
"""

import argparse
import collections
import fcntl
import os
import random
import select
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET_MAX = 65_536
# A long path has a large buffer; what does not fit would be loss, which is another plant.
PACKETS_MAX = 20_000
# Before a line that is too narrow stands a queue of so many bytes, as routers have it.
QUEUE_BYTES = 1_000_000
MTU = 9_000
# A line with a rate has the packets that such lines have.
MTU_OF_RATE = 1_500
TCP = 6
SYN, ACK = 0x02, 0x10


def device(name, near, far, mtu):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        ["ip", "addr", "add", near, "peer", far, "dev", name],
        ["ip", "link", "set", name, "mtu", str(mtu), "txqueuelen", "5000", "up"],
    ):
        subprocess.run(command, check=True)
    return tun


class Way:
    """One direction: packets leave in their order, each when the line has carried it."""

    def __init__(self, delay, rate):
        self.delay = delay
        self.rate = rate
        self.free = 0.0
        self.under_way = collections.deque()

    def put(self, packet, now):
        left = now
        if self.rate:
            begin = max(now, self.free)
            if (begin - now) * self.rate > QUEUE_BYTES:
                return
            left = self.free = begin + len(packet) / self.rate
        self.under_way.append((left + self.delay, packet))


class Ports:
    """Which direction a packet has: who is asked for a connection is the server."""

    def __init__(self):
        self.servers = set()

    def is_answer(self, packet):
        at = (packet[0] & 15) * 4
        if packet[9] != TCP or len(packet) < at + 14:
            return False
        source, destination = struct.unpack_from("!HH", packet, at)
        if packet[at + 13] & (SYN | ACK) == SYN:
            self.servers.add(destination)
        return source in self.servers


def shuttle(tun, delay, rate, loss, chance):
    asked, answered = Way(delay, rate), Way(delay, rate)
    ways, ports = (asked, answered), Ports()
    while True:
        due = [way.under_way[0][0] for way in ways if way.under_way]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        readable, _, _ = select.select([tun], [], [], wait)
        now = time.monotonic()
        while readable and sum(len(way.under_way) for way in ways) < PACKETS_MAX:
            try:
                packet = os.read(tun, PACKET_MAX)
            except BlockingIOError:
                break
            if packet[0] >> 4 != 4:
                continue
            way = answered if ports.is_answer(packet) else asked
            if not loss or chance.random() >= loss:
                way.put(packet[:12] + packet[16:20] + packet[12:16] + packet[20:], now)
        for way in ways:
            while way.under_way and way.under_way[0][0] <= now:
                os.write(tun, way.under_way.popleft()[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", required=True)
    parser.add_argument("--near", required=True, help="address on which the server listens")
    parser.add_argument("--far", required=True, help="address at which it is reached")
    parser.add_argument("--delay-ms", type=float, default=0, help="of one way")
    parser.add_argument("--bytes-per-second", type=float, default=0, help="of each direction; 0 for no limit")
    parser.add_argument("--loss-percent", type=float, default=0, help="of the packets of each direction")
    chosen = parser.parse_args()
    mtu = MTU_OF_RATE if chosen.bytes_per_second else MTU
    tun = device(chosen.device, chosen.near, chosen.far, mtu)
    print("ready", flush=True)
    loss = chosen.loss_percent / 100
    shuttle(tun, chosen.delay_ms / 1e3, chosen.bytes_per_second, loss, random.Random(1))


main()
