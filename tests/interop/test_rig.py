"""The rig itself: two libtorrent nodes do through it what the other tests ask of one and ours.

When a test with our node fails and this one does not, the fault is not the rig's.
"""

from __future__ import annotations

import hashlib

import libtorrent as lt
import pytest

from tests.interop.libtorrent_node import Keypair, keypair, libtorrent_node
from tests.interop.npm_node import installed_at, needs_npm, npm_node

pytestmark = pytest.mark.interop

INFOHASH = hashlib.sha1(b"a torrent").digest()
PAIR = keypair(hashlib.sha256(b"a name").digest())


def test_keys_are_expanded_as_in_the_vectors_of_bep_44() -> None:
    """RFC 8032, section 7.1, test 1, through libtorrent's own signing: it accepts our pair."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert keypair(seed) == Keypair(bytes.fromhex(public), keypair(seed).expanded)
    assert len(keypair(seed).expanded) == 64


async def test_libtorrent_with_itself() -> None:
    print("libtorrent", lt.__version__)
    async with libtorrent_node("127.101.1.1") as one, libtorrent_node("127.101.2.1") as two:
        await two.join(one.address)
        await one.join(two.address)
        assert (await one.table_size(), await two.table_size()) == (1, 1)

        key, copies = await one.put_immutable(b"hello")
        assert key == hashlib.sha1(b"5:hello").digest()
        assert copies >= 1
        assert await two.get_immutable(key) == b"hello"
        assert await two.get_immutable(bytes(20)) is None

        assert (await one.put_mutable(PAIR, b"first"))[0] == 1
        assert (await one.put_mutable(PAIR, b"second"))[0] == 2
        found = await two.get_mutable(PAIR.public)
        assert found is not None
        assert (found.value, found.seq) == (b"second", 2)
        assert await two.get_mutable(PAIR.public, b"other salt") is None

        assert await one.announce(INFOHASH, 4321) >= 1
        assert await two.get_peers(INFOHASH) == {("127.101.1.1", 4321)}
        assert (await one.sample_infohashes(two.address, INFOHASH)).samples == {INFOHASH}


async def test_a_third_bootstraps_through_the_first_and_learns_the_second() -> None:
    async with (
        libtorrent_node("127.101.1.1") as one,
        libtorrent_node("127.101.2.1") as two,
        libtorrent_node("127.101.3.1") as three,
    ):
        await one.join(two.address)
        await three.join_through(one.address, table=1)
        assert await three.table_size() == 1


@needs_npm
async def test_bittorrent_dht_with_itself() -> None:
    directory = installed_at()
    assert directory is not None
    async with npm_node(directory, "127.101.1.1") as one, npm_node(directory, "127.101.2.1") as two:
        host, port = two.address
        assert await one.ask("join", host=host, port=port) == {"nodes": 1}

        stored = await one.ask("put", value=b"hello".hex())
        assert stored == {"key": hashlib.sha1(b"5:hello").hexdigest(), "copies": 1}
        assert (await two.ask("get", key=stored["key"]))["value"] == b"hello".hex()
        assert (await two.ask("get", key=bytes(20).hex()))["value"] is None

        seed, salt = bytes(range(32)).hex(), b"salt".hex()
        stored = await one.ask("put", value=b"named".hex(), seed=seed, seq=4, salt=salt)
        found = await two.ask("get", key=stored["key"], salt=salt)
        assert (found["value"], found["seq"]) == (b"named".hex(), 4)

        await one.ask("announce", infohash=INFOHASH.hex(), port=4321)
        assert await two.ask("peers", infohash=INFOHASH.hex()) == {"peers": ["127.101.1.1:4321"]}
