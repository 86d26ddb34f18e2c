"""Floods one DHT node and counts what comes back: a process of its own, on a core of its own.

A closed loop: at most ``window`` queries are unanswered at any time, so that the server is always
busy and never buried; an answer makes room for the next query. Queries differ in their target and
in their transaction id. The loop spins instead of sleeping: a sleeping receiver would have to be
woken by the server, which would then be measured doing our waking.

The sender must be at least twice as fast as any server it measures. It is because next to nothing
is done per query: queries of a kind are equally long and lie prepared one behind the other, so one
system call gives a run of them to the kernel, which cuts it up (UDP_SEGMENT, udp(7)). The server
receives them as single datagrams, one a query. Answers come in as they do to our node, in bulk.

Run as ``python -m benchmarks.sender HOST PORT SOURCE``; jobs come as JSON lines on stdin.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import time
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

from benchmarks.machine import pin
from dht.node.bulk import Bulk
from dht.node.carrier import BATCH

RING = 4096
"""Prepared queries; far more than can be in flight, so no transaction id is used twice at once."""
PATIENCE = 0.5
"""Seconds without any answer after which the queries in flight count as lost."""
BUFFER = 4 << 20
UDP_SEGMENT = 103
"""The socket option, from Linux's ``udp.h``; Python has no name for it yet."""

IDENTITY = hashlib.sha1(b"the sender of the flood").digest()

QUERIES = {
    "ping": b"d1:ad2:id20:%be1:q4:ping1:t4:%b1:y1:qe",
    "find_node": b"d1:ad2:id20:%b6:target20:%be1:q9:find_node1:t4:%b1:y1:qe",
    "get_peers": b"d1:ad2:id20:%b9:info_hash20:%be1:q9:get_peers1:t4:%b1:y1:qe",
    "get": b"d1:ad2:id20:%b6:target20:%be1:q3:get1:t4:%b1:y1:qe",
}


class Flood(NamedTuple):
    """What a flood came to."""

    replies: int
    lost: int
    seconds: float
    strange: int
    """Samples of what came back that were no answers."""


def prepare(kind: str, rng: Random) -> list[bytes]:
    """A ring of queries of one kind, their targets uniform over the id space."""
    return [query(kind, rng.randbytes(20), index.to_bytes(4, "big")) for index in range(RING)]


def cut(sock: socket.socket, size: int) -> None:
    """Have the kernel cut what ``sock`` sends into datagrams of ``size`` bytes."""
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)


def query(kind: str, target: bytes, transaction: bytes) -> bytes:
    """One query from :data:`IDENTITY`; ``target`` is dropped where the kind has none."""
    fields = (IDENTITY, transaction) if kind == "ping" else (IDENTITY, target, transaction)
    return QUERIES[kind] % fields


def is_answer(packet: bytes) -> bool:
    """Whether it is an answer with an id in it; the echo's are queries come back."""
    return packet.endswith((b"1:y1:re", b"1:y1:qe")) and b"2:id20:" in packet


def flood(sock: socket.socket, kind: str, seconds: float, window: int, seed: int) -> Flood:
    """Keep ``window`` queries of ``kind`` in flight for ``seconds``."""
    queries = prepare(kind, Random(seed))
    size, ring = len(queries[0]), memoryview(b"".join(queries))
    cut(sock, size)
    inbox, clock = Bulk(sock), time.perf_counter
    replies = lost = strange = place = flying = 0
    started = heard = clock()
    while (now := clock()) < started + seconds:
        wanted = min(window - flying, BATCH, RING - place)
        if wanted > 0:
            with suppress(BlockingIOError):
                sock.send(ring[place * size : (place + wanted) * size])
                flying += wanted
                place = (place + wanted) % RING
        answers, _ = inbox.receive(BATCH)
        if answers:
            replies += len(answers)
            flying = max(flying - len(answers), 0)
            heard = now
            strange += not is_answer(answers[0])
        elif now - heard > PATIENCE:
            lost, flying, heard = lost + flying, 0, now
    return Flood(replies, lost, clock() - started, strange)


def introduce(sock: socket.socket, seconds: float) -> None:
    """Be a well-behaved node for a moment, so that the server may take us into its table.

    A flood from a contact in good standing takes the path that most real queries take.
    """
    sock.settimeout(0.05)
    sock.send(query("find_node", IDENTITY, b"hey!"))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            packet = sock.recv(2048)
        except TimeoutError:
            continue
        if packet.endswith(b"1:y1:qe") and IDENTITY not in packet:
            transaction = packet.split(b"1:t", 1)[1].split(b":", 1)[1][:-7]
            length = str(len(transaction)).encode()
            pong = b"d1:rd2:id20:%be1:t%b:%b1:y1:re" % (IDENTITY, length, transaction)
            sock.send(pong)
    sock.settimeout(0)


def drain(sock: socket.socket) -> None:
    """Forget what still comes from the flood before."""
    while Bulk(sock).receive(BATCH)[0]:
        pass


def main() -> None:
    """Serve jobs from stdin until it ends."""
    pin(1)
    sockets: dict[tuple[str, int], socket.socket] = {}
    for line in sys.stdin:
        job: dict[str, Any] = json.loads(line)
        server = (job["host"], job["port"])
        if server not in sockets:
            sock = sockets[server] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            sock.bind((job["source"], 0))
            sock.connect(server)
            introduce(sock, job.get("introduction", 1.0))
        drain(sockets[server])
        result = flood(
            sockets[server], job["kind"], job["seconds"], job.get("window", 128), job.get("seed", 1)
        )
        print(json.dumps(result._asdict()), flush=True)


if __name__ == "__main__":
    main()
