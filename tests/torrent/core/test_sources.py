"""The contract between a session and where its peers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from tests.announced import V1, Sample
from torrent.core import sources
from torrent.core.sources import Transfer

if TYPE_CHECKING:
    from torrent.core.sources import Announced, PeerSource
    from torrent.io.lsd import LocalDiscovery
    from torrent.io.trackers import Announcer

    def both_are_sources(trackers: Announcer, local: LocalDiscovery) -> list[PeerSource]:
        """For the type checker."""
        return [trackers, local]


def test_a_torrent_is_what_sources_may_know_of_it() -> None:
    torrent: Announced = Sample()
    assert (torrent.infohashes, torrent.port, torrent.private) == ((V1,), 6881, False)
    assert torrent.statistics().left == 1000


def test_nothing_was_moved_at_first() -> None:
    assert Transfer() == Transfer(uploaded=0, downloaded=0, left=0, complete=False)


def test_an_endpoint_is_a_host_and_a_port() -> None:
    assert get_args(sources.Endpoint) == (str, int)
