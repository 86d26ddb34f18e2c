"""Hostile input over real sockets: floods, mutants, forgeries, lies, and how large replies are.

The attackers are raw sockets on loopback addresses of their own, each a source of its own to the
node's limits. Datagrams are sent without giving the node its turn, so a burst arrives as one.
"""

from __future__ import annotations

import itertools
import resource
import socket
import time
from collections import Counter
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.codec.bencode import decode, encode
from dht.core.keys import Key
from dht.core.messages import Contact, Provider
from dht.core.strangers import MAX_PINGS
from dht.mainline.compact import pack_node
from dht.mainline.items import immutable_record, sign_record, signed_bytes
from dht.node.limits import UNLIMITED, Limits
from dht.node.node import Node
from tests.dht.node.peers import ID, PATIENCE, alone, query
from tests.fuzz.packets import VALUES, Target, mutants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dht.core.engine import Engine
    from dht.core.messages import FindNode, Record
    from dht.node.udp import Address

MUTANTS = 20_000
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TARGET = b"t" * 20


class Raw:
    """A socket that sends without a checkpoint, and hears what comes back."""

    def __init__(self, sock: socket.socket, node: Address) -> None:
        self.sock = sock
        self.node = node

    @property
    def address(self) -> Address:
        return cast("Address", self.sock.getsockname()[:2])

    def burst(self, datagrams: Iterable[bytes]) -> None:
        for data in datagrams:
            self.sock.sendto(data, self.node)

    def heard(self) -> list[bytes]:
        """What has arrived by now."""
        arrived = []
        while True:
            try:
                arrived.append(self.sock.recv(65536))
            except BlockingIOError:
                return arrived

    async def hear(self) -> bytes:
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    return self.sock.recv(65536)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(self.sock)

    async def answer(self) -> bytes:
        """The next answer or error, past the node's own queries."""
        while True:
            data = await self.hear()
            if message(data)[b"y"] != b"q":
                return data

    async def ask(self, data: bytes) -> bytes:
        """Send a query and wait for its answer, past whatever else arrives before it."""
        number = message(data)[b"t"]
        self.burst([data])
        while True:
            answer = await self.answer()
            if message(answer)[b"t"] == number:
                return answer


def message(data: bytes) -> dict[bytes, Any]:
    """A message of the node's: always canonical."""
    value = decode(data)
    assert isinstance(value, dict), data
    return value


@contextmanager
def raw(node: Address, host: str = "127.0.0.2") -> Iterator[Raw]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.setblocking(False)  # noqa: FBT003
        yield Raw(sock, node)


def engine_of(node: Node, index: int = 0) -> Engine:
    return node._living.host.ports[index].engine


def numbered(number: int, method: bytes = b"ping", **arguments: Any) -> bytes:
    return query(method, b"%04d" % number, **arguments)


# Mutants and malformed fields.


def resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


async def test_twenty_thousand_mutants_leave_the_node_as_it_was() -> None:
    """All are taken; it answers after each hundred; memory and time stay where they were."""
    stream = mutants(Target(31), Random(31))
    policy = {"max_records": 100, "max_provided_keys": 50}
    async with Node(alone(limits=UNLIMITED, policy=policy)) as node:
        address = node.addresses[0]
        with raw(address, "127.0.0.2") as attacker, raw(address, "127.0.0.3") as witness:
            memory = 0
            began = time.process_time()
            for number in range(MUTANTS // 100):
                attacker.burst(itertools.islice(stream, 100))
                answer = message(await witness.ask(numbered(number)))
                assert answer[b"r"][b"id"] == node.key
                assert all(len(reply) <= 1024 for reply in attacker.heard())
                if number == 50:  # caches are warm
                    memory = resident_bytes()
            spent = time.process_time() - began
            grown = resident_bytes() - memory
        assert node.statistics().ports[0].received >= MUTANTS + MUTANTS // 100
    assert grown < 8 << 20
    assert spent < MUTANTS * 0.001  # the mutants' making included


GOOD: dict[bytes, dict[str, Any]] = {
    b"ping": {},
    b"find_node": {"target": TARGET, "want": [b"n4"]},
    b"get_peers": {"info_hash": TARGET, "scrape": 1, "noseed": 1},
    b"announce_peer": {"info_hash": TARGET, "port": 9, "token": b"x", "implied_port": 0, "seed": 1},
    b"get": {"target": TARGET, "seq": 1},
    b"put": {
        "v": b"v",
        "token": b"x",
        "k": b"k" * 32,
        "sig": b"s" * 64,
        "seq": 1,
        "salt": b"salt",
        "cas": 1,
    },
    b"sample_infohashes": {"target": TARGET},
}


def malformed() -> Iterator[bytes]:
    """Every field of every query, missing and with each of the wrong values; outer ones, too."""
    for method, fields in GOOD.items():
        for name in ("id", *fields):
            rest = {key: value for key, value in fields.items() if key != name}
            yield query(method, **rest)
            for value in VALUES:
                yield query(method, **(rest | {name: value}))
        whole = message(query(method, **fields))
        for name, value in itertools.product((b"t", b"q", b"a", b"y", b"ro", b"v"), VALUES):
            yield encode(whole | {name: value})


async def test_every_malformed_field_is_survived() -> None:
    packets = list(malformed())
    assert len(packets) > 1000
    async with Node(alone(limits=UNLIMITED)) as node:
        with raw(node.addresses[0]) as attacker, raw(node.addresses[0], "127.0.0.3") as witness:
            kinds: Counter[bytes] = Counter()
            for at in range(0, len(packets), 100):
                attacker.burst(packets[at : at + 100])
                await witness.ask(numbered(at))
                for reply in attacker.heard():
                    assert len(reply) <= 1024
                    kinds[message(reply)[b"y"]] += 1
        assert kinds[b"e"] > 200
        assert kinds[b"r"] > 200
        assert len(engine_of(node).records) == len(engine_of(node).providers) == 0


# Floods.


@pytest.mark.parametrize(
    "packet",
    [
        query(),
        b"d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:" + ID + b"ee",  # unsorted
        b"d1:y1:q1:t2:aae",  # unsorted, and all it gets is an error
        query(b"find_node"),
    ],
    ids=["ping", "sloppy", "sloppy error", "error"],
)
async def test_a_flooding_source_is_throttled_and_another_loses_nothing(packet: bytes) -> None:
    rounds, size = 20, 100
    limits = Limits()
    async with Node(alone(limits=limits)) as node:
        address = node.addresses[0]
        began = trio.current_time()
        with raw(address, "127.0.0.2") as flooder, raw(address, "127.0.0.3") as other:
            served = 0
            for number in range(rounds):
                flooder.burst([packet] * size)
                served += message(await other.ask(numbered(number)))[b"y"] == b"r"
            answers = [data for data in flooder.heard() if message(data)[b"y"] != b"q"]
        assert served == rounds
        assert limits.source_rate is not None
        entitled = limits.source_burst + limits.source_rate * (trio.current_time() - began + 0.1)
        assert len(answers) <= entitled
        assert node.statistics().ports[0].throttled >= rounds * size - entitled


async def test_forged_signatures_are_bounded_by_the_budget_of_a_batch() -> None:
    limits = Limits(source_rate=None, total_rate=None, verifications=2)
    forged = [sign_record(SIGNER, b"i%de" % n, n) for n in range(60)]
    async with Node(alone(limits=limits)) as node:
        with raw(node.addresses[0]) as attacker, raw(node.addresses[0], "127.0.0.3") as other:
            token = await ticket(attacker, forged[0])
            puts = [put(record, token, sig=b"f" * 64) for record in forged]
            attacker.burst(puts)
            other.burst(numbered(n) for n in range(20))
            codes = Counter([message(await attacker.answer())[b"e"][0] for _ in puts])
            served = [message(await other.answer())[b"y"] for _ in range(20)]
        # 80 datagrams are one batch, or two if the node had begun to read.
        assert 2 <= codes[206] <= 4
        assert codes[202] == len(puts) - codes[206]
        assert served == [b"r"] * 20
        assert len(engine_of(node).records) == 0


async def test_a_flood_of_good_writes_keeps_to_the_limits_of_the_stores() -> None:
    policy = {
        "max_records": 40,
        "max_provided_keys": 20,
        "max_providers_per_key": 10,
        "max_providers_total": 50,
    }
    async with Node(alone(limits=UNLIMITED, policy=policy)) as node:
        engine = engine_of(node)
        with raw(node.addresses[0]) as writer:
            for number in range(300):
                record = immutable_record(encode(bytes(900) + b"%d" % number))
                await writer.ask(put(record, await ticket(writer, record)))
                key = number.to_bytes(20, "little")
                found = message(await writer.ask(query(b"get_peers", info_hash=key)))
                token = found[b"r"].get(b"token", b"")
                await writer.ask(query(b"announce_peer", info_hash=key, port=9, token=token))
                assert len(engine.records) <= 40
                assert len(engine.providers) <= 20
        assert engine.records.statistics().octets <= 40 * 1000
        assert len(engine.records) == 40
        assert not engine._unwritten


async def test_strangers_that_never_answer_cost_a_bounded_number_of_pings() -> None:
    """What a forger of source addresses can do: nobody is inserted, 32 pings are under way."""
    async with Node(alone(limits=UNLIMITED)) as node:
        with raw(node.addresses[0], "127.0.0.3") as witness:
            for index in range(100):
                key = bytes([index]) * 20
                with raw(node.addresses[0], f"127.50.{index}.1") as forged:
                    forged.burst([query(id=key)])
                    await witness.ask(numbered(index))
        engine = engine_of(node)
        assert len(engine.table) == 0
        assert len(engine._calls) <= MAX_PINGS


# BEP 44's refusals.


async def ticket(peer: Raw, record: Record) -> bytes:
    answer = message(await peer.ask(query(b"get", target=record.key.to_bytes(20, "big"))))
    return cast("bytes", answer[b"r"][b"token"])


def put(record: Record, ticket_: bytes, **changes: Any) -> bytes:
    """A put of ``record``, with some arguments as the test wants them."""
    fields: dict[str, Any] = {"token": ticket_, "v": decode(record.value)}
    if record.seq is not None:
        fields |= {"k": record.signer, "seq": record.seq, "sig": record.signature}
        fields |= {"salt": record.salt} if record.salt else {}
    return query(b"put", **(fields | changes))


def long_salt() -> Record:
    return sign_record(SIGNER, b"1:v", 1, b"s" * 65)


HELD = sign_record(SIGNER, b"4:held", 5)
REFUSED: list[tuple[str, Record, dict[str, Any], int]] = [
    ("wrong ticket", immutable_record(b"1:v"), {"token": b"wrong"}, 203),
    ("no ticket", immutable_record(b"1:v"), {"token": b""}, 203),
    ("bad signature", sign_record(SIGNER, b"3:new", 6), {"sig": b"f" * 64}, 206),
    ("signature of another value", sign_record(SIGNER, b"3:new", 6), {"v": b"old"}, 206),
    ("old seq", sign_record(SIGNER, b"3:old", 4), {}, 302),
    ("same seq, other value", sign_record(SIGNER, b"5:other", 5), {}, 302),
    ("failed cas", sign_record(SIGNER, b"3:new", 6), {"cas": 4}, 301),
    ("salt too long", long_salt(), {}, 207),
    ("value too long", immutable_record(encode(b"x" * 997)), {}, 205),
    ("signed value too long", sign_record(SIGNER, encode(b"x" * 997), 6), {}, 205),
]


@pytest.mark.parametrize(
    ("name", "record", "changes", "code"), REFUSED, ids=[case[0] for case in REFUSED]
)
async def test_what_bep_44_refuses_is_refused_with_its_code_and_not_stored(
    name: str, record: Record, changes: dict[str, Any], code: int
) -> None:
    async with Node(alone()) as node:
        with raw(node.addresses[0]) as writer:
            assert b"r" in message(await writer.ask(put(HELD, await ticket(writer, HELD))))
            answer = message(await writer.ask(put(record, await ticket(writer, record), **changes)))
        records = engine_of(node).records
        assert answer[b"e"][0] == code, name
        assert len(records) == 1
        assert records.get(HELD.key) == HELD


async def test_the_largest_that_is_allowed_is_taken() -> None:
    """1000 bytes of value and 64 of salt are inside the limits, and a cas that fits passes."""
    async with Node(alone()) as node:
        with raw(node.addresses[0]) as writer:
            for record in (
                immutable_record(encode(b"x" * 996)),
                sign_record(SIGNER, encode(b"x" * 996), 1, b"s" * 64),
                HELD,
            ):
                data = put(record, await ticket(writer, record))
                assert b"r" in message(await writer.ask(data))
            newer = sign_record(SIGNER, b"5:newer", 6)
            data = put(newer, await ticket(writer, newer), cas=5)
            assert b"r" in message(await writer.ask(data))
        assert len(engine_of(node).records) == 3
    assert signed_bytes(b"1:v", 1).startswith(b"3:seq")


async def test_a_ticket_is_for_one_address_and_one_key() -> None:
    one, other = immutable_record(b"3:one"), immutable_record(b"5:other")
    async with Node(alone()) as node:
        with raw(node.addresses[0]) as owner, raw(node.addresses[0], "127.0.0.9") as thief:
            token = await ticket(owner, one)
            assert message(await thief.ask(put(one, token)))[b"e"][0] == 203
            assert message(await owner.ask(put(other, token)))[b"e"][0] == 203
            assert len(engine_of(node).records) == 0
            assert b"r" in message(await owner.ask(put(one, token)))


# How large replies are.


def furnish(node: Node) -> None:
    """Fill both tables, and hold a swarm and a record as large as they may be under ``TARGET``."""
    now = trio.current_time()
    for index, host in ((0, "127.{}.1.1"), (1, "2001:{:x}::1")):
        engine = engine_of(node, index)
        for number in range(1, 60):
            key = Key(Random(number).getrandbits(160))
            engine.table.answered(Contact(key, (host.format(number), 6881)), 0.01, now)
        for number in range(1, 200):
            peer = Provider((host.format(number), 6881))
            engine.providers.add(Key(int.from_bytes(TARGET, "big")), peer, now)
    largest = sign_record(SIGNER, encode(b"x" * 996), 2**63 - 1)
    for index in (0, 1):
        engine_of(node, index).records.put(largest, now)


LARGEST = sign_record(SIGNER, encode(b"x" * 996), 2**63 - 1)
BOTH = [b"n4", b"n6"]


@pytest.mark.parametrize(("index", "host"), [(0, "127.0.0.2"), (1, "::1")])
async def test_replies_fit_their_limits_and_drop_contacts_first(index: int, host: str) -> None:
    listen = (("127.0.0.1", 0), ("::1", 0))
    async with Node(alone(listen=listen, limits=UNLIMITED)) as node:
        furnish(node)
        ours = (b"nodes", b"nodes6")[index]
        with raw(node.addresses[index], host) as asker:
            long = b"n" * 64  # the longest transaction number that is repeated
            plain = [
                query(b"find_node", long, target=TARGET, want=BOTH),
                query(b"get_peers", long, info_hash=TARGET, want=BOTH, scrape=1),
                query(b"get_peers", long, info_hash=TARGET, want=BOTH),
                query(b"sample_infohashes", long, target=TARGET, want=BOTH),
                query(b"get", long, target=TARGET, want=BOTH),
                query(b"unheard_of", long, target=TARGET, want=BOTH),
            ]
            for data in plain:
                answer = await asker.ask(data)
                assert len(answer) <= 1024
                assert b"r" in message(answer)
            peers = message(await asker.ask(plain[2]))[b"r"]
            assert len(peers[b"values"]) >= 24
            assert len(peers[ours]) > 0
            target = LARGEST.key.to_bytes(20, "big")
            answer = await asker.ask(query(b"get", long, target=target, want=BOTH))
            assert 1024 < len(answer) <= 1400
            fields = message(answer)[b"r"]
            assert encode(fields[b"v"]) == LARGEST.value
            assert (fields[b"sig"], fields[b"seq"]) == (LARGEST.signature, LARGEST.seq)
            assert len(fields.get(ours, b"")) < 8 * (26, 38)[index]  # contacts went first


@pytest.mark.parametrize(
    ("want", "families"),
    [
        (None, {b"nodes"}),
        ([b"n4"], {b"nodes"}),
        ([b"n6"], {b"nodes6"}),
        (BOTH, {b"nodes", b"nodes6"}),
        ([b"n9"], {b"nodes"}),
    ],
)
async def test_each_family_wanted_is_answered(want: Any, families: set[bytes]) -> None:
    """BEP 32; the engines have to go by the dialect's names for the families."""
    listen = (("127.0.0.1", 0), ("::1", 0))
    async with Node(alone(listen=listen)) as node:
        furnish(node)
        with raw(node.addresses[0]) as asker:
            asked = {"target": TARGET} | ({} if want is None else {"want": want})
            fields = message(await asker.ask(query(b"find_node", **asked)))[b"r"]
        sizes = {name: len(fields[name]) for name in (b"nodes", b"nodes6") if name in fields}
        assert sizes == {name: 8 * (26 if name == b"nodes" else 38) for name in families}
        walk = engine_of(node)._planner.walk(1, Key(1), 0.0)
        assert cast("FindNode", walk.request).families == {"ipv4", "ipv6"}


REFLECTION = [
    (query(), 1.5),
    (query(b"find_node", target=TARGET), 3.5),
    (query(b"get", target=TARGET), 3.6),
    (query(b"get_peers", info_hash=TARGET), 9.0),
    (query(b"sample_infohashes", target=TARGET), 3.6),
    (query(b"find_node", target=TARGET, want=BOTH), 7.0),
    (query(b"get", target=LARGEST.key.to_bytes(20, "big")), 17.0),
    (query(b"find_node"), 2.0),
    (b"d1:t0:1:y1:qe", 6.5),
]
"""Requests and the most their replies may be longer, as a factor. BEP 5 has no handshake, so who
forges a source address gets this much for each byte; tokens per source (50 a second) bound how
much of it one victim gets from us: 16 kB/s in answers to find_node."""


@pytest.mark.parametrize(("request_", "ratio"), REFLECTION)
async def test_what_a_forged_source_gains_is_bounded(request_: bytes, ratio: float) -> None:
    async with Node(alone(listen=(("127.0.0.1", 0), ("::1", 0)))) as node:
        furnish(node)
        with raw(node.addresses[0]) as victim:
            answer = await victim.ask(request_)
            assert len(answer) <= ratio * len(request_)


async def test_find_node_of_92_bytes_is_answered_with_at_most_320() -> None:
    request = query(b"find_node", target=TARGET)
    assert len(request) == 92
    async with Node(alone(listen=(("127.0.0.1", 0), ("::1", 0)))) as node:
        furnish(node)
        with raw(node.addresses[0]) as asker:
            answer = await asker.ask(request)
            assert len(message(answer)[b"r"][b"nodes"]) == 8 * 26  # a full answer
            assert len(answer) <= 320


# Lies and forgeries in answers.


class Liar:
    """Answers every query of the node with the contacts it was given, and counts them."""

    def __init__(self, peer: Raw, nodes: bytes) -> None:
        self.peer = peer
        self.nodes = nodes
        self.told = 0

    async def run(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self.peer.sock)
            for data in self.peer.heard():
                asked = message(data)
                if asked[b"y"] == b"q":
                    self.told += asked[b"q"] != b"ping"
                    fields = {b"id": ID, b"nodes": self.nodes, b"token": b"t"}
                    self.peer.burst([encode({b"t": asked[b"t"], b"y": b"r", b"r": fields})])


async def test_a_liars_victims_get_a_packet_for_a_lie_and_its_inventions_no_place() -> None:
    async with Node(alone()) as node:
        with raw(node.addresses[0], "127.0.9.1") as peer, raw(node.addresses[0], "127.0.7.7") as it:
            near = int.from_bytes(TARGET, "big")
            lies = [Contact(Key(near ^ n), it.address) for n in range(1, 60)]
            lies += [Contact(Key(near ^ n << 20), (f"127.{n}.3.1", 9)) for n in range(1, 60)]
            liar = Liar(peer, b"".join(map(pack_node, lies)))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(liar.run)
                peer.burst([query()])
                engine = engine_of(node)
                with trio.fail_after(PATIENCE):
                    while not len(engine.table):
                        await trio.lowlevel.checkpoint()
                await node.lookup(TARGET)
                nursery.cancel_scope.cancel()
            packets = [data for data in it.heard() if message(data)[b"y"] == b"q"]
            assert liar.told == 1
            assert len(packets) <= liar.told
            assert [contact.key for contact in engine.table.contacts()] == [
                int.from_bytes(ID, "big")
            ]


async def test_an_answer_needs_the_number_and_the_address() -> None:
    """Who guesses numbers, and who knows the number but sits elsewhere, are not believed."""
    async with Node(alone()) as node:
        with raw(node.addresses[0], "127.0.9.1") as asked, raw(node.addresses[0]) as forger:
            async with trio.open_nursery() as nursery:
                answers = []

                async def ping() -> None:
                    answers.append(await node.ping(asked.address))

                nursery.start_soon(ping)
                number = message(await asked.hear())[b"t"]

                def answer(t: object, key: bytes) -> bytes:
                    return encode({b"t": t, b"y": b"r", b"r": {b"id": key}})

                evil, rng = b"e" * 20, Random(1)
                forger.burst([answer(number, evil)])
                guesses: list[object] = [b"", number + b"x", number[:-1], [number], 7]
                guesses += [rng.randbytes(4) for _ in range(50)]
                asked.burst([answer(guess, evil) for guess in guesses])
                await forger.ask(numbered(1))  # all that was read before this answer
                assert not answers
                asked.burst([answer(number, ID), answer(number, evil)])  # and once only
                with trio.fail_after(PATIENCE):
                    while not answers:
                        await trio.lowlevel.checkpoint()
            assert answers[0].key == ID
            held = [contact.key for contact in engine_of(node).table.contacts()]
            assert held == [int.from_bytes(ID, "big")]
