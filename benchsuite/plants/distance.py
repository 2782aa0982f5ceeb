"""Distance without a network: a TUN device whose far end is this machine again, after a delay.

Packets to FAR come out of the device; their two addresses are exchanged, which no checksum notices, and after the delay
they are put back, as if FAR had sent them to NEAR. So a server that listens on NEAR is reached as FAR, and TCP sees a
round trip of twice the delay. The device ends with this process.
"""

import argparse
import collections
import fcntl
import os
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
MTU = 9_000


def device(name, near, far):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        ["ip", "addr", "add", near, "peer", far, "dev", name],
        ["ip", "link", "set", name, "mtu", str(MTU), "txqueuelen", "5000", "up"],
    ):
        subprocess.run(command, check=True)
    return tun


def shuttle(tun, delay):
    under_way = collections.deque()
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select([tun], [], [], wait)
        now = time.monotonic()
        while readable and len(under_way) < PACKETS_MAX:
            try:
                packet = os.read(tun, PACKET_MAX)
            except BlockingIOError:
                break
            if packet[0] >> 4 == 4:
                under_way.append((now + delay, packet[:12] + packet[16:20] + packet[12:16] + packet[20:]))
        while under_way and under_way[0][0] <= now:
            os.write(tun, under_way.popleft()[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", required=True)
    parser.add_argument("--near", required=True, help="address on which the server listens")
    parser.add_argument("--far", required=True, help="address at which it is reached")
    parser.add_argument("--delay-ms", type=float, required=True, help="of one way")
    chosen = parser.parse_args()
    tun = device(chosen.device, chosen.near, chosen.far)
    print("ready", flush=True)
    shuttle(tun, chosen.delay_ms / 1e3)


main()
