"""A crowd of simple nodes, so that a server under measurement has neighbours to talk about.

They speak just enough KRPC to be taken into anybody's table, and belong to no implementation that
is measured here. Each has a /24 of its own, as the rule about subnets that all servers follow
demands. Run as ``python -m benchmarks.crowd COUNT``: prints their addresses, ends with stdin.
"""

from __future__ import annotations

import hashlib
import json
import selectors
import socket
import sys
from random import Random

import bencode2

from benchmarks.machine import pin


class Member:
    """One node of the crowd."""

    def __init__(self, index: int) -> None:
        self.id = hashlib.sha1(b"member %d" % index).digest()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((f"127.{10 + index // 250}.{1 + index % 250}.1", 0))
        self.sock.settimeout(0)
        self.address: tuple[str, int] = self.sock.getsockname()
        host, port = self.address
        self.compact = self.id + socket.inet_aton(host) + port.to_bytes(2, "big")

    def answer(self, crowd: list[Member], rng: Random) -> None:
        """Answer one query with eight members of the crowd; ignore anything else."""
        data, sender = self.sock.recvfrom(2048)
        try:
            packet = bencode2.bdecode(data)
        except bencode2.BencodeDecodeError:
            return
        if packet.get(b"y") != b"q":
            return
        nodes = b"".join(member.compact for member in rng.sample(crowd, min(8, len(crowd))))
        values = {b"id": self.id, b"nodes": nodes, b"token": b"crowd"}
        reply = {b"t": packet[b"t"], b"y": b"r", b"r": values}
        self.sock.sendto(bencode2.bencode(reply), sender)


def main() -> None:
    """Be the crowd until stdin ends."""
    pin(1)
    rng = Random(1)
    crowd = [Member(index) for index in range(int(sys.argv[1]))]
    selector = selectors.DefaultSelector()
    for member in crowd:
        selector.register(member.sock, selectors.EVENT_READ, member)
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    print(json.dumps([member.address for member in crowd]), flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                return
            key.data.answer(crowd, rng)


if __name__ == "__main__":
    main()
