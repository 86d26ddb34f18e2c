"""An announcer and trackers that share no code with it, on loopback, over HTTP and UDP."""

from __future__ import annotations

import socket
from random import Random

import pytest
import trio
import trio.testing

from tests.announced import ANNOUNCE, DONE, OTHER, V1, V2, Finds, Sample, trackers
from tests.tracker_server import Swarms, http_tracker, udp_tracker
from tests.waiting import pass_time
from torrent.core.announce.messages import (
    Announce,
    Event,
    Peers,
    Refused,
    Tallies,
    Tally,
    Unreachable,
)
from torrent.io.trackers import Announcer, Trackers


async def until(swarms: Swarms, count: int) -> None:
    """Until so many requests were noted."""

    def wait() -> bool:
        with swarms.changed:
            return swarms.changed.wait_for(lambda: len(swarms.asked) >= count, timeout=20)

    assert await trio.to_thread.run_sync(wait), swarms.asked


async def test_two_peers_meet_at_an_http_tracker() -> None:
    swarms = Swarms()
    with http_tracker(swarms) as url:
        async with trackers() as ours:
            first = await ours.announce(url, ANNOUNCE)
            assert first == Peers(1800, (), 60, 0, 1, tracker_id=b"it's you")
            second = await ours.announce(url, OTHER, b"it's you")
            assert isinstance(second, Peers)
            assert second.peers == (("127.0.0.1", 6881),)
            assert (second.seeders, second.leechers) == (1, 1)
            assert await ours.scrape(url, [V1, V2]) == Tallies({V1: Tally(1, 0, 1), V2: Tally()})
    asked = swarms.asked[0]
    assert asked["peer_id"] == b"-DC0100-abcdefghijkl"
    assert (asked["port"], asked["left"], asked["key"]) == (6881, 1000, b"00000ABC")
    assert (asked["event"], asked["tracker_id"]) == ("started", None)
    assert swarms.asked[1]["tracker_id"] == b"it's you"


async def test_two_peers_meet_at_a_udp_tracker() -> None:
    swarms = Swarms()
    with udp_tracker(swarms) as tracker:
        async with trackers() as ours:
            url = f"udp://127.0.0.1:{tracker.port}/announce?passkey=secret"
            assert await ours.announce(url, ANNOUNCE) == Peers(1800, (), 0, 0, 1)
            second = await ours.announce(url, OTHER)
            assert second == Peers(1800, (("127.0.0.1", 6881),), 0, 1, 1)
            assert await ours.scrape(url, [V2, V1]) == Tallies({V2: Tally(), V1: Tally(1, 0, 1)})
            assert tracker.connects == 1  # within a minute, one id serves all
    asked = swarms.asked[0]
    assert asked["path"] == "/announce?passkey=secret"
    assert (asked["port"], asked["left"], asked["key"], asked["ip"]) == (6881, 1000, 0xABC, 0)
    assert (asked["numwant"], asked["event"]) == (200, "started")


@pytest.mark.parametrize("kind", ["http", "udp"])
async def test_a_refusal_is_a_value_in_the_tracker_s_words(kind: str) -> None:
    swarms = Swarms()
    swarms.refusal = "not\x1b[2J authorized"
    with http_tracker(swarms) as url, udp_tracker(swarms) as udp:
        async with trackers() as ours:
            place = url if kind == "http" else f"udp://127.0.0.1:{udp.port}"
            assert await ours.announce(place, ANNOUNCE) == Refused("not [2J authorized")
            assert await ours.scrape(place, [V1]) == (Refused("not [2J authorized"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("gopher://127.0.0.1/announce", "scheme"),
        ("udp://127.0.0.1/announce", "must name a port"),
        ("http://127.0.0.1:1/announce", "cannot be reached"),
        ("http://xn--bcher-kva.example/announce", "internationalised"),
    ],
)
async def test_what_cannot_be_asked_is_unreachable(url: str, why: str) -> None:
    async with trackers() as ours:
        for outcome in (await ours.announce(url, ANNOUNCE), await ours.scrape(url, [V1])):
            assert isinstance(outcome, Unreachable)
            assert why in outcome.reason


async def test_a_place_without_scrape() -> None:
    async with trackers() as ours:
        outcome = await ours.scrape("http://127.0.0.1:1/tracker", [V1])
        assert outcome == Unreachable("the tracker's URL does not follow the scrape convention")


async def test_it_is_exhausted_once_every_infohash_has_had_its_say() -> None:
    """BEP 12: who answers ends a round; who does not, only when nobody is left."""
    swarms, finds, torrent = Swarms(), Finds(), Sample(infohashes=(V1, V2))
    dead = "http://127.0.0.1:1/announce"
    with http_tracker(swarms) as url:
        async with trackers() as ours:
            for tiers in ([[url], [dead]], [[dead], [dead + "2"]], []):
                announcer = Announcer(tiers, ours, rng=Random(1))
                assert not announcer.exhausted
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(announcer.run, torrent, finds)
                    with trio.fail_after(20):
                        while not announcer.exhausted:
                            await trio.testing.wait_all_tasks_blocked(0.001)
                    nursery.cancel_scope.cancel()
    assert len(swarms.asked) >= 2


async def test_who_waits_for_a_tracker_is_not_exhausted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/announce"
        async with trackers() as ours, trio.open_nursery() as nursery:
            announcer = Announcer([["http://127.0.0.1:1/announce"], [url]], ours, rng=Random(1))
            nursery.start_soon(announcer.run, Sample(), Finds())
            with trio.fail_after(20):
                while not any(status.failures for status in announcer.statuses()):
                    await trio.testing.wait_all_tasks_blocked(0.001)
            assert not announcer.exhausted
            nursery.cancel_scope.cancel()


async def test_an_announcer_starts_completes_and_stops() -> None:
    swarms, finds, torrent = Swarms(), Finds(), Sample()
    swarms.members[V1] = {("127.0.0.1", 7000): 0}
    with http_tracker(swarms) as url:
        async with trackers() as ours, trio.open_nursery() as nursery:
            announcer = Announcer([[url]], ours, rng=Random(1))
            nursery.start_soon(announcer.run, torrent, finds)
            await finds.wait()
            torrent.complete()
            await until(swarms, 2)
            nursery.cancel_scope.cancel()
    assert swarms.events() == ["started", "completed", "stopped"]
    assert finds.peers[0] == (("127.0.0.1", 7000), "tracker 127.0.0.1")
    assert [asked["left"] for asked in swarms.asked] == [1000, 0, 0]
    assert [asked["numwant"] for asked in swarms.asked] == [200, 200, 0]
    assert len({asked["key"] for asked in swarms.asked}) == 1
    assert swarms.members[V1] == {("127.0.0.1", 7000): 0}


async def test_a_seed_never_says_that_it_completed() -> None:
    swarms, torrent = Swarms(), Sample(transfer=DONE)
    torrent.completed.set()
    with udp_tracker(swarms) as tracker:
        async with trackers() as ours, trio.open_nursery() as nursery:
            announcer = Announcer([[f"udp://127.0.0.1:{tracker.port}"]], ours)
            nursery.start_soon(announcer.run, torrent, Finds())
            await until(swarms, 1)
            nursery.cancel_scope.cancel()
    assert swarms.events() == ["started", "stopped"]


async def test_a_hybrid_is_announced_under_both_its_names() -> None:
    swarms, torrent = Swarms(), Sample(infohashes=(V1, V2))
    with udp_tracker(swarms) as tracker:
        async with trackers() as ours, trio.open_nursery() as nursery:
            announcer = Announcer([[f"udp://127.0.0.1:{tracker.port}"]], ours)
            nursery.start_soon(announcer.run, torrent, Finds())
            await until(swarms, 2)
            nursery.cancel_scope.cancel()
    assert {asked["info_hash"] for asked in swarms.asked} == {V1, V2}
    assert sorted(swarms.events()) == ["started", "started", "stopped", "stopped"]


async def test_the_next_tier_is_asked_when_the_first_fails() -> None:
    swarms, finds = Swarms(), Finds()
    swarms.members[V1] = {("127.0.0.1", 7000): 0}
    with http_tracker(swarms) as url:
        async with trackers() as ours, trio.open_nursery() as nursery:
            announcer = Announcer([["http://127.0.0.1:1/announce"], [url]], ours)
            nursery.start_soon(announcer.run, Sample(), finds)
            await finds.wait()
            dead, good = announcer.statuses()
            announcer.hasten()  # which the tracker's 60 s do not allow yet
            nursery.cancel_scope.cancel()
    assert (dead.failures, dead.seeders) == (1, None)
    assert "cannot be reached" in dead.message
    assert (good.failures, good.message, good.seeders, good.peers) == (0, "", 1, 1)
    assert 1700 < good.next_announce_s <= 1800
    assert swarms.events() == ["started", "stopped"]


async def test_a_tracker_that_hangs_does_not_hold_up_the_farewell(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Deaf(Trackers):
        def __init__(self) -> None:
            self.heard: list[Event] = []

        async def announce(
            self, url: str, announce: Announce, tracker_id: bytes | None = None
        ) -> Peers:
            self.heard.append(announce.event)
            if announce.event is Event.STOPPED:
                await trio.sleep_forever()
            return Peers(1800)

    deaf = Deaf()
    with trio.move_on_after(1000):
        await Announcer([["http://a/announce"]], deaf).run(Sample(), Finds())
    assert trio.current_time() == pytest.approx(autojump_clock.current_time())
    assert deaf.heard == [Event.STARTED, Event.STOPPED]


async def test_a_silent_tracker_does_not_hold_up_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Half(Trackers):
        def __init__(self) -> None:
            pass

        async def announce(
            self, url: str, announce: Announce, tracker_id: bytes | None = None
        ) -> Peers | Unreachable:
            if url == "http://silent/announce":
                await pass_time(45)
                return Unreachable("it does not answer")
            return Peers(1800, (("127.0.0.1", 7000),))

    finds = Finds()
    announcer = Announcer([["http://silent/announce"], ["http://good/announce"]], Half())
    async with trio.open_nursery() as nursery:
        started = trio.current_time()
        nursery.start_soon(announcer.run, Sample(), finds)
        await finds.wait()
        assert trio.current_time() - started == pytest.approx(5.0)
        await pass_time(100)
        assert [status.failures for status in announcer.statuses()] == [1, 0]
        nursery.cancel_scope.cancel()


async def test_all_that_failed_are_asked_again_when_one_has_rested(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Mending(Trackers):
        def __init__(self) -> None:
            self.times: list[float] = []

        async def announce(
            self, url: str, announce: Announce, tracker_id: bytes | None = None
        ) -> Peers | Unreachable:
            self.times.append(trio.current_time())
            if len(self.times) < 3:
                await pass_time(30)
                return Unreachable("it does not answer")
            return Peers(1800, (("127.0.0.1", 7000),))

    trackers, finds = Mending(), Finds()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Announcer([["http://a/announce"]], trackers).run, Sample(), finds)
        await finds.wait(seconds=1000)
        nursery.cancel_scope.cancel()
    first, second, third, _farewell = trackers.times
    assert second - first == pytest.approx(30 + 17.5)
    assert third - second == pytest.approx(30 + 55)
