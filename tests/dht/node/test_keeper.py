"""Promises: made by one process, kept by another, through one state directory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.core.effects import Kept
from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Provider
from dht.mainline.items import immutable_record, sign_record
from dht.node import keeper as keeper_module
from dht.node.config import NETWORK
from dht.node.node import Node
from dht.node.promises import StalePromiseError
from dht.node.state import State
from tests.dht.node.peers import alone, passing, until

if TYPE_CHECKING:
    from pathlib import Path

    from dht.node.promises import StoredPromise
    from dht.testing import Testnet

RECORD = immutable_record(b"5:value")
KEY = MAINLINE_SPACE.to_bytes(RECORD.key)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))


pytestmark = pytest.mark.usefixtures("often")


def resident(net: Testnet, state: Path) -> Node:
    return Node(alone(bootstrap=net.bootstrap, state=state))


def copies(net: Testnet) -> int:
    return sum(node.statistics().ports[0].records for node in net.nodes)


def only(state: State) -> StoredPromise:
    (promise,) = state.promises(NETWORK)
    return promise


async def test_a_running_node_keeps_what_another_process_promises(
    net: Testnet, tmp_path: Path, state: State
) -> None:
    async with resident(net, tmp_path) as node:
        await node.wait_ready()
        state.promise(NETWORK, RECORD.key, RECORD, time.time())
        await until(lambda: copies(net) >= 7)
        assert (await net.node(3).get(KEY)).value == b"value"
        await until(lambda: only(state).copies >= 7)
        assert node.statistics().promises == 1
        renewed = only(state)
        assert renewed.keepings[0].family == "ipv4"
        assert renewed.keepings[0].due == pytest.approx(time.time() + 3600, abs=60)


async def test_what_was_promised_while_nobody_ran_is_kept_on_starting(
    net: Testnet, tmp_path: Path, state: State
) -> None:
    provider = Provider(("0.0.0.0", 7000))
    state.promise(NETWORK, RECORD.key, provider, time.time())
    async with resident(net, tmp_path) as node:
        await node.wait_ready()
        await until(lambda: only(state).copies > 0)
        found = [each async for each in net.node(3).find_providers(KEY)]
        assert found == [Provider((node.addresses[0][0], 7000))]
        assert only(state).keepings[0].due < time.time() + 1000


async def test_a_withdrawn_promise_is_kept_no_more(
    net: Testnet, tmp_path: Path, state: State
) -> None:
    state.promise(NETWORK, RECORD.key, RECORD, time.time())
    async with resident(net, tmp_path) as node:
        await until(lambda: node.statistics().promises == 1)
        state.withdraw(NETWORK, RECORD.key, time.time())
        await until(lambda: node.statistics().promises == 0)


async def test_a_passing_node_leaves_its_promise_to_the_resident(
    net: Testnet, tmp_path: Path, state: State
) -> None:
    async with resident(net, tmp_path) as keeper, passing(net, tmp_path) as verb:
        stored = await verb.put(b"value", keep=True)
        assert stored.key == KEY
        promise = only(state)
        assert promise.id == stored.promise
        assert promise.copies == stored.copies
        assert promise.created < promise.due <= promise.created + keeper_module._GRACE
        assert verb.statistics().promises == 0
        await until(lambda: keeper.statistics().promises == 1)
        assert await verb.forget(stored) == 1
        assert state.promises(NETWORK) == []


async def test_the_promise_is_durable_before_the_first_datagram(
    net: Testnet, tmp_path: Path, state: State
) -> None:
    """Who dies while publishing has promised already."""
    async with passing(net, tmp_path) as verb:
        await verb.wait_ready()
        sent = verb.statistics().ports[0].sent
        await verb._living.keeper.promise(RECORD.key, RECORD, publishing=True)
        assert verb.statistics().ports[0].sent == sent
        assert only(state).what == RECORD


async def test_versions_go_up_across_processes(net: Testnet, tmp_path: Path, state: State) -> None:
    record = sign_record(SIGNER, b"3:old", 41)
    state.promise(NETWORK, record.key, record, time.time())
    state.withdraw(NETWORK, record.key, time.time())
    async with passing(net, tmp_path) as verb:
        stored = await verb.publish(SIGNER, b"new", keep=True)
        assert stored.record is not None
        assert stored.record.seq == 42
        with pytest.raises(StalePromiseError):
            await verb.publish(SIGNER, b"older", seq=7, keep=True)
    assert only(state).what == stored.record


async def test_a_renewal_that_cannot_be_noted_is_noted_later(
    net: Testnet, tmp_path: Path, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process holds the database for longer than we wait; then it lets go."""
    with State.open(tmp_path, patience=0.01) as impatient:
        number = state.promise(NETWORK, RECORD.key, RECORD, time.time(), due=time.time() + 99)
        async with Node(alone(bootstrap=net.bootstrap, state=impatient)) as node:
            await until(lambda: node.statistics().promises == 1)
            evidence = (await node.lookup(KEY)).evidence
            with state._database.write(durable=False):
                port = node._living.host.ports[0]
                node._living.host.performed(port, Kept(number, evidence), 0.0)
                await until(lambda: "cannot be read or noted" in caplog.text)
            await until(lambda: bool(only(state).keepings))
    assert only(state).copies == 0
