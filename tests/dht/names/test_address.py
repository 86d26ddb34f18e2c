import hashlib
from collections.abc import Callable

import cid as library
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht import names
from dht.codec import cid as cids
from dht.codec import multihash
from dht.names import Address, AddressError, Kind
from tests.vectors import load

# BEP 46, "Test vectors": public key, salt, target.
BEP46_KEY = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
BEP46 = [
    ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
    ("6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
]

# ipfs/specs at 8721f873, src/routing/kad-dht.md: a peer and a CID with their Amino keys.
AMINO_PEER = "12D3KooWLU2znyJMtDiHArqAGbZn8CgUGp92kxDBtefftEEaHSZS"
AMINO_PEER_HEX = "0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d"
AMINO_PEER_B32 = "bafzaajaiaejcbhr3im6l2mocxctoxpoktgf5b5gccqojzgxviixjoycrwhtdv4kn"
AMINO_PEER_B36 = "k51qzi5uqu5dk4kbd5bpmklj30q0q8n3091bncahugkx18e84p1od2rk25olsd"
AMINO_PEER_KAD = "e43d28f0996557c0d5571d75c62a57a59d7ac1d30a51ecedcdb9d5e4afa56100"
AMINO_CID = "bafybeihfg3d7rdltd43u3tfvncx7n5loqofbsobojcadtmokrljfthuc7y"
AMINO_CID_KAD = "d623250f3f660ab4c3a53d3c97b3f6a0194c548053488d093520206248253bcb"

PEERS = load("peer_ids")

keys = st.binary(min_size=32, max_size=32)
hashes = st.binary(min_size=20, max_size=20)
salts = st.binary(max_size=64)


@pytest.mark.parametrize(("salt", "expected"), BEP46)
def test_names_live_where_bep_46_says(salt: str, expected: str) -> None:
    found = names.name(bytes.fromhex(BEP46_KEY), bytes.fromhex(salt))
    assert found.mainline_key.hex() == expected


def test_amino_vectors() -> None:
    peer = names.parse(AMINO_PEER)
    assert peer.cid.multihash.hex() == AMINO_PEER_HEX
    assert peer == names.parse(AMINO_PEER_B32) == names.parse(AMINO_PEER_B36)
    assert str(peer) == AMINO_PEER_B36
    assert peer.peer_id == AMINO_PEER
    assert names.amino_key_of(peer.cid.multihash).hex() == AMINO_PEER_KAD
    assert names.parse(AMINO_CID).amino_key.hex() == AMINO_CID_KAD


@pytest.mark.parametrize("kind", list(PEERS["peer_ids"]))
def test_peer_ids_of_published_keys(kind: str) -> None:
    expected = PEERS["peer_ids"][kind]
    found = names.peer(bytes.fromhex(PEERS["keys"][kind]))
    assert found.peer_id == expected["peer_id_b58"]
    assert cids.text(found.cid) == str(found)
    assert found == names.parse(expected["peer_id_cid_b32"])
    assert found == names.parse(expected["peer_id_b58"], as_="key")


def test_published_examples_of_peer_ids() -> None:
    examples = PEERS["examples"]
    assert names.parse(examples["cid"]) == names.parse(examples["b58"], as_="key")
    assert len(names.parse(examples["ed"]).public_key) == 32


def test_an_item_is_the_sha1_of_its_bencoding() -> None:
    # BEP 44, test 3: the immutable item "12:Hello World!".
    found = names.item(b"12:Hello World!")
    assert found.mainline_key.hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    assert found.kind is Kind.ITEM
    assert found == names.item_of(found.mainline_key)
    assert found.cid.buffer.hex() == "01631114" + found.mainline_key.hex()


def test_torrents_of_both_versions() -> None:
    one, two = names.torrent(b"1" * 20), names.torrent(b"2" * 32)
    assert one.kind is two.kind is Kind.TORRENT
    assert one.mainline_key == b"1" * 20
    assert two.mainline_key == b"2" * 20
    assert one.cid.buffer.hex() == "017b1114" + "31" * 20
    assert two.cid.buffer.hex() == "017b1220" + "32" * 32


def test_other_content_lives_under_its_sha1_or_that_of_its_multihash() -> None:
    digest = hashlib.sha256(b"x").digest()
    hashed = multihash.encode(multihash.SHA2_256, digest)
    wide = names.content(cids.make(cids.RAW, hashed))
    assert wide.kind is Kind.CONTENT
    assert wide.mainline_key == hashlib.sha1(hashed).digest()
    assert wide.amino_key == hashlib.sha256(hashed).digest()
    git = names.content(cids.make("git-raw", multihash.encode(multihash.SHA1, b"g" * 20)))
    assert git.mainline_key == b"g" * 20


def test_version_does_not_change_where_content_lives() -> None:
    old = names.parse("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n")
    new = Address(cids.make(cids.DAG_PB, old.cid.multihash))
    assert (old.mainline_key, old.amino_key) == (new.mainline_key, new.amino_key)


@pytest.mark.parametrize(
    ("codec", "code", "size"),
    [
        (cids.BENCODE, multihash.SHA2_256, 32),
        (cids.BENCODE, multihash.SHA1, 19),
        (cids.TORRENT_INFO, multihash.SHA2_256, 20),
        (cids.TORRENT_INFO, multihash.SHA1, 10),
        (cids.TORRENT_INFO, multihash.IDENTITY, 20),
        (cids.RAW, multihash.SHA1, 20),
    ],
)
def test_only_the_right_hash_makes_an_item_or_a_torrent(codec: str, code: int, size: int) -> None:
    assert Address(cids.make(codec, multihash.encode(code, bytes(size)))).kind is Kind.CONTENT


def test_gives_objects_of_py_cid() -> None:
    assert isinstance(names.torrent(bytes(20)).cid, library.CIDv1)


@given(keys, salts)
def test_names_round_trip(key: bytes, salt: bytes) -> None:
    found = names.name(key, salt)
    assert names.parse(str(found)) == found
    assert names.parse(found.magnet) == found
    assert found.public_key == key
    assert found.mainline_key == hashlib.sha1(key + salt).digest()
    assert str(found).startswith("k51qzi5uqu5")
    assert names.parse(found.peer_id).with_salt(salt) == found


@given(st.one_of(hashes, keys))
def test_torrents_round_trip(infohash: bytes) -> None:
    found = names.torrent(infohash)
    assert names.parse(str(found)) == names.parse(found.magnet) == found
    assert found.digest == infohash


@given(hashes)
def test_items_round_trip(key: bytes) -> None:
    found = names.item_of(key)
    assert names.parse(str(found)) == found
    assert found.mainline_key == key


@given(keys, salts)
def test_addresses_are_values(key: bytes, salt: bytes) -> None:
    one, other = names.name(key, salt), names.name(key, salt)
    assert one == other
    assert len({one, other}) == 1
    assert (one == names.name(key)) is (salt == b"")


def test_a_salt_is_written_readably() -> None:
    assert str(names.name(bytes(32), b"blog/posts 1")).endswith("/blog/posts%201")
    assert str(names.name(bytes(32), b"\xff%")).endswith("/%FF%25")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: names.name(bytes(31)), "32 bytes, not 31"),
        (lambda: names.name(bytes(32), bytes(65)), "64 is the most"),
        (lambda: names.torrent(bytes(21)), "20 or 32 bytes, not 21"),
        (lambda: names.item_of(bytes(32)), "20 bytes, not 32"),
        (lambda: names.torrent(bytes(20)).with_salt(b"x"), "only a name can have a salt"),
        (lambda: names.torrent(bytes(20)).public_key, "is not a name"),
        (lambda: names.torrent(bytes(20)).peer_id, "nobody's peer id"),
        (lambda: names.item(b"0:").magnet, "no magnet link"),
        (lambda: names.item(b"0:").amino_key, "item exists on Mainline only"),
        (lambda: names.name(bytes(32), b"s").amino_key, "salt exists on Mainline only"),
        (lambda: names.parse(PEERS["peer_ids"]["rsa public key"]["peer_id_cid_b32"]).mainline_key,
         "not an Ed25519 key"),
        (lambda: names.parse(PEERS["peer_ids"]["secp256k1 public key"]["peer_id_b58"]).mainline_key,
         "keys sign nothing on Mainline"),
    ],
)  # fmt: skip
def test_says_what_cannot_be(make: Callable[[], object], why: str) -> None:
    with pytest.raises(AddressError, match=why):
        make()


def test_names_without_salt_live_on_amino() -> None:
    found = names.parse(AMINO_PEER)
    expected = hashlib.sha256(b"/ipns/" + bytes.fromhex(AMINO_PEER_HEX)).digest()
    assert found.amino_key == expected
    assert names.torrent(bytes(20)).amino_key == hashlib.sha256(b"\x11\x14" + bytes(20)).digest()
