"""A libtorrent session used as nothing but a DHT node on loopback, with awaitable operations.

libtorrent answers through alerts: an operation is started, and some time later an alert with its
result lies in a queue. Each method here starts one operation and waits, in a worker thread, for
the alert that belongs to it. There is no polling: ``wait_for_alert`` sleeps until there is one.

What libtorrent needs to know before it serves on loopback, each found out by running it:

* loopback is a martian address to it unless ``dht_ignore_dark_internet``
  is off;
* one node per /24 is its rule for tables and searches; with every node in a /24 of its own that
  rule can stay on, which is how it is on the real network;
* by default a node that sends more than 5 packets/s is ignored for 5 minutes
  (``dht_block_ratelimit``), and answers stop at 8000 B/s (``dht_upload_rate_limit``);
* private keys are in expanded form (BEP 44's own test vectors too), not the 32-byte seed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import libtorrent as lt
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

T = TypeVar("T")

Address = tuple[str, int]

LONG_ENOUGH = 20.0
"""Seconds for any one operation: libtorrent waits 15 s for a node that died in the middle."""

SETTINGS: dict[str, Any] = {
    "enable_dht": True,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "dht_bootstrap_nodes": "",
    "dht_ignore_dark_internet": False,
    "dht_upload_rate_limit": 1_000_000_000,
    "dht_block_ratelimit": 1_000_000,
    "dht_max_peers": 5_000,
    "dht_sample_infohashes_interval": 0,
    "alert_queue_size": 100_000,
    # Of the log only the packets matter: each received one is a reason to look at the table again.
    "alert_mask": int(
        lt.alert_category.dht
        | lt.alert_category.dht_operation
        | lt.alert_category.dht_log
        | lt.alert_category.status
        | lt.alert_category.error
    ),
}


class Keypair(NamedTuple):
    """An Ed25519 pair in the form libtorrent signs with."""

    public: bytes
    expanded: bytes


class Mutable(NamedTuple):
    """A mutable item as libtorrent reports it."""

    value: Any
    seq: int


class SampleAnswer(NamedTuple):
    """What one node said to sample_infohashes."""

    samples: frozenset[bytes]
    total: int


def keypair(seed: bytes) -> Keypair:
    """The pair whose 32-byte seed is ``seed``."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return Keypair(public, expand(seed))


def expand(seed: bytes) -> bytes:
    """The 64-byte expanded private key of a 32-byte seed (RFC 8032, section 5.1.5)."""
    digest = bytearray(hashlib.sha512(seed).digest())
    digest[0] &= 248
    digest[31] &= 63
    digest[31] |= 64
    return bytes(digest)


@asynccontextmanager
async def libtorrent_node(host: str, **settings: Any) -> AsyncIterator[LibtorrentNode]:
    """A node of libtorrent's listening on ``host``; more ``settings`` go to its session."""
    node = await trio.to_thread.run_sync(lambda: LibtorrentNode(host, **settings))
    try:
        yield node
    finally:
        with trio.move_on_after(LONG_ENOUGH, shield=True):
            await node.close()


class LibtorrentNode:
    """One session; made by :func:`libtorrent_node`."""

    def __init__(self, host: str, **settings: Any) -> None:
        self._session = lt.session({**SETTINGS, "listen_interfaces": f"{host}:0", **settings})
        self._reading = threading.Lock()  # alerts die with the next pop: one reader at a time
        self.address: Address = (host, self._wait_for_port(host))

    def _wait_for_port(self, host: str) -> int:
        """The UDP port it got, which it tells in an alert once it listens."""

        def match(alert: Any) -> int | None:
            udp = alert.socket_type == lt.socket_type_t.utp
            return int(alert.port) if udp and str(alert.address) == host else None

        return self._expect(lt.listen_succeeded_alert, match)

    def _expect(self, kind: type, match: Callable[[Any], T | None]) -> T:
        """The first non-None that ``match`` makes of an alert of ``kind``.

        Raises:
            TimeoutError: No such alert came.
        """
        deadline = time.monotonic() + LONG_ENOUGH
        while (left := deadline - time.monotonic()) > 0:
            self._session.wait_for_alert(int(left * 1000) + 1)
            for alert in self._session.pop_alerts():
                if isinstance(alert, kind) and (result := match(alert)) is not None:
                    return result
        raise TimeoutError(f"no {kind.__name__} within {LONG_ENOUGH} s")

    async def _ask(
        self, start: Callable[[], object], kind: type, match: Callable[[Any], T | None]
    ) -> T:
        """Start an operation and wait for its alert."""

        def run() -> T:
            with self._reading:
                start()
                return self._expect(kind, match)

        return await trio.to_thread.run_sync(run, abandon_on_cancel=True)

    async def close(self) -> None:
        """End the session: its sockets are closed when this returns."""
        await trio.to_thread.run_sync(self.__dict__.pop, "_session")  # its destructor blocks

    async def join(self, *bootstrap: Address) -> None:
        """Learn of ``bootstrap`` and wait until all of them are in the routing table.

        Not by ``dht_bootstrap_nodes``: libtorrent never puts those into its table, so in a network
        of two it would stay alone.
        """

        def start() -> None:
            for address in bootstrap:
                self._session.add_dht_node(address)

        await self._table_reaches(len(bootstrap), start)

    async def join_through(self, bootstrap: Address, table: int) -> None:
        """Bootstrap as on the real network; wait until the table has ``table`` contacts."""
        # Only a start of the DHT uses the list.
        self._session.apply_settings({"enable_dht": False})
        setting = {"enable_dht": True, "dht_bootstrap_nodes": "{}:{}".format(*bootstrap)}
        await self._table_reaches(table, lambda: self._session.apply_settings(setting))

    async def _table_reaches(self, wanted: int, start: Callable[[], object]) -> None:
        def look(alert: Any) -> bool | None:
            if isinstance(alert, lt.dht_stats_alert):
                return True if self._contacts(alert) >= wanted else None
            self._session.post_dht_stats()
            return None

        def begin() -> None:
            start()
            self._session.post_dht_stats()

        await self._ask(begin, (lt.dht_stats_alert, lt.dht_pkt_alert), look)

    @staticmethod
    def _contacts(alert: Any) -> int:
        return sum(bucket["num_nodes"] for bucket in alert.routing_table)

    async def table_size(self) -> int:
        """Contacts in its routing table."""
        return await self._ask(self._session.post_dht_stats, lt.dht_stats_alert, self._contacts)

    async def put_immutable(self, value: bytes) -> tuple[bytes, int]:
        """Store a string; return its key and how many nodes took it."""
        key = lt.sha1_hash(hashlib.sha1(b"%d:%s" % (len(value), value)).digest())

        def match(alert: Any) -> int | None:
            return int(alert.num_success) if alert.target == key else None

        copies = await self._ask(
            lambda: self._session.dht_put_immutable_item(value), lt.dht_put_alert, match
        )
        return key.to_bytes(), copies

    async def get_immutable(self, key: bytes) -> Any:
        """The value of ``key``, or None after a search without success."""
        target = lt.sha1_hash(key)

        def match(alert: Any) -> tuple[Any] | None:
            return (alert.item,) if alert.target == target else None

        start = lambda: self._session.dht_get_immutable_item(target)  # noqa: E731
        item = (await self._ask(start, lt.dht_immutable_item_alert, match))[0]
        return item or None  # nothing found is reported as an empty string

    async def put_mutable(self, pair: Keypair, value: bytes, salt: bytes = b"") -> tuple[int, int]:
        """Store a string under a name; return its sequence number and how many nodes took it.

        libtorrent first looks for the newest version, and numbers its own one higher.
        """

        def start() -> None:
            self._session.dht_put_mutable_item(pair.expanded, pair.public, value, salt)

        def match(alert: Any) -> tuple[int, int] | None:
            ours = alert.public_key == pair.public and alert.salt == salt
            return (alert.seq, alert.num_success) if ours else None

        return await self._ask(start, lt.dht_put_alert, match)

    async def get_mutable(self, public: bytes, salt: bytes = b"") -> Mutable | None:
        """The newest version under a name once the search is over, or None."""

        def match(alert: Any) -> tuple[Mutable | None] | None:
            if (alert.key, alert.salt) != (public, salt) or not alert.authoritative:
                return None
            return (Mutable(alert.item, alert.seq) if alert.item else None,)

        start = lambda: self._session.dht_get_mutable_item(public, salt)  # noqa: E731
        return (await self._ask(start, lt.dht_mutable_item_alert, match))[0]

    async def announce(self, infohash: bytes, port: int) -> int:
        """Say that we provide ``infohash`` at ``port``; return how many nodes took it.

        No alert tells the end of an announcement, so its packets are followed: every node that is
        sent an announce_peer has to answer it.
        """
        waiting: set[bytes] = set()
        sent: set[bytes] = set()

        def match(alert: Any) -> int | None:
            packet = lt.bdecode(alert.pkt_buf)
            transaction = packet[b"t"]
            if packet.get(b"q") == b"announce_peer" and packet[b"a"][b"info_hash"] == infohash:
                sent.add(transaction)
                waiting.add(transaction)
            elif packet[b"y"] == b"r":
                waiting.discard(transaction)
            return len(sent) if sent and not waiting else None

        start = lambda: self._session.dht_announce(lt.sha1_hash(infohash), port)  # noqa: E731
        return await self._ask(start, lt.dht_pkt_alert, match)

    async def get_peers(self, infohash: bytes) -> frozenset[Address]:
        """Who provides ``infohash``: the first answer that names anybody."""
        key = lt.sha1_hash(infohash)

        def match(alert: Any) -> frozenset[Address] | None:
            return frozenset(alert.peers()) if alert.info_hash == key else None

        start = lambda: self._session.dht_get_peers(key)  # noqa: E731
        return await self._ask(start, lt.dht_get_peers_reply_alert, match)

    async def sample_infohashes(self, node: Address, target: bytes) -> SampleAnswer:
        """Ask ``node`` for a sample of the infohashes it holds peers of (BEP 51)."""

        def match(alert: Any) -> SampleAnswer | None:
            if alert.endpoint != node:
                return None
            samples = frozenset(sample.to_bytes() for sample in alert.samples)
            return SampleAnswer(samples, alert.num_infohashes)

        def start() -> None:
            self._session.dht_sample_infohashes(node, lt.sha1_hash(target))

        return await self._ask(start, lt.dht_sample_infohashes_alert, match)
