"""Peers that nobody named: through the DHT, through a tracker, through each other, from the web."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from dht.testing import Testnet
from tests.torrent_samples import HYBRID, V1, V2, Sample, sample
from tests.tracker_server import Swarms, http_tracker, udp_tracker
from tests.web import ranged, server
from torrent.core.metainfo import Magnet, Metainfo, wrapped
from torrent.io.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from dht import Node

HERE = (("127.0.0.1", 0),)
PATIENCE = 30.0
BLOCK = 16384
FILES = {"t/one": 100_000, "t/two": 150_001}


async def share(one: Session, source: bytes, what: Sample, root: Path) -> None:
    what.write(root)
    await (await one.add(source, root)).ready()


async def get(one: Session, source: bytes | str, what: Sample, root: Path) -> None:
    torrent = await one.add(source, root)
    with trio.fail_after(PATIENCE):
        await torrent.completed()
    for name, content in what.content.items():
        assert (root / name).read_bytes() == content


def on_host_of(node: Node) -> Session:
    """A session where its node is: the DHT remembers the host that an announcement came from."""
    return Session(listen=((node.addresses[0][0], 0),), node=node)


async def test_through_the_dht_with_nothing_but_a_magnet_link(tmp_path: Path) -> None:
    what = sample(FILES, V2, BLOCK)
    async with Testnet(12) as net:  # noqa: SIM117 - the inner ones need it
        async with on_host_of(net.node(3)) as one, on_host_of(net.node(7)) as other:
            await share(one, what.metainfo, what, tmp_path / "one")
            link = str(Magnet.of(what.info))
            await get(other, link, what, tmp_path / "other")


async def test_through_a_tracker(tmp_path: Path) -> None:
    what = sample(FILES, V1, BLOCK)
    with http_tracker(Swarms()) as http, udp_tracker(Swarms()) as udp:
        for url in (http, f"udp://127.0.0.1:{udp.port}"):
            source = wrapped(Metainfo(what.info, trackers=((url,),)))
            async with Session(listen=HERE) as one, Session(listen=HERE) as other:
                place = tmp_path / url[:3]
                await share(one, source, what, place / "one")
                await get(other, source, what, place / "other")


async def test_through_somebody_both_know(tmp_path: Path) -> None:
    """The third hears of the first from the second (BEP 11): nobody told it."""
    what = sample({"f": 40 * BLOCK}, V1, BLOCK)
    make = partial(Session, listen=HERE, same_host=True)
    async with make() as one, make() as two, make() as three:
        await share(one, what.metainfo, what, tmp_path / "one")
        middle = await two.add(what.metainfo, tmp_path / "two", peers=[("127.0.0.1", one.port)])
        late = await three.add(what.metainfo, tmp_path / "three", peers=[("127.0.0.1", two.port)])
        with trio.fail_after(PATIENCE):
            await middle.completed()
            await late.completed()


async def test_from_a_web_server_alone(tmp_path: Path) -> None:
    for version, files in ((V1, FILES), (V2, FILES), (HYBRID, FILES), (V1, {"f": 90_001})):
        what = sample(files, version, BLOCK)
        served = {f"/{name}": content for name, content in what.content.items()}
        with server(partial(ranged, files=served)) as url:
            source = wrapped(Metainfo(what.info, web_seeds=(f"{url}/",)))
            async with Session(listen=HERE) as one:
                await get(one, source, what, tmp_path / f"{version} {len(files)}")


async def test_a_web_server_that_lies_is_left_for_a_peer(tmp_path: Path) -> None:
    what = sample(FILES, V2, BLOCK)
    served = {f"/{name}": bytes(len(content)) for name, content in what.content.items()}
    with server(partial(ranged, files=served)) as url:
        source = wrapped(Metainfo(what.info, web_seeds=(f"{url}/",)))
        async with Session(listen=HERE) as one, Session(listen=HERE) as other:
            torrent = await other.add(source, tmp_path / "other")
            await torrent.ready()
            await share(one, what.metainfo, what, tmp_path / "one")
            torrent.add_peers([("127.0.0.1", one.port)])
            with trio.fail_after(PATIENCE):
                await torrent.completed()
