"""UDP trackers: families, connection ids, lost and forged datagrams, on loopback."""

from __future__ import annotations

import socket
import struct
from functools import partial
from random import Random
from typing import Any

import pytest
import trio

from tests.announced import ANNOUNCE, OTHER, trackers
from tests.tracker_server import Swarms, http_tracker, udp_tracker
from tests.waiting import pass_time
from torrent.core.announce.messages import (
    Malformed,
    Peers,
    Refused,
    Unreachable,
)
from torrent.core.outgoing import Url
from torrent.io.http import HttpSettings
from torrent.io.trackers import Trackers
from torrent.io.udp_tracker import UdpTrackers, _Wire


async def test_over_ipv6_peers_are_of_ipv6() -> None:
    swarms = Swarms()
    with udp_tracker(swarms, "::1") as udp, http_tracker(swarms, "::1") as url:
        async with trackers() as ours:
            assert isinstance(await ours.announce(url, ANNOUNCE), Peers)
            second = await ours.announce(f"udp://[::1]:{udp.port}", OTHER)
            assert isinstance(second, Peers)
            assert second.peers == (("::1", 6881),)
    assert swarms.asked[1]["path"] == ""


async def test_a_name_with_both_families_is_announced_to_over_both() -> None:
    swarms = Swarms()
    with udp_tracker(swarms) as four:
        async with trackers() as ours:
            answer = await ours.announce(f"udp://localhost:{four.port}/", ANNOUNCE)
    assert isinstance(answer, Peers)  # though nobody answers at ::1, where that is localhost too


async def test_a_tracker_that_restarted_is_asked_for_a_new_connection_id() -> None:
    swarms = Swarms()
    with udp_tracker(swarms) as tracker:
        async with trackers() as ours:
            url = f"udp://127.0.0.1:{tracker.port}"
            await ours.announce(url, ANNOUNCE)
            tracker.secret += 1
            assert isinstance(await ours.announce(url, OTHER), Peers)
            assert tracker.connects == 2


async def test_silence_is_waited_out_and_datagrams_are_repeated(
    autojump_clock: trio.testing.MockClock,
) -> None:
    # Nobody listens there: the clock jumps through 15 and 30 seconds.
    started = trio.current_time()
    async with trackers() as ours:
        outcome = await ours.announce("udp://127.0.0.1:9", ANNOUNCE)
    assert outcome == Unreachable("the tracker at 127.0.0.1 does not answer")
    assert trio.current_time() - started == pytest.approx(45.0)


async def test_a_lost_datagram_is_sent_again(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.rate = 1.0
    mock_clock.autojump_threshold = 0.3  # longer than a tracker on this machine thinks
    swarms = Swarms()
    with udp_tracker(swarms) as tracker:
        tracker.drop = 1
        async with trackers() as ours:
            started = trio.current_time()
            outcome = await ours.announce(f"udp://127.0.0.1:{tracker.port}", ANNOUNCE)
            assert isinstance(outcome, Peers)
            assert 15.0 <= trio.current_time() - started < 45.0
    assert tracker.connects == 1


async def test_an_answer_from_elsewhere_is_not_believed(
    mock_clock: trio.testing.MockClock,
) -> None:
    mock_clock.rate = 1.0
    mock_clock.autojump_threshold = 0.3
    swarms = Swarms()
    with udp_tracker(swarms) as tracker, trio.socket.socket(type=trio.socket.SOCK_DGRAM) as other:
        await other.bind(("127.0.0.1", 0))
        tracker.answer = spoofing(tracker, other)  # type: ignore[method-assign]
        async with trackers(attempts=1) as ours:
            outcome = await ours.announce(f"udp://127.0.0.1:{tracker.port}", ANNOUNCE)
    assert outcome == Unreachable("the tracker at 127.0.0.1 does not answer")


def spoofing(tracker: Any, other: Any) -> Any:
    """Answers that are right but for who sends them; the tracker itself sends nothing useful."""
    honest = tracker.answer

    def answer(data: bytes, source: Any) -> bytes:
        other._sock.sendto(honest(data, source), source)
        return b"short"

    return answer


async def test_what_was_not_asked_is_malformed() -> None:
    swarms = Swarms()
    with udp_tracker(swarms) as tracker:
        tallies = struct.pack(">III", 1, 2, 3)
        tracker.announce = lambda _, number, __: struct.pack(">II", 2, number) + tallies  # type: ignore[method-assign]
        async with trackers() as ours:
            outcome = await ours.announce(f"udp://127.0.0.1:{tracker.port}", ANNOUNCE)
    assert outcome == Malformed("the tracker answered Scraped, which was not asked")


async def test_a_tracker_that_refuses_to_connect() -> None:
    swarms = Swarms()
    with udp_tracker(swarms) as tracker:
        tracker.answer = lambda data, _: struct.pack(">I", 3) + data[12:16] + b"go away"  # type: ignore[method-assign]
        async with trackers() as ours:
            outcome = await ours.announce(f"udp://127.0.0.1:{tracker.port}", ANNOUNCE)
    assert outcome == Refused("go away")


async def test_connection_ids_are_bounded_and_stale_after_a_minute(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock:
        wire = _Wire(sock, Random(1), 2)
        for port in range(1, 1000):
            wire._remember(("127.0.0.1", port), port)
        assert len(wire._connections) == 256
        assert wire._connection(("127.0.0.1", 999)) == 999
        assert wire._connection(("127.0.0.1", 1)) is None
        await pass_time(60)
        assert wire._connection(("127.0.0.1", 999)) is None


async def test_where_nothing_can_be_sent() -> None:
    async with trackers() as ours:
        # Port 0 is none: the system refuses.
        outcome = await ours._udp.announce(Url("udp", "127.0.0.1", 0, "/"), ANNOUNCE)
    assert isinstance(outcome, Unreachable)
    assert "nothing can be sent to 127.0.0.1" in outcome.reason


async def test_a_name_that_does_not_exist() -> None:
    class Nobody(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *args: Any, **more: Any) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(Nobody())
    async with trackers() as ours:
        outcome = await ours.announce("udp://nowhere.example:5/", ANNOUNCE)
    assert isinstance(outcome, Unreachable)
    assert "nowhere.example cannot be found" in outcome.reason


async def test_without_sockets_nothing_can_be_asked() -> None:
    ours = Trackers(UdpTrackers(), HttpSettings())
    outcome = await ours.announce("udp://127.0.0.1:9", ANNOUNCE)
    assert outcome == Unreachable("there is no UDP socket to ask from")


async def test_a_family_that_cannot_be_bound_is_done_without() -> None:
    udp = UdpTrackers(hosts=("127.0.0.1", "2001:db8::1"))
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(udp.run))
        ours = Trackers(udp, HttpSettings())
        outcome = await ours.announce("udp://[::1]:9", ANNOUNCE)
        assert outcome == Unreachable("::1 has no address that we can send to")
        nursery.cancel_scope.cancel()
