"""A private torrent's peers come from its trackers alone (BEP 27), on real sockets.

That its peers are not told of each other is in ``tests/torrent/core/test_swarm.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from dht.testing import Testnet
from tests.torrent_samples import Sample, sample
from tests.tracker_server import Swarms, http_tracker
from tests.waiting import PATIENCE, until
from torrent.core.metainfo import (
    About,
    Magnet,
    Metainfo,
    SafePath,
    Source,
    draft,
    read_metainfo,
    wrapped,
)
from torrent.io.lsd import Interface, LocalDiscovery
from torrent.io.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from dht import Node

BLOCK = 16384
HERE = (("127.0.0.1", 0),)


def public_and_private() -> tuple[Sample, Sample]:
    """The same twice, but that one is private."""
    public = sample({"f": 20 * BLOCK})
    data = public.content["f"]
    plan = draft([Source(SafePath.of(["f"]), len(data))], public.info.version, BLOCK)
    sha1s = [public.info.piece_hash(piece) for piece in range(public.info.piece_count)]
    made = plan.torrent(sha1s, [], About(private=True))
    return public, Sample(read_metainfo(made).info, made, public.content, public.pieces)


def beside(node: Node) -> Session:
    """A session that listens where its node is, whose address the DHT sees."""
    return Session(listen=((node.addresses[0][0], 0),), node=node, same_host=True)


async def listed(network: Testnet, infohash: bytes) -> list[Any]:
    return [found async for found in network.nodes[-1].find_providers(infohash)]


async def test_the_dht_hears_of_public_torrents_only(tmp_path: Path) -> None:
    public, private = public_and_private()
    async with (
        Testnet(8) as network,
        beside(network.nodes[0]) as one,
        beside(network.nodes[1]) as other,
    ):
        assert private.info.private
        for what in (private, public):
            what.write(tmp_path / "one")
            await (await one.add(what.metainfo, tmp_path / "one")).ready()
        # The public one is found with nothing but its name; by then the other would be, too.
        found = await other.add(str(Magnet.of(public.info)), tmp_path / "public")
        hidden = await other.add(private.metainfo, tmp_path / "private")
        with trio.fail_after(PATIENCE):
            await found.completed()
        assert await listed(network, public.info.infohashes[0])
        assert not await listed(network, private.info.infohashes[0])
        assert hidden.statistics().peers == 0


async def test_a_link_that_proves_to_be_private_leaves_the_dht(tmp_path: Path) -> None:
    _, private = public_and_private()
    async with Testnet(8) as network, Session(listen=HERE, same_host=True) as one:
        other = Session(listen=HERE, node=network.nodes[1], same_host=True)
        other._sources._lan = LocalDiscovery((Interface("127.0.0.1", None),))
        await fetched_by_link(private, one, other, tmp_path)


async def fetched_by_link(private: Sample, one: Session, other: Session, tmp_path: Path) -> None:
    async with other:
        private.write(tmp_path / "one")
        await one.add(private.metainfo, tmp_path / "one")
        link = str(Magnet.of(private.info))
        torrent = await other.add(link, tmp_path / "other", peers=one.addresses)
        with trio.fail_after(PATIENCE):
            await torrent.completed()
        kinds = [type(source).__name__ for source in other._sources.of(torrent.task)]
        assert kinds == []
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not other._sources._lan._listed  # type: ignore[union-attr]
        assert other._sources._pace._names == 0


async def test_its_tracker_is_asked(tmp_path: Path) -> None:
    _, private = public_and_private()
    swarms = Swarms()
    with http_tracker(swarms) as url:
        metainfo = wrapped(Metainfo(private.info, ((url,),), ()))
        async with (
            Session(listen=HERE, same_host=True) as one,
            Session(listen=HERE, same_host=True) as other,
        ):
            private.write(tmp_path / "one")
            await (await one.add(metainfo, tmp_path / "one")).ready()
            with trio.fail_after(PATIENCE):
                await until(lambda: swarms.asked)
                await (await other.add(metainfo, tmp_path / "other")).completed()
                await until(lambda: "completed" in swarms.events())
        # Who is found to be complete by looking at the files did not become so.
        assert swarms.asked[0]["left"] == 0
        assert swarms.events().count("completed") == 1
