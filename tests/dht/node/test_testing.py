"""The test network itself: that it is a network, with its limits on, and that killing kills."""

from __future__ import annotations

import socket
import time
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from dht.core.keys import MAINLINE_SPACE, Key
from dht.errors import NodeClosed, NotFound
from dht.node.limits import Limits
from dht.node.node import Node
from dht.testing import Conditions, Link, Testnet
from tests.dht.node.peers import PATIENCE, alone, peer, query, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dht.node.udp import Address

K = 8


def key_of(node: Node) -> Key:
    return MAINLINE_SPACE.from_bytes(node.key)


# The network.


async def test_fifty_nodes_join_and_every_lookup_finds_the_true_closest() -> None:
    began = time.perf_counter()
    async with Testnet(50) as net:
        joined = time.perf_counter() - began
        keys = [key_of(node) for node in net.nodes]
        for n in range(40):
            target = MAINLINE_SPACE.draw(net.rng)
            walked = await net.node(n).lookup(MAINLINE_SPACE.to_bytes(target))
            others = [key for key in keys if key != key_of(net.node(n))]
            nearest = sorted(others, key=lambda key: key ^ target)[:K]
            assert [contact.key for contact in walked.closest] == nearest
    # Half a second on a machine of its own; the bound only catches what waits for timeouts.
    assert joined < 10


async def test_each_node_has_a_subnet_of_its_own_and_the_limits_on() -> None:
    async with Testnet(12) as net:
        hosts = [node.addresses[0][0] for node in net.nodes]
        assert hosts[:2] == ["127.1.1.1", "127.1.2.1"]
        assert len({host.rpartition(".")[0] for host in hosts}) == 12
        limits = {node.config.limits for node in net.nodes}
        assert limits == {Limits()}
        assert all(node.config.policy == {} for node in net.nodes)


def test_addresses_go_on_in_the_next_block() -> None:
    net = Testnet(0)
    hosts = [net._made().config.listen[0][0] for _ in range(252)]
    assert hosts[249:] == ["127.1.250.1", "127.2.1.1", "127.2.2.1"]


async def test_an_empty_network_and_one_of_one() -> None:
    async with Testnet(0) as net:
        assert net.nodes == net.bootstrap == ()
        (only,) = await net.add()
        assert net.bootstrap == only.addresses
        assert only.ready


async def test_others_can_join_and_use_it() -> None:
    async with Testnet(9) as net, Node(alone(bootstrap=net.bootstrap)) as guest:
        stored = await guest.put(b"hello")
        assert stored.copies == 8
        assert (await net.node(4).get(stored)).value == b"hello"


async def test_it_can_grow() -> None:
    async with Testnet(4) as net:
        stored = await net.node(0).put(b"old")
        added = await net.add(6)
        assert len(net.nodes) == 10
        assert net.node(9) is added[-1]
        assert (await added[-1].get(stored)).value == b"old"


async def test_limits_and_policy_are_passed_on() -> None:
    limits = Limits(source_rate=0.01, source_burst=5)
    async with Testnet(9, limits=limits, policy={"k": 3, "beta": 3}) as net:
        assert (await net.node(0).put(b"hello")).copies == 3
        with peer(net.node(1).addresses[0], "127.0.0.9") as flooder:
            await flooder.send(*[query()] * 9)
            await until(lambda: net.node(1).statistics().ports[0].throttled >= 4)


async def test_one_seed_gives_one_set_of_keys() -> None:
    keys = []
    for seed in (7, 7, 8):
        async with Testnet(3, seed=seed) as net:
            keys.append(net.node(0).key)
    assert keys[0] == keys[1] != keys[2]


async def test_nothing_joins_a_network_that_is_over() -> None:
    async with Testnet(2) as net:
        pass
    with pytest.raises(NodeClosed):
        await net.add()


# Killing.


async def test_the_killed_are_gone_and_nobody_was_told() -> None:
    async with Testnet(30) as net:
        stored = await net.node(0).put(b"survives")
        before = [node.statistics().contacts for node in net.nodes[:5]]
        killed = await net.kill(10, spare=net.nodes[:5])
        assert (len(killed), len(net.nodes)) == (10, 20)
        assert not set(killed) & set(net.nodes)
        with pytest.raises(NodeClosed):
            killed[0].statistics()
        # Their contacts are still in every table ...
        assert [node.statistics().contacts for node in net.nodes[:5]] == before
        # ... and what they held is found on the others, and can be put again.
        with trio.fail_after(PATIENCE):
            assert (await net.node(4).get(stored)).value == b"survives"
            assert (await net.node(3).put(b"after")).copies == 8
            with pytest.raises(NotFound) as caught:
                await net.node(2).get(bytes(20))
        assert caught.value.evidence.complete


async def test_a_share_or_chosen_ones_can_be_killed() -> None:
    async with Testnet(20) as net:
        assert len(await net.kill(0.25)) == 5
        chosen = net.nodes[:2]
        assert await net.kill(chosen) == list(chosen)
        assert len(net.nodes) == 13
        assert len(await net.kill(1)) == 1


async def test_the_addresses_of_the_killed_are_free() -> None:
    async with Testnet(5) as net:
        address = net.node(3).addresses[0]
        await net.kill([net.node(3)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(address)


# Conditions.


async def test_delay_is_felt_on_both_ways() -> None:
    conditions = Conditions(delay=0.02, jitter=0.005, rng=Random(1))
    async with Testnet(3, conditions=conditions) as net:
        pong = await net.node(0).ping(net.node(1).addresses[0])
        assert pong.rtt >= 2 * 0.015


async def test_a_network_that_loses_every_tenth_datagram_still_works() -> None:
    async with Testnet(12, conditions=Conditions(loss=0.1, rng=Random(3))) as net:
        with trio.fail_after(60):
            stored = await net.node(0).put(b"through the noise")
            assert stored.copies >= 4
            assert (await net.node(7).get(stored)).value == b"through the noise"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)  # noqa: FBT003
    yield socks[0], socks[1]
    for sock in socks:
        sock.close()


def drained(link: Link) -> list[bytes]:
    taken = []
    while True:
        try:
            taken.append(link.recvfrom(100)[0])
        except BlockingIOError:
            return taken


async def test_a_link_holds_back_until_due(
    pair: tuple[socket.socket, socket.socket], mock_clock: trio.testing.MockClock
) -> None:
    sender, receiver = pair
    link = Conditions(delay=1.0).attach(receiver)
    to: Address = receiver.getsockname()
    assert link.next_due() == float("inf")
    sender.sendto(b"a", to)
    assert drained(link) == []
    assert link.next_due() == trio.current_time() + 1
    mock_clock.jump(0.9)
    sender.sendto(b"b", to)
    assert drained(link) == []
    mock_clock.jump(0.2)
    assert drained(link) == [b"a"]
    mock_clock.jump(1)
    assert drained(link) == [b"b"]


async def test_jitter_reorders_and_loss_loses(
    pair: tuple[socket.socket, socket.socket], mock_clock: trio.testing.MockClock
) -> None:
    sender, receiver = pair
    link = Conditions(delay=1.0, jitter=0.5, loss=0.25, rng=Random(5)).attach(receiver)
    sent = [b"%d" % n for n in range(100)]
    for data in sent:
        sender.sendto(data, receiver.getsockname())
    assert drained(link) == []
    mock_clock.jump(0.75)
    early = drained(link)
    mock_clock.jump(1)
    arrived = early + drained(link)
    assert 0 < len(early) < len(arrived)
    assert 60 < len(arrived) < 90
    assert set(arrived) < set(sent)
    assert arrived != sorted(arrived, key=int)
