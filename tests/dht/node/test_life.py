"""From entering to leaving: what survives a restart, and what is done now and then."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
import trio

from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Provider
from dht.core.policy import Timeouts
from dht.mainline.items import immutable_record
from dht.node import life as life_module
from dht.node import writer as writer_module
from dht.node.config import NETWORK
from dht.node.identity import Identity
from dht.node.node import Node
from dht.node.state import State
from dht.testing import Testnet
from tests.dht.node.peers import alone, peer, query, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RECORD = immutable_record(b"5:value")
KEY = MAINLINE_SPACE.to_bytes(RECORD.key)


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(6) as net:
        yield net


def held(state: State) -> list[bytes]:
    return [each.record.value for each in state.load_records(NETWORK, "ipv4", lambda at: at)]


# Restarts.


async def test_who_we_are_survives(tmp_path: Path) -> None:
    async with Node(alone(state=tmp_path)) as node:
        before = (node.key, node.addresses)
    async with Node(alone(state=tmp_path)) as node:
        assert (node.key, node.addresses) == before


async def test_who_was_killed_young_comes_back_as_itself(tmp_path: Path) -> None:
    async with Node(alone(state=tmp_path)) as node:
        before = (node.key, node.addresses)
        node.abort()
    async with Node(alone(state=tmp_path)) as node:
        assert (node.key, node.addresses) == before


async def test_a_port_that_is_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    async with Node(alone(state=tmp_path)) as node:
        (before,) = node.addresses
    async with Node(alone(listen=(before,))), Node(alone(state=tmp_path)) as node:
        assert node.addresses[0] != before


async def test_what_we_hold_for_others_survives(tmp_path: Path) -> None:
    async with Node(alone(state=tmp_path)) as node, Testnet(2) as net:
        async with Node(alone(bootstrap=node.addresses, mode="client")) as writer:
            stored = await writer.put(b"value")
            await writer.provide(stored, 7000)
        assert net.nodes
    async with Node(alone(state=tmp_path)) as node:
        statistics = node.statistics().ports[0]
        assert (statistics.records, statistics.provided) == (1, 1)
        async with Node(alone(bootstrap=node.addresses, mode="client")) as reader:
            assert (await reader.get(stored)).value == b"value"
            found = [each.endpoint async for each in reader.find_providers(stored)]
            assert found == [("127.0.0.1", 7000)]


async def test_old_contacts_are_asked_before_the_bootstrap_list(
    net: Testnet, tmp_path: Path
) -> None:
    async with Node(alone(state=tmp_path, bootstrap=net.bootstrap)) as node:
        await node.wait_ready()
        await until(lambda: node.statistics().contacts >= 5)
    async with Node(alone(state=tmp_path)) as node:  # with no bootstrap list at all
        await node.wait_ready()
        assert node.statistics().contacts >= 4
        assert node._living.joining.tried


async def test_a_node_that_vanishes_saves_nothing_more(net: Testnet, tmp_path: Path) -> None:
    async with Node(alone(state=tmp_path, bootstrap=net.bootstrap)) as node:
        await node.wait_ready()
        node.abort()
    with State.open(tmp_path) as state:
        assert state.load_contacts(NETWORK, "ipv4") == []


async def test_contacts_are_saved_now_and_then(net: Testnet, tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        async with Node(alone(state=tmp_path, bootstrap=net.bootstrap, save_every=0.01)):
            await until(lambda: len(state.load_contacts(NETWORK, "ipv4")) > 0)


async def test_a_passing_node_with_few_contacts_does_not_overwrite_many(
    net: Testnet, tmp_path: Path
) -> None:
    async with Node(alone(state=tmp_path, bootstrap=net.bootstrap)) as node:
        await node.wait_ready()
        await until(lambda: node.statistics().contacts >= 5)
    await net.kill(net.nodes)
    async with Node(alone(state=tmp_path, resident=False)):
        pass
    with State.open(tmp_path) as state:
        assert len(state.load_contacts(NETWORK, "ipv4")) >= 5


# One state, several processes.


async def test_the_second_of_a_directory_is_passing_and_joins_through_the_first(
    tmp_path: Path,
) -> None:
    async with Node(alone(state=tmp_path)) as first, Node(alone(state=tmp_path)) as second:
        await second.wait_ready()
        assert second.key != first.key
        assert not second.statistics().serving
        assert second.statistics().contacts == 1
        assert first.statistics().contacts == 0  # read-only nodes are in nobody's table
        assert (await second.put(b"value")).copies == 1
    async with Node(alone(state=tmp_path)) as first:
        assert first.statistics().serving


async def test_when_the_first_is_gone_the_second_is_the_node(
    net: Testnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key, what it held for others, its promises; and others may ask it from now on."""
    monkeypatch.setattr(life_module, "_LOOK", 0.01)
    async with (
        Node(alone(state=tmp_path, bootstrap=net.bootstrap)) as first,
        Node(alone(state=tmp_path, bootstrap=net.bootstrap)) as second,
        Node(alone(state=tmp_path, bootstrap=net.bootstrap, resident=False)) as passing,
    ):
        for node in (first, second, passing):
            await node.wait_ready()
        async with Node(alone(bootstrap=first.addresses, mode="client")) as writer:
            await writer.put(b"value")
        await second.promise(KEY, Provider(("0.0.0.0", 4711)))
        before, address = first.key, second.addresses
        first.abort()
        await until(lambda: second.statistics().resident)
        await until(lambda: second.statistics().promises == 1)
        assert (second.key, second.addresses) == (before, address)
        assert second.statistics().serving
        assert second.statistics().ports[0].records == 1
        assert Identity.running(tmp_path) == address
        assert not passing.statistics().resident
        with peer(second.addresses[0]) as stranger:
            await stranger.ask(query())
        assert (await stored_by(second, tmp_path)) == [b"5:value", b"5:other"]


async def stored_by(node: Node, directory: Path) -> list[bytes]:
    """What is on disk after one more write to ``node``, which then must have stored it."""
    async with Node(alone(bootstrap=node.addresses, mode="client")) as writer:
        await writer.wait_ready()
        await writer.put(b"other")
    with State.open(directory) as state:
        return held(state)


async def test_a_key_that_was_asked_for_is_not_given_up_for_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_module, "_LOOK", 0.01)
    mine = bytes(range(20))
    async with (
        Node(alone(state=tmp_path)) as first,
        Node(alone(state=tmp_path, key=mine, mode="client")) as second,
    ):
        first.abort()
        await until(lambda: second.statistics().resident)
        assert second.key == mine
        assert not second.statistics().serving


async def test_a_successor_tries_again_when_the_state_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(life_module, "_LOOK", 0.01)
    monkeypatch.setattr(life_module, "_REST", 0.01)
    file = tmp_path / "identity.json"
    async with Node(alone(state=tmp_path)) as first, Node(alone(state=tmp_path)) as second:
        whole = file.read_bytes()
        file.write_bytes(b"?")
        first.abort()
        await until(lambda: "cannot take over" in caplog.text)
        assert Identity.running(tmp_path) is None
        file.write_bytes(whole)
        await until(lambda: second.statistics().resident)


@pytest.mark.parametrize(
    ("bound", "reached"),
    [
        (("0.0.0.0", 5), ("127.0.0.1", 5)),
        (("::", 5), ("::1", 5)),
        (("192.0.2.1", 5), ("192.0.2.1", 5)),
    ],
)
def test_neighbours_are_told_an_address_they_can_reach(
    bound: tuple[str, int], reached: tuple[str, int]
) -> None:
    assert life_module._reachable(bound) == reached


async def test_a_state_that_is_open_already_stays_open(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        async with Node(alone(state=state)):
            assert Identity.running(tmp_path)
        assert state.statistics().records == 0
    assert Identity.running(tmp_path) is None


# Acknowledged means committed.


PATIENT = Timeouts(short_floor=4.0, short_ceiling=5.0, long_floor=8.0, long_ceiling=9.0)


async def test_a_write_is_acknowledged_only_once_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process holds the database; the writer hears nothing until it lets go."""
    monkeypatch.setattr(writer_module, "_RETRY", 0.01)
    with State.open(tmp_path) as other, State.open(tmp_path, patience=0.01) as impatient:
        async with (
            Node(alone(state=impatient)) as node,
            # The writer is patient: on a busy machine the lock is held for long.
            Node(
                alone(bootstrap=node.addresses, mode="client", policy={"timeouts": PATIENT})
            ) as writer,
            trio.open_nursery() as nursery,
        ):
            await writer.wait_ready()
            copies: list[int] = []

            async def put() -> None:
                copies.append((await writer.put(b"value")).copies)

            with other._database.write(durable=False):
                nursery.start_soon(put)
                await until(lambda: "trying again" in caplog.text)
                assert not copies
            await until(lambda: bool(copies))
            assert held(other) == [b"5:value"]
        assert copies == [1]


async def test_what_waits_when_we_close_is_committed_and_acknowledged(tmp_path: Path) -> None:
    with State.open(tmp_path) as other:
        async with (
            Node(alone(bootstrap=(), mode="server")) as bystander,
            trio.open_nursery() as nursery,
        ):
            node = Node(alone(state=tmp_path))
            await nursery.start(node.run)
            async with Node(alone(bootstrap=node.addresses, mode="client")) as writer:
                await writer.wait_ready()
                await writer.put(b"value")
                nursery.cancel_scope.cancel()
            assert bystander.key
        assert held(other) == [b"5:value"]


async def test_a_disk_that_fails_at_the_end_is_reported(
    net: Testnet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with State.open(tmp_path) as other, State.open(tmp_path, patience=0.01) as impatient:
        node = Node(alone(state=impatient, bootstrap=net.bootstrap))
        async with trio.open_nursery() as nursery:
            await nursery.start(node.run)
            await node.wait_ready()
            with other._database.write(durable=False):
                nursery.cancel_scope.cancel()
                await until(lambda: "contacts were not saved" in caplog.text)


# Modes.


async def test_nobody_asks_so_we_turn_read_only_and_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with Node(alone(mode="auto", idle_after=0.05)) as node:
        assert node.statistics().serving
        await until(lambda: not node.statistics().serving)
        with peer(node.addresses[0]) as stranger:
            await stranger.send(query())
            await until(lambda: node.statistics().serving)
            await stranger.ask(query())
    assert "read-only" in caplog.text


@pytest.mark.parametrize(("mode", "serving"), [("server", True), ("client", False)])
async def test_a_mode_can_be_fixed(mode: str, serving: bool) -> None:  # noqa: FBT001
    async with Node(alone(mode=mode, idle_after=0.01)) as node:  # type: ignore[arg-type]
        before = time.monotonic()
        await until(lambda: time.monotonic() > before + 0.05)
        assert node.statistics().serving is serving


async def test_a_client_answers_nobody() -> None:
    async with Node(alone(mode="client")) as client, Node(alone()) as server:
        with peer(client.addresses[0]) as stranger:
            await stranger.send(query())
            await client.ping(server.addresses[0])
            with trio.move_on_after(0):
                raise AssertionError(await stranger.hear())
        assert client.statistics().ports[0].received == 2


async def test_a_router_is_not_asked_about_loopback() -> None:
    async with Node(alone(port_mapping=True)) as node:
        await trio.testing.wait_all_tasks_blocked()
        assert node.statistics().serving
