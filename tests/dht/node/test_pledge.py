"""Promises of those who publish: all of it or nothing; and keeping one without being resident."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Provider, Record
from dht.errors import NoNetwork, NotFound, Refused
from dht.mainline.items import immutable_record, sign_record
from dht.node.config import NETWORK
from dht.node.node import Node
from tests.dht.node.peers import alone, passing, silent, until

if TYPE_CHECKING:
    from dht.node.state import State
    from dht.testing import Testnet

RECORD = immutable_record(b"5:value")
KEY = MAINLINE_SPACE.to_bytes(RECORD.key)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
OLD = sign_record(SIGNER, b"3:old", 1)
NEW = sign_record(SIGNER, b"3:new", 2)


pytestmark = pytest.mark.usefixtures("often")


def contents(state: State) -> list[Record | Provider | None]:
    return [promise.what for promise in state.promises(NETWORK)]


def test_taking_a_promise_back_lets_the_earlier_stand(state: State) -> None:
    state.promise(NETWORK, OLD.key, OLD, 0.0)
    number = state.promise(NETWORK, NEW.key, NEW, 0.0)
    assert state.promised(NETWORK, NEW.key, NEW) == (number, NEW)
    state.renounce(number, OLD, 5.0)
    [promise] = state.promises(NETWORK)
    assert promise.what == OLD
    assert promise.due == 5.0
    assert promise.id > number
    assert state.last_seq(NETWORK, OLD.key) == 2
    state.renounce(promise.id, None, 6.0)
    assert contents(state) == []
    assert state.promised(NETWORK, NEW.key, NEW) is None


def test_who_replaced_it_meanwhile_knew_better(state: State) -> None:
    number = state.promise(NETWORK, OLD.key, OLD, 0.0)
    state.promise(NETWORK, NEW.key, NEW, 0.0)
    state.renounce(number, None, 5.0)
    assert contents(state) == [NEW]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_refused_update_leaves_the_earlier_promise(
    net: Testnet, state: State, *, durable: bool
) -> None:
    async with passing(net, state if durable else None) as node:
        await node.publish(SIGNER, b"old", seq=5, keep=True)
        await net.node(0).publish(SIGNER, b"theirs", seq=9)
        with pytest.raises(Refused):
            await node.publish(SIGNER, b"late", seq=7, keep=True)
        keeper = node._living.keeper
        standing = await keeper.standing(OLD.key, OLD)
        assert standing is not None
        assert isinstance(standing[1], Record)
        assert standing[1].seq == 5


@pytest.mark.parametrize("durable", [True, False])
async def test_a_refused_first_version_leaves_none(
    net: Testnet, state: State, *, durable: bool
) -> None:
    await net.node(0).publish(SIGNER, b"theirs", seq=9)
    async with passing(net, state if durable else None) as node:
        with pytest.raises(Refused):
            await node.publish(SIGNER, b"late", seq=7, keep=True)
        assert await node._living.keeper.standing(OLD.key, OLD) is None


async def test_a_condition_is_met_before_it_is_promised(net: Testnet, state: State) -> None:
    async with passing(net, state) as node:
        await node.publish(SIGNER, b"one", seq=1, keep=True)
        with pytest.raises(Refused):
            await node.publish(SIGNER, b"two", seq=3, cas=2, keep=True)
        assert contents(state) == [sign_record(SIGNER, b"3:one", 1)]
        stored = await node.publish(SIGNER, b"two", seq=3, cas=1, keep=True)
        assert contents(state) == [stored.record]
        assert stored.promise is not None
        assert state.promises(NETWORK)[0].copies == stored.copies


async def test_what_was_promised_already_stays_so_when_publishing_fails(
    net: Testnet, state: State
) -> None:
    """Somebody was told that it is promised; nobody is left to take it now."""
    async with passing(net, state) as node:
        stored = await node.put(b"value", keep=True)
        await net.kill(net.nodes)
        with pytest.raises(NoNetwork):
            await node.put(b"value", keep=True)
    [promise] = state.promises(NETWORK)
    assert (promise.id, promise.what) == (stored.promise, RECORD)


async def test_without_a_network_nothing_is_promised(state: State) -> None:
    with silent() as nobody:
        config = alone(bootstrap=(nobody.getsockname(),), state=state, resident=False)
        async with Node(config) as node:
            with pytest.raises(NoNetwork):
                await node.put(b"value", keep=True)
    assert contents(state) == []


async def test_one_promise_can_be_kept_by_a_passing_node(net: Testnet, state: State) -> None:
    other = state.promise(NETWORK, OLD.key, OLD, 0.0)
    number = state.promise(NETWORK, RECORD.key, RECORD, time.time())
    async with passing(net, state) as node, trio.open_nursery() as nursery:
        nursery.start_soon(node.keep, number)
        await until(lambda: state.promises(NETWORK)[-1].copies >= 7)
        assert node.statistics().promises == 1
        with pytest.raises(NotFound):
            await node.get(MAINLINE_SPACE.to_bytes(OLD.key))
        # It ends with its promise, not with another.
        state.withdraw(NETWORK, OLD.key, time.time())
        assert nursery.child_tasks
        state.withdraw(NETWORK, RECORD.key, time.time())
        await until(lambda: not nursery.child_tasks)
    assert other != number


async def test_without_a_state_a_node_keeps_its_own(net: Testnet) -> None:
    async with passing(net, None) as node, trio.open_nursery() as nursery:
        first = await node.provide(KEY, 7000, keep=True)
        again = await node.provide(KEY, 7000, keep=True, seed=True)
        assert first.promise != again.promise
        elsewhere = await node.provide(KEY, 7001, keep=True)
        assert node.statistics().promises == 2
        assert elsewhere.promise is not None
        nursery.start_soon(node.keep, elsewhere.promise)
        assert await node._living.keeper.standing(RECORD.key, RECORD) is None
        assert await node.forget(KEY) == 2
        await until(lambda: not nursery.child_tasks)


async def test_progress_is_told_while_it_is_made(net: Testnet) -> None:
    async with passing(net, None) as node:
        await node.wait_ready()
        asked, answered = node.progress()
        assert asked >= answered >= 1
        with trio.CancelScope() as scope, silent() as nobody:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(node.ping, nobody.getsockname())
                await until(lambda: node.progress()[0] == asked + 1)
                assert node.progress()[1] == answered
                scope.cancel()
        await node.lookup(KEY)
        assert node.progress()[1] >= answered + 8


async def test_only_newer_versions_if_told_so(net: Testnet) -> None:
    public = SIGNER.public_key().public_bytes_raw()
    async with passing(net, None) as node:
        await node.publish(SIGNER, b"two", seq=2)
        assert (await node.resolve(public, min_seq=1)).seq == 2
        with pytest.raises(NotFound) as caught:
            await node.resolve(public, min_seq=2)
        assert caught.value.evidence.forged == 0
        assert node.policy.record_lifetime == 7200
