"""A session that is left while everything is under way leaves nothing behind; odd ways to begin."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from dht.testing import Testnet
from tests.torrent_samples import HYBRID, V1, V2, sample
from tests.tracker_server import Swarms, http_tracker, udp_tracker
from tests.waiting import PATIENCE, until
from torrent.core.metainfo import Magnet, Metainfo, wrapped
from torrent.errors import TorrentError
from torrent.io.results import Phase
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 16384
HERE = (("127.0.0.1", 0),)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")


def descriptors() -> dict[str, str]:
    """What is open, by number."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            found[link.name] = str(link.readlink())
        except FileNotFoundError:  # the one that listed them
            continue
    return found


def tasks() -> int:
    """Tasks that live."""
    root = trio.lowlevel.current_root_task()
    count, left = 0, [root] if root else []
    while left:
        task = left.pop()
        count += 1
        left += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return count


def threads() -> list[str]:
    """Those at work; trio keeps some for the next ten seconds."""
    return sorted(t.name for t in threading.enumerate() if not t.name.startswith("Trio"))


@contextmanager
def nobody_answers() -> Iterator[tuple[str, int]]:
    """An address where connecting takes for ever: the queue of who listens there is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for caller in (first, second):
            caller.setblocking(False)  # noqa: FBT003
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()


@on_linux
async def test_nothing_is_left(tmp_path: Path) -> None:
    what, other = sample({"f": 300 * BLOCK}, HYBRID, BLOCK), sample({"g": BLOCK}, V2, BLOCK)
    what.write(tmp_path / "seed")
    swarms = Swarms()
    async with Testnet(6) as network, Session(listen=HERE, upload=9e5, same_host=True) as seed:
        with http_tracker(swarms) as http, udp_tracker(swarms) as udp, nobody_answers() as nowhere:
            await (await seed.add(what.metainfo, tmp_path / "seed")).ready()
            await trio.to_thread.run_sync(bool)
            urls = ((http, f"udp://127.0.0.1:{udp.port}/announce"),)
            before = descriptors(), tasks(), threads()
            node, state = network.nodes[0], tmp_path / "state"
            async with Session(listen=HERE, node=node, state=state, same_host=True) as session:
                task = wrapped(Metainfo(what.info, urls, ("http://127.0.0.1:1/f",)))
                peers = [*seed.addresses, nowhere]
                torrent = await session.add(task, tmp_path / "ours", peers=peers)
                await session.add(str(Magnet.of(other.info)), tmp_path, peers=[nowhere])
                with trio.fail_after(PATIENCE):
                    while len(torrent.have) < 20:
                        await torrent.moved()
                assert session.statistics().links
            gc.collect()
            # The seed sees the end of the stream, and the trackers' threads of theirs.
            await until(lambda: not seed.statistics().links and not ours(descriptors(), before[0]))
            assert tasks() == before[1]
            assert threads() == before[2]


def ours(now: dict[str, str], before: dict[str, str]) -> list[str]:
    """What is open now and was not before."""
    return [what for number, what in now.items() if before.get(number) != what]


async def test_a_link_is_removed_before_anything_is_known_of_it(tmp_path: Path) -> None:
    what = sample({"f": BLOCK})
    with nobody_answers() as nowhere:
        async with Session(listen=HERE, state=tmp_path / "state") as session:
            torrent = await session.add(str(Magnet.of(what.info)), tmp_path, peers=[nowhere])
            assert torrent.phase is Phase.METADATA
            await session.remove(torrent)
            with pytest.raises(TorrentError, match="was removed"):
                await torrent.metadata()
            assert session.torrents == ()
            again = await session.add(what.metainfo, tmp_path)
            assert again is not torrent
            await again.ready()


async def test_a_link_whose_peers_cannot_be_reached_waits_for_others(tmp_path: Path) -> None:
    what = sample({"f": 9 * BLOCK}, HYBRID, BLOCK)
    what.write(tmp_path / "one")
    with nobody_answers() as nowhere:
        async with Session(listen=HERE) as one, Session(listen=HERE, same_host=True) as other:
            await (await one.add(what.metainfo, tmp_path / "one")).ready()
            peers = [nowhere, ("127.0.0.1", 1), ("127.0.99.1", 9)]
            link = str(Magnet.of(what.info))
            torrent = await other.add(link, tmp_path / "other", peers=peers)
            await trio.testing.wait_all_tasks_blocked(0.02)
            torrent.add_peers(one.addresses)
            with trio.fail_after(PATIENCE):
                await torrent.completed()


async def test_two_hybrids_and_each_by_both_its_names(tmp_path: Path) -> None:
    samples = [sample({name: 9 * BLOCK}, HYBRID, BLOCK) for name in ("f", "g")]
    async with Session(listen=HERE, same_host=True) as one:
        for what in samples:
            what.write(tmp_path / "one")
            await (await one.add(what.metainfo, tmp_path / "one")).ready()
        assert len(one.torrents) == 2
        for kind in (V1, V2):
            async with Session(listen=HERE, same_host=True) as other:
                for what in samples:
                    link = only(what.info.infohash_v1, what.info.infohash_v2, kind=kind)
                    where = tmp_path / str(kind)
                    torrent = await other.add(link, where, peers=one.addresses)
                    with trio.fail_after(PATIENCE):
                        await torrent.completed()
                    # Now it is known by the name that the link did not tell, too.
                    assert await other.add(what.metainfo, where) is torrent
                    assert torrent.infohashes == what.info.infohashes


def only(v1: bytes | None, v2: bytes | None, *, kind: object) -> str:
    """A link that tells one of two names."""
    if kind is V1:
        return f"magnet:?xt=urn:btih:{(v1 or b'').hex()}"
    return f"magnet:?xt=urn:btmh:1220{(v2 or b'').hex()}"
