"""libtorrent and ours find each other by local discovery, on loopback, in both directions."""

from __future__ import annotations

from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import libtorrent as lt
import pytest
import trio

from tests.announced import Finds, Sample
from torrent.io.lsd import Interface, LocalDiscovery

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.interop

OUR_PORT = 7001


def libtorrent_with(infohash: bytes, directory: Path) -> Any:
    """A session on 127.0.0.1 with nothing but local discovery."""
    session = lt.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": True,
            "enable_upnp": False,
            "enable_natpmp": False,
            "alert_mask": int(lt.alert_category.session_log | lt.alert_category.error),
        }
    )
    magnet = lt.parse_magnet_uri(f"magnet:?xt=urn:btih:{infohash.hex()}")
    magnet.save_path = str(directory)
    session.add_torrent(magnet)
    return session


def heard(session: Any, infohash: bytes) -> None:
    """Wait, in a thread, until libtorrent has heard our announce."""
    wanted = f"<== LSD: 127.0.0.1:{OUR_PORT} ih: {infohash.hex()}"
    for _ in range(100):
        session.wait_for_alert(500)
        if any(wanted in alert.message() for alert in session.pop_alerts()):
            return
    raise AssertionError("libtorrent did not hear us")


async def test_libtorrent_and_ours_find_each_other(tmp_path: Path) -> None:
    infohash, finds = SystemRandom().randbytes(20), Finds()
    ours = LocalDiscovery([Interface("127.0.0.1", None)])
    async with trio.open_nursery() as nursery:
        await nursery.start(ours.serve)
        nursery.start_soon(ours.run, Sample((infohash,), port=OUR_PORT), finds)
        session = libtorrent_with(infohash, tmp_path)
        await finds.wait()  # it announces as soon as it has the torrent
        assert (("127.0.0.1", session.listen_port()), "lsd") in finds.peers
        again = Sample((infohash,), port=OUR_PORT)
        nursery.start_soon(ours.run, again, Finds())
        await trio.to_thread.run_sync(partial(heard, session, infohash))
        session.pause()
        nursery.cancel_scope.cancel()
