"""Names as they are written, and what their records say."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from dht.mainline.items import mutable_key, sign_record
from dht.names import AddressError
from torrent.cdn.name import Name, Version
from torrent.core.metainfo import read_magnet

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
INFOHASH = bytes(range(20))

BEP_46 = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
"""The key of BEP 46's test vectors; the targets are theirs, too."""


@pytest.mark.parametrize(
    ("salt", "target"),
    [
        ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
        ("6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
    ],
)
def test_the_vectors_of_bep_46(salt: str, target: str) -> None:
    link = f"magnet:?xs=urn:btpk:{BEP_46}" + (f"&s={salt}" if salt else "")
    name = Name.parse(link)
    assert (name.key.hex(), name.magnet) == (target, link)


@given(public=st.binary(min_size=32, max_size=32), salt=st.binary(max_size=64))
def test_what_is_written_is_read(public: bytes, salt: bytes) -> None:
    name = Name(public, salt)
    assert Name.parse(name.magnet) == name
    assert Name.of(name.address) == name
    # A path that ends with a slash is the same path without.
    if not salt.endswith(b"/"):
        assert Name.parse(f"dht://{name}") == name
    assert Name.parse(str(name)) == name


def test_the_link_of_a_version_has_both(tmp_path: object) -> None:
    record = sign_record(KEY, encode({b"ih": INFOHASH, b"n": 3}), 7, b"site")
    version = Version.of(record)
    assert version is not None
    assert (version.seq, version.infohash, version.name) == (7, INFOHASH, Name(PUBLIC, b"site"))
    link = read_magnet(version.magnet)
    assert (link.infohashes, link.publisher) == ((INFOHASH,), version.name.address)
    assert Name.parse(version.magnet) == version.name


@pytest.mark.parametrize("value", [b"ih", {b"ih": b"short"}, {b"hi": INFOHASH}, [INFOHASH]])
def test_a_record_that_leads_nowhere(value: bytes) -> None:
    assert Version.of(sign_record(KEY, encode(value), 7)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"magnet:?xt=urn:btih:{INFOHASH.hex()}",
        f"magnet:?xs=urn:btpk:{BEP_46[:-2]}",
        f"magnet:?xs=urn:btpk:{BEP_46}&s={'00' * 65}",
        INFOHASH.hex(),
        "dht://bafkqaaa",
        "dht://",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(AddressError):
        Name.parse(text)


def test_a_bare_key_is_one() -> None:
    assert Name.parse(BEP_46) == Name(bytes.fromhex(BEP_46))


@pytest.mark.parametrize(("public", "salt"), [(b"\0" * 31, b""), (PUBLIC, b"\0" * 65)])
def test_what_cannot_be_one(public: bytes, salt: bytes) -> None:
    with pytest.raises(ValueError, match="a name is a key of 32 bytes"):
        Name(public, salt)


def test_where_its_record_lives() -> None:
    assert int.from_bytes(Name(PUBLIC, b"s").key, "big") == mutable_key(PUBLIC, b"s")
