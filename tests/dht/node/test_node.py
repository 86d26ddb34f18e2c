"""The public face: every verb, on a network of real nodes over loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.core.keys import MAINLINE_SPACE
from dht.core.policy import Timeouts
from dht.errors import (
    NoAnswer,
    NodeClosed,
    NoNetwork,
    NotFound,
    Refused,
    Unpublishable,
)
from dht.node.config import format_address
from dht.node.node import Node
from dht.testing import Testnet
from tests.dht.node.peers import PATIENCE, alone, silent

if TYPE_CHECKING:
    from dht.codec.bencode import Value

HASTY = {"timeouts": Timeouts(short_initial=0.05, long_initial=0.1, forget_after=0.3)}
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SIGNER.public_key().public_bytes_raw()
INFOHASH = bytes(range(20))


# Records.


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (b"some bytes", b"some bytes"),
        ("Grüße", "Grüße".encode()),
        (b"", b""),
        (-7, b"i-7e"),
        ([1, b"two"], b"li1e3:twoe"),
        ({b"a": {b"b": 1}}, b"d1:ad1:bi1eee"),
        (b"x" * 996, b"x" * 996),
    ],
)
async def test_what_one_puts_another_gets(net: Testnet, value: Value | str, content: bytes) -> None:
    stored = await net.node(3).put(value)
    assert stored.copies == len(stored.evidence.holders) == 8
    assert stored.record is not None
    found = await net.node(9).get(stored.key)
    assert found.value == content
    assert found.record == stored.record
    assert found.seq is None
    assert found.evidence.holders


async def test_a_result_can_be_used_as_a_key(net: Testnet) -> None:
    stored = await net.node(1).put(b"hello")
    assert (await net.node(2).get(stored)).key == stored.key


async def test_absence_comes_with_evidence(net: Testnet) -> None:
    with pytest.raises(NotFound) as caught:
        await net.node(0).get(bytes(20))
    evidence = caught.value.evidence
    assert evidence.complete
    assert evidence.answered >= len(evidence.closest) == 8
    assert "all 8 closest answered, none had it" in str(caught.value)


async def test_a_value_too_big_is_refused_before_anything_is_sent(net: Testnet) -> None:
    sent = net.node(0).statistics().ports[0].sent
    with pytest.raises(Unpublishable, match="limited to 1000 bytes") as caught:
        await net.node(0).put(b"x" * 997)
    assert caught.value.code == 205
    assert net.node(0).statistics().ports[0].sent == sent


async def test_a_key_of_the_wrong_length_is_a_mistake_of_the_caller(net: Testnet) -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        await net.node(0).get(b"short")


async def test_a_verb_that_is_cancelled_leaves_no_operation(net: Testnet) -> None:
    with trio.move_on_after(0):
        await net.node(0).put(b"never mind")
    assert net.node(0).statistics().operations == 0


# Names.


async def test_a_name_is_updated_and_read(net: Testnet) -> None:
    versions = [await net.node(n).publish(SIGNER, b"version %d" % n) for n in range(1, 4)]
    assert [stored.record.seq for stored in versions if stored.record] == [1, 2, 3]
    found = await net.node(8).resolve(PUBLIC)
    assert (found.value, found.seq) == (b"version 3", 3)
    assert (await net.node(8).get(versions[0].key)).value == b"version 3"


async def test_a_salt_makes_another_name(net: Testnet) -> None:
    plain = await net.node(1).publish(SIGNER, b"plain")
    salted = await net.node(1).publish(SIGNER, b"salted", salt=b"photos")
    assert plain.key != salted.key
    assert (await net.node(5).resolve(PUBLIC)).value == b"plain"
    assert (await net.node(5).resolve(PUBLIC, b"photos")).value == b"salted"
    assert (await net.node(5).get(salted.key, salt=b"photos")).value == b"salted"


async def test_an_old_version_and_a_lost_race_are_refused(net: Testnet) -> None:
    await net.node(1).publish(SIGNER, b"five", seq=5)
    with pytest.raises(Refused, match="higher sequence number") as old:
        await net.node(2).publish(SIGNER, b"four", seq=4)
    assert old.value.code == 302
    with pytest.raises(Refused, match="in between") as lost:
        await net.node(2).publish(SIGNER, b"seven", seq=7, cas=4)
    assert lost.value.code == 301
    assert len(lost.value.evidence.refusals) > 4
    assert (await net.node(2).publish(SIGNER, b"eight", seq=8, cas=5)).copies > 4


# Providers.


async def test_providers_are_found_as_answers_come(net: Testnet) -> None:
    async with trio.open_nursery() as nursery:
        for n in range(3):
            nursery.start_soon(net.node(n).provide, INFOHASH, 7000 + n)
    finding = net.node(9).find_providers(INFOHASH)
    found = {provider.endpoint async for provider in finding}
    assert found == {(net.node(n).addresses[0][0], 7000 + n) for n in range(3)}
    assert finding.evidence.complete


async def test_without_a_port_the_node_itself_is_the_provider(net: Testnet) -> None:
    await net.node(4).provide(INFOHASH, seed=True)
    found = [provider.endpoint async for provider in net.node(9).find_providers(INFOHASH)]
    assert found == [net.node(4).addresses[0]]


async def test_the_first_node_of_a_network_lists_what_it_provides_itself() -> None:
    """Nobody else is there to do it when it announces; who comes later asks it."""
    async with Node(alone()) as first:
        for port in (7000, 0):
            with pytest.raises(NoNetwork):
                await first.provide(INFOHASH, port)
        [(host, own)] = first.addresses
        async with Node(alone(bootstrap=((host, own),))) as second:
            found = {provider.endpoint async for provider in second.find_providers(INFOHASH)}
    assert found == {(host, 7000), (host, own)}


def listed(node: Node) -> bool:
    return any(port.provided for port in node.statistics().ports)


async def test_who_does_not_answer_or_is_far_lists_nothing(net: Testnet) -> None:
    async with Node(alone(mode="client")) as reader:
        with pytest.raises(NoNetwork):
            await reader.provide(INFOHASH, 7000)
        assert not listed(reader)
    for number in range(len(net.nodes)):
        await net.node(number).provide(INFOHASH, 7000)
    # The eight closest list it, whoever announced it, and who knows of fewer that are closer.
    assert 8 <= sum(map(listed, net.nodes)) <= 10 < len(net.nodes)


async def test_a_search_may_be_left_early(net: Testnet) -> None:
    for n in range(4):
        await net.node(n).provide(INFOHASH, 7000)
    finding = net.node(9).find_providers(INFOHASH)
    with pytest.raises(NodeClosed):
        _ = finding.evidence
    finding.stop()  # nothing began
    async for provider in finding:
        assert provider.endpoint
        break
    finding.stop()
    assert finding.evidence.asked >= 1
    assert net.node(9).statistics().operations == 0


async def test_the_evidence_of_a_search_waits_for_its_end(net: Testnet) -> None:
    await net.node(0).provide(INFOHASH, 7000)
    finding = net.node(9).find_providers(INFOHASH)
    async for _ in finding:
        net.node(9).abort()
        break
    with pytest.raises(NodeClosed):
        async for _ in finding:
            pass
    with pytest.raises(NodeClosed):
        _ = finding.evidence


async def test_nobody_provides_a_stranger(net: Testnet) -> None:
    finding = net.node(9).find_providers(b"?" * 20)
    assert [provider async for provider in finding] == []
    assert finding.evidence.complete


# Looking around.


async def test_a_lookup_finds_the_closest(net: Testnet) -> None:
    target = MAINLINE_SPACE.from_bytes(INFOHASH)
    walked = await net.node(0).lookup(INFOHASH)
    keys = [MAINLINE_SPACE.from_bytes(node.key) for node in net.nodes[1:]]
    nearest = sorted(keys, key=lambda key: key ^ target)[:8]
    assert [contact.key for contact in walked.closest] == nearest


async def test_a_ping_tells_key_and_time(net: Testnet) -> None:
    there = net.node(7).addresses[0]
    pong = await net.node(0).ping(format_address(there))
    assert (pong.address, pong.key) == (there, net.node(7).key)
    assert 0 < pong.rtt < PATIENCE


async def test_nobody_answers_a_ping() -> None:
    async with Node(alone(policy=HASTY)) as node:
        with silent() as nobody, pytest.raises(NoAnswer, match="did not answer") as caught:
            await node.ping(nobody.getsockname())
    assert caught.value.evidence.silent == 1


async def test_a_ping_to_another_family_has_no_way(net: Testnet) -> None:
    with pytest.raises(ValueError, match="families we have"):
        await net.node(0).ping("[::1]:9")


async def test_a_swarm_is_counted(net: Testnet) -> None:
    for n in range(4):
        await net.node(n).provide(INFOHASH, 7000, seed=n == 0)
    scraped = await net.node(9).scrape(INFOHASH)
    assert scraped.filters == 8
    assert round(scraped.seeds) == 1
    assert round(scraped.peers) == 3


async def test_keys_are_sampled(net: Testnet) -> None:
    keys = sorted(net.rng.randbytes(20) for _ in range(3))
    for key in keys:
        await net.node(0).provide(key, 7000)
    sampled = await net.node(9).sample(INFOHASH)
    assert list(sampled.keys) == keys
    assert sampled.nodes == sampled.evidence.answered
    assert sampled.total >= 8


async def test_statistics_count(net: Testnet) -> None:
    await net.node(0).put(b"hello")
    everything = [node.statistics() for node in net.nodes]
    assert sum(node.ports[0].records for node in everything) == 8
    first = everything[0]
    assert first.ready
    assert first.serving
    assert first.contacts == first.ports[0].contacts > 8
    assert first.ports[0].key == net.node(0).key
    assert (first.operations, first.promises, first.external) == (0, 0, None)
    assert first.size is not None
    assert 3 < first.size.size < 50


# Promises without a state: kept for as long as the node lives.


async def test_a_kept_value_is_published_again(net: Testnet) -> None:
    async with Node(
        alone(bootstrap=net.bootstrap, policy={"republish_every": 0.2}, mode="client")
    ) as keeper:
        stored = await keeper.put(b"kept", keep=True)
        assert stored.promise == 1
        assert keeper.statistics().promises == 1
        assert await keeper.forget(stored) == 1
        assert keeper.statistics().promises == 0
        assert await keeper.forget(stored) == 0


async def test_a_promise_is_due_at_once(net: Testnet) -> None:
    record = (await net.node(0).put(b"elsewhere")).record
    assert record is not None
    async with Testnet(9) as other:
        key = MAINLINE_SPACE.to_bytes(record.key)
        await other.node(1).promise(key, record)
        with trio.fail_after(PATIENCE):
            while not sum(node.statistics().ports[0].records for node in other.nodes):
                await trio.lowlevel.checkpoint()
        assert (await other.node(8).get(key)).value == b"elsewhere"


async def test_a_promise_that_is_refused_is_not_kept(net: Testnet) -> None:
    await net.node(1).publish(SIGNER, b"five", seq=5)
    with pytest.raises(Refused):
        await net.node(2).publish(SIGNER, b"four", seq=4, keep=True)
    assert net.node(2).statistics().promises == 0


async def test_a_kept_name_never_goes_back(net: Testnet) -> None:
    """Its own promise knows the version, even where the network has forgotten it."""
    await net.node(1).publish(SIGNER, b"first", seq=9, keep=True)
    async with Testnet(9) as empty:
        node = empty.node(0)
        await node.publish(SIGNER, b"first", seq=9, keep=True)
        stored = await node.publish(SIGNER, b"second")
        assert stored.record is not None
        assert stored.record.seq == 10
