"""Volunteers are counted when they prove it, and missed when they go."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from dht.testing import Testnet
from tests.cdn_house import PATIENCE, House, house, write
from tests.naming import NAME
from tests.torrent_samples import noise
from torrent.cdn.memory import Volunteer
from torrent.cdn.replicas import Held, Replicas, challenge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SITE = {"index.html": b"<h1>one</h1>", "big": noise(300_000)}


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


def replicas(publisher: House) -> Replicas:
    return Replicas(
        publisher.node,
        publisher.memory,
        Random(1),
        ours=publisher.session.addresses,
        patience=5.0,
    )


async def listed(publisher: House, infohash: bytes, number: int) -> None:
    """Wait until so many say that they have it."""
    with trio.fail_after(PATIENCE):
        while True:
            found = {p.endpoint async for p in publisher.node.find_providers(infohash)}
            if len(found) >= number:
                return


async def test_a_mirror_is_counted_and_missed_when_it_goes(net: Testnet, tmp_path: Path) -> None:
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher:
        version = await publisher.publish(source)
        torrent = publisher.session.torrents[0]
        assert torrent.info is not None
        held = Held(NAME, torrent.info)
        async with house(net, tmp_path / "m", 5) as mirror:
            await mirror.follow()
            await listed(publisher, version.infohash, 2)
            [counted] = await replicas(publisher).look(held)
            assert (counted.port, counted.counts, counted.missed) == (
                mirror.session.port,
                True,
                False,
            )
        [gone] = await replicas(publisher).look(held)
        assert (gone.counts, gone.missed, gone.why) == (False, True, "it does not answer")
        assert gone.passed == counted.passed
        # Others see what became of it in the state directory.
        assert publisher.memory.volunteers(NAME) == [gone]


async def test_who_has_nothing_does_not_pass(net: Testnet, tmp_path: Path) -> None:
    """It is listed, it answers, it has lost its files."""
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        version = await publisher.publish(source)
        await mirror.follow()
        await listed(publisher, version.infohash, 2)
        info = publisher.session.torrents[0].info
        assert info is not None
        here = mirror.session.addresses[0]
        for piece in range(info.piece_count):
            assert await challenge(info, here, piece, 20.0) == ""
        for path in (mirror.home / ".site.versions").rglob("*/www/*"):
            path.write_bytes(bytes(path.stat().st_size))
        await publisher.session.remove(publisher.session.torrents[0])  # Or it would be mended.
        assert "did not send piece 0" in await challenge(info, here, 0, 3.0)


async def test_who_never_passed_is_not_remembered(net: Testnet, tmp_path: Path) -> None:
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher:
        version = await publisher.publish(source)
        await net.node(6).provide(version.infohash, 9)
        info = publisher.session.torrents[0].info
        assert info is not None
        assert await replicas(publisher).look(Held(NAME, info)) == []


def test_what_counts() -> None:
    assert Volunteer("h", 1, 2.0, 2.0, 0).counts
    assert Volunteer("h", 1, 3.0, 2.0, 1).missed
    assert not Volunteer("h", 1, 3.0, None, 1).missed
    assert not Volunteer("h", 1, 3.0, None, 1).counts
