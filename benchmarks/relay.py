"""A switch that delays: it joins network namespaces, and every frame takes its time.

The kernel's ``netem`` would do this, but many kernels come without. One end of each namespace's
cable (a veth pair) lies here; a frame that comes out of one end goes into the end that its address
names, ``delay`` later to the millisecond and in its order. Nothing is lost, nothing is limited:
capping is the business of the token bucket at each sender.

Frames cross with the kernel's own note about them (``PACKET_VNET_HDR``): what a network card would
cut into packets and put checksums into stays whole, which is less work by an order of magnitude.

Run as ``python -m benchmarks.relay DELAY INTERFACE ...`` in the namespace of the ends; says that it
is ready, and when stdin ends, what crossed since the last line on stdin: bytes by second from each
end, and frames it missed.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress

SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 3
NOTE = 10
"""Bytes of the kernel's note ahead of each frame."""
LONGEST = 1 << 17
WAITING = 64 << 20
"""Bytes that may wait for us at each end: seconds of the fastest uplink."""
BATCH = 32
"""Frames taken from one end before the others, and the clock, are looked at again."""


def mac(index: int) -> str:
    """The address of the namespace at one end; it names the end."""
    return f"02:00:00:00:00:{index:02x}"


class Relay:
    """The switch."""

    def __init__(self, delay: float, interfaces: list[str]) -> None:
        self.delay = delay
        self.ends = [plug_in(name) for name in interfaces]
        self.refused = 0
        self.count()
        self.under_way: deque[tuple[float, int, bytes]] = deque()

    def run(self) -> None:
        """Pass frames on until stdin ends."""
        selector = selectors.DefaultSelector()
        selector.register(sys.stdin, selectors.EVENT_READ, None)
        for index, end in enumerate(self.ends):
            selector.register(end, selectors.EVENT_READ, index)
        print(json.dumps({"ready": True}), flush=True)
        while True:
            wait = self.under_way[0][0] - time.monotonic() if self.under_way else None
            for key, _ in selector.select(wait):
                if key.data is None:
                    if not os.read(sys.stdin.fileno(), 1024):
                        return
                    self.count()
                    continue
                self.take(key.data)
            self.deliver()

    def count(self) -> None:
        """From now on."""
        self.began = time.monotonic()
        self.crossed: list[list[int]] = [[] for _ in self.ends]

    def take(self, index: int) -> None:
        """Read what came out of one end."""
        end, now = self.ends[index], time.monotonic()
        second, crossed = int(now - self.began), self.crossed[index]
        crossed.extend([0] * (second + 1 - len(crossed)))
        with suppress(BlockingIOError):
            for _ in range(BATCH):
                frame = end.recv(LONGEST)
                crossed[second] += len(frame) - NOTE
                self.under_way.append((now + self.delay, index, frame))

    def deliver(self) -> None:
        """Put what is due into the end it is for; broadcasts (who has 10.77.3.1?) into all."""
        now, under_way = time.monotonic(), self.under_way
        while under_way and under_way[0][0] <= now:
            _, source, frame = under_way.popleft()
            target = frame[NOTE + 5]
            broadcast = frame[NOTE] & 1
            for index in range(len(self.ends)) if broadcast else (target,):
                if index != source:
                    self.put(index, frame)

    def put(self, index: int, frame: bytes) -> None:
        """Put one frame into one end."""
        try:
            self.ends[index].send(frame)
        except OSError:
            self.refused += 1

    def report(self) -> dict[str, object]:
        """What crossed, and what did not."""
        missed = 0
        for end in self.ends:
            _, dropped = struct.unpack("II", end.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            missed += dropped
        return {"crossed": self.crossed, "missed": missed, "refused": self.refused}


def plug_in(interface: str) -> socket.socket:
    """A socket that sees what comes out of ``interface``, and not what we put in."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), WAITING)
    end.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_SNDBUFFORCE", 32), WAITING)
    end.bind((interface, 0))
    end.settimeout(0)
    return end


def main() -> None:
    """Be the switch until stdin ends."""
    os.nice(-10)  # A switch does not wait for the computers.
    relay = Relay(float(sys.argv[1]), sys.argv[2:])
    relay.run()
    print(json.dumps(relay.report()), flush=True)


if __name__ == "__main__":
    main()
