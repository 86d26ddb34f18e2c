"""Real trackers between an announcer of ours and libtorrent, over HTTP and UDP; `make interop`."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import libtorrent as lt
import pytest
import trio

from tests.announced import Finds, Sample
from tests.interop.tracker_peers import npm_tracker, opentracker
from torrent.core.announce.messages import Announce, Event, Failure, Peers, Tallies
from torrent.io.http import HttpSettings
from torrent.io.trackers import Announcer, Trackers
from torrent.io.udp_tracker import UdpTrackers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.interop

INFOHASH = hashlib.sha1(b"a torrent at a real tracker").digest()
UNKNOWN = hashlib.sha1(b"another torrent").digest()
ONE = Announce(INFOHASH, b"-DC0100-abcdefghijkl", 6881, left=1000, event=Event.STARTED, key=1)
TWO = Announce(INFOHASH, b"-DC0100-mnopqrstuvwx", 6882, event=Event.STARTED, key=2)

both_trackers = pytest.mark.parametrize("tracker", [npm_tracker, opentracker])
both_ways = pytest.mark.parametrize("kind", ["http", "udp"])


@asynccontextmanager
async def ours() -> AsyncIterator[Trackers]:
    udp = UdpTrackers(hosts=("127.0.0.1",))
    async with trio.open_nursery() as nursery:
        await nursery.start(udp.run)
        yield Trackers(udp, HttpSettings())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def running(tracker: Any, kind: str, directory: Path) -> AsyncIterator[tuple[str, Trackers]]:
    """A tracker and our way to it."""
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(tracker(INFOHASH, directory))
        trackers = await stack.enter_async_context(ours())
        yield urls[kind], trackers


async def counted(trackers: Trackers, url: str) -> tuple[int, int]:
    """Seeders and leechers. (As completions, bittorrent-tracker gives the seeders once more.)"""
    tallies = await trackers.scrape(url, [INFOHASH])
    assert isinstance(tallies, Tallies), tallies
    return tallies.torrents[INFOHASH].seeders, tallies.torrents[INFOHASH].leechers


@both_trackers
@both_ways
async def test_two_of_ours_meet_and_are_counted(tracker: Any, kind: str, tmp_path: Path) -> None:
    async with running(tracker, kind, tmp_path) as (url, trackers):
        first = await trackers.announce(url, ONE)
        assert isinstance(first, Peers), first
        assert 30 <= first.interval <= 7200
        second = await trackers.announce(url, TWO)
        assert isinstance(second, Peers), second
        assert ("127.0.0.1", 6881) in second.peers
        assert (second.seeders, second.leechers) == (1, 1)
        assert await counted(trackers, url) == (1, 1)


@both_ways
async def test_opentracker_refuses_what_it_does_not_know(kind: str, tmp_path: Path) -> None:
    # Over UDP it says so with an announce's action and nothing after the header.
    async with running(opentracker, kind, tmp_path) as (url, trackers):
        unknown = Announce(UNKNOWN, b"-DC0100-abcdefghijkl", 6881, event=Event.STARTED)
        outcome = await trackers.announce(url, unknown)
        assert isinstance(outcome, Failure)
        assert ("not authorized" if kind == "http" else "8 bytes") in outcome.reason


@both_trackers
@both_ways
async def test_an_announcer_comes_completes_and_goes(
    tracker: Any, kind: str, tmp_path: Path
) -> None:
    torrent, finds = Sample((INFOHASH,)), Finds()
    async with running(tracker, kind, tmp_path) as (url, trackers):
        await trackers.announce(url, TWO)
        async with trio.open_nursery() as nursery:
            announcer = Announcer([[url]], trackers)
            nursery.start_soon(announcer.run, torrent, finds)
            await finds.wait()
            assert ("127.0.0.1", 6882) in [peer for peer, _ in finds.peers]
            torrent.complete()
            await finds.wait(len(finds.peers) + 1)
            assert await counted(trackers, url) == (2, 0)
            nursery.cancel_scope.cancel()
        assert await counted(trackers, url) == (1, 0)


@both_trackers
@both_ways
async def test_libtorrent_and_ours_find_each_other(tracker: Any, kind: str, tmp_path: Path) -> None:
    finds = Finds()
    async with running(tracker, kind, tmp_path) as (url, trackers):
        await trackers.announce(url, ONE)
        session = libtorrent_at(url, tmp_path)
        try:
            reply = await trio.to_thread.run_sync(partial(tracker_reply, session))
            assert reply.num_peers >= 1  # the one of ours
            async with trio.open_nursery() as nursery:
                announcer = Announcer([[url]], trackers)
                nursery.start_soon(announcer.run, Sample((INFOHASH,), port=6883), finds)
                await finds.wait()
                nursery.cancel_scope.cancel()
            assert ("127.0.0.1", session.listen_port()) in [peer for peer, _ in finds.peers]
        finally:
            session.pause()


def libtorrent_at(url: str, directory: Path) -> Any:
    """A session that announces our torrent at ``url``, and does nothing else."""
    session = lt.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": int(lt.alert_category.tracker | lt.alert_category.error),
        }
    )
    magnet = lt.parse_magnet_uri(f"magnet:?xt=urn:btih:{INFOHASH.hex()}")
    magnet.trackers = [url]
    magnet.save_path = str(directory)
    session.add_torrent(magnet)
    return session


def tracker_reply(session: Any) -> Any:
    """Wait, in a thread, until the tracker has answered it."""
    for _ in range(100):
        session.wait_for_alert(500)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.tracker_reply_alert):
                return alert
            if isinstance(alert, lt.tracker_error_alert):
                pytest.fail(alert.message())
    raise AssertionError("the tracker did not answer libtorrent")
