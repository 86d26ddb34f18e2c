"""Local discovery between objects of this machine, by multicast that stays on loopback."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.announced import Finds, Sample
from torrent.core.lsd import GROUP_V4, LocalAnnounce, encode
from torrent.io.lsd import INTERVAL_S, LEAST_S, Interface, LocalDiscovery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOPBACK = (Interface("127.0.0.1", None),)


def infohash() -> bytes:
    """Other runs of these tests use the same group at the same time: no two ask for the same."""
    return SystemRandom().randbytes(20)


@asynccontextmanager
async def discovery(count: int) -> AsyncIterator[tuple[trio.Nursery, list[LocalDiscovery]]]:
    async with trio.open_nursery() as nursery:
        made = [LocalDiscovery(LOOPBACK) for _ in range(count)]
        for one in made:
            await nursery.start(one.serve)
        yield nursery, made
        nursery.cancel_scope.cancel()


async def test_two_find_each_other() -> None:
    name, here, there = infohash(), Finds(), Finds()
    async with discovery(2) as (nursery, (one, two)):
        nursery.start_soon(one.run, Sample((name,), port=7001), here)
        await trio.testing.wait_all_tasks_blocked(0.05)
        nursery.start_soon(two.run, Sample((infohash(), name), port=7002), there)
        await here.wait()
    assert here.peers == [(("127.0.0.1", 7002), "lsd")]


async def test_nobody_hears_himself_or_of_what_he_does_not_have() -> None:
    name, ours, others = infohash(), Finds(), Finds()
    async with discovery(2) as (nursery, (one, two)):
        nursery.start_soon(one.run, Sample((infohash(),)), others)
        nursery.start_soon(two.run, Sample((name,)), ours)
        await trio.testing.wait_all_tasks_blocked(0.05)
        # What follows comes after all that was sent before it.
        async with discovery(1) as (_, (three,)):
            nursery.start_soon(three.run, Sample((name,), port=7003), Finds())
            await ours.wait()
    assert ours.peers == [(("127.0.0.1", 7003), "lsd")]
    assert others.peers == []


def test_silence_on_the_local_network_proves_nothing() -> None:
    assert not LocalDiscovery(LOOPBACK).exhausted


async def test_a_private_torrent_is_not_announced() -> None:
    finds = Finds()
    async with discovery(1) as (_, (one,)):
        await one.run(Sample(private=True), finds)
    assert one._listed == {}


@asynccontextmanager
async def listening() -> AsyncIterator[trio.socket.SocketType]:
    """The ears of another client, which counts what it hears."""
    from torrent.io.lsd import _open

    ((sock, _),) = _open(LOOPBACK[0])
    with sock:
        yield sock


async def hear(sock: trio.socket.SocketType, name: bytes) -> None:
    """Until somebody announces ``name``."""
    while name.hex().encode() not in (await sock.recvfrom(2000))[0]:
        pass


async def test_it_announces_every_five_minutes(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05  # what was sent is heard before the clock jumps
    name = infohash()
    async with listening() as sock, discovery(1) as (nursery, (one,)):
        nursery.start_soon(one.run, Sample((name,)), Finds())
        started = trio.current_time()
        for n in range(3):
            await hear(sock, name)
            assert trio.current_time() - started == pytest.approx(n * INTERVAL_S)


async def test_it_announces_again_a_minute_after_who_asks(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.05
    name, finds = infohash(), Finds()
    async with listening() as sock, discovery(1) as (nursery, (one,)):
        nursery.start_soon(one.run, Sample((name,)), finds)
        started = trio.current_time()
        await hear(sock, name)
        (datagram,) = encode(LocalAnnounce(7005, (name,), "other"), GROUP_V4)
        await sock.sendto(datagram, GROUP_V4)
        await sock.sendto(b"BT-SEARCH? no", GROUP_V4)
        await hear(sock, name)  # this one
        await hear(sock, name)
        assert trio.current_time() - started == pytest.approx(LEAST_S)
    assert finds.peers == [(("127.0.0.1", 7005), "lsd")]


async def test_networks_without_multicast_are_done_without() -> None:
    async with trio.open_nursery() as nursery:
        nowhere = LocalDiscovery([Interface("192.0.2.77", None), Interface(None, None)])
        await nursery.start(nowhere.serve)
        assert nowhere._sockets == []
        nursery.start_soon(nowhere.run, Sample(), Finds())
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_what_cannot_be_sent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    # Loopback has no route for multicast of IPv6, where nobody made one.
    async with trio.open_nursery() as nursery:
        six = LocalDiscovery([Interface(None, socket.if_nametoindex("lo"))])
        await nursery.start(six.serve)
        nursery.start_soon(six.run, Sample((infohash(),)), Finds())
        await trio.testing.wait_all_tasks_blocked()
        assert len(six._sockets) <= 1
        nursery.cancel_scope.cancel()
