"""The servers that are flooded, each a process on core 0.

Run as ``python -m benchmarks.servers NAME HOST`` with the addresses of a crowd as a JSON line on
stdin. Each prints a JSON line when its table is filled: its address and how many contacts it has;
it ends when stdin does.
"""

from __future__ import annotations

import hashlib
import json
import select
import socket
import sys
import tempfile
import threading
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import trio

from benchmarks.machine import pin
from benchmarks.sender import cut
from dht.node.bulk import Bulk
from dht.node.carrier import BATCH

Address = tuple[str, int]
SETTLED = 0.9
"""A table counts as filled with this share of what it could hold."""


def ready(host: str, port: int, contacts: int, version: str) -> None:
    """Say that the flood may begin."""
    print(
        json.dumps({"host": host, "port": port, "contacts": contacts, "version": version}),
        flush=True,
    )


def echo(host: str, _crowd: list[Address]) -> None:
    """Send everything back: the fastest a server could be, and so the proof of the sender."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((host, 0))
    threading.Thread(target=serve_echo, args=(sock,), daemon=True).start()
    ready(host, sock.getsockname()[1], 0, "")
    sys.stdin.read()


def serve_echo(sock: socket.socket) -> None:
    """Until the process ends. Whatever has come of one length goes back in one call."""
    inbox = Bulk(sock)
    while select.select([sock], [], []):
        datagrams, names = inbox.receive(BATCH)
        for size, run in groupby(datagrams, len):
            cut(sock, size)
            sock.sendto(b"".join(run), inbox.source(names[0]).address)


def libtorrent(host: str, crowd: list[Address]) -> None:
    """Libtorrent with every limit off that it has, and the crowd in its table."""
    import libtorrent as lt

    from tests.interop.libtorrent_node import SETTINGS

    category = lt.alert_category.error | lt.alert_category.status
    settings = {**SETTINGS, "listen_interfaces": f"{host}:0", "alert_mask": int(category)}
    session = lt.session(settings)
    contacts = fill(session, crowd, lt)
    ready(host, session.listen_port(), contacts, lt.__version__)
    sys.stdin.read()


def fill(session: Any, crowd: list[Address], lt: Any) -> int:
    """Hand the crowd to libtorrent until its table stops growing."""
    contacts, end = -1, time.monotonic() + 10
    while time.monotonic() < end:
        for address in crowd:
            session.add_dht_node(address)
        time.sleep(0.5)
        before, contacts = contacts, table_size(session, lt)
        if contacts >= SETTLED * len(crowd) or (contacts == before and contacts > 0):
            break
    return contacts


def table_size(session: Any, lt: Any) -> int:
    """Contacts in libtorrent's routing table."""
    session.post_dht_stats()
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.dht_stats_alert):
                return sum(bucket["num_nodes"] for bucket in alert.routing_table)


def ours(host: str, crowd: list[Address]) -> None:
    """Our node as it ships, its state on disk; its limits counted but too high to be met."""
    with tempfile.TemporaryDirectory() as state:
        trio.run(serve_ours, host, crowd, Path(state))


async def serve_ours(host: str, crowd: list[Address], state: Path) -> None:
    """Join the crowd, walk until the table stops growing, serve until stdin ends."""
    from importlib.metadata import version

    from dht import Node
    from dht.node.limits import Limits

    limits = Limits(source_rate=1e9, source_burst=1e9, total_rate=1e9, total_burst=1e9)
    async with Node(
        listen=((host, 0),), bootstrap=tuple(crowd[:20]), state=state, mode="server", limits=limits
    ) as node:
        if crowd:
            await node.wait_ready()
        for index in range(len(crowd)):
            await node.lookup(hashlib.sha1(b"walk %d" % index).digest())
        port = node.addresses[0][1]
        ready(host, port, node.statistics().contacts, version("dhtctl"))
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


SERVERS = {"echo": echo, "libtorrent": libtorrent, "ours": ours}


def main() -> None:
    """Run the server named on the command line."""
    pin(0)
    name, host = sys.argv[1:]
    crowd = [(str(address[0]), int(address[1])) for address in json.loads(sys.stdin.readline())]
    SERVERS[name](host, crowd)


if __name__ == "__main__":
    main()
