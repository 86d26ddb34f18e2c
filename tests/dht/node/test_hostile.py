"""Hostile input over real sockets: floods, mutants, forgeries, lies, and how large replies are.

The attackers are raw sockets on loopback addresses of their own, each a source of its own to the
node's limits. Datagrams are sent without giving the node its turn, so a burst arrives as one.
"""

from __future__ import annotations

import itertools
import resource
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.codec.bencode import encode
from dht.core.edge import QUESTIONS
from dht.core.keys import Key
from dht.core.messages import Contact
from dht.core.strangers import MAX_PINGS
from dht.mainline.compact import pack_node
from dht.mainline.items import immutable_record, sign_record
from dht.node.limits import UNLIMITED, Limits
from dht.node.node import Node
from tests.damage import VALUES
from tests.dht.node.peers import ID, PATIENCE, alone, query
from tests.dht.node.raw import SIGNER, TARGET, Raw, engine_of, message, numbered, put, raw, ticket
from tests.fuzz.packets import Target, mutants

if TYPE_CHECKING:
    from collections.abc import Iterator


MUTANTS = 20_000


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
            # Asked for the target, and, since all it named is silent, about the edge.
            assert 1 <= liar.told <= 1 + QUESTIONS
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
