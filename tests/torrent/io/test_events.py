"""What happens to a torrent reaches whoever listens, in order, until it ends."""

from __future__ import annotations

import trio
import trio.testing

from torrent.core.effects import Passed
from torrent.io.events import Event, Events, Lost


async def heard(events: Events) -> list[Event]:
    return [event async for event in events]


async def test_they_come_in_order_and_end() -> None:
    events = Events(lambda _: None)
    told: list[Event] = [Passed(3), Lost(3), Passed(3)]
    for event in told:
        events.tell(event)
    events.end()
    assert await heard(events) == told


async def test_who_waits_is_woken_by_news_and_by_the_end() -> None:
    events, found = Events(lambda _: None), []

    async def listen() -> None:
        found.extend(await heard(events))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        events.tell(Passed(1))
        await trio.testing.wait_all_tasks_blocked()
        events.end()
    assert found == [Passed(1)]


async def test_who_is_slow_loses_the_oldest() -> None:
    events = Events(lambda _: None)
    for piece in range(3000):
        events.tell(Passed(piece))
    events.end()
    found = await heard(events)
    assert found == [Passed(piece) for piece in range(2000, 3000)]


def test_who_leaves_is_told_of_nothing_more() -> None:
    listeners: list[Events] = []
    events = Events(listeners.remove)
    listeners.append(events)
    events.close()
    assert listeners == []
