"""Names in a network of real nodes: found, never lowered, kept without the key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from dht.codec.bencode import encode
from dht.core.keys import MAINLINE_SPACE
from dht.errors import NoNetwork
from dht.mainline.items import sign_record
from dht.node.node import Node
from dht.testing import Testnet
from tests.naming import KEY, NAME, OTHER, infohash, plant, record, version_of
from tests.waiting import until
from torrent.cdn import names as module
from torrent.cdn.errors import (
    ForgedNameError,
    LostRaceError,
    NamingError,
    NoTorrentError,
    RollbackError,
    UnknownNameError,
)
from torrent.cdn.memory import Memory
from torrent.cdn.name import Name
from torrent.cdn.names import Names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

PATIENCE = 20.0


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "state") as memory:
        yield memory


async def walked(names: Names, name: Name = NAME) -> None:
    """Wait until what goes on behind is over."""
    while (walk := names._walks.get(name)) is not None:
        await walk.over.wait()


# Publishing, and finding it.


async def test_what_one_publishes_another_finds(net: Testnet, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "1") as mine, Memory.open(tmp_path / "2") as theirs:
        async with Names(net.node(1), mine) as here, Names(net.node(5), theirs) as there:
            first = await here.publish(KEY, NAME.salt, infohash(1))
            assert (first.name, first.seq, first.infohash) == (NAME, 1, infohash(1))
            assert await there.resolve(NAME) == first
            second = await here.publish(KEY, NAME.salt, infohash(2))
            assert (await there.resolve(NAME, fresh=True), second.seq) == (second, 2)


async def test_a_publisher_without_memory_goes_on_where_the_network_is(
    net: Testnet, memory: Memory
) -> None:
    plant(net, record(41))
    async with Names(net.node(1), memory) as names:
        assert (await names.publish(KEY, NAME.salt, infohash(1))).seq == 42


async def test_a_publisher_in_a_network_that_forgot_goes_on_where_it_was(
    net: Testnet, memory: Memory
) -> None:
    memory.saw(NAME, record(41), 1.0)
    async with Names(net.node(1), memory) as names:
        assert (await names.publish(KEY, NAME.salt, infohash(1))).seq == 42


async def test_of_two_who_expect_the_same_version_one_is_told(net: Testnet, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "1") as mine, Memory.open(tmp_path / "2") as theirs:
        async with Names(net.node(1), mine) as one, Names(net.node(5), theirs) as other:
            assert (await one.publish(KEY, NAME.salt, infohash(1), cas=0)).seq == 1
            assert (await one.publish(KEY, NAME.salt, infohash(2), cas=1)).seq == 2
            with pytest.raises(LostRaceError, match="the newest is 2, not 1"):
                await other.publish(KEY, NAME.salt, infohash(3), cas=1)
            assert (await other.resolve(NAME)).infohash == infohash(2)


async def test_a_race_lost_at_the_network_itself(
    net: Testnet, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody publishes between our look and our write."""

    async def latest(*_: object) -> int:
        plant(net, record(9))
        await trio.lowlevel.checkpoint()
        return 3

    monkeypatch.setattr(net.node(1), "latest", latest)
    async with Names(net.node(1), memory) as names:
        with pytest.raises(LostRaceError):
            await names.publish(KEY, NAME.salt, infohash(1), cas=3)
        assert memory.seen(NAME) is None


async def test_a_race_lost_to_another_process_of_this_machine(
    net: Testnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def latest(*_: object) -> int:
        await trio.lowlevel.checkpoint()
        return 3

    state = tmp_path / "state"
    async with Node(state=state, listen=(("127.0.0.1", 0),), bootstrap=net.bootstrap) as node:
        monkeypatch.setattr(node, "latest", latest)
        await node.promise(NAME.key, record(9))
        with Memory.open(state) as memory:
            async with Names(node, memory) as names:
                with pytest.raises(LostRaceError, match="version 9 of this name is already"):
                    await names.publish(KEY, NAME.salt, infohash(1))


async def test_what_another_process_wrote_down_meanwhile_wins(
    net: Testnet, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Names(net.node(1), memory) as names:
        monkeypatch.setattr(memory, "saw", lambda name, mine, wall: record(9))
        with pytest.raises(LostRaceError, match="another process"):
            await names.publish(KEY, NAME.salt, infohash(1))


# Never lower.


async def test_a_replay_is_refused_even_after_a_restart(net: Testnet, tmp_path: Path) -> None:
    plant(net, record(5))
    with Memory.open(tmp_path) as memory:
        async with Names(net.node(1), memory) as names:
            assert (await names.resolve(NAME)).seq == 5
    plant(net, record(4))
    with Memory.open(tmp_path) as memory:
        async with Names(net.node(1), memory) as names:
            with pytest.raises(RollbackError, match="version 4 was offered") as caught:
                await names.resolve(NAME, fresh=True)
            assert caught.value.offered == 4
            assert caught.value.seen is not None
            assert caught.value.seen.seq == 5
            # Who does not insist gets what was known, and it stays so when the walk is over.
            assert (await names.resolve(NAME)).seq == 5
            await walked(names)
            assert (await names.resolve(NAME)).seq == 5


async def test_another_value_of_the_same_number_is_a_replay(net: Testnet, memory: Memory) -> None:
    memory.saw(NAME, record(5, b"\2" * 20), 1.0)
    plant(net, record(5, b"\1" * 20))
    async with Names(net.node(1), memory) as names:
        with pytest.raises(RollbackError):
            await names.resolve(NAME, fresh=True)


# Liars, and nothing.


@pytest.mark.parametrize(
    "planted",
    [
        replace(record(5), signature=b"f" * 64),
        replace(record(5), value=record(6).value),
        replace(record(5), seq=6),
        replace(record(5, key=OTHER), key=record(5).key),
    ],
    ids=["signature", "value", "number", "key"],
)
async def test_a_false_record_is_refused(net: Testnet, memory: Memory, planted: Any) -> None:
    plant(net, planted)
    async with Names(net.node(1), memory) as names:
        with pytest.raises(ForgedNameError, match="not signed by its key") as caught:
            await names.resolve(NAME)
    assert caught.value.evidence is not None
    assert caught.value.evidence.forged > 0
    assert memory.seen(NAME) is None


async def test_nobody_has_it(net: Testnet, memory: Memory) -> None:
    async with Names(net.node(1), memory) as names:
        with pytest.raises(UnknownNameError, match="leads nowhere: asked") as caught:
            await names.resolve(NAME)
    assert caught.value.evidence is not None
    assert caught.value.evidence.complete


async def test_nobody_has_what_was_seen_before(net: Testnet, memory: Memory) -> None:
    memory.saw(NAME, record(5), 1.0)
    async with Names(net.node(1), memory) as names:
        with pytest.raises(UnknownNameError, match="version 5 is known") as caught:
            await names.resolve(NAME, fresh=True)
    assert caught.value.seen is not None
    assert caught.value.seen.infohash == infohash(5)


async def test_a_name_of_something_else(net: Testnet, memory: Memory) -> None:
    plant(net, sign_record(KEY, encode(b"hello"), 1, NAME.salt))
    async with Names(net.node(1), memory) as names:
        with pytest.raises(NoTorrentError, match="leads to no torrent"):
            await names.resolve(NAME)
    assert memory.seen(NAME) is None


async def test_no_network(memory: Memory) -> None:
    async with Node(listen=(("127.0.0.1", 0),), bootstrap=()) as node, Names(node, memory) as names:
        with pytest.raises(NoNetwork):
            await names.resolve(NAME)


# At once, and refreshed behind.


async def test_what_is_known_is_used_at_once_and_refreshed_behind(
    net: Testnet, memory: Memory
) -> None:
    memory.saw(NAME, record(5), 1.0)
    plant(net, record(6))
    async with Names(net.node(1), memory) as names:
        assert (await names.resolve(NAME)).seq == 5
        await walked(names)
        assert (await names.resolve(NAME)).seq == 6
        assert not names._walks  # It was looked at just now.


async def test_many_who_ask_at_once_walk_once(
    net: Testnet, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(net, record(1))
    node, walks = net.node(1), []
    resolve = node.resolve

    async def counted(*words: Any) -> Any:
        walks.append(words)
        return await resolve(*words)

    monkeypatch.setattr(node, "resolve", counted)
    async with Names(node, memory) as names, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(names.resolve, NAME)
    assert len(walks) == 1


async def test_who_stops_waiting_does_not_stop_the_others(net: Testnet, memory: Memory) -> None:
    plant(net, record(1))
    async with Names(net.node(1), memory) as names, trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(names.resolve, NAME)
            scope.cancel()
            await names.resolve(NAME)
    assert scope.cancelled_caught


async def test_names_at_hand_are_bounded(
    net: Testnet, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KNOWN", 1)
    other = Name(NAME.public, b"other")
    memory.saw(NAME, record(1), 1.0)
    memory.saw(other, record(2, salt=b"other"), 1.0)
    async with Names(net.node(1), memory) as names:
        for name in (NAME, other, NAME):
            assert (await names.known(name)) is not None
            assert list(names._known) == [name]


async def test_outside_its_block_it_says_so(net: Testnet, memory: Memory) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Names(net.node(1), memory).resolve(NAME)


# Watching and keeping.


async def test_watching_yields_what_is_known_and_then_what_is_newer(
    net: Testnet, memory: Memory
) -> None:
    memory.saw(NAME, record(5), 1.0)
    plant(net, record(5))
    async with Names(net.node(1), memory, fresh=0.05) as names:
        watching = names.watch(NAME)
        with trio.fail_after(PATIENCE):
            assert (await anext(watching)).seq == 5
            await walked(names)
            plant(net, record(7))
            assert (await anext(watching)).seq == 7


async def test_watching_outlives_a_name_that_is_not_there_yet(net: Testnet, memory: Memory) -> None:
    async with Names(net.node(1), memory, fresh=0.05) as names, trio.open_nursery() as nursery:

        async def appears() -> None:
            with pytest.raises(NamingError):
                await names.resolve(NAME)
            plant(net, record(1))

        nursery.start_soon(appears)
        with trio.fail_after(PATIENCE):
            async for version in names.watch(NAME):
                assert version.seq == 1
                break


async def test_whoever_has_a_version_keeps_it_without_the_key(net: Testnet, tmp_path: Path) -> None:
    """The mirror's network never heard of the name: its node brings it there."""
    options: dict[str, Any] = {"listen": (("127.60.1.1", 0),), "bootstrap": net.bootstrap}
    with Memory.open(tmp_path) as memory:
        async with Node(state=tmp_path, mode="server", **options) as mirror:
            async with Names(mirror, memory) as names:
                version = version_of(3)
                number = await names.keep(version)
                assert number == await names.keep(version)
                key = MAINLINE_SPACE.from_bytes(NAME.key)
                ports = [port for node in net.nodes for port in node._living.host.ports]
                await until(lambda: any(key in port.engine.records for port in ports))
                # An older one takes no newer one's place.
                assert await names.keep(version_of(2)) == 0
            with Memory.open(tmp_path / "new") as other:
                async with Names(net.node(2), other) as there:
                    assert await there.resolve(NAME) == version
