"""A session's walks in the DHT: their pace, on a clock that jumps, and what they are worth."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from dht import Node
from dht.testing import Testnet
from tests.announced import V1, V2, Finds, Sample
from tests.waiting import pass_time, until
from torrent.io.dht import DhtSource, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from torrent.core.sources import Transfer

MANY = 1000
HALF_AN_HOUR = 1800.0
"""When nodes forget who announced (BEP 5's tokens and libtorrent's storage: at the latest)."""


class Walks:
    """Torrents that walk as often as they get a turn; a walk takes two seconds."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.began: list[float] = []
        self.under_way = self.most = 0

    async def walk(self, *, urgent: bool = False) -> None:
        async with self.pace.turn(urgent=urgent):
            self.began.append(trio.current_time())
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await pass_time(2)
            self.under_way -= 1


async def test_a_few_torrents_are_announced_at_once(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    walks = Walks(pace)
    start = trio.current_time()
    with pace.sharing(5):
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(walks.walk)
    assert trio.current_time() - start == 2


async def test_a_thousand_come_round_in_time_and_not_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace()
    walks = Walks(pace)
    start = trio.current_time()
    with pace.sharing(MANY):
        async with trio.open_nursery() as nursery:
            for _ in range(MANY):
                nursery.start_soon(walks.walk)
    assert walks.most <= 8
    assert trio.current_time() - start < HALF_AN_HOUR / 2
    for at in walks.began[20:]:
        # Twenty in ten seconds are two hundredths of a processor, at 10 ms a walk.
        assert sum(at <= other < at + 10 for other in walks.began) <= 20


async def test_a_download_waits_for_no_renewals(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    walks, download = Walks(pace), Walks(pace)
    start = trio.current_time()
    with pace.sharing(MANY):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(walks.walk)
            await pass_time(10)
            await download.walk(urgent=True)
            assert trio.current_time() - start < 15
            nursery.cancel_scope.cancel()


# What walks are worth.


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


async def listed(node: Node, infohash: bytes) -> int:
    """How many the DHT knows."""
    return len([provider async for provider in node.find_providers(infohash)])


async def until_listed(node: Node, infohash: bytes, number: int) -> None:
    with trio.fail_after(20):
        while await listed(node, infohash) < number:
            await trio.testing.wait_all_tasks_blocked(0.01)


async def test_two_complete_walks_in_vain_exhaust_it(net: Testnet) -> None:
    torrent, source = Sample(infohashes=(V1, V2)), DhtSource(net.node(3), Random(1))
    assert not source.exhausted
    assert source.evidence is None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.run, torrent, Finds())
        began = trio.current_time()
        await until(lambda: source.evidence)
        assert not source.exhausted, "one walk proves nothing: a seed may be just announcing"
        await until(lambda: source.exhausted)
        assert 0.7 < trio.current_time() - began < 10
        assert source.evidence
        assert source.evidence.complete
        assert source.evidence.asked >= 12, "both names' walks count"
        # Whoever gives up now has left no ghost behind.
        assert not await listed(net.node(5), V1)
        # Who stays is listed from the next walk on.
        await until_listed(net.node(5), V1, 1)
        nursery.cancel_scope.cancel()


async def test_who_is_found_ends_the_doubt(net: Testnet) -> None:
    finds, torrent = Finds(), Sample()
    await net.node(5).provide(V1, 7000)
    source = DhtSource(net.node(3), Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.run, torrent, finds)
        await finds.wait()
        assert not source.exhausted
        # It is announced at once, beside the one that is there.
        await until_listed(net.node(6), V1, 2)
        assert not source.exhausted
        nursery.cancel_scope.cancel()


async def test_who_leaves_soon_leaves_no_ghost(net: Testnet) -> None:
    """Ten that are over in a moment, behind the address of a seed, which stays to be found."""
    node = net.node(3)
    await node.provide(V1, 7000)
    for port in range(1, 11):
        finds, source = Finds(), DhtSource(node, Random(1), listed_after=math.inf)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run, Sample(port=port), finds)
            await finds.wait()
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        assert [endpoint[1] for endpoint, _ in finds.peers] == [7000]


async def test_who_comes_later_ends_the_certainty(net: Testnet) -> None:
    finds, source = Finds(), DhtSource(net.node(3), Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.run, Sample(), finds)
        await until(lambda: source.exhausted)
        await net.node(5).provide(V1, 7000)
        await finds.wait()
        await until(lambda: not source.exhausted)
        assert source.evidence is None
        nursery.cancel_scope.cancel()


async def test_others_on_our_port_or_on_our_host_are_somebody(net: Testnet) -> None:
    finds, node, torrent = Finds(), net.node(3), Sample()
    await net.node(5).provide(V1, torrent.port)
    await node.provide(V1, torrent.port + 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(DhtSource(node, Random(1)).run, torrent, finds)
        await finds.wait(2)
        hosts = [each.addresses[0][0] for each in (net.node(5), node)]
        expected = {((hosts[0], torrent.port), "dht"), ((hosts[1], torrent.port + 1), "dht")}
        assert set(finds.peers) == expected
        nursery.cancel_scope.cancel()


async def test_we_are_nobody(net: Testnet) -> None:
    """Our own announcement, of now or of an earlier run on this port, is no peer."""
    finds, node = Finds(), net.node(3)
    await node.provide(V1, Sample().port)
    source = DhtSource(node, Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.run, Sample(), finds)
        await until(lambda: source.exhausted)
        assert finds.peers == []
        nursery.cancel_scope.cancel()


class Counting(Sample):
    """A torrent that counts how often it is asked how it stands: before every walk."""

    asked = 0

    def statistics(self) -> Transfer:
        self.asked += 1
        return super().statistics()


async def test_a_network_that_is_silent_proves_nothing() -> None:
    async with Node(bootstrap=(), listen=(("127.0.0.1", 0),)) as node:
        source = DhtSource(node, Random(1))
        async with trio.open_nursery() as nursery:
            torrent = Counting(port=0)
            nursery.start_soon(source.run, torrent, Finds())
            await until(lambda: torrent.asked > 3)
            assert not source.exhausted
            assert source.evidence is None
            nursery.cancel_scope.cancel()


async def test_a_private_torrent_is_not_asked_for(net: Testnet) -> None:
    source = DhtSource(net.node(3), Random(1))
    with trio.fail_after(5):
        await source.run(Sample(private=True), Finds())
    assert not source.exhausted
