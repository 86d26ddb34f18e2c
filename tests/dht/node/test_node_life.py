"""Entering, leaving and misusing a node, and networks that are hardly there."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import trio

import dht
from dht.codec.bencode import encode
from dht.core.policy import Timeouts
from dht.errors import (
    DhtError,
    ListenFailed,
    NodeClosed,
    NoNetwork,
    NotFound,
    PartialStore,
)
from dht.node.config import NodeConfig, NodeOptions, format_address
from dht.node.limits import Limits
from dht.node.node import Node
from dht.testing import Testnet
from tests.dht.node.peers import ID, PATIENCE, Peer, alone, peer, query, silent, until

HASTY = {"timeouts": Timeouts(short_initial=0.05, long_initial=0.1, forget_after=0.3)}
INFOHASH = bytes(range(20))


# Few copies, and none.


async def test_fewer_copies_than_wanted() -> None:
    async with Node(alone()) as one, Node(alone(bootstrap=one.addresses)) as two:
        with pytest.raises(PartialStore, match="only 1 of the 3 copies") as caught:
            await two.put(b"lonely", min_copies=3)
        assert caught.value.stored.copies == 1
        assert (await one.get(caught.value.stored)).value == b"lonely"


async def test_the_first_of_a_network_is_ready_and_has_nobody_to_ask() -> None:
    async with Node(alone()) as node:
        await node.wait_ready()
        assert node.ready
        with pytest.raises(NoNetwork, match="knows nobody"):
            await node.put(b"hello")
        with pytest.raises(NoNetwork):
            await node.get(INFOHASH)
        for verb in (node.lookup, node.scrape, node.sample):
            with pytest.raises(NoNetwork):
                await verb(INFOHASH)


async def test_no_network_says_what_was_tried() -> None:
    with silent() as nobody:
        address = nobody.getsockname()
        async with Node(alone(bootstrap=(address,), policy=HASTY)) as node:
            with trio.fail_after(PATIENCE), pytest.raises(NoNetwork) as caught:
                await node.put(b"hello")
            assert not node.ready
    assert caught.value.tried == (format_address(address),)
    assert format_address(address) in str(caught.value)


@pytest.mark.parametrize(("deaf", "heard"), [(1, True), (2, False)])
async def test_what_nobody_answered_is_asked_once_more(deaf: int, *, heard: bool) -> None:
    """Somebody who was busy for a moment is there; who stays silent is not asked for ever."""
    async with Node(alone(policy=HASTY)) as node, trio.open_nursery() as nursery:
        with peer(node.addresses[0]) as other:
            await other.ask(query())  # a stranger, until it answers the ping that follows
            await answer(other, await other.hear())
            await until(lambda: node.statistics().contacts == 1)
            nursery.start_soon(deaf_for, other, deaf)
            with trio.fail_after(PATIENCE):
                if heard:
                    assert (await node.lookup(INFOHASH)).evidence.answered == 1
                else:
                    with pytest.raises(NoNetwork):
                        await node.lookup(INFOHASH)
            nursery.cancel_scope.cancel()


async def deaf_for(other: Peer, questions: int) -> None:
    """Answer all lookups but the first ``questions``."""
    heard = 0
    while True:
        message = await other.hear()
        if message.get(b"q") == b"find_node":
            heard += 1
            if heard > questions:
                await answer(other, message)


async def answer(other: Peer, message: dict[bytes, Any]) -> None:
    await other.send(encode({b"r": {b"id": ID, b"nodes": b""}, b"t": message[b"t"], b"y": b"r"}))


# Life.


async def test_a_node_is_used_inside_its_block_only() -> None:
    node = Node(alone())
    with pytest.raises(NodeClosed):
        node.statistics()
    async with node:
        assert len(node.key) == 20
    with pytest.raises(NodeClosed):
        await node.put(b"late")


async def test_a_node_may_be_entered_again() -> None:
    node = Node(alone(key=INFOHASH))
    for _ in range(2):
        async with node:
            assert node.key == INFOHASH


async def test_a_node_runs_once_at_a_time() -> None:
    async with Node(alone()) as node:
        with pytest.raises(RuntimeError, match="running already"):
            await node.run()


async def test_errors_leave_the_block_as_they_were_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Node(alone()):
            _ = 1 / 0
    with pytest.raises(NotFound):
        async with Testnet(3) as net:
            await net.node(0).get(INFOHASH)


async def test_an_address_that_is_taken() -> None:
    async with Node(alone()) as node:
        with pytest.raises(ListenFailed, match="in use") as caught:
            async with Node(alone(listen=node.addresses)):
                raise AssertionError("not reached")
    assert caught.value.reasons[0].startswith(format_address(node.config.listen[0])[:9])


async def test_cancelling_from_outside_closes_the_node() -> None:
    with trio.CancelScope() as scope:
        async with Node(alone()) as node:
            address = node.addresses[0]
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    async with Node(alone(listen=(address,))) as again:
        assert again.addresses == (address,)


async def test_whoever_waits_is_told_that_the_node_closed() -> None:
    with silent() as nobody:
        async with Node(alone(bootstrap=(nobody.getsockname(),))) as node:
            with trio.fail_after(PATIENCE), pytest.RaisesGroup(NodeClosed):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(node.put, b"never")
                    await trio.testing.wait_all_tasks_blocked()
                    node.abort()


async def test_every_error_is_a_dht_error() -> None:
    for name in dht.__all__:
        member = getattr(dht, name)
        if isinstance(member, type) and issubclass(member, Exception):
            assert issubclass(member, DhtError)


def test_the_options_are_those_of_the_configuration() -> None:
    assert set(NodeOptions.__annotations__) == set(NodeConfig.__dataclass_fields__)


def test_the_pure_packages_do_not_import_trio() -> None:
    code = "import dht.core.engine, dht.mainline.krpc, sys; sys.exit('trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_face_of_the_package() -> None:
    assert dir(dht) == sorted(dht.__all__)
    assert dht.Node is Node
    assert dht.Limits is Limits
    with pytest.raises(AttributeError, match="no attribute 'Nodes'"):
        _ = dht.Nodes  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [{"port": -1}, {"port": 65536}, {"port": None}, {"paths": 0}, {"region": 161}, {"region": 1.5}],
    ids=str,
)
async def test_arguments_that_make_no_sense_are_refused_before_they_reach_the_wire(
    wrong: dict[str, Any],
) -> None:
    async with Testnet(3) as net:
        with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
            await net.node(0).provide(b"k" * 20, **wrong)
        assert (await net.node(0).put(b"and the node lives on")).copies


async def test_use_from_another_event_loop_is_an_error_at_once() -> None:
    """Whoever waits there for what happens here would wait for ever."""

    async def elsewhere(node: Node) -> None:
        for verb in (
            node.wait_ready,
            partial(node.put, b"x"),
            partial(node.ping, ("127.0.0.1", 9)),
        ):
            with pytest.raises(RuntimeError, match="lives in another"):
                await verb()

    async with Node(alone()) as node:
        await trio.to_thread.run_sync(trio.run, elsewhere, node)
        assert await trio.to_thread.run_sync(lambda: node.statistics().contacts) == 0
        await node.wait_ready()
