"""Our node and npm's bittorrent-dht, on loopback, in both directions; run by `make interop`.

It has no sample_infohashes, and its table keeps whoever talks to it.
"""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht import Node, NotFound
from tests.interop.npm_node import NpmNode, installed_at, needs_npm, npm_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.interop, needs_npm]

OURS, ALSO_OURS, THEIRS = (f"127.103.{net}.1" for net in range(1, 4))
SEED = hashlib.sha256(b"a name shared with bittorrent-dht").digest()
SIGNER = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = SIGNER.public_key().public_bytes_raw()
INFOHASH = hashlib.sha1(b"a torrent shared with bittorrent-dht").digest()


def our_node(host: str, *bootstrap: tuple[str, int]) -> Node:
    return Node(listen=((host, 0),), bootstrap=bootstrap, mode="server")


@asynccontextmanager
async def theirs_alone() -> AsyncIterator[NpmNode]:
    directory = installed_at()
    assert directory is not None
    async with npm_node(directory, THEIRS) as node:
        yield node


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Node, NpmNode]]:
    """We join through it."""
    async with theirs_alone() as theirs, our_node(OURS, theirs.address) as ours:
        await ours.wait_ready()
        assert ours.statistics().contacts == 1
        yield ours, theirs


async def test_it_joins_through_us() -> None:
    async with our_node(OURS) as ours, theirs_alone() as theirs:
        host, port = ours.addresses[0]
        assert await theirs.ask("join", host=host, port=port) == {"nodes": 1}
        stored = await theirs.ask("put", value=b"hello".hex())
        assert stored["copies"] == 1
        async with our_node(ALSO_OURS, *ours.addresses) as also:
            assert (await also.get(bytes.fromhex(stored["key"]))).value == b"hello"


async def test_immutable_items() -> None:
    async with pair() as (ours, theirs):
        stored = await ours.put(b"from us")
        found = await theirs.ask("get", key=stored.key.hex())
        assert found["value"] == b"from us".hex()
        theirs_stored = await theirs.ask("put", value=b"from npm".hex())
        assert (await ours.get(bytes.fromhex(theirs_stored["key"]))).value == b"from npm"


@pytest.mark.parametrize("salt", [b"", b"a salt"])
async def test_mutable_items_take_turns(salt: bytes) -> None:
    async with pair() as (ours, theirs):
        first = await ours.publish(SIGNER, b"one, by us", salt=salt)
        found = await theirs.ask("get", key=first.key.hex(), salt=salt.hex())
        assert (found["value"], found["seq"]) == (b"one, by us".hex(), 1)

        second = {"value": b"two, by npm".hex(), "seed": SEED.hex(), "seq": 2, "salt": salt.hex()}
        assert (await theirs.ask("put", **second))["key"] == first.key.hex()
        resolved = await ours.resolve(PUBLIC, salt)
        assert (resolved.value, resolved.seq) == (b"two, by npm", 2)


async def test_absence_is_agreed_on() -> None:
    async with pair() as (ours, theirs):
        assert (await theirs.ask("get", key=bytes(20).hex()))["value"] is None
        with pytest.raises(NotFound):
            await ours.get(bytes(20))


async def test_it_finds_what_we_provide() -> None:
    async with pair() as (ours, theirs):
        assert (await ours.provide(INFOHASH, 4321)).copies == 1
        assert await theirs.ask("peers", infohash=INFOHASH.hex()) == {"peers": [f"{OURS}:4321"]}


async def test_a_third_finds_what_it_announces_to_us() -> None:
    async with our_node(OURS) as ours, theirs_alone() as theirs:
        host, port = ours.addresses[0]
        await theirs.ask("join", host=host, port=port)
        await theirs.ask("announce", infohash=INFOHASH.hex(), port=4322)
        async with our_node(ALSO_OURS, *ours.addresses) as also:
            found = {provider.endpoint async for provider in also.find_providers(INFOHASH)}
            assert found == {(THEIRS, 4322)}
