"""Our node and libtorrent's, on loopback, in both directions.

Each in a /24 of its own, so that both sides' rules about subnets are on, as in the real network.
"""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import libtorrent as lt
import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht import Node, NotFound
from tests.interop.libtorrent_node import LONG_ENOUGH, LibtorrentNode, keypair, libtorrent_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.interop

OURS, ALSO_OURS, THEIRS, ALSO_THEIRS = (f"127.102.{net}.1" for net in range(1, 5))
SEED = hashlib.sha256(b"a name shared with libtorrent").digest()
PAIR = keypair(SEED)
SIGNER = Ed25519PrivateKey.from_private_bytes(SEED)
INFOHASH = hashlib.sha1(b"a torrent shared with libtorrent").digest()


def our_node(host: str, *bootstrap: tuple[str, int]) -> Node:
    return Node(listen=((host, 0),), bootstrap=bootstrap, mode="server")


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Node, LibtorrentNode]]:
    """One of ours and one of theirs that have each other in their tables."""
    async with libtorrent_node(THEIRS) as theirs, our_node(OURS, theirs.address) as ours:
        await ours.wait_ready()
        await theirs.join(ours.addresses[0])
        yield ours, theirs


async def test_versions() -> None:
    async with libtorrent_node(THEIRS):
        print(f"libtorrent {lt.__version__}")
        assert tuple(map(int, lt.__version__.split(".")[:2])) >= (2, 0)


async def test_we_join_through_it() -> None:
    """It knows another of its kind, so we must end up with both."""
    async with libtorrent_node(THEIRS) as theirs, libtorrent_node(ALSO_THEIRS) as also:
        await theirs.join(also.address)
        async with our_node(OURS, theirs.address) as ours:
            await ours.wait_ready()
            walked = await ours.lookup(INFOHASH)
            assert {contact.endpoint for contact in walked.closest} == {
                theirs.address,
                also.address,
            }
            assert ours.statistics().contacts == 2


async def test_it_joins_through_us() -> None:
    """We know another of our kind, so it must end up with that one.

    Of whom it bootstraps through libtorrent makes a router, which never enters its table.
    """
    async with our_node(OURS) as ours, our_node(ALSO_OURS, *ours.addresses) as also:
        await also.wait_ready()
        async with libtorrent_node(THEIRS) as theirs:
            await theirs.join_through(ours.addresses[0], table=1)
            assert await theirs.table_size() == 1


async def test_an_immutable_item_of_ours_is_read_by_it() -> None:
    async with pair() as (ours, theirs):
        stored = await ours.put(b"from us to libtorrent")
        assert stored.copies == 1
        assert await theirs.get_immutable(stored.key) == b"from us to libtorrent"


async def test_an_immutable_item_of_its_is_read_by_us() -> None:
    async with pair() as (ours, theirs):
        key, copies = await theirs.put_immutable(b"from libtorrent to us")
        assert copies >= 1
        assert (await ours.get(key)).value == b"from libtorrent to us"


async def test_an_item_it_put_is_read_by_a_third_through_us_alone() -> None:
    """It is gone by then: what answers is what our node has stored."""
    async with our_node(OURS) as ours:
        async with libtorrent_node(THEIRS) as theirs:
            await theirs.join(ours.addresses[0])
            key, _ = await theirs.put_immutable(b"kept by us")
        async with our_node(ALSO_OURS, *ours.addresses) as also:
            retrieved = await also.get(key)
            assert retrieved.value == b"kept by us"
            assert [holder.endpoint for holder in retrieved.evidence.holders] == [ours.addresses[0]]


@pytest.mark.parametrize("salt", [b"", b"a salt"])
async def test_mutable_items_of_both_take_turns(salt: bytes) -> None:
    async with pair() as (ours, theirs):
        first = await ours.publish(SIGNER, b"one, by us", salt=salt)
        assert (first.copies, first.record.seq) == (1, 1)
        found = await theirs.get_mutable(PAIR.public, salt)
        assert found == (b"one, by us", 1)

        seq, copies = await theirs.put_mutable(PAIR, b"two, by libtorrent", salt)
        assert seq == 2
        assert copies >= 1
        resolved = await ours.resolve(PAIR.public, salt)
        assert (resolved.value, resolved.seq) == (b"two, by libtorrent", 2)

        await ours.publish(SIGNER, b"three, by us", salt=salt)
        assert await theirs.get_mutable(PAIR.public, salt) == (b"three, by us", 3)


async def test_absence_is_agreed_on() -> None:
    async with pair() as (ours, theirs):
        assert await theirs.get_immutable(bytes(20)) is None
        with pytest.raises(NotFound) as caught:
            await ours.get(bytes(20))
        assert caught.value.evidence.complete


async def test_it_finds_what_we_provide() -> None:
    async with pair() as (ours, theirs):
        assert (await ours.provide(INFOHASH, 4321)).copies == 1
        assert await theirs.get_peers(INFOHASH) == {(OURS, 4321)}


async def test_we_find_what_it_announces() -> None:
    async with pair() as (ours, theirs):
        assert await theirs.announce(INFOHASH, 4322) >= 1
        with trio.fail_after(LONG_ENOUGH):
            found = {provider.endpoint async for provider in ours.find_providers(INFOHASH)}
        assert found == {(THEIRS, 4322)}


async def test_it_samples_what_was_announced_to_us() -> None:
    async with pair() as (ours, theirs):
        await theirs.announce(INFOHASH, 4323)
        answer = await theirs.sample_infohashes(ours.addresses[0], INFOHASH)
        assert answer == (frozenset({INFOHASH}), 1)


async def test_we_sample_what_was_announced_to_it() -> None:
    async with pair() as (ours, _):
        await ours.provide(INFOHASH, 4324)
        sampled = await ours.sample(INFOHASH)
        assert (sampled.keys, sampled.nodes) == ((INFOHASH,), 1)


async def test_four_together() -> None:
    """Two of each kind; an item of each is found by every other."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(our_node(OURS))
        theirs = await stack.enter_async_context(libtorrent_node(THEIRS))
        await theirs.join(ours.addresses[0])
        also_theirs = await stack.enter_async_context(libtorrent_node(ALSO_THEIRS))
        await also_theirs.join(ours.addresses[0], theirs.address)
        also_ours = await stack.enter_async_context(our_node(ALSO_OURS, theirs.address))
        await also_ours.wait_ready()

        stored = await also_ours.put(b"from one of ours")
        assert stored.copies == 3
        for node in (theirs, also_theirs):
            assert await node.get_immutable(stored.key) == b"from one of ours"
        key, _ = await also_theirs.put_immutable(b"from one of theirs")
        for node in (ours, also_ours):
            assert (await node.get(key)).value == b"from one of theirs"
