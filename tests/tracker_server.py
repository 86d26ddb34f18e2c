"""A tracker on loopback, of HTTP and of UDP, made of nothing but the standard library.

It shares no code with ours, so a mistake of reading or writing shows. Swarms are dictionaries;
every request is noted. Its bencode encoder is the dozen lines that BEP 3 takes.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERVAL = 1800


def bencode(value: Any) -> bytes:
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b"e"


class Swarms:
    """Who is in which swarm, and what was asked.

    Attributes:
        asked: One dictionary a request, in order; ``via`` says how it came.
        answer: If set, what an HTTP request gets instead: called with the handler.
    """

    def __init__(self) -> None:
        self.members: dict[bytes, dict[tuple[str, int], int]] = {}
        self.completed: dict[bytes, int] = {}
        self.asked: list[dict[str, Any]] = []
        self.refusal: str | None = None
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.changed = threading.Condition()

    def events(self) -> list[str]:
        return [asked["event"] for asked in self.asked if "event" in asked]

    def announce(self, host: str, asked: dict[str, Any]) -> list[tuple[str, int]]:
        """Take a peer in, or out; the others."""
        me = (host, asked["port"])
        with self.changed:
            self.asked.append(asked)
            swarm = self.members.setdefault(asked["info_hash"], {})
            if asked["event"] == "stopped":
                swarm.pop(me, None)
            else:
                swarm[me] = asked["left"]
            if asked["event"] == "completed":
                counts = self.completed
                counts[asked["info_hash"]] = counts.get(asked["info_hash"], 0) + 1
            self.changed.notify_all()
            return [peer for peer in swarm if peer != me][: asked["numwant"]]

    def tally(self, infohash: bytes) -> tuple[int, int, int]:
        """Seeders, completions, leechers."""
        left = list(self.members.get(infohash, {}).values())
        seeders = left.count(0)
        return seeders, self.completed.get(infohash, 0), len(left) - seeders


def compact(peers: list[tuple[str, int]], family: int) -> bytes:
    six = family == socket.AF_INET6
    fitting = [peer for peer in peers if (":" in peer[0]) == six]
    return b"".join(socket.inet_pton(family, h) + struct.pack(">H", p) for h, p in fitting)


class HttpTracker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    swarms: Swarms

    def do_GET(self) -> None:
        if self.swarms.answer is not None:
            self.swarms.answer(self)
            return
        path, _, query = self.path.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&")]
        fields = {name: unquote_to_bytes(value) for name, _, value in pairs}
        hashes = [unquote_to_bytes(value) for name, _, value in pairs if name == "info_hash"]
        if self.swarms.refusal is not None:
            self.reply({b"failure reason": self.swarms.refusal.encode()})
        elif path.endswith("/scrape"):
            self.reply({b"files": {key: self.tally(key) for key in hashes}})
        else:
            self.reply(self.announce(path, fields))

    def tally(self, infohash: bytes) -> dict[bytes, int]:
        names = (b"complete", b"downloaded", b"incomplete")
        return dict(zip(names, self.swarms.tally(infohash), strict=True))

    def announce(self, path: str, fields: dict[str, bytes]) -> dict[bytes, Any]:
        numbers = ("port", "uploaded", "downloaded", "left", "numwant")
        asked: dict[str, Any] = {name: int(fields[name]) for name in numbers}
        asked |= {"via": "http", "path": path, "agent": self.headers["User-Agent"]}
        asked |= {name: fields[name] for name in ("info_hash", "peer_id", "key")}
        asked["event"] = fields.get("event", b"").decode()
        asked["tracker_id"] = fields.get("trackerid")
        peers = self.swarms.announce(self.client_address[0], asked)
        seeders, _, leechers = self.swarms.tally(asked["info_hash"])
        return {
            b"interval": INTERVAL,
            b"min interval": 60,
            b"complete": seeders,
            b"incomplete": leechers,
            b"tracker id": b"it's you",
            b"peers": compact(peers, socket.AF_INET),
            b"peers6": compact(peers, socket.AF_INET6),
        }

    def reply(self, fields: dict[bytes, Any]) -> None:
        self.send(200, bencode(fields))

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class UdpTracker:
    """BEP 15, by the book's tables."""

    EVENTS = ("", "completed", "started", "stopped")

    def __init__(self, swarms: Swarms, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.swarms = swarms
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.port = self.sock.getsockname()[1]
        self.secret = 0xC0FFEE
        self.connects = 0
        self.drop = 0  # so many datagrams are lost before anything is answered

    def serve(self) -> None:
        while True:
            data, source = self.sock.recvfrom(4096)
            if data == b"end":
                return
            if self.drop:
                self.drop -= 1
            else:
                self.sock.sendto(self.answer(data, source), source)

    def answer(self, data: bytes, source: tuple[Any, ...]) -> bytes:
        connection, action, transaction = struct.unpack_from(">QII", data)
        if action == 0 and connection == 0x41727101980:
            self.connects += 1
            return struct.pack(">IIQ", 0, transaction, self.secret)
        if self.swarms.refusal is not None or connection != self.secret:
            text = self.swarms.refusal or "Connection ID missmatch."
            return struct.pack(">II", 3, transaction) + text.encode()
        if action == 1:
            return self.announce(data, transaction, source[0])
        hashes = [data[at : at + 20] for at in range(16, len(data), 20)]
        tallies = [struct.pack(">III", *self.swarms.tally(key)) for key in hashes]
        return struct.pack(">II", 2, transaction) + b"".join(tallies)

    def announce(self, data: bytes, transaction: int, host: str) -> bytes:
        names = ("info_hash", "peer_id", "downloaded", "left", "uploaded", "event")
        names += ("ip", "key", "numwant", "port")
        asked: dict[str, Any] = dict(
            zip(names, struct.unpack_from(">20s20sQQQIIIiH", data, 16), strict=True)
        )
        asked |= {"via": "udp", "event": self.EVENTS[asked["event"]], "path": url_data(data[98:])}
        peers = self.swarms.announce(host, asked)
        seeders, _, leechers = self.swarms.tally(asked["info_hash"])
        head = struct.pack(">IIIII", 1, transaction, INTERVAL, leechers, seeders)
        return head + compact(peers, self.sock.family)

    def close(self) -> None:
        with socket.socket(self.sock.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", self.sock.getsockname())


def url_data(options: bytes) -> str:
    """BEP 41, read as its text says."""
    path, at = b"", 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        size = options[at + 1]
        if options[at] == 2:
            path += options[at + 2 : at + 2 + size]
        at += 2 + size
    return path.decode()


@contextmanager
def http_tracker(swarms: Swarms, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve until the block ends; the announce URL."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    handler = type("Handler", (HttpTracker,), {"swarms": swarms})
    with Server((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{server.server_address[1]}/announce"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def udp_tracker(swarms: Swarms, host: str = "127.0.0.1") -> Iterator[UdpTracker]:
    """Serve until the block ends."""
    tracker = UdpTracker(swarms, host)
    thread = threading.Thread(target=tracker.serve)
    thread.start()
    try:
        yield tracker
    finally:
        tracker.close()
        thread.join()
        tracker.sock.close()
